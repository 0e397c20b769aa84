"""Questions about lists: what is rising, why is something not on one, and what of a person's past put it there."""

from datetime import datetime
from typing import Annotated

import strawberry

from domain.ids import ItemId
from graphql_api.auth import Scope
from graphql_api.catalog import CatalogItemNode
from graphql_api.context import Info
from graphql_api.enums import ItemKind
from graphql_api.list_enums import WhyNotCode, Window
from graphql_api.recommendations import RecommendationContextInput, RecommendationFilterInput, request_of
from graphql_api.used_data import UsedData, used_data


@strawberry.type(description="An item that draws more interest than usual.")
class TrendingItem:
    """A trending item."""

    item_id: str = strawberry.field(description="The item's id.")
    kind: ItemKind = strawberry.field(description="What sort of thing it is.")
    title: str = strawberry.field(description="What people call it.")
    people: float = strawberry.field(
        description="How many took to it lately, earlier ones counting less; in steps of five, and never fewer."
    )
    lift: float = strawberry.field(description="How many times what is usual for it, in coarse steps.")

    @strawberry.field(description="The whole catalogue item; null if it was removed meanwhile.")
    async def item(self, info: Info) -> CatalogItemNode | None:
        """The item, loaded together with the others of the page."""
        found = await info.context.loaders.items.load((info.context.tenant, ItemId(self.item_id)))
        return None if found is None else CatalogItemNode.of(found)


@strawberry.type(description="What draws more interest than usual, the most surprising first.")
class TrendingItems:
    """Trends."""

    items: list[TrendingItem] = strawberry.field(description="Nothing that fewer than five people took to.")
    counted_at: datetime | None = strawberry.field(description="Up to when interest is counted.")


@strawberry.type(name="WhyNot", description="What keeps an item off a list.")
class WhyNotNode:
    """An answer."""

    item_id: str = strawberry.field(description="The item.")
    codes: list[WhyNotCode] = strawberry.field(description="Everything that keeps it off.")
    place: int | None = strawberry.field(description="Where its score puts it, or would if it might be shown, from 1.")
    of: int = strawberry.field(description="How many items may be shown.")
    rule_id: str | None = strawberry.field(description="The provider's rule that keeps it off.")
    until: datetime | None = strawberry.field(description="When a snooze ends.")
    used_data: UsedData = strawberry.field(description="What the answer used of the person.")


@strawberry.type(name="Counterfactual", description="What of a person's past put an item on their list.")
class CounterfactualNode:
    """An answer, found by ranking again."""

    item_id: str = strawberry.field(description="The item.")
    place: int = strawberry.field(description="Where it stands, from 1.")
    without: list[str] = strawberry.field(description="Ids of the person's own items without which it falls.")
    place_without: int = strawberry.field(description="Where it stands without what they did with those, from 1.")
    leaves_page: bool = strawberry.field(description="Whether it is then no longer on the page.")
    text: str = strawberry.field(description="The same as an English sentence.")
    used_data: UsedData = strawberry.field(description="What the answer used of the person.")


USER = strawberry.argument(description="Whose list.")
ITEM = strawberry.argument(description="Which item.")
KIND = strawberry.argument(description="Only items of this kind.")
CONTEXT = strawberry.argument(description="Where and how the list is shown.")
FIRST = strawberry.argument(description="Page length, 1 to 100.")
FILTER = strawberry.argument(description="What may be on the list.")


@strawberry.type
class QuestionQuery:
    """Asking about lists."""

    @strawberry.field(description="What more people than usual take to; null where it fails while the rest works.")
    async def trending_items(
        self,
        info: Info,
        kind: Annotated[ItemKind | None, KIND] = None,
        window: Annotated[Window, strawberry.argument(description="Over how long interest is looked at.")] = Window.DAY,
        first: Annotated[int, FIRST] = 10,
    ) -> TrendingItems | None:
        """The same for everybody."""
        tenant = info.context.allow(Scope.RECOMMENDATIONS_READ)
        found = await info.context.services.trends.trending(tenant, kind, window, first)
        items = [
            TrendingItem(item_id=i.item_id, kind=i.kind, title=i.title, people=i.people, lift=i.lift)
            for i in found.items
        ]
        return TrendingItems(items=items, counted_at=found.counted_at)

    @strawberry.field(description="Why an item is not on the list that these arguments ask for; null where it fails.")
    async def why_not(
        self,
        info: Info,
        user_id: Annotated[str, USER],
        item_id: Annotated[str, ITEM],
        kind: Annotated[ItemKind | None, KIND] = None,
        context: Annotated[RecommendationContextInput | None, CONTEXT] = None,
        first: Annotated[int, FIRST] = 10,
        filter: Annotated[RecommendationFilterInput | None, FILTER] = None,  # noqa: A002 - the name clients expect
    ) -> WhyNotNode | None:
        """Rank, rule, eligibility or the person's own word."""
        tenant, user = info.context.reach(user_id, Scope.RECOMMENDATIONS_READ)
        request = request_of(kind, context, first, None, filter)
        found = await info.context.services.questions.why_not(tenant, user, ItemId(item_id), request)
        return WhyNotNode(
            item_id=found.item_id,
            codes=list(found.codes),
            place=found.place,
            of=found.of,
            rule_id=found.rule_id,
            until=found.until,
            used_data=used_data(found.used, found.model_version),
        )

    @strawberry.field(
        description="Without which of their own actions an item would leave the list that these arguments ask for; "
        "null if it is not on it."
    )
    async def counterfactual(
        self,
        info: Info,
        user_id: Annotated[str, USER],
        item_id: Annotated[str, ITEM],
        kind: Annotated[ItemKind | None, KIND] = None,
        context: Annotated[RecommendationContextInput | None, CONTEXT] = None,
        first: Annotated[int, FIRST] = 10,
        filter: Annotated[RecommendationFilterInput | None, FILTER] = None,  # noqa: A002 - the name clients expect
    ) -> CounterfactualNode | None:
        """Verified by ranking without them."""
        tenant, user = info.context.reach(user_id, Scope.RECOMMENDATIONS_READ)
        request = request_of(kind, context, first, None, filter)
        found = await info.context.services.questions.counterfactual(tenant, user, ItemId(item_id), request)
        if found is None:
            return None
        return CounterfactualNode(
            item_id=found.item_id,
            place=found.place,
            without=list(found.without),
            place_without=found.place_without,
            leaves_page=found.leaves_page,
            text=found.text,
            used_data=used_data(found.used, found.model_version),
        )

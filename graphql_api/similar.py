"""What is like an item, for everybody alike."""

from typing import Annotated

import strawberry

from domain.errors import NotFound
from domain.ids import ItemId
from domain.recommendations.similar import SimilarItem
from graphql_api.auth import Scope
from graphql_api.catalog import CatalogItemNode
from graphql_api.context import Info
from graphql_api.enums import ItemKind
from graphql_api.list_enums import SimilarityCode


@strawberry.type(name="SimilarityReason", description="One reason why two items are alike.")
class SimilarityReasonNode:
    """A reason."""

    code: SimilarityCode = strawberry.field(description="What kind of reason.")
    weight: float = strawberry.field(description="Its share of the score, 0 to 1; they sum to 1.")
    features: list[str] = strawberry.field(description="Tags, attributes and words that both have.")


@strawberry.type(name="SimilarItem", description="An item that is like another, and why.")
class SimilarItemNode:
    """A similar item."""

    item_id: str = strawberry.field(description="The item's id.")
    kind: ItemKind = strawberry.field(description="What sort of thing it is.")
    title: str = strawberry.field(description="What people call it.")
    score: float = strawberry.field(description="How much alike they are, 0 to 1.")
    reasons: list[SimilarityReasonNode] = strawberry.field(description="Why, the heaviest reason first.")

    @strawberry.field(description="The whole catalogue item; null if it was removed meanwhile.")
    async def item(self, info: Info) -> CatalogItemNode | None:
        """The item, loaded together with the others of the list."""
        found = await info.context.loaders.items.load((info.context.tenant, ItemId(self.item_id)))
        return None if found is None else CatalogItemNode.of(found)

    @classmethod
    def of(cls, found: SimilarItem) -> "SimilarItemNode":
        """The item as clients see it."""
        return cls(
            item_id=found.item_id,
            kind=found.kind,
            title=found.title,
            score=found.score,
            reasons=[
                SimilarityReasonNode(code=said.code, weight=said.weight, features=list(said.features))
                for said in found.reasons
            ],
        )


@strawberry.type
class SimilarItemQuery:
    """Asking what is like an item."""

    @strawberry.field(
        description="What is like an item, whoever asks: no person's data has a part in it. Null where the catalogue "
        "holds no such item."
    )
    async def similar_items(
        self,
        info: Info,
        item_id: Annotated[str, strawberry.argument(description="Like which item.")],
        kind: Annotated[ItemKind | None, strawberry.argument(description="Only items of this kind.")] = None,
        first: Annotated[int, strawberry.argument(description="How many at most, 1 to 100.")] = 10,
    ) -> list[SimilarItemNode] | None:
        """The same for everybody."""
        tenant = info.context.allow(Scope.RECOMMENDATIONS_READ)
        try:
            found = await info.context.services.similar.similar(tenant, ItemId(item_id), kind, first)
        except NotFound:
            return None
        return [SimilarItemNode.of(item) for item in found]

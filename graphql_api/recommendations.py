"""Recommendations: explained lists, page by page, and what people did with them."""

from datetime import datetime
from typing import Annotated, Self, TypeAlias

import strawberry

from domain.behavior.model import Interaction
from domain.ids import ItemId, TenantId
from domain.recommendations.page import RecommendationList, RecommendationRequest, RecommendedItem
from domain.recommendations.paging import NOTHING_SHOWN, Shown
from graphql_api.auth import Scope
from graphql_api.behavior import EventsRecorded, receipt, uuid_of
from graphql_api.catalog import CatalogItemNode
from graphql_api.context import Info
from graphql_api.enums import InteractionAction, ItemKind, ReasonCode, Source
from graphql_api.paging import PageInfo, require_first
from graphql_api.problems import INPUT, AnyProblem, answering_problems
from graphql_api.used_data import WITHOUT, UsedData, used_data


@strawberry.type(description="One reason for an item.")
class ReasonNode:
    """A reason, worded."""

    code: ReasonCode = strawberry.field(description="What kind of reason, for products that word it themselves.")
    text: str = strawberry.field(description="The reason as an English sentence.")
    weight: float = strawberry.field(description="Its share of the item's reasons, 0 to 1; they sum to 1.")
    evidence: list[str] = strawberry.field(description="Ids of the person's own items that speak for this one.")
    preferences: list[str] = strawberry.field(description="Preferences that the item matches.")
    features: list[str] = strawberry.field(description="What the item has in common with the evidence.")


@strawberry.type(description="One place of a recommendation list.")
class Recommendation:
    """An item with the reasons it is shown for."""

    item_id: str = strawberry.field(description="The item's id.")
    kind: ItemKind = strawberry.field(description="What sort of thing it is.")
    title: str = strawberry.field(description="What people call it.")
    category: str = strawberry.field(description="Its category; empty for none.")
    tags: list[str] = strawberry.field(description="Words that describe it.")
    position: int = strawberry.field(description="Place on this page, from 0.")
    score: float = strawberry.field(description="Standard deviations above the average item; higher is better.")
    reasons: list[ReasonNode] = strawberry.field(description="Why it is shown, the heaviest reason first.")
    sources: list[Source] = strawberry.field(description="What put it on the list.")
    propensity: float = strawberry.field(description="The probability with which it was put here; below 1 by chance.")
    rule_id: str | None = strawberry.field(description="The provider's rule that pinned it here; null if none did.")
    tenant: strawberry.Private[TenantId]

    @strawberry.field(description="The whole catalogue item; null if it was removed meanwhile.")
    async def item(self, info: Info) -> CatalogItemNode | None:
        """The item, loaded together with the others of the page."""
        found = await info.context.loaders.items.load((self.tenant, ItemId(self.item_id)))
        return None if found is None else CatalogItemNode.of(found)

    @classmethod
    def of(cls, tenant: TenantId, place: RecommendedItem) -> Self:
        """The place as clients see it; made once for a place that is served again."""
        node: Self | None = place.told.get(cls.__name__)
        if node is None:
            node = place.told[cls.__name__] = cls._of(tenant, place)
        return node

    @classmethod
    def _of(cls, tenant: TenantId, place: RecommendedItem) -> Self:
        return cls(
            item_id=place.item_id,
            kind=place.kind,
            title=place.title,
            category=place.category,
            tags=list(place.tags),
            position=place.position,
            score=place.score,
            reasons=[
                ReasonNode(
                    code=worded.reason.code,
                    text=worded.text,
                    weight=worded.reason.weight,
                    evidence=list(worded.reason.evidence),
                    preferences=list(worded.reason.preferences),
                    features=list(worded.reason.features),
                )
                for worded in place.reasons
            ],
            sources=list(place.sources),
            propensity=place.propensity,
            rule_id=place.rule_id,
            tenant=tenant,
        )


@strawberry.type(description="One edge of a recommendation list.")
class RecommendationEdge:
    """An item and its cursor."""

    node: Recommendation = strawberry.field(description="The item and its reasons.")
    shown_before: strawberry.Private[Shown]
    upto: strawberry.Private[tuple[ItemId, ...]]

    @strawberry.field(description="Asks for what follows this place; it names what was shown, so nothing repeats.")
    def cursor(self) -> str:
        """Made only where it is asked for, since it grows with the list."""
        return str(self.shown_before.and_also(self.upto))


@strawberry.type(description="A page of recommendations.")
class RecommendationConnection:
    """A served page."""

    edges: list[RecommendationEdge] = strawberry.field(description="The items of this page, best first.")
    page_info: PageInfo = strawberry.field(description="Where this page stands.")
    recommendation_id: strawberry.ID = strawberry.field(description="Name it in `trackInteraction`.")
    model_version: str | None = strawberry.field(description="Null before the first training.")
    policy_version: str = strawberry.field(description="The rule by which the list was made.")
    personalized: bool = strawberry.field(description="Whether what the person did or stated had a part in it.")
    degraded: bool = strawberry.field(description="Whether it would be better if everything were well.")
    used_data: UsedData = strawberry.field(description="What the answer used of the person.")

    @classmethod
    def of(cls, tenant: TenantId, page: RecommendationList, before: Shown) -> Self:
        """The page as clients see it."""
        ids = tuple(place.item_id for place in page.items)
        edges = [
            RecommendationEdge(node=Recommendation.of(tenant, place), shown_before=before, upto=ids[: index + 1])
            for index, place in enumerate(page.items)
        ]
        return cls(
            edges=edges,
            page_info=PageInfo(
                has_next_page=page.has_next,
                has_previous_page=before != NOTHING_SHOWN,
                start_cursor=str(before.and_also(ids[:1])) if ids else None,
                end_cursor=str(page.shown) if ids else None,
            ),
            recommendation_id=strawberry.ID(str(page.recommendation_id)),
            model_version=page.model_version,
            policy_version=page.policy_version,
            personalized=page.personalized,
            degraded=page.degraded,
            used_data=used_data(page.used, page.model_version),
        )


@strawberry.input(description="Where and how a list will be shown.")
class RecommendationContextInput:
    """The context of a request."""

    surface: str | None = strawberry.field(default=None, description="Such as `video_creation`.")
    device: str | None = strawberry.field(default=None, description="Such as `desktop` or `mobile`.")
    purpose: str | None = strawberry.field(default=None, description="What for, such as `social_media`.")
    local_time: datetime | None = strawberry.field(
        default=None, description="The person's time of day, with their time zone; the server's if absent."
    )


@strawberry.input(description="What may be on the list.")
class RecommendationFilterInput:
    """Restrictions of a list."""

    exclude: list[str] = strawberry.field(default_factory=list, description="Ids of items that must not appear.")
    include_seen: bool = strawberry.field(default=False, description="Items the person used may appear again.")
    personalized: bool = strawberry.field(default=True, description=WITHOUT)


@strawberry.input(description="What a person did with a recommended item.")
class TrackInteractionInput:
    """The input of `trackInteraction`."""

    user_id: str = strawberry.field(description="Who did it.")
    item_id: str = strawberry.field(description="With which item.")
    action: InteractionAction = strawberry.field(description="What they did.")
    recommendation_id: strawberry.ID | None = strawberry.field(default=None, description="The list it was on.")
    position: int | None = strawberry.field(default=None, description="Where on the list it stood, from 0.")
    event_id: strawberry.ID | None = strawberry.field(default=None, description="A UUID; a retry with it adds nothing.")
    occurred_at: datetime | None = strawberry.field(default=None, description="When; now if absent.")
    snoozed_until: datetime | None = strawberry.field(
        default=None, description="With `SNOOZED`: when it may be shown again; in a week if absent."
    )
    idempotency_key: str | None = strawberry.field(default=None, description="A retry with it adds nothing.")


TrackInteractionPayload: TypeAlias = Annotated[
    EventsRecorded | AnyProblem,
    strawberry.union("TrackInteractionPayload", description="The interaction recorded, or why it was not."),
]


def request_of(
    kind: ItemKind | None,
    context: RecommendationContextInput | None,
    first: int,
    after: str | None,
    filter_: RecommendationFilterInput | None,
) -> RecommendationRequest:
    """The request that these arguments mean. Raises `ValidationFailed`."""
    chosen = filter_ or RecommendationFilterInput()
    return RecommendationRequest(
        kind=kind,
        surface=context.surface if context else None,
        device=context.device if context else None,
        purpose=context.purpose if context else None,
        local_time=context.local_time if context else None,
        first=require_first(first),
        after=NOTHING_SHOWN if after is None else Shown.parse(after),
        exclude=frozenset(map(ItemId, chosen.exclude)),
        include_seen=chosen.include_seen,
        personalized=chosen.personalized,
    )


@strawberry.type
class RecommendationQuery:
    """Reading recommendations."""

    @strawberry.field(description="Explained recommendations; null where they fail while the rest of the page works.")
    async def recommendations(
        self,
        info: Info,
        user_id: Annotated[str, strawberry.argument(description="Whose recommendations.")],
        kind: Annotated[ItemKind | None, strawberry.argument(description="Only items of this kind.")] = None,
        context: Annotated[
            RecommendationContextInput | None, strawberry.argument(description="Where and how the list will be shown.")
        ] = None,
        first: Annotated[int, strawberry.argument(description="Page length, 1 to 100.")] = 10,
        after: Annotated[str | None, strawberry.argument(description="The end cursor of the page before.")] = None,
        filter: Annotated[  # noqa: A002 - the name clients expect
            RecommendationFilterInput | None, strawberry.argument(description="What may be on the list.")
        ] = None,
    ) -> RecommendationConnection | None:
        """A page for one person."""
        tenant, user = info.context.reach(user_id, Scope.RECOMMENDATIONS_READ)
        request = request_of(kind, context, first, after, filter)
        page = await info.context.services.recommendations.recommend(tenant, user, request)
        return RecommendationConnection.of(tenant, page, request.after)


@strawberry.type
class RecommendationMutation:
    """Telling what came of recommendations."""

    @strawberry.mutation(description="Record what a person did with a recommended item; the next list reflects it.")
    @answering_problems
    async def track_interaction(
        self,
        info: Info,
        input: Annotated[TrackInteractionInput, INPUT],  # noqa: A002 - the name clients expect
    ) -> TrackInteractionPayload:
        """One interaction."""
        tenant, user = info.context.reach(input.user_id, Scope.EVENTS_WRITE)
        interaction = Interaction(
            item_id=ItemId(input.item_id),
            action=input.action,
            recommendation_id=uuid_of(input.recommendation_id, "recommendationId"),
            position=input.position,
            event_id=uuid_of(input.event_id, "eventId"),
            occurred_at=input.occurred_at,
            snoozed_until=input.snoozed_until,
        )
        recorded = await info.context.services.behavior.track_interaction(
            tenant, user, interaction, input.idempotency_key
        )
        return receipt(recorded)

"""Live updates: a person's list whenever it changes, their updates as they come, new models of a tenant."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AsyncExitStack, aclosing, suppress
from typing import Annotated, Self, TypeAlias

import orjson
import strawberry
from strawberry.scalars import JSON

from domain.errors import Unavailable
from domain.ids import ModelVersion, TenantId, UserId
from domain.realtime import model
from domain.realtime.model import Cursor, TenantUpdate
from domain.recommendations.page import RecommendationList
from graphql_api.auth import Scope
from graphql_api.context import GraphQLContext, Info
from graphql_api.enums import ItemKind, ResyncReason, UpdateKind
from graphql_api.following import Following
from graphql_api.recommendations import RecommendationConnection, request_of

ARRIVAL_SECONDS = 2.0
"""How often a list for somebody unknown looks whether they have become known: nothing is told of them before."""

Event = model.Update | model.ResyncRequired | TenantUpdate
Change = Event | Cursor
"""An event, or the place from which on the events of somebody who has just become known are followed."""


@strawberry.type(description="One change that a person can see.")
class RealtimeUpdate:
    """An update."""

    cursor: str = strawberry.field(description="Where to go on after a lost connection.")
    version: int = strawberry.field(description="The person's version; versions have no holes.")
    kind: UpdateKind = strawberry.field(description="What it is about.")
    body: JSON = strawberry.field(description="What it says.")


@strawberry.type(description="Updates may be missing before this point: fetch anew, then go on from the cursor.")
class ResyncRequired:
    """A stated gap."""

    cursor: str = strawberry.field(description="Where to go on.")
    reason: ResyncReason = strawberry.field(description="Why.")

    @classmethod
    def of(cls, resync: model.ResyncRequired) -> Self:
        """The gap as clients see it."""
        return cls(cursor=str(resync.cursor or Cursor(0)), reason=resync.reason)


RealtimeEvent: TypeAlias = Annotated[
    RealtimeUpdate | ResyncRequired,
    strawberry.union("RealtimeEvent", description="An update, or the word that some are missing."),
]


@strawberry.type(description="A person's recommendations as they are now.")
class RecommendationUpdate:
    """A changed list."""

    cursor: str | None = strawberry.field(description="Where to go on after a lost connection.")
    recommendations: RecommendationConnection = strawberry.field(description="The list.")


@strawberry.type(description="A new model serves.")
class ModelUpdate:
    """A published model."""

    version: str = strawberry.field(description="Its version.")


@strawberry.type
class RealtimeSubscription:
    """Live updates."""

    @strawberry.subscription(description="A person's list now, and again whenever it changes.")
    async def recommendation_updates(
        self,
        info: Info,
        user_id: Annotated[str, strawberry.argument(description="Whose recommendations.")],
        kind: Annotated[ItemKind | None, strawberry.argument(description="Only items of this kind.")] = None,
        first: Annotated[int, strawberry.argument(description="Length of the list, 1 to 100.")] = 10,
        after: Annotated[str | None, strawberry.argument(description="The last cursor received.")] = None,
    ) -> AsyncIterator[RecommendationUpdate]:
        """One list, live."""
        context: GraphQLContext = info.context
        tenant, user = context.reach(user_id, Scope.RECOMMENDATIONS_READ)
        request = request_of(kind, None, first, None, None)
        shown: tuple[str, ...] | None = None

        def is_shown(page: RecommendationList) -> bool:
            return _ids(page) == shown

        async with aclosing(_changes(context, tenant, user, _cursor(after))) as changes:
            async for cursor in changes:
                page = await context.services.recommendations.recommend(tenant, user, request, withheld=is_shown)
                if not is_shown(page):
                    shown = _ids(page)
                    listed = RecommendationConnection.of(tenant, page, request.after)
                    yield RecommendationUpdate(cursor=None if cursor is None else str(cursor), recommendations=listed)

    @strawberry.subscription(description="Everything that changes for a person, in order and without silent gaps.")
    async def realtime_updates(
        self,
        info: Info,
        user_id: Annotated[str, strawberry.argument(description="Whose updates.")],
        after: Annotated[str | None, strawberry.argument(description="The last cursor received.")] = None,
    ) -> AsyncIterator[RealtimeEvent]:
        """One person's updates, live."""
        context: GraphQLContext = info.context
        tenant, user = context.reach(user_id, Scope.RECOMMENDATIONS_READ)
        following = Following(context.services, tenant, user)
        async with aclosing(following.updates(await following.subject(), _cursor(after))) as updates:
            async for update in updates:
                await following.require_allowed(update)
                yield _event(update)

    @strawberry.subscription(description="The version of each new model of the tenant.")
    async def model_updates(self, info: Info) -> AsyncIterator[ModelUpdate]:
        """New models, live."""
        context: GraphQLContext = info.context
        tenant = context.allow(Scope.MODELS_ADMIN)
        told: ModelVersion | None = None
        async with context.bus.subscribe_to_tenant(tenant) as updates:
            async for update in updates:
                version = await _model_version(context, tenant, update)
                if version not in {None, told}:
                    told = version
                    yield ModelUpdate(version=str(version))


async def _changes(
    context: GraphQLContext, tenant: TenantId, user: UserId, after: Cursor | None
) -> AsyncGenerator[Cursor | None, None]:
    """Now, and after every event that may have changed the person's list; raises `Revoked`."""
    subject = await context.services.directory.resolve(tenant, user)
    queue: asyncio.Queue[Change | None] = asyncio.Queue(maxsize=1)
    async with AsyncExitStack() as stack:
        own: AsyncIterator[Change] = _arrival(context, tenant, user)
        if subject is not None:
            following = Following(context.services, tenant, user)
            own = following.updates(subject, after or Cursor(subject.version))
        everyone = await stack.enter_async_context(context.bus.subscribe_to_tenant(tenant))
        pumps = [asyncio.create_task(_pump(stream, queue)) for stream in (own, everyone)]
        stack.push_async_callback(_cancelled, pumps)
        cursor = after or (None if subject is None else Cursor(subject.version))
        yield cursor
        while (event := await queue.get()) is not None:
            cursor = await _followed(context, tenant, user, event) or cursor
            yield cursor
        for pump in pumps:
            if pump.done() and (failure := pump.exception()):
                raise failure


async def _followed(context: GraphQLContext, tenant: TenantId, user: UserId, event: Change) -> Cursor | None:
    """Where to go on after `event`, None if it is not the person's own; raises `Revoked`."""
    if isinstance(event, Cursor):
        return event
    if isinstance(event, TenantUpdate) or event.version is None:
        await context.services.models.refresh(tenant)
        return None
    await Following(context.services, tenant, user).require_allowed(event)
    return event.cursor


async def _arrival(context: GraphQLContext, tenant: TenantId, user: UserId) -> AsyncIterator[Change]:
    """What happens to somebody unknown, from the moment they are known."""
    subject = None
    while subject is None:
        await asyncio.sleep(ARRIVAL_SECONDS)
        with suppress(Unavailable):
            subject = await context.services.directory.resolve(tenant, user)
    yield Cursor(subject.version)
    following = Following(context.services, tenant, user)
    async for update in following.updates(subject, Cursor(subject.version)):
        yield update


async def _pump(stream: AsyncIterator[Change], queue: asyncio.Queue[Change | None]) -> None:
    # The queue is short on purpose: while it is full the bus keeps, and conflates, what a slow reader has not taken.
    try:
        async for event in stream:
            await queue.put(event)
    except Exception:
        await queue.put(None)
        raise
    await queue.put(None)


async def _cancelled(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    for task in tasks:
        with suppress(asyncio.CancelledError, Exception):
            await task


async def _model_version(
    context: GraphQLContext, tenant: TenantId, update: TenantUpdate | model.ResyncRequired
) -> ModelVersion | None:
    """The model that an update tells of; where some may be missing, the one that serves now."""
    if isinstance(update, TenantUpdate):
        return ModelVersion(update.body.decode()) if update.kind is UpdateKind.MODEL_UPDATED else None
    current = await context.services.models.refresh(tenant)
    return None if current is None else current.record.version


def _event(update: model.Update | model.ResyncRequired) -> RealtimeUpdate | ResyncRequired:
    if isinstance(update, model.ResyncRequired):
        return ResyncRequired.of(update)
    return RealtimeUpdate(
        cursor=str(update.cursor),
        version=update.version,
        kind=update.kind,
        body=JSON(orjson.loads(update.body) if update.body else {}),
    )


def _cursor(after: str | None) -> Cursor | None:
    return None if after is None else Cursor.parse(after)


def _ids(page: RecommendationList) -> tuple[str, ...]:
    """What is on a list for a reason; that chance would draw something else today is no change."""
    return tuple(item.item_id for item in page.items if item.propensity == 1.0)

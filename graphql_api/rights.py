"""Rights: asking for an erasure, and following what was asked for."""

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Annotated, Final, Self, TypeAlias
from uuid import UUID

import strawberry

from domain.ids import TenantId, UserId
from domain.rights.model import PrivacyRequest, RequestKind, RequestState
from graphql_api.auth import Scope
from graphql_api.behavior import uuid_of
from graphql_api.context import GraphQLContext, Info
from graphql_api.enums import PrivacyRequestKind, PrivacyRequestState
from graphql_api.problems import INPUT, AnyProblem, answering_problems

LOOK_EVERY_SECONDS: Final = 0.5

ID = strawberry.argument(description="The request.")


@strawberry.type(name="PrivacyRequest", description="What a person asked for, and how far it is.")
class PrivacyRequestNode:
    """A request."""

    request_id: strawberry.ID = strawberry.field(description="Its id.")
    kind: PrivacyRequestKind = strawberry.field(description="What was asked for.")
    state: PrivacyRequestState = strawberry.field(description="Where it is.")
    progress: float = strawberry.field(description="0 to 1.")
    checkpoint: str | None = strawberry.field(description="The last step that is behind; null before the first.")
    requested_at: datetime = strawberry.field(description="When it was asked for.")
    finished_at: datetime | None = strawberry.field(description="When it ended.")
    error: str | None = strawberry.field(description="Why the last attempt did not finish; it is tried again.")

    @strawberry.field(
        description="The signed receipt of a finished erasure: one line of canonical JSON, to be kept as it is and "
        "checked with `personalization verify-receipt`; null otherwise."
    )
    async def receipt(self, info: Info) -> str | None:
        """The proof."""
        if self.state is not RequestState.DONE or self.kind is not RequestKind.ERASURE:
            return None
        return await info.context.services.rights.receipt(info.context.tenant, UUID(self.request_id))

    @classmethod
    def of(cls, request: PrivacyRequest) -> Self:
        """The request as clients see it."""
        return cls(
            request_id=strawberry.ID(str(request.request_id)),
            kind=request.kind,
            state=request.state,
            progress=request.progress,
            checkpoint=request.checkpoint,
            requested_at=request.requested_at,
            finished_at=request.finished_at,
            error=request.error,
        )


@strawberry.input(description="Whose data.")
class RequestErasureInput:
    """The input of `requestErasure`."""

    user_id: str = strawberry.field(description="Who is to be erased.")


RequestErasurePayload: TypeAlias = Annotated[
    PrivacyRequestNode | AnyProblem,
    strawberry.union("RequestErasurePayload", description="The request to follow, or why there is none."),
]


@strawberry.type
class RightsQuery:
    """Reading requests."""

    @strawberry.field(
        description="A request of the caller, or of anybody with privacy:admin or act_as. `NOT_FOUND` beside null "
        "where there is none of that id within reach."
    )
    async def privacy_request(self, info: Info, id: Annotated[strawberry.ID, ID]) -> PrivacyRequestNode | None:  # noqa: A002 - the name clients expect
        """One request."""
        return PrivacyRequestNode.of(await _request(info.context, id))

    @strawberry.field(
        description="The latest hundred requests of a user; of the whole tenant without one, which needs privacy:admin."
    )
    async def privacy_requests(
        self,
        info: Info,
        user_id: Annotated[str | None, strawberry.argument(description="Whose requests.")] = None,
    ) -> list[PrivacyRequestNode] | None:
        """Requests, the latest first."""
        tenant, user = _reach(info.context, user_id)
        await info.context.note_read(user, "privacyRequests")
        return [PrivacyRequestNode.of(found) for found in await info.context.services.rights.requests(tenant, user)]


@strawberry.type
class RightsMutation:
    """Asking."""

    @strawberry.mutation(
        description="Ask for everything that is kept of a person to be erased; asking again while it runs answers "
        "with the same request. It ends in a signed receipt."
    )
    @answering_problems
    async def request_erasure(
        self,
        info: Info,
        input: Annotated[RequestErasureInput, INPUT],  # noqa: A002 - the name clients expect
    ) -> RequestErasurePayload:
        """A request that a worker finishes."""
        tenant, user = info.context.reach(input.user_id, Scope.PRIVACY_WRITE)
        return PrivacyRequestNode.of(await info.context.services.rights.request_erasure(tenant, user))


@strawberry.type
class RightsSubscription:
    """Following."""

    @strawberry.subscription(description="A request now, and again with every step that is behind, until it ends.")
    async def privacy_request(
        self,
        info: Info,
        id: Annotated[strawberry.ID, ID],  # noqa: A002 - the name clients expect
    ) -> AsyncIterator[PrivacyRequestNode]:
        """One request, live."""
        told = None
        while True:
            request = await _request(info.context, id)
            if request != told:
                yield PrivacyRequestNode.of(request)
            told = request
            if request.finished:
                return
            await asyncio.sleep(LOOK_EVERY_SECONDS)


def _reach(context: GraphQLContext, user_id: str | None) -> tuple[TenantId, UserId | None]:
    if user_id is None:
        return context.allow(Scope.PRIVACY_ADMIN), None
    return context.reach(user_id, Scope.PRIVACY_WRITE)


async def _request(context: GraphQLContext, request_id: str) -> PrivacyRequest:
    """The request, if it is the caller's own, or they act for others or answer for them. Raises `NotFound`."""
    caller = context.caller
    if Scope.PRIVACY_ADMIN not in caller.scopes:
        caller.require(Scope.PRIVACY_WRITE)
    owner = None if caller.scopes & {Scope.PRIVACY_ADMIN, Scope.ACT_AS} else caller.user_id
    wanted = uuid_of(request_id, "id") or UUID(int=0)
    return await context.services.rights.request(context.tenant, wanted, owner)

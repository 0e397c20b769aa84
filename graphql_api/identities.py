"""Merging of ids: an anonymous history becomes part of a user's, for whoever may speak for both."""

from typing import Annotated, TypeAlias

import strawberry

from domain.errors import Forbidden, Unauthenticated
from domain.ids import UserId
from domain.privacy.model import valid_user_id
from graphql_api.admission import recognised
from graphql_api.auth import Scope
from graphql_api.context import GraphQLContext, Info
from graphql_api.problems import INPUT, AnyProblem, answering_problems


@strawberry.input(description="An anonymous id that turned out to be a user's.")
class MergeIdentityInput:
    """The input of `mergeIdentity`."""

    user_id: str = strawberry.field(description="Who it is.")
    anonymous_id: str = strawberry.field(description="The id that they had before they logged in.")
    anonymous_token: str | None = strawberry.field(
        default=None, description="Proof: a token whose subject is `anonymousId`; not needed with the scope `act_as`."
    )


@strawberry.type(description="The two ids are one person; calls under either reach the same data.")
class IdentityMerged:
    """The success of a merge."""

    user_id: str = strawberry.field(description="Who remains.")
    anonymous_id: str = strawberry.field(description="What leads to them, too.")
    merged_now: bool = strawberry.field(description="False if that was done before.")
    events: int = strawberry.field(description="How many events this call moved.")
    version: int = strawberry.field(description="The person's version.")


MergeIdentityPayload: TypeAlias = Annotated[
    IdentityMerged | AnyProblem,
    strawberry.union("MergeIdentityPayload", description="The merge, or why nothing was merged."),
]


@strawberry.type
class IdentityMutation:
    """Merging."""

    @strawberry.mutation(description="Make what was done under an anonymous id part of a user's history, once.")
    @answering_problems
    async def merge_identity(
        self,
        info: Info,
        input: Annotated[MergeIdentityInput, INPUT],  # noqa: A002 - the name clients expect
    ) -> MergeIdentityPayload:
        """One merge."""
        tenant, user = info.context.reach(input.user_id, Scope.PROFILE_WRITE)
        anonymous = await _proven(info.context, input)
        merge = await info.context.services.identities.merge(tenant, anonymous, user)
        return IdentityMerged(
            user_id=merge.user_id,
            anonymous_id=merge.anonymous_id,
            merged_now=merge.merged_now,
            events=merge.events,
            version=merge.version,
        )


async def _proven(context: GraphQLContext, given: MergeIdentityInput) -> UserId:
    """The anonymous id, if the caller may speak for it; raises `Forbidden` or `ValidationFailed`."""
    anonymous = valid_user_id(given.anonymous_id)
    if Scope.ACT_AS in context.caller.scopes:
        return anonymous
    try:
        token = f"Bearer {given.anonymous_token or ''}"
        bearer = await recognised(context.services, context.authenticator, context.address, token)
    except Unauthenticated:
        bearer = None
    if bearer is None or (bearer.tenant, bearer.user_id) != (context.tenant, anonymous):
        raise Forbidden("This needs a token of the anonymous id.", field="anonymousToken")
    return anonymous

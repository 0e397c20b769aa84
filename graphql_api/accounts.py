"""Accounts of the user management service: taking them over, and showing what was taken over."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Self, TypeAlias, cast

import strawberry
from strawberry.scalars import JSON

from domain.accounts.model import Account, AccountChange, Attribute, Synced
from domain.accounts.service import MOST_CHANGES
from domain.errors import DomainError, ValidationFailed
from domain.ids import UserId
from domain.privacy.model import valid_user_id
from graphql_api.auth import Scope
from graphql_api.context import Info
from graphql_api.enums import SyncOutcome
from graphql_api.problems import INPUT, AnyProblem, Problem, answering_problems, problem_of

MOST_USERS = 100


@strawberry.input(description="The whole of what holds for a user from a revision on; what is left out is gone.")
class UserSyncInput:
    """One change."""

    user_id: str = strawberry.field(description="The id by which your product knows the person.")
    revision: float = strawberry.field(
        description="Grows with each change of this user, such as milliseconds since 1970; a whole number below 2^53."
    )
    attributes: JSON | None = strawberry.field(
        default=None, description="At most 50 names with texts, numbers, or true or false."
    )
    roles: list[str] = strawberry.field(default_factory=list, description="What the user is there, such as `editor`.")
    deleted: bool = strawberry.field(default=False, description="The user is gone: delete what is kept of them.")


@strawberry.input(description="Changes of users, in any order.")
class SyncUsersInput:
    """The input of `syncUsers`."""

    users: list[UserSyncInput] = strawberry.field(description="1 to 200 users, each once.")


@strawberry.type(description="What came of the change of one user.")
class UserSync:
    """One outcome."""

    user_id: str = strawberry.field(description="Who.")
    outcome: SyncOutcome = strawberry.field(description="What came of it.")
    problem: Problem | None = strawberry.field(description="Why it was refused; null otherwise.")

    @classmethod
    def of(cls, synced: Synced) -> Self:
        """The outcome as clients see it."""
        problem = None if synced.problem is None else problem_of(synced.problem)
        return cls(user_id=synced.user_id, outcome=synced.outcome, problem=problem)


@strawberry.type(description="What came of the changes; each was applied or refused for itself.")
class UsersSynced:
    """The success of `syncUsers`."""

    users: list[UserSync] = strawberry.field(description="In the order of the input.")


SyncUsersPayload: TypeAlias = Annotated[
    UsersSynced | AnyProblem,
    strawberry.union("SyncUsersPayload", description="What came of the changes, or why none was looked at."),
]


@strawberry.type(description="What the user management service said of a user last.")
class UserAccount:
    """An account."""

    user_id: str = strawberry.field(description="Who.")
    attributes: JSON = strawberry.field(description="Names and values.")
    roles: list[str] = strawberry.field(description="What the user is there; what a caller may do, their token says.")
    revision: float = strawberry.field(description="Of the change that was applied last.")
    synced_at: datetime = strawberry.field(description="When that was.")

    @classmethod
    def of(cls, user_id: UserId, account: Account) -> Self:
        """The account as clients see it."""
        return cls(
            user_id=user_id,
            attributes=JSON(dict(account.attributes)),
            roles=list(account.roles),
            revision=account.revision,
            synced_at=account.synced_at,
        )


@strawberry.type
class AccountQuery:
    """Reading accounts."""

    @strawberry.field(
        description="The accounts of users, in the order of their ids; users without one are left out. Others than the "
        "caller need `act_as`."
    )
    async def users(
        self,
        info: Info,
        user_ids: Annotated[list[str], strawberry.argument(description="1 to 100 users.")],
    ) -> list[UserAccount] | None:
        """Accounts."""
        if not 1 <= len(user_ids) <= MOST_USERS:
            raise ValidationFailed(f"1 to {MOST_USERS} users", field="userIds")
        reached = [info.context.reach(user_id, Scope.PROFILE_READ)[1] for user_id in dict.fromkeys(user_ids)]
        for user_id in reached:
            await info.context.note_read(user_id, "users")
        found = await info.context.services.accounts.accounts(info.context.tenant, reached)
        return [UserAccount.of(user_id, found[user_id]) for user_id in reached if user_id in found]


@strawberry.type
class AccountMutation:
    """Taking accounts over."""

    @strawberry.mutation(
        description="Take over what the user management service says of its users: idempotent, whatever order changes "
        "arrive in. A deletion removes what is kept of the person. Needs users:sync."
    )
    @answering_problems
    async def sync_users(
        self,
        info: Info,
        input: Annotated[SyncUsersInput, INPUT],  # noqa: A002 - the name clients expect
    ) -> SyncUsersPayload:
        """Each for itself."""
        tenant = info.context.allow(Scope.USERS_SYNC)
        if not 1 <= len(input.users) <= MOST_CHANGES:
            raise ValidationFailed(f"1 to {MOST_CHANGES} users", field="users")
        changes: list[AccountChange] = []
        refused: dict[int, UserSync] = {}
        for index, given in enumerate(input.users):
            try:
                changes.append(_change(given))
            except DomainError as error:
                refused[index] = UserSync(user_id=given.user_id, outcome=SyncOutcome.REFUSED, problem=problem_of(error))
        done = iter(await info.context.services.accounts.sync(tenant, changes) if changes else ())
        return UsersSynced(
            users=[refused[index] if index in refused else UserSync.of(next(done)) for index in range(len(input.users))]
        )


def _change(given: UserSyncInput) -> AccountChange:
    if not given.revision.is_integer():
        raise ValidationFailed("must be a whole number from 0 to 2^53 - 1", field="revision")
    attributes = cast("Mapping[str, Attribute]", {} if given.attributes is None else given.attributes)
    if not isinstance(attributes, dict):
        raise ValidationFailed("must be an object", field="attributes")
    for name, value in attributes.items():
        if not isinstance(value, str | int | float | bool):
            raise ValidationFailed("must be a text, a number, or true or false", field=f"attributes.{name}")
    return AccountChange(
        valid_user_id(given.user_id), int(given.revision), attributes, tuple(given.roles), given.deleted
    )

"""Expected failures of mutations as types, so that a client handles them by the schema instead of by parsing text.

What every mutation is wrapped in stands here as well: what it does is noted in the audit log before and after.
"""

from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, nullcontext
from functools import wraps
from types import MappingProxyType
from typing import Any, ParamSpec, TypeAlias, TypeVar

import strawberry

from domain.errors import DomainError
from graphql_api.context import Info
from graphql_api.noting import ORDINARY, noted

INPUT = strawberry.argument(description="What the mutation needs.")

P = ParamSpec("P")
T = TypeVar("T")


@strawberry.interface(description="Why a mutation did nothing; nothing was half-written.")
class Problem:
    """What all problems have."""

    code: str = strawberry.field(description="Stable identifier, the same as in errors and on REST.")
    message: str = strawberry.field(description="One sentence for a person.")
    field: str | None = strawberry.field(description="Path of the input that caused it, if one did.")


@strawberry.type(description="A part of the input means nothing valid.")
class ValidationProblem(Problem):
    """VALIDATION."""


@strawberry.type(description="The person has not agreed to this use of their data.")
class ConsentRequiredProblem(Problem):
    """CONSENT_REQUIRED."""


@strawberry.type(description="What the mutation is about does not exist for this caller.")
class NotFoundProblem(Problem):
    """NOT_FOUND."""


@strawberry.type(description="The token does not allow this.")
class ForbiddenProblem(Problem):
    """FORBIDDEN."""


@strawberry.type(description="The input contradicts what is already there.")
class ConflictProblem(Problem):
    """CONFLICT."""


@strawberry.type(description="A part that is needed is down at the moment; trying again later may help.")
class UnavailableProblem(Problem):
    """UNAVAILABLE or RATE_LIMITED."""

    retry_after_seconds: float | None = strawberry.field(
        default=None, description="After how many seconds another attempt may succeed."
    )


PROBLEMS: Mapping[str, type[Problem]] = MappingProxyType(
    {
        "VALIDATION": ValidationProblem,
        "CONSENT_REQUIRED": ConsentRequiredProblem,
        "NOT_FOUND": NotFoundProblem,
        "FORBIDDEN": ForbiddenProblem,
        "CONFLICT": ConflictProblem,
        "RATE_LIMITED": UnavailableProblem,
        "UNAVAILABLE": UnavailableProblem,
    }
)

AnyProblem: TypeAlias = (
    ValidationProblem
    | ConsentRequiredProblem
    | NotFoundProblem
    | ForbiddenProblem
    | ConflictProblem
    | UnavailableProblem
)


def answering_problems(resolver: Callable[P, Awaitable[T]]) -> Callable[P, Awaitable[T]]:
    """Make a mutation noted, and answer with a problem where it raises a `DomainError` that has one.

    Other errors stay errors. Where it cannot be noted that a mutation is about to run, it does not run.
    """

    @wraps(resolver)
    async def answer(*arguments: P.args, **options: P.kwargs) -> T:
        try:
            async with _noted(options):
                return await resolver(*arguments, **options)
        except DomainError as error:
            problem: Any = problem_of(error)
            if problem is None:
                raise
            return problem  # type: ignore[no-any-return]  # every mutation's union has all problems

    return answer


def _noted(options: Mapping[str, Any]) -> AbstractAsyncContextManager[object]:
    """The note of a mutation that has these arguments; none for ordinary use, and none of a caller without a token."""
    info: Info = options["info"]
    action, context = info.field_name, info.context
    if action in ORDINARY or context.principal is None:
        return nullcontext()
    given = options.get("input")
    correlation = context.correlation_id
    return noted(
        context.services, context.principal, action, "graphql", lambda name: getattr(given, name, None), correlation
    )


def problem_of(error: DomainError) -> Problem | None:
    """The problem that says what `error` says; None for one that is no answer to a mutation."""
    kind = PROBLEMS.get(error.code)
    if kind is None:
        return None
    if kind is UnavailableProblem:
        return UnavailableProblem(
            code=error.code,
            message=error.message,
            field=error.field,
            retry_after_seconds=error.retry_after_seconds,
        )
    return kind(code=error.code, message=error.message, field=error.field)

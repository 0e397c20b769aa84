"""One REST operation: what it takes, answers, needs and is called, declared once for serving and for describing it."""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Generic, TypeVar

import structlog
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from domain.bootstrap import Services
from domain.errors import ValidationFailed
from domain.ids import TenantId, UserId
from graphql_api.auth import Principal, Scope, refusal
from graphql_api.noting import saw

Body = TypeVar("Body", bound=BaseModel)

IDEMPOTENCY_KEY: Final = "Idempotency-Key"
PERSONALIZED: Final = "personalized"
USER_ID: Final[Mapping[str, str]] = {"userId": "The id by which your product knows the person."}


@dataclass(frozen=True, slots=True)
class QueryParameter:
    """A parameter behind the path.

    Attributes:
        schema: its JSON schema.
    """

    name: str
    description: str
    schema: Mapping[str, Any]


class NoBody(BaseModel):
    """The body of a request that has none."""


@dataclass(frozen=True, slots=True)
class Call:
    """One request whose caller was recognised.

    Attributes:
        principal: who calls; None only where an operation is open and no token was sent.
    """

    request: Request
    services: Services
    principal: Principal | None

    def reach(self, user_id: str) -> tuple[TenantId, UserId]:
        """Tenant and user, if the caller may touch that user's data.

        Raises:
            Unauthenticated: there is no token.
            NotFound: it is somebody else's data, whether they exist or not.
            ValidationFailed: it cannot be a user id.
        """
        if self.principal is None:
            raise refusal()
        return self.principal.tenant, self.principal.reach(user_id)

    async def read(self, user_id: str, action: str) -> tuple[TenantId, UserId]:
        """As `reach`, for a read that is noted where it is of somebody else. Raises `Unavailable` if it cannot be."""
        tenant, user = self.reach(user_id)
        if self.principal is not None:
            correlation = str(structlog.contextvars.get_contextvars().get("correlation_id", ""))
            await saw(self.services, self.principal, action, "rest", user, correlation)
        return tenant, user

    @property
    def tenant(self) -> TenantId:
        """Whose data the call is about. Raises `Unauthenticated` where there is no token."""
        if self.principal is None:
            raise refusal()
        return self.principal.tenant

    @property
    def personalized(self) -> bool:
        """Whether the answer may rest on the person's data, as the parameter says. Raises `ValidationFailed`."""
        asked = self.request.query_params.get(PERSONALIZED, "true")
        if asked not in {"true", "false"}:
            raise ValidationFailed("must be `true` or `false`", field=PERSONALIZED)
        return asked == "true"

    @property
    def idempotency_key(self) -> str | None:
        """What makes a retry of this request recognisable, if the client sent it. Raises `ValidationFailed`."""
        key = self.request.headers.get(IDEMPOTENCY_KEY)
        if key == "":
            raise ValidationFailed("must not be empty", field="idempotencyKey")
        return key


@dataclass(frozen=True, slots=True)
class Operation(Generic[Body]):
    """One method of one path.

    Attributes:
        name: the operation's id in the OpenAPI document.
        path: below the prefix of all routes, with `{parameters}`.
        body: what the request must be; `NoBody` for none.
        answer: what a success is.
        scope: what a token must allow; None opens the operation to callers without one.
        successor: the GraphQL field that does the same, such as `Mutation.learnPreferences`; None for none.
        handle: does it.
        parameters: what each parameter of the path means.
        idempotent_by_key: it takes `Idempotency-Key`.
        impersonal: it takes `?personalized=false`.
        query: what else it takes behind the path.
        streams: the media type in which it answers piece by piece on request; None for none.
        statuses: the code and meaning of answers that carry `answer`.
        failures: codes of the problems that it may answer beside those that every operation may.
        example: a request body to try it with; None for none.
        act_of: the GraphQL field that does what a body asks for, where that is not always `successor`.
    """

    name: str
    method: str
    path: str
    summary: str
    description: str
    body: type[Body]
    answer: type[BaseModel]
    scope: Scope | None
    successor: str | None
    handle: Callable[[Call, Body], Awaitable[BaseModel | Response]]
    parameters: Mapping[str, str] = field(default_factory=dict)
    idempotent_by_key: bool = False
    impersonal: bool = False
    query: tuple[QueryParameter, ...] = ()
    streams: str | None = None
    statuses: Mapping[int, str] = field(default_factory=lambda: {200: "Done."})
    failures: tuple[str, ...] = ()
    example: Mapping[str, Any] | None = None
    status_of: Callable[[Any], int] = lambda _answer: 200
    act_of: Callable[[Any], str] | None = None

    @property
    def counted_as(self) -> str:
        """Under which name calls are counted: that of the GraphQL field that does the same, if one does."""
        return (self.successor or self.name).rpartition(".")[2]

    def check_query(self, given: Iterable[str]) -> None:
        """Raise `ValidationFailed` for the name of a parameter behind the path that it does not take, or not twice."""
        left = {parameter.name for parameter in self.query} | ({PERSONALIZED} if self.impersonal else set())
        for name in given:
            if name not in left:
                raise ValidationFailed("There is no such parameter, or it is given twice.", field=name)
            left.remove(name)

    @property
    def takes_body(self) -> bool:
        """Whether the request has a body."""
        return self.body is not NoBody

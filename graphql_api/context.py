"""What a resolver may use: who asks, the services, loaders that live for one operation."""

from dataclasses import dataclass, field
from typing import TypeAlias, cast

from prometheus_client import CollectorRegistry
from strawberry.types import Info as StrawberryInfo

from domain.bootstrap import Services
from domain.ids import CorrelationId, TenantId, UserId
from domain.realtime.bus import Bus
from graphql_api.auth import Authenticator, Principal, Scope, refusal
from graphql_api.following import bus_of
from graphql_api.loaders import Loaders
from graphql_api.noting import saw


@dataclass(frozen=True, slots=True)
class AppOptions:
    """What the settings decide about the transport.

    Attributes:
        debug: answers carry timings and SQL counts.
        production: no explorer, no introspection, no suggestions.
        origins: browser origins that may call.
        metrics: what the transport counts.
    """

    debug: bool = False
    production: bool = True
    origins: frozenset[str] = frozenset()
    metrics: CollectorRegistry = field(default_factory=CollectorRegistry)


@dataclass(slots=True)
class GraphQLContext:
    """The context of one operation; on a socket every operation has its own.

    Attributes:
        authenticator: checks the tokens that sockets bring later.
        principal: who asks; None without a token.
        connection_params: what a socket's client sent with `connection_init`.
        address: where the caller is; None where that is not known.
    """

    services: Services
    options: AppOptions
    authenticator: Authenticator
    principal: Principal | None
    correlation_id: CorrelationId
    connection_params: dict[str, object] = field(default_factory=dict)
    address: str | None = None
    loaders: Loaders = field(init=False)

    def __post_init__(self) -> None:
        self.loaders = Loaders(self.services)

    @property
    def caller(self) -> Principal:
        """Who asks.

        Raises:
            Unauthenticated: there is no token.
        """
        if self.principal is None:
            raise refusal()
        return self.principal

    @property
    def tenant(self) -> TenantId:
        """Whose data this operation is about. Raises `Unauthenticated`."""
        return self.caller.tenant

    @property
    def bus(self) -> Bus:
        """Live updates.

        Raises:
            Unavailable: they are switched off.
        """
        return bus_of(self.services)

    def allow(self, scope: Scope) -> TenantId:
        """The tenant, if the caller's token has `scope`. Raises `Unauthenticated` or `Forbidden`."""
        self.caller.require(scope)
        return self.tenant

    def reach(self, user_id: str, scope: Scope) -> tuple[TenantId, UserId]:
        """Tenant and user, if the caller may do this with that user's data.

        Raises:
            Unauthenticated: there is no token.
            Forbidden: the token lacks `scope`.
            NotFound: it is somebody else's data, whether they exist or not.
        """
        self.caller.require(scope)
        return self.tenant, self.caller.reach(user_id)

    async def read(self, user_id: str, scope: Scope, action: str) -> tuple[TenantId, UserId]:
        """As `reach`, for a read that is noted where it is of somebody else. Raises `Unavailable` if it cannot be."""
        tenant, user = self.reach(user_id, scope)
        await self.note_read(user, action)
        return tenant, user

    async def note_read(self, user_id: str | None, action: str) -> None:
        """Note that what is kept of somebody else, or of everybody, is about to be shown. Raises `Unavailable`."""
        await saw(self.services, self.caller, action, "graphql", user_id, self.correlation_id)

    def for_operation(self) -> "GraphQLContext":
        """A context of the same caller for another operation, with loaders of its own."""
        return GraphQLContext(
            self.services,
            self.options,
            self.authenticator,
            self.principal,
            self.correlation_id,
            self.connection_params,
            self.address,
        )


Info: TypeAlias = StrawberryInfo[GraphQLContext, None]


def context_of(info: StrawberryInfo) -> GraphQLContext:
    """The context of an operation, typed."""
    return cast("GraphQLContext", info.context)

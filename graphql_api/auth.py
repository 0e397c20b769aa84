"""Who is calling and what they may reach: one place, so that no transport can be talked into another answer.

A user reaches their own data. Another user's id answers exactly as one that nobody has, unless the token may act for
others. Every token that cannot be trusted gets the same refusal, whatever is wrong with it.
"""

import hashlib
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, Protocol

import jwt

from domain.clock import Clock
from domain.errors import Forbidden, NotFound, Unauthenticated, ValidationFailed
from domain.ids import TenantId, UserId
from domain.privacy.lru import LruCache
from domain.privacy.model import valid_user_id
from graphql_api.gpc import note_person

CACHED_TOKENS = 10_000
MAX_TOKEN_LENGTH = 8_192
OPEN_TENANT = TenantId("demo")
CLOCK_SKEW = timedelta(seconds=5)
FOR_EVER = datetime.max.replace(tzinfo=UTC)
SHARED_SECRET_ALGORITHM = "HS256"  # noqa: S105  # the name of an algorithm

_TENANT = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
_CLAIMS = ["exp", "iss", "aud", "sub"]


class Scope(StrEnum):
    """What a token may be used for."""

    EVENTS_WRITE = "events:write"
    RECOMMENDATIONS_READ = "recommendations:read"
    PROFILE_READ = "profile:read"
    PROFILE_WRITE = "profile:write"
    PRIVACY_WRITE = "privacy:write"
    PRIVACY_ADMIN = "privacy:admin"
    MODELS_ADMIN = "models:admin"
    CATALOG_WRITE = "catalog:write"
    ANALYSIS_WRITE = "analysis:write"
    USERS_SYNC = "users:sync"
    EXPERIMENTS_ADMIN = "experiments:admin"
    ACT_AS = "act_as"


@dataclass(frozen=True, slots=True)
class Principal:
    """A caller whose token was verified.

    Attributes:
        tenant: whose data they work with; no token reaches another tenant.
        user_id: who they are.
        scopes: what the token may be used for.
        expires_at: when the token ends, and with it every socket that it opened.
        signed_in_at: when they proved who they are: `auth_time`, or where the token lacks it `iat`; None without both.
    """

    tenant: TenantId
    user_id: UserId
    scopes: frozenset[str]
    expires_at: datetime
    signed_in_at: datetime | None = None

    def require(self, scope: Scope) -> None:
        """Raise `Forbidden` unless the token has `scope`."""
        if scope not in self.scopes:
            raise Forbidden(f"This needs a token with the scope {scope.value}.")

    def reach(self, user_id: str) -> UserId:
        """`user_id` as one whose data this caller may touch.

        Raises:
            NotFound: it is somebody else's, whether they exist or not.
            ValidationFailed: it cannot be a user id.
        """
        wanted = valid_user_id(user_id)
        if wanted != self.user_id and Scope.ACT_AS not in self.scopes:
            raise NotFound("There is no such user.", field="userId")
        note_person(self.tenant, wanted)
        return wanted


class KeySource(Protocol):
    """Where the keys of signatures come from."""

    async def key_for(self, header: dict[str, Any]) -> tuple[Any, str]:
        """The key and the only algorithm that a token with this header may be checked with.

        Raises:
            Unauthenticated: there is no such key.
        """
        ...


class SharedSecret:
    """Tokens that this service, or whoever shares its secret, signed with HS256."""

    def __init__(self, secret: str) -> None:
        self._secret = secret

    async def key_for(self, _header: dict[str, Any]) -> tuple[Any, str]:
        """The secret; a token that names another algorithm fails against it."""
        return self._secret, SHARED_SECRET_ALGORITHM


class Authenticator:
    """Turns the `Authorization` header into a principal.

    Args:
        keys: where signature keys come from.
        issuer: the `iss` that tokens must have.
        audience: the `aud` that tokens must have.
        clock: decides about `exp` and `nbf`.
        nobody: who a caller without a token is; None, unless authentication is switched off.
    """

    def __init__(
        self, keys: KeySource, *, issuer: str, audience: str, clock: Clock, nobody: Principal | None = None
    ) -> None:
        self._keys = keys
        self._issuer = issuer
        self._audience = audience
        self._clock = clock
        self.nobody = nobody
        self._verified: LruCache[bytes, Principal] = LruCache(CACHED_TOKENS)

    async def principal(self, authorization: str) -> Principal:
        """The caller that `Bearer <token>` proves.

        Raises:
            Unauthenticated: always with the same message, so that the answer teaches nothing about the token.
        """
        token = _token(authorization)
        digest = _digest(token)
        principal = self._verified.get(digest)
        if principal is None:
            principal = self._checked(await self._claims(token))
            self._verified.put(digest, principal)
        if principal.expires_at <= self._clock.now():
            self._verified.drop(digest)
            raise refusal()
        if Scope.ACT_AS not in principal.scopes:
            note_person(principal.tenant, principal.user_id)
        return principal

    def verified(self, authorization: str) -> Principal | None:
        """The caller, if this process has found such a token to be good before and it has not expired."""
        try:
            principal = self._verified.get(_digest(_token(authorization)))
        except Unauthenticated:
            return None
        if principal is None or principal.expires_at <= self._clock.now():
            return None
        if Scope.ACT_AS not in principal.scopes:
            note_person(principal.tenant, principal.user_id)
        return principal

    def has_verified(self, authorization: str) -> bool:
        """Whether this process has found such a token to be good before, and may let it in without a second look."""
        try:
            return self._verified.get(_digest(_token(authorization))) is not None
        except Unauthenticated:
            return False

    async def _claims(self, token: str) -> dict[str, Any]:
        # The time claims are compared with the injected clock below, so the library leaves them alone.
        options: Any = {"require": _CLAIMS, "verify_exp": False, "verify_nbf": False, "verify_iat": False}
        try:
            key, algorithm = await self._keys.key_for(jwt.get_unverified_header(token))
            return jwt.decode(
                token, key, algorithms=[algorithm], issuer=self._issuer, audience=self._audience, options=options
            )
        except (jwt.PyJWTError, UnicodeError, ValueError, TypeError):
            raise refusal() from None

    def _checked(self, claims: dict[str, Any]) -> Principal:
        try:
            principal = Principal(
                tenant=_tenant(claims.get("tenant")),
                user_id=valid_user_id(claims["sub"]),
                scopes=frozenset(str(claims.get("scope", "")).split()),
                expires_at=_moment(claims["exp"]),
                signed_in_at=_signed_in_at(claims),
            )
            begins_at = _moment(claims.get("nbf", 0))
        except (ValidationFailed, ValueError, TypeError, OverflowError, OSError):
            raise refusal() from None
        if begins_at > self._clock.now() + CLOCK_SKEW:
            raise refusal()
        return principal


def everything() -> Principal:
    """Who everybody is while authentication is switched off: one who may do everything in the demo's tenant."""
    return Principal(OPEN_TENANT, UserId("developer"), frozenset(Scope), FOR_EVER, FOR_EVER)


def refusal() -> Unauthenticated:
    """The one answer to a token that is missing where one is needed, or cannot be trusted."""
    return Unauthenticated("A valid token is needed.")


def issue_token(
    secret: str,
    *,
    tenant: TenantId,
    user_id: UserId,
    scopes: frozenset[Scope],
    issuer: str,
    audience: str,
    issued_at: datetime,
    lifetime: timedelta,
) -> str:
    """A token signed with HS256, for development and for operators who share the service's secret."""
    claims = {
        "iss": issuer,
        "aud": audience,
        "sub": user_id,
        "tenant": tenant,
        "scope": " ".join(sorted(scopes)),
        "iat": issued_at,
        "nbf": issued_at,
        "exp": issued_at + lifetime,
    }
    return jwt.encode(claims, secret, algorithm=SHARED_SECRET_ALGORITHM)


def _tenant(value: object) -> TenantId:
    if not isinstance(value, str) or _TENANT.fullmatch(value) is None:
        raise ValueError("not a tenant")
    return TenantId(value)


def _token(authorization: str) -> str:
    scheme, _, token = authorization.partition(" ")
    token = token.strip()
    if scheme.lower() != "bearer" or not 1 <= len(token) <= MAX_TOKEN_LENGTH:
        raise refusal()
    return token


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "replace")).digest()


def _signed_in_at(claims: dict[str, Any]) -> datetime | None:
    told = claims.get("auth_time", claims.get("iat"))
    return None if told is None else _moment(told)


def _moment(value: object) -> datetime:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError("not a time")
    return datetime.fromtimestamp(value, UTC)

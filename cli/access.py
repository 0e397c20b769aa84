"""Tokens that the command line signs itself, where the service shares a secret with whoever issues tokens."""

from collections.abc import Iterable
from datetime import timedelta
from difflib import get_close_matches
from typing import Final

from domain.clock import SystemClock
from domain.errors import Forbidden, ValidationFailed
from domain.ids import TenantId
from domain.privacy.model import valid_user_id
from domain.settings import Environment, Settings
from graphql_api.auth import Scope, issue_token

DEVELOPER: Final = "developer"
DEVELOPMENT_DAYS: Final = 30


def issue(settings: Settings, tenant: TenantId, user: str, scopes: Iterable[str], lifetime: timedelta) -> str:
    """A token for one person of one tenant.

    Raises:
        ValidationFailed: an identity provider issues the tokens, no secret is configured, a scope is unknown, or `user`
            cannot be a user id.
    """
    if settings.jwt_jwks_url is not None:
        raise ValidationFailed(
            "tokens come from the identity provider; no other is accepted", field="PERSONALIZATION_JWT_JWKS_URL"
        )
    if settings.jwt_secret is None:
        raise ValidationFailed("signing a token needs a shared secret", field="PERSONALIZATION_JWT_SECRET")
    return issue_token(
        settings.jwt_secret.get_secret_value(),
        tenant=tenant,
        user_id=valid_user_id(user),
        scopes=frozenset(map(_scope, scopes)),
        issuer=settings.jwt_issuer,
        audience=settings.jwt_audience,
        issued_at=SystemClock().now(),
        lifetime=lifetime,
    )


def development_token(settings: Settings, tenant: TenantId) -> str:
    """A token with every scope, good for any user of the tenant and for 30 days.

    Raises:
        Forbidden: the service runs in production.
    """
    if settings.environment is not Environment.DEVELOPMENT:
        raise Forbidden("a token that may do everything is for development only")
    return issue(settings, tenant, DEVELOPER, Scope, timedelta(days=DEVELOPMENT_DAYS))


def _scope(name: str) -> Scope:
    try:
        return Scope(name)
    except ValueError as error:
        near = get_close_matches(name, list(Scope), n=1, cutoff=0.0)
        raise ValidationFailed(f"unknown scope {name}; did you mean {near[0]}?", field="--scopes") from error

"""What is derived from the master secret, and what must be configured."""

from typing import Final

from domain.errors import ValidationFailed
from domain.privacy.keys import derive
from domain.settings import Settings
from domain.storage.roles import Role

LOGINS: Final = tuple(role for role in Role if role is not Role.OWNER)


def role_passwords(settings: Settings) -> dict[Role, str]:
    """What each role logs in with: hexadecimal, derived from the master secret."""
    return {role: derived(settings, f"database role {role.login}").hex() for role in LOGINS}


def derived(settings: Settings, purpose: str) -> bytes:
    """The secret for one purpose. Raises `ValidationFailed` without a master secret."""
    if settings.secret is None:
        raise ValidationFailed("PERSONALIZATION_SECRET is required", field="PERSONALIZATION_SECRET")
    return derive(settings.secret.get_secret_value(), purpose)


def require_configured(settings: Settings) -> None:
    """Raise `ValidationFailed` naming the first setting that a process of the service lacks."""
    required(settings.database_url, "PERSONALIZATION_DATABASE_URL")
    required(settings.redis_url, "PERSONALIZATION_REDIS_URL")
    derived(settings, "database role")


def required(value: str | None, variable: str) -> str:
    """The value. Raises `ValidationFailed` naming the variable if there is none."""
    if value is None:
        raise ValidationFailed(f"{variable} is required", field=variable)
    return value

"""Tortoise's configuration: it keeps the schema, and is used by migrations and by `tortoise makemigrations` alone."""

from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from domain.storage.roles import Role

APP = "personalization"
MODEL_MODULES = (
    "domain.storage.tables",
    "domain.storage.experiment_tables",
    "domain.storage.user_tables",
    "domain.storage.audit_table",
    "domain.storage.rights_tables",
)
MIGRATIONS_PACKAGE = "domain.storage.migrations"


def tortoise_config(owner_url: str) -> dict[str, Any]:
    """The configuration that reaches the database of `owner_url`."""
    return {
        "connections": {Role.OWNER.value: {"engine": "tortoise.backends.asyncpg", "credentials": _place(owner_url)}},
        "apps": {
            APP: {
                "models": list(MODEL_MODULES),
                "migrations": MIGRATIONS_PACKAGE,
                "default_connection": Role.OWNER.value,
            }
        },
        "use_tz": True,
    }


def _place(url: str) -> dict[str, Any]:
    parts = urlsplit(url)
    options = {name: values[-1] for name, values in parse_qs(parts.query).items()}
    return {
        "host": options.get("host") or parts.hostname or "127.0.0.1",
        "port": int(options.get("port") or parts.port or 5432),
        "user": unquote(parts.username or ""),
        "password": unquote(parts.password or ""),
        "database": parts.path.lstrip("/"),
        "minsize": 0,
        "maxsize": 2,
    }


TORTOISE_ORM = tortoise_config("postgresql://personalization_owner@127.0.0.1/personalization")
"""What the command line reads; comparing models with migrations needs no database."""

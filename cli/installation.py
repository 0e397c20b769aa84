"""Which servers and secrets a command works with: those configured, or those of a data folder.

Every command that is given no database meets the one that `up` keeps under the data folder: the running server while
`up` runs, else a server of its own for as long as the command takes.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

from domain.settings import Environment, Settings, load_settings
from domain.storage.embedded import EmbeddedPostgres, EmbeddedValkey, running_postgres, running_valkey
from domain.storage.embedded.folders import open_home
from domain.storage.embedded.ownership import passwords

SECRETS_FILE: Final = "secrets.json"
SECRETS: Final = ("secret", "jwt_secret")


def local_settings(*, founding: bool = False, **overrides: object) -> Settings:
    """The settings of a command that may work on a development installation.

    Unless the environment says otherwise, an installation without a database of its own, or with a secrets file in
    its data folder, is for development: secrets that are not configured are made once and kept in that file.

    Args:
        founding: the installation is being made, so it is for development even before the file exists.
        **overrides: fields that the command line sets.
    """
    given = load_settings(**overrides)
    if not _for_development(given, founding=founding):
        return given
    missing = [name for name in SECRETS if getattr(given, name) is None]
    made = passwords(secrets_file(given.data_dir), *missing) if missing else {}
    return load_settings(
        **{**overrides, **{name: made[name] for name in missing}, "environment": Environment.DEVELOPMENT}
    )


def secrets_file(data_dir: Path) -> Path:
    """Where a development installation keeps its secrets, readable by its owner alone; makes the folder."""
    return open_home(data_dir, "secrets") / SECRETS_FILE


@contextmanager
def reachable(settings: Settings) -> Iterator[Settings]:
    """The settings with the address of a database and a Redis that answer while the block runs."""
    with ExitStack() as stack:
        addresses: dict[str, str] = {}
        if settings.database_url is None:
            addresses["database_url"] = stack.enter_context(_postgres(settings.data_dir))
        if settings.redis_url is None:
            addresses["redis_url"] = stack.enter_context(_valkey(settings.data_dir))
        yield settings.model_copy(update=addresses)


@contextmanager
def _postgres(data_dir: Path) -> Iterator[str]:
    running = running_postgres(data_dir)
    if running is not None:
        yield running.owner_url
        return
    with EmbeddedPostgres(data_dir) as address:
        yield address.owner_url


@contextmanager
def _valkey(data_dir: Path) -> Iterator[str]:
    running = running_valkey(data_dir)
    if running is not None:
        yield running.url
        return
    with EmbeddedValkey(data_dir) as address:
        yield address.url


def _for_development(given: Settings, *, founding: bool) -> bool:
    if "environment" in given.model_fields_set:
        return given.environment is Environment.DEVELOPMENT
    return founding or given.database_url is None or (given.data_dir / "secrets" / SECRETS_FILE).exists()

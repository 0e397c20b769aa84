"""Which servers a command works with: those configured, or those of a data folder.

Every command that is given no database meets the one that `up` keeps under the data folder: the running server while
`up` runs, else a server of its own for as long as the command takes.
"""

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

from domain.bootstrap import migrate_database
from domain.logs import configure_logging
from domain.settings import Settings
from domain.storage.embedded import EmbeddedPostgres, EmbeddedValkey, running_postgres, running_valkey

QUIET: Final = "WARNING"


@contextmanager
def reachable(settings: Settings) -> Iterator[Settings]:
    """The settings with the address of a database and a Redis that answer while the block runs."""
    speak_quietly(settings)
    with ExitStack() as stack:
        addresses: dict[str, str] = {}
        if settings.database_url is None:
            addresses["database_url"] = stack.enter_context(_postgres(settings.data_dir))
        if settings.redis_url is None:
            addresses["redis_url"] = stack.enter_context(_valkey(settings.data_dir))
        yield settings.model_copy(update=addresses)


def speak_quietly(settings: Settings) -> None:
    """Send what the services log to standard error, and only what a person at a terminal should know."""
    configure_logging(level=QUIET, debug=settings.debug)


@contextmanager
def prepared(settings: Settings) -> Iterator[Settings]:
    """As `reachable`; the tables of an embedded database are brought up to date first.

    A configured database is left alone: whoever runs it migrates it, and only `migrate` needs its owner.
    """
    with reachable(settings) as found:
        if settings.database_url is None:
            asyncio.run(migrate_database(found))
        yield found


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

"""`personalization privacy scrub`: the physical step after erasures."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import click

from cli.installation import local_settings
from cli.noting import noted_everywhere
from cli.options import data_dir_option, json_option
from cli.output import print_result, print_table, say
from cli.servers import prepared
from domain.bootstrap import open_services
from domain.erasure.model import Level, Reached
from domain.privacy.inventory import DATA_MAP
from domain.settings import Settings
from domain.storage.embedded.postgres import repair_url
from domain.storage.scrub import Scrubbed, scrub


@click.command("scrub")
@data_dir_option
@json_option
def command(data_dir: Path | None, as_json: bool) -> None:
    """Make deletions physical: rewrite tables and statistics, and delete the old write-ahead log.

    Each table is locked while it is rewritten: choose a quiet hour. The embedded database lets every part be done; a
    configured one needs a login that may (the owner for tables and statistics, a superuser for the write-ahead log).
    What was reached is added to the signed receipts of every tenant that has some.

    \b
    Example:
      personalization privacy scrub
    """
    given = local_settings(data_dir=data_dir)
    with prepared(given) as settings:
        url = str(settings.database_url) if given.database_url else repair_url(settings.data_dir)
        done = asyncio.run(_scrubbed(settings, url))
    if as_json:
        print_result({"done": [part.part for part in done if not part.refused], "refused": _refused(done)})
    else:
        print_table("What was rewritten", ("part", "not done, because"), [(part.part, part.refused) for part in done])


async def _scrubbed(settings: Settings, url: str) -> Sequence[Scrubbed]:
    async with open_services(settings) as services:
        tenants = await services.job_store.tenants()
        async with noted_everywhere(services, tenants, "scrub"):
            done = await scrub(url, [entry.name for entry in DATA_MAP.tables], say)
            for tenant in tenants:
                if await services.rights.receipts(tenant):
                    await services.rights.note_physical(tenant, [_reached(part) for part in done])
    return done


def _reached(part: Scrubbed) -> Reached:
    return Reached("postgres", part.part, Level.LOGICAL if part.refused else Level.PHYSICAL, part.refused)


def _refused(done: Sequence[Scrubbed]) -> dict[str, str]:
    return {part.part: part.refused for part in done if part.refused}

"""`personalization import`: what other systems know, loaded fast, accounted for row by row, on a legal basis or not."""

import asyncio
import time
from pathlib import Path
from typing import Final

import click

from cli.importing.sources import FORMATS, Source, open_source
from cli.installation import local_settings
from cli.loading import Loaded, Loader
from cli.noting import noted
from cli.options import data_dir_option, json_option, tenant_option
from cli.output import counting, print_result
from cli.rejects import Rejects, rejects_to
from cli.servers import prepared
from domain.bootstrap import open_services
from domain.clock import SystemClock
from domain.ids import TenantId
from domain.privacy.receipts import Evidence
from domain.settings import Settings

POLICY_VERSION: Final = "import"


@click.command("import")
@click.option("--format", "format_name", type=click.Choice(FORMATS), required=True, help="What the files are.")
@click.argument("path", type=click.Path(exists=True, path_type=Path))
@click.option("--items/--events", "holds_items", default=False, help="What a generic file holds.  [default: events]")
@tenant_option
@click.option(
    "--context",
    multiple=True,
    metavar="COLUMN",
    help="A column of behaviour in a generic file that tells an event's context; may be repeated.",
)
@click.option("--legal-basis", metavar="TEXT", help="Record the consent of the imported people, on this legal basis.")
@click.option(
    "--rejects", type=click.Path(dir_okay=False, path_type=Path), help="Write every bad row to this CSV file."
)
@data_dir_option
@json_option
def command(  # one parameter an option
    format_name: str,
    path: Path,
    holds_items: bool,
    tenant: TenantId,
    context: tuple[str, ...],
    legal_basis: str | None,
    rejects: Path | None,
    data_dir: Path | None,
    as_json: bool,
) -> None:
    """Load a catalogue and behaviour from files.

    PATH is a MovieLens folder, or a file of behaviour or of catalogue items. The tenant is made if need be. A bad row
    is reported with its line number and reason, and the rest loads. Loading the same rows again adds nothing. Without
    a legal basis, behaviour of people who have not agreed is refused and counted. A column of items that has no
    meaning of its own becomes an attribute; such a column of behaviour is refused unless declared with --context.

    \b
    Example:
      personalization import --format movielens ml-latest-small --tenant films --legal-basis contract
      personalization import --format csv --items films.csv --tenant films
    """
    source = open_source(format_name, path, SystemClock().now(), holds_items=holds_items, context=context)
    evidence = None if legal_basis is None else Evidence(POLICY_VERSION, "import", legal_basis=legal_basis)
    with prepared(local_settings(data_dir=data_dir)) as settings, rejects_to(rejects) as reject:
        started = time.perf_counter()
        loaded = asyncio.run(_import(settings, tenant, source, evidence, reject))
        seconds = time.perf_counter() - started
    if as_json:
        print_result(described(tenant, loaded, seconds))
    else:
        _describe(tenant, loaded, seconds)


async def _import(
    settings: Settings, tenant: TenantId, source: Source, evidence: Evidence | None, reject: Rejects
) -> Loaded:
    async with open_services(settings) as services:
        await services.catalog.ensure_tenant(tenant, tenant)
        loader = Loader(services, tenant, evidence, reject)
        async with noted(services, tenant, "import"):
            with counting("Rows", source.rows) as advance:
                await loader.load(source, advance)
            with counting("Profiles", len(loader.loaded.people)) as advance:
                await loader.learn(advance)
        return loader.loaded


def described(tenant: TenantId, loaded: Loaded, seconds: float) -> dict[str, object]:
    """What came of an import, as commands print it in JSON."""
    return {
        "tenant": tenant,
        "items": loaded.items,
        "users": len(loaded.people),
        "events": loaded.events,
        "duplicates": loaded.duplicates,
        "refused": loaded.refused,
        "rejected": loaded.rejected,
        "seconds": round(seconds, 3),
        "rows_per_second": round(loaded.rows / seconds),
    }


def _describe(tenant: TenantId, loaded: Loaded, seconds: float) -> None:
    click.echo(
        f"{tenant}: {loaded.items:,} items, {loaded.events:,} events of {len(loaded.people):,} users; "
        f"{loaded.duplicates:,} were there already, {loaded.rejected:,} bad rows"
    )
    if loaded.refused:
        click.echo(
            f"CONSENT_REQUIRED: {loaded.refused:,} events refused: these people have not agreed; "
            "with --legal-basis TEXT their consent is recorded"
        )
    click.echo(f"{loaded.rows:,} rows in {seconds:.1f} s ({loaded.rows / seconds:,.0f} rows/s)")

"""`personalization privacy`: what is kept, and the rights of the people whom it is about."""

import asyncio
import json
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar
from uuid import UUID

import click

from cli.installation import local_settings
from cli.noting import noted
from cli.options import data_dir_option, json_option, tenant_option
from cli.output import print_result, print_table, say, stages, writing
from cli.scrub import command as scrub
from cli.servers import prepared
from cli.verify_receipt import command as verify_receipt
from domain.bootstrap import Services, open_services, open_worker
from domain.errors import Conflict, ValidationFailed
from domain.exports.archive import schema
from domain.ids import TenantId, UserId
from domain.privacy.article30 import as_document, described
from domain.privacy.inventory import DATA_MAP
from domain.privacy.model import valid_user_id
from domain.retention.model import Swept

T = TypeVar("T")

user_argument = click.argument("user", callback=lambda _context, _parameter, value: valid_user_id(value))


@click.group("privacy")
def command() -> None:
    """Show what is kept of people, and serve their rights.

    \b
    Examples:
      personalization privacy map --article-30
    """


@command.command("map")
@click.option("--article-30", "article_30", is_flag=True, help="Print the record of processing activities (Markdown).")
@json_option
def show_map(article_30: bool, as_json: bool) -> None:
    """List everything that is kept: why, on what legal basis, for how long, and what an erasure does with it.

    \b
    Example:
      personalization privacy map --article-30 > article-30.md
    """
    if article_30:
        click.echo(as_document(DATA_MAP), nl=False)
    elif as_json:
        print_result({"entries": described(DATA_MAP)})
    else:
        rows = [(e.store.value, e.name, e.purpose, e.keeping.value, e.erasure.value) for e in DATA_MAP.entries]
        print_table("What is kept", ("store", "name", "why", "for how long", "on erasure"), rows)


@command.command("erase")
@user_argument
@tenant_option
@click.option("--yes", is_flag=True, help="Do not ask back.")
@data_dir_option
@json_option
def erase(user: UserId, tenant: TenantId, yes: bool, data_dir: Path | None, as_json: bool) -> None:
    """Erase everything that is kept of a person, now, and print the id of the signed receipt.

    A run that was killed is finished by the next one, or by a worker.

    \b
    Example:
      personalization privacy erase user_123 --tenant demo
    """
    if not yes:
        click.confirm(f"Erase everything that is kept of {user} in {tenant}?", abort=True, err=True)

    async def erased(services: Services) -> tuple[str, str]:
        async with noted(services, tenant, "requestErasure", subject=user):
            with stages("erased") as show:
                request = await services.rights.erase(tenant, user, lambda done, step: show(step, done))
        return str(request.request_id), await services.rights.receipt(tenant, request.request_id)

    request_id, receipt = _asked(data_dir, erased)
    if as_json:
        print_result({"request_id": request_id, "receipt": receipt})
    else:
        click.echo(request_id)
        say(f"the receipt: personalization privacy receipt {request_id} --tenant {tenant}")


@command.command("export")
@click.argument("user", required=False)
@click.option("--tenant", metavar="SLUG", help="Whose user.")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="The zip to write; it must not exist.")
@click.option("--schema", "only_schema", is_flag=True, help="Print the JSON Schema of exports, and nothing else.")
@data_dir_option
def export(user: str | None, tenant: str | None, out: Path | None, only_schema: bool, data_dir: Path | None) -> None:
    """Write everything that is kept of a person into a zip: one JSON file, its schema, a CSV file for each table.

    The file is for the person: it is not sealed any more, and only its owner can read it.

    \b
    Example:
      personalization privacy export user_123 --tenant demo --out user_123.zip
    """
    if only_schema:
        click.echo(json.dumps(schema(DATA_MAP), indent=1))
        return
    if user is None or tenant is None or out is None:
        raise click.UsageError("name a USER, --tenant and --out")
    place, wanted = TenantId(tenant), valid_user_id(user)
    _require_new(out)

    async def exported(services: Services) -> bytes:
        async with noted(services, place, "requestExport", subject=wanted):
            return await services.exports.archive(place, wanted)

    archive = _asked(data_dir, exported)
    with writing(out, "--out"), os.fdopen(os.open(out, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(archive)
    click.echo(out)


@command.command("retention")
@tenant_option
@click.option("--dry-run", is_flag=True, help="Delete nothing; say what would be deleted.")
@data_dir_option
@json_option
def retain(tenant: TenantId, dry_run: bool, data_dir: Path | None, as_json: bool) -> None:
    """Delete what is too old for its person's level, as a worker does every day; retire models by their deadline.

    \b
    Example:
      personalization privacy retention --tenant demo --dry-run
    """

    async def kept(services: Services) -> Swept:
        if dry_run:
            return await services.retention.run(tenant, dry=True)
        async with noted(services, tenant, "runRetention"):
            return await services.retention.run(tenant)

    swept = _asked(data_dir, kept, as_worker=True)
    rows = [(table, level, count) for (table, level), count in sorted(swept.rows.items())]
    if as_json:
        told = [dict(zip(("table", "level", "rows"), row, strict=True)) for row in rows]
        print_result({"dry_run": dry_run, "people": swept.people, "deleted": told, "models": swept.versions})
        return
    done = "would be deleted" if dry_run else "deleted"
    print_table(f"{swept.people} people looked at; {done}:", ("table", "level", "rows"), rows)
    for version in swept.versions:
        say(f"model {version}: learned from somebody who was erased, its deadline has passed")


@command.command("receipt")
@click.argument("request_id", type=click.UUID)
@tenant_option
@data_dir_option
def show_receipt(request_id: UUID, tenant: TenantId, data_dir: Path | None) -> None:
    """Print the signed receipt of an erasure: one line, to be kept as it is.

    \b
    Example:
      personalization privacy receipt 6f1c1c1e-5c0f-4d0e-9d0a-2b8f8a1d7c11 --tenant demo > receipt.json
    """
    click.echo(_asked(data_dir, lambda services: services.rights.receipt(tenant, request_id)))


command.add_command(verify_receipt)
command.add_command(scrub)


def _require_new(out: Path) -> None:
    """Refuse a place where no new file can be, before an archive is made and noted."""
    if out.exists():
        raise Conflict(f"{out} exists already", field="--out")
    if not out.absolute().parent.is_dir():
        raise ValidationFailed(f"{out}: there is no such folder", field="--out")


def _asked(data_dir: Path | None, question: Callable[[Services], Awaitable[T]], *, as_worker: bool = False) -> T:
    async def answer() -> T:
        if as_worker:
            async with open_worker(settings) as worker:
                return await question(worker.services)
        async with open_services(settings) as services:
            return await question(services)

    with prepared(local_settings(data_dir=data_dir)) as settings:
        return asyncio.run(answer())

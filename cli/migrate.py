"""`personalization migrate`: the one command that changes tables, and the one that can take the change back."""

import asyncio
from pathlib import Path

import click

from cli.installation import local_settings
from cli.options import data_dir_option, json_option
from cli.output import print_result, say
from cli.servers import reachable
from domain.bootstrap import migrate_database
from domain.errors import ValidationFailed
from domain.settings import Settings
from domain.storage.migrate import pending

LATEST = "__latest__"


@click.command("migrate")
@click.option("--to", "target", metavar="NAME|zero", help="The last migration to be applied; `zero` takes all back.")
@click.option("--plan", is_flag=True, help="Only list the migrations that have not been applied.")
@data_dir_option
@json_option
def command(target: str | None, plan: bool, data_dir: Path | None, as_json: bool) -> None:
    """Bring the database to the current schema, or back.

    Runs as the owner of the database (PERSONALIZATION_DATABASE_URL) and gives each role of the service its login.

    \b
    Example:
      personalization migrate --plan
      personalization migrate --to zero
    """
    if plan and target:
        raise ValidationFailed("--plan lists what is missing and takes no --to")
    with reachable(local_settings(data_dir=data_dir)) as settings:
        if plan:
            _report("waiting", asyncio.run(pending(str(settings.database_url))), as_json=as_json)
        else:
            _report("ran", _migrate(settings, target), as_json=as_json)


def _migrate(settings: Settings, target: str | None) -> list[str]:
    return asyncio.run(migrate_database(settings, target=target or LATEST, report=lambda name: say(f"running {name}")))


def _report(what: str, names: list[str], *, as_json: bool) -> None:
    if as_json:
        print_result({what: names})
    elif names:
        click.echo(f"{what}: {', '.join(names)}")
    else:
        click.echo("nothing to do: the database is at the current schema")

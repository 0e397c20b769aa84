"""`personalization analyst`: the login under which psql or a BI tool sees sums of many and no person."""

from pathlib import Path

import click

from cli.installation import local_settings
from cli.options import data_dir_option, json_option, tenant_option
from cli.output import print_result
from domain.bootstrap.secrets import role_passwords
from domain.errors import Unavailable
from domain.ids import TenantId
from domain.settings import Settings
from domain.storage.embedded import running_postgres
from domain.storage.roles import Role, about, url_as


@click.command("analyst")
@tenant_option
@data_dir_option
@json_option
def command(tenant: TenantId, data_dir: Path | None, as_json: bool) -> None:
    """Print the database address of the analyst, for psql or a BI tool.

    It holds a password, which follows from PERSONALIZATION_SECRET. Whoever logs in with it sees the views of the schema
    `analytics`, which count five people at least, and nothing else.

    \b
    Example:
      psql "$(personalization analyst --tenant demo)" -c "SELECT * FROM analytics.activity"
    """
    settings = local_settings(data_dir=data_dir)
    password = role_passwords(settings)[Role.ANALYST]
    url = about(tenant, url_as(Role.ANALYST, _place(settings), password))
    if as_json:
        print_result({"url": url, "role": Role.ANALYST.login, "tenant": tenant})
    else:
        click.echo(url)


def _place(settings: Settings) -> str:
    if settings.database_url is not None:
        return settings.database_url
    running = running_postgres(settings.data_dir)
    if running is None:
        raise Unavailable("No database runs on this data folder; start it with: personalization up")
    return running.owner_url

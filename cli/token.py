"""`personalization token`: a signed access token without an identity provider, for development, tests and scripts."""

from datetime import timedelta
from pathlib import Path

import click

from cli.access import issue
from cli.installation import local_settings
from cli.options import data_dir_option, json_option, tenant_option
from cli.output import print_result
from domain.ids import TenantId


@click.command("token")
@tenant_option
@click.option("--user", required=True, metavar="ID", help="Whose token: the id by which your product knows the person.")
@click.option("--scopes", required=True, metavar='"A B"', help="What it allows, separated by spaces.")
@click.option(
    "--ttl", "ttl_seconds", type=click.IntRange(1, 31_536_000), default=3600, show_default=True, help="Seconds."
)
@data_dir_option
@json_option
def command(  # noqa: PLR0913, RUF100 - one parameter an option
    tenant: TenantId,
    user: str,
    scopes: str,
    ttl_seconds: int,
    data_dir: Path | None,
    as_json: bool,
) -> None:
    """Issue an access token for development and tests.

    It is signed with PERSONALIZATION_JWT_SECRET, or with the secret of the data folder.

    \b
    Example:
      personalization token --tenant demo --user user_123 --scopes "profile:read recommendations:read"
    """
    settings = local_settings(data_dir=data_dir)
    token = issue(settings, tenant, user, scopes.split(), timedelta(seconds=ttl_seconds))
    if as_json:
        print_result({"token": token, "tenant": tenant, "user": user, "expires_in": ttl_seconds})
    else:
        click.echo(token)

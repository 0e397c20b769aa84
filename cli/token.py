"""`personalization token`: a signed access token without an identity provider, for development, tests and scripts."""

import asyncio
from datetime import timedelta
from pathlib import Path

import click

from cli.access import issue
from cli.installation import local_settings
from cli.noting import noted
from cli.options import data_dir_option, json_option, tenant_option
from cli.output import print_result
from cli.servers import prepared
from domain.bootstrap import open_services
from domain.ids import TenantId
from domain.settings import Settings


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

    It is signed with PERSONALIZATION_JWT_SECRET, or with the secret of the data folder. That it was issued, for whom
    and with which scopes, is noted in the audit log of the tenant, which must exist.

    \b
    Example:
      personalization token --tenant demo --user user_123 --scopes "profile:read recommendations:read"
    """
    given = local_settings(data_dir=data_dir)
    token = issue(given, tenant, user, scopes.split(), timedelta(seconds=ttl_seconds))
    with prepared(given) as settings:
        asyncio.run(_note(settings, tenant, user, scopes))
    if as_json:
        print_result({"token": token, "tenant": tenant, "user": user, "expires_in": ttl_seconds})
    else:
        click.echo(token)


async def _note(settings: Settings, tenant: TenantId, user: str, scopes: str) -> None:
    """Nobody sees the token before this is noted."""
    concerned = ",".join(sorted(scopes.split()))
    async with (
        open_services(settings) as services,
        noted(services, tenant, "issueToken", subject=user, concerned=concerned),
    ):
        pass

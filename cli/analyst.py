"""`personalization analyst`: the login under which psql or a BI tool sees sums of one tenant and no person."""

import asyncio
from pathlib import Path

import click

from cli.installation import local_settings
from cli.noting import noted
from cli.options import data_dir_option, json_option, tenant_option
from cli.output import print_result
from cli.servers import prepared
from domain.bootstrap import open_services
from domain.bootstrap.secrets import required
from domain.errors import Unavailable
from domain.ids import TenantId
from domain.settings import Settings
from domain.storage.analysts import give_login, take_login
from domain.storage.embedded import running_postgres
from domain.storage.roles import url_as


@click.command("analyst")
@tenant_option
@click.option("--revoke", is_flag=True, help="End the tenant's login and its sessions.")
@data_dir_option
@json_option
def command(tenant: TenantId, revoke: bool, data_dir: Path | None, as_json: bool) -> None:
    """Give a tenant's analysts a login, and print the database address for psql or a BI tool.

    Whoever logs in with it sees the views of the schema `analytics` of this tenant, which count five people at least,
    and nothing else. Each call makes a new password: the one before, and what is logged in with it, ends. That it was
    given or revoked is noted in the tenant's audit log.

    \b
    Examples:
      psql "$(personalization analyst --tenant demo)" -c "SELECT * FROM analytics.activity"
      personalization analyst --tenant demo --revoke
    """
    given = local_settings(data_dir=data_dir)
    if given.database_url is None and running_postgres(given.data_dir) is None:
        raise Unavailable("No database runs on this data folder; start it with: personalization up")
    with prepared(given) as settings:
        url = required(settings.database_url, "PERSONALIZATION_DATABASE_URL")
        if revoke:
            _revoked(tenant, asyncio.run(_revoke(settings, url, tenant)), as_json=as_json)
            return
        login, password = asyncio.run(_give(settings, url, tenant))
    address = url_as(login, url, password)
    if as_json:
        print_result({"url": address, "login": login, "tenant": tenant})
    else:
        click.echo(address)


def _revoked(tenant: TenantId, was_there: bool, *, as_json: bool) -> None:
    if as_json:
        print_result({"tenant": tenant, "revoked": was_there})
    else:
        click.echo("revoked" if was_there else f"{tenant} had no login for analysts")


async def _give(settings: Settings, url: str, tenant: TenantId) -> tuple[str, str]:
    async with open_services(settings) as services, noted(services, tenant, "giveAnalystLogin"):
        return await give_login(url, tenant)


async def _revoke(settings: Settings, url: str, tenant: TenantId) -> bool:
    async with open_services(settings) as services, noted(services, tenant, "revokeAnalystLogin"):
        return await take_login(url, tenant)

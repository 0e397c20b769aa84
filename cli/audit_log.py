"""`personalization audit-log`: whether the audit log of a tenant is whole."""

import asyncio
import sys
from pathlib import Path

import click

from cli.installation import local_settings
from cli.options import data_dir_option, json_option, tenant_option
from cli.output import print_result
from cli.servers import prepared
from domain.auditing.service import Verdict
from domain.bootstrap import open_services
from domain.ids import TenantId


@click.command("audit-log")
@tenant_option
@data_dir_option
@json_option
def command(tenant: TenantId, data_dir: Path | None, as_json: bool) -> None:
    """Check that nobody changed what was noted of who did what.

    Looks at the seal of every entry of a tenant, and whether one is missing; exits 1 at the first that is wrong.
    The number and digest of the newest entry are printed: compare them with the last line `audit` of the log, since
    only that shows whether the newest entries were cut off. Attempts whose outcome nobody noted are named: they are
    under way, or their process died between the entry and the act, or between the act and its outcome.

    \b
    Example:
      personalization audit-log --tenant demo
    """

    async def verdict() -> Verdict:
        async with open_services(settings) as services:
            return await services.audit.verify(tenant)

    with prepared(local_settings(data_dir=data_dir)) as settings:
        found = asyncio.run(verdict())
    if as_json:
        told = {"entries": found.entries, "broken": found.broken, "newest": found.newest}
        print_result(told | {"unfinished": list(found.unfinished)})
    elif found.broken is None:
        click.echo(f"{found.entries} entries, all intact; the newest: {found.newest or 'none'}")
        for number in found.unfinished:
            click.echo(f"entry {number} is an attempt without an outcome: under way, or cut short")
    else:
        click.echo(f"entry {found.broken} was changed, moved, or the one before it is missing")
    sys.exit(0 if found.broken is None else 1)

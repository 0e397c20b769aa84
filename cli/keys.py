"""`personalization keys`: the key that wraps people's keys."""

import asyncio
from pathlib import Path

import click

from cli.installation import local_settings
from cli.noting import note
from cli.options import data_dir_option, json_option
from cli.output import counting, print_result
from cli.servers import prepared
from domain.bootstrap import open_services


@click.group("keys")
def command() -> None:
    """Look after the key that wraps people's keys.

    \b
    Examples:
      personalization keys rotate
    """


@command.command("rotate")
@click.option("--retire", is_flag=True, help="Take the older keys out of the file once nothing needs them.")
@data_dir_option
@json_option
def rotate(retire: bool, data_dir: Path | None, as_json: bool) -> None:
    """Add a new key to the key file and wrap every person's key with it, while the service runs.

    Back the file up afterwards. Backups of the vault from before need the older keys.

    \b
    Example:
      personalization keys rotate --retire
    """

    async def rotated() -> int:
        async with open_services(settings) as services:
            with counting("wrapped", None) as advance:
                done = await services.rotation.rotate(advance, retire=retire)
            for tenant in await services.job_store.tenants():
                await note(services, tenant, "rotateKeys", concerned="retired" if retire else None)
            return done

    with prepared(local_settings(data_dir=data_dir)) as settings:
        done = asyncio.run(rotated())
    if as_json:
        print_result({"wrapped": done, "retired": retire})
    else:
        click.echo(f"wrapped {done} keys anew" + (", and took the older ones out of the file" if retire else ""))

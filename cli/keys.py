"""`personalization keys`: the key that wraps people's keys."""

import asyncio
import sys
from pathlib import Path

import click

from cli.installation import local_settings
from cli.noting import noted_everywhere
from cli.options import data_dir_option, json_option
from cli.output import counting, print_result
from cli.servers import prepared
from domain.bootstrap import open_services
from domain.keyring.service import Rotated
from domain.privacy.key_file import new_key_line


@click.group("keys")
def command() -> None:
    """Look after the key that wraps people's keys.

    \b
    Examples:
      personalization keys rotate
      personalization keys new
    """


@command.command("new")
@json_option
def new(as_json: bool) -> None:
    """Print a new key, for PERSONALIZATION_KEK or a key file; nothing is changed.

    \b
    Example:
      export PERSONALIZATION_KEK="$(personalization keys new)"
    """
    line = new_key_line()
    if as_json:
        print_result({"id": line.split()[0], "key": line})
    else:
        click.echo(line)


@command.command("rotate")
@click.option("--retire", is_flag=True, help="Take the older keys out of the file once nothing needs them.")
@data_dir_option
@json_option
def rotate(retire: bool, data_dir: Path | None, as_json: bool) -> None:
    """Add a new key to the key file and wrap every person's key with it, while the service runs.

    With keys from PERSONALIZATION_KEK, everything is wrapped with the last of them, and what may be taken out is said.
    Back the keys up afterwards. Backups of the vault from before need the older ones. Exits 1 if some could not be
    wrapped anew.

    \b
    Example:
      personalization keys rotate --retire
    """

    async def rotated() -> Rotated:
        async with open_services(settings) as services:
            tenants, concerned = await services.job_store.tenants(), "retired" if retire else None
            async with noted_everywhere(services, tenants, "rotateKeys", concerned):
                with counting("wrapped", None) as advance:
                    return await services.rotation.rotate(advance, retire=retire)

    with prepared(local_settings(data_dir=data_dir)) as settings:
        done = asyncio.run(rotated())
    if as_json:
        told = {"newest": done.newest, "remaining": dict(done.remaining), "removable": list(done.removable)}
        print_result({"wrapped": done.wrapped, "retired": retire, **told})
    else:
        for line in _said(done, retire=retire, place="PERSONALIZATION_KEK" if settings.kek else "the file"):
            click.echo(line)
    sys.exit(1 if done.remaining else 0)


def _said(done: Rotated, *, retire: bool, place: str) -> list[str]:
    lines = [f"wrapped {done.wrapped} keys anew with {done.newest}"]
    if retire:
        lines.append(f"took the older keys out of {place}")
    lines += [
        f"{count} keys remain under {kek_id}: they cannot be opened with the configured keys"
        for kek_id, count in sorted(done.remaining.items())
    ]
    if done.removable:
        lines.append(
            f"no key in the vault needs {', '.join(done.removable)} any more: to be taken out of {place} once every "
            f"process wraps with {done.newest}; backups of the vault from before need it"
        )
    return lines

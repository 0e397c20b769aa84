"""Options that several commands share, so that one name means one thing everywhere."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeVar

import click

from domain.errors import ValidationFailed
from domain.ids import TenantId

Command = TypeVar("Command", bound=Callable[..., Any])

TENANT: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")


def _tenant(_context: click.Context, _parameter: click.Parameter, value: str) -> TenantId:
    if TENANT.fullmatch(value) is None:
        raise ValidationFailed("a tenant is 1 to 63 lower-case letters, digits and hyphens", field="--tenant")
    return TenantId(value)


data_dir_option = click.option(
    "--data-dir",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder of the embedded servers, secrets and logs.  [default: .data]",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON line on standard output.")
tenant_option = click.option(
    "--tenant", required=True, metavar="SLUG", callback=_tenant, help="Whose data: lower-case letters, digits, hyphens."
)


def transport_options(command: Command) -> Command:
    """How the API is reached: `tls_certificate`, `tls_key` and `trusted_proxies`, named as the settings are."""
    path = click.Path(dir_okay=False, path_type=Path)
    for option in (
        click.option(
            "--trusted-proxies",
            metavar="ADDRESSES",
            help="Comma-separated addresses or networks whose X-Forwarded headers count.  [default: none]",
        ),
        click.option("--tls-key", type=path, help="PEM file with the certificate's private key."),
        click.option("--tls-certificate", type=path, help="PEM file with a certificate and its chain: HTTPS and WSS."),
    ):
        command = option(command)
    return command

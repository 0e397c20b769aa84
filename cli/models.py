"""`personalization models`: which versions a tenant has, which one serves, and how good each was on its hold-out."""

import asyncio
from pathlib import Path
from typing import Any, Final

import click

from cli.installation import local_settings
from cli.options import data_dir_option, json_option, tenant_option
from cli.output import print_result, print_table
from cli.servers import prepared
from domain.bootstrap import open_services
from domain.ids import TenantId
from domain.models.model import ModelRecord
from domain.settings import Settings

QUALITY: Final = {"NDCG@10": "blend_ndcg_at_10", "popularity": "popularity_ndcg_at_10"}
"""What the list shows of a version's metrics: as it is served, and popularity alone on the same hold-out."""


@click.group("models")
def command() -> None:
    """Look at a tenant's trained models.

    \b
    Example:
      personalization models list --tenant demo
    """


@command.command("list")
@tenant_option
@data_dir_option
@json_option
def list_models(tenant: TenantId, data_dir: Path | None, as_json: bool) -> None:
    """List every version, the newest first; the champion is the one that serves.

    \b
    Example:
      personalization models list --tenant demo --json
    """
    with prepared(local_settings(data_dir=data_dir)) as settings:
        records = asyncio.run(_versions(settings, tenant))
    if as_json:
        print_result({"tenant": tenant, "models": [described(record) for record in records]})
        return
    columns = ("version", "status", "algorithm", *QUALITY)
    print_table(f"Models of {tenant}", columns, [_row(record) for record in records])


def described(record: ModelRecord) -> dict[str, Any]:
    """A version as commands print it in JSON."""
    return {
        "version": record.version,
        "status": record.status.value,
        "algorithm": record.algorithm,
        "trained_at": record.trained_at.isoformat(),
        "size_bytes": record.size_bytes,
        "sha256": record.sha256,
        "metrics": dict(record.metrics),
    }


def _row(record: ModelRecord) -> tuple[str, ...]:
    quality = (f"{record.metrics[name]:.3f}" if name in record.metrics else "" for name in QUALITY.values())
    return (record.version, record.status.value, record.algorithm, *quality)


async def _versions(settings: Settings, tenant: TenantId) -> list[ModelRecord]:
    async with open_services(settings) as services:
        return await services.models.versions(tenant)

"""`personalization models`: which versions a tenant has, how each was judged, and which one serves."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, Final, TypeVar

import click

from cli.installation import local_settings
from cli.noting import named_in_log, noted
from cli.options import data_dir_option, json_option, tenant_option
from cli.output import print_result, print_table
from cli.servers import prepared
from domain.bootstrap import Services, open_services
from domain.ids import ModelVersion, TenantId
from domain.models.model import ModelChange, ModelRecord
from domain.models.service import ModelRegistry

QUALITY: Final = {"NDCG@10": "blend_ndcg_at_10", "popularity": "popularity_ndcg_at_10"}
"""What the list shows of a version's metrics: as it is served, and popularity alone on the same hold-out."""

T = TypeVar("T")

version_argument = click.argument("version", callback=lambda _context, _parameter, value: ModelVersion(value))
reason_option = click.option("--reason", default="", help="Why, kept with the change.")


@click.group("models")
def command() -> None:
    """Look at a tenant's trained models, and choose which one serves.

    \b
    Examples:
      personalization models list --tenant demo
      personalization models rollback --tenant demo --reason "clicks fell"
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
    records = _asked(data_dir, lambda models: models.versions(tenant))
    if as_json:
        print_result({"tenant": tenant, "models": [described(record) for record in records]})
        return
    columns = ("version", "status", "algorithm", *QUALITY, "why not")
    print_table(f"Models of {tenant}", columns, [_row(record) for record in records])


@command.command("show")
@tenant_option
@version_argument
@data_dir_option
@json_option
def show_model(tenant: TenantId, version: ModelVersion, data_dir: Path | None, as_json: bool) -> None:
    """Show how a version was judged, overall and by slice, what it was trained from, and when it served.

    \b
    Example:
      personalization models show 20261123T031500.250Z-1f0c2a9b --tenant demo
    """

    async def found(models: ModelRegistry) -> tuple[ModelRecord, list[ModelChange]]:
        record, changes = await models.version(tenant, version), await models.changes(tenant)
        return record, [change for change in changes if version in {change.version, change.replaced}]

    record, changes = _asked(data_dir, found)
    if as_json:
        told = {"changes": [_change(change) for change in changes], "baseline": dict(record.baseline)}
        print_result({"tenant": tenant, **described(record), **told})
        return
    print_table(f"Model {version} of {tenant}", ("what", "value"), _facts(record))
    slices = record.verdict.get("slices", [])
    if slices:
        columns = ("slice", "cases", "champion", "challenger", "difference", "popularity", "against popularity")
        print_table("NDCG@10 on actions after the split", columns, [_slice(entry) for entry in slices])
    if changes:
        rows = [tuple(_change(change).values()) for change in changes]
        print_table("In service", tuple(_change(changes[0])), rows)


@command.command("promote")
@tenant_option
@version_argument
@reason_option
@data_dir_option
@json_option
def promote_model(tenant: TenantId, version: ModelVersion, reason: str, data_dir: Path | None, as_json: bool) -> None:
    """Put a version in service, whatever was measured of it.

    \b
    Example:
      personalization models promote 20261123T031500.250Z-1f0c2a9b --tenant demo --reason "seen by hand"
    """

    async def promoted(services: Services) -> ModelRecord:
        async with noted(services, tenant, "promoteModel", concerned=version):
            who = named_in_log(services, tenant)
            return await services.models.promote(tenant, version, actor=who, reason=reason)

    record = _done(data_dir, promoted)
    _print_served(tenant, record, as_json)


@command.command("rollback")
@tenant_option
@click.option("--expected", metavar="VERSION", help="Do nothing if another version than this serves by now.")
@reason_option
@data_dir_option
@json_option
def roll_back_model(tenant: TenantId, expected: str | None, reason: str, data_dir: Path | None, as_json: bool) -> None:
    """Return to the version that served before; the one that is left does not come back by itself.

    \b
    Example:
      personalization models rollback --tenant demo --reason "clicks fell"
    """
    meant = None if expected is None else ModelVersion(expected)

    async def rolled_back(services: Services) -> ModelRecord:
        async with noted(services, tenant, "rollbackModel", concerned=expected) as doing:
            who = named_in_log(services, tenant)
            record = await services.models.roll_back(tenant, actor=who, reason=reason, expected=meant)
            doing.concerned = record.version
            return record

    record = _done(data_dir, rolled_back)
    _print_served(tenant, record, as_json)


def described(record: ModelRecord) -> dict[str, Any]:
    """A version as commands print it in JSON."""
    return {
        "version": record.version,
        "status": record.status.value,
        "algorithm": record.algorithm,
        "trained_at": record.trained_at.isoformat(),
        "crowned_at": None if record.crowned_at is None else record.crowned_at.isoformat(),
        "size_bytes": record.size_bytes,
        "stored": record.stored,
        "sha256": record.sha256,
        "metrics": dict(record.metrics),
        "trained_from": dict(record.trained_from),
        "verdict": dict(record.verdict),
        "drift": dict(record.drift),
    }


def _print_served(tenant: TenantId, record: ModelRecord, as_json: bool) -> None:
    if as_json:
        print_result({"tenant": tenant, **described(record)})
        return
    print_table(f"In service for {tenant}", ("version", "status", "algorithm", *QUALITY, "why not"), [_row(record)])


def _row(record: ModelRecord) -> tuple[str, ...]:
    quality = (f"{record.metrics[name]:.3f}" if name in record.metrics else "" for name in QUALITY.values())
    return (record.version, record.status.value, record.algorithm, *quality, "; ".join(record.reasons))


def _facts(record: ModelRecord) -> list[tuple[str, str]]:
    facts = {"status": record.status.value, "algorithm": record.algorithm, "sha256": record.sha256}
    facts |= {"reasons": "; ".join(record.reasons), "compared": str(record.verdict.get("basis", "with nothing"))}
    facts |= {f"trained from: {name}": str(value) for name, value in record.trained_from.items()}
    facts |= {name: f"{value:.4g}" for name, value in record.metrics.items()}
    moved: Mapping[str, Any] = record.drift.get("distributions", {})
    facts |= {f"drift: {name}": f"{measured['psi']:.3f}" for name, measured in moved.items()}
    return [(name, value) for name, value in facts.items() if value]


def _slice(entry: Mapping[str, Any]) -> tuple[str, ...]:
    def value(name: str) -> str:
        return "" if entry.get(name) is None else f"{entry[name]:.4f}"

    def interval(name: str) -> str:
        measured = entry.get(name)
        if measured is None:
            return ""
        return f"{measured['difference']:+.4f} ({measured['low']:+.4f} to {measured['high']:+.4f})"

    against = (interval("against_champion"), value("popularity"), interval("against_popularity"))
    return (str(entry["slice"]), str(entry["cases"]), value("champion"), value("challenger"), *against)


def _change(change: ModelChange) -> dict[str, str]:
    return {
        "changed_at": change.changed_at.isoformat(timespec="seconds"),
        "action": change.action.value,
        "version": change.version,
        "replaced": change.replaced or "",
        "actor": change.actor,
        "reason": change.reason,
    }


def _asked(data_dir: Path | None, question: Callable[[ModelRegistry], Awaitable[T]]) -> T:
    return _done(data_dir, lambda services: question(services.models))


def _done(data_dir: Path | None, act: Callable[[Services], Awaitable[T]]) -> T:
    async def answer() -> T:
        async with open_services(settings) as services:
            return await act(services)

    with prepared(local_settings(data_dir=data_dir)) as settings:
        return asyncio.run(answer())

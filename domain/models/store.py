"""The SQL of the model registry: versions with their bytes, and the transactions that change the champion."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

import orjson
from asyncpg import Record

from domain.clock import Clock
from domain.ids import ModelVersion, TenantId
from domain.models.model import ChangeAction, ModelChange, ModelRecord, ModelStatus, Verdict
from domain.storage.postgres import Database, Transaction

_COLUMNS: Final = """
SELECT tenant_id, name, version, algorithm, status, sha256, size_bytes, metrics, trained_at, signature,
       artifact IS NOT NULL AS stored, crowned_at, trained_from, verdict, baseline, drift
  FROM ml_models """
_RECORD: Final = _COLUMNS + "WHERE tenant_id = $1 AND name = $2"

# Changes of one tenant take turns: otherwise two could both retire the old champion and both crown a new one.
_LOCK_TENANT: Final = "SELECT 1 FROM tenants WHERE tenant_id = $1 FOR NO KEY UPDATE"

_CHAMPION: Final = "SELECT version FROM ml_models WHERE tenant_id = $1 AND name = $2 AND status = 'champion'"

_RETIRE: Final = """
UPDATE ml_models SET status = 'retired' WHERE tenant_id = $1 AND name = $2 AND status = 'champion'"""

_REJECT: Final = """
UPDATE ml_models SET status = 'rejected' WHERE tenant_id = $1 AND name = $2 AND version = $3"""

_CROWN: Final = """
UPDATE ml_models SET status = 'champion', crowned_at = $4 WHERE tenant_id = $1 AND name = $2 AND version = $3"""

_CAN_BE_CROWNED: Final = """
SELECT 1 FROM ml_models
 WHERE tenant_id = $1 AND name = $2 AND version = $3 AND status <> 'champion' AND artifact IS NOT NULL"""

_WAS_ROLLED_BACK: Final = """
SELECT 1 FROM ml_models m JOIN model_changes c
    ON c.tenant_id = m.tenant_id AND c.name = m.name AND c.replaced = m.version AND c.action = 'rolled_back'
 WHERE m.tenant_id = $1 AND m.name = $2 AND m.sha256 = $3 AND m.status = 'rejected' LIMIT 1"""

# The same data trained twice within a millisecond is the same version.
_INSERT: Final = """
INSERT INTO ml_models (tenant_id, name, version, algorithm, status, sha256, size_bytes, metrics, artifact, trained_at,
                       created_at, signature, trained_from, verdict, baseline, crowned_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)
    ON CONFLICT (tenant_id, name, version) DO UPDATE SET
       status = excluded.status, artifact = excluded.artifact, crowned_at = excluded.crowned_at"""

_NOTE_CHANGE: Final = """
INSERT INTO model_changes (tenant_id, name, version, replaced, action, actor, reason, changed_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)"""

KEPT_RETIRED: Final = 5
KEPT_OTHERS: Final = 3
"""So many artifacts stay to fall back on, and so many to look at; of older versions the record alone is kept."""

_DROP_BYTES: Final = """
UPDATE ml_models m SET artifact = NULL
  FROM (SELECT version, status, row_number() OVER (
                   PARTITION BY status = 'retired'
                   ORDER BY coalesce(crowned_at, trained_at) DESC, version DESC) AS place
          FROM ml_models
         WHERE tenant_id = $1 AND name = $2 AND status <> 'champion' AND artifact IS NOT NULL) AS kept
 WHERE m.tenant_id = $1 AND m.name = $2 AND m.version = kept.version
   AND kept.place > CASE WHEN kept.status = 'retired' THEN $3::int ELSE $4::int END"""

_CANDIDATES: Final = (
    _RECORD
    + """ AND (status IN ('champion', 'retired') AND artifact IS NOT NULL OR version = $4)
 ORDER BY status = 'champion' DESC, version = $4 DESC NULLS LAST, trained_at DESC, version DESC LIMIT $3"""
)

_PREVIOUS: Final = (
    _RECORD
    + """ AND status = 'retired' AND artifact IS NOT NULL
 ORDER BY crowned_at DESC NULLS LAST, trained_at DESC, version DESC LIMIT 1"""
)

_VERSIONS: Final = _RECORD + " ORDER BY trained_at DESC, version DESC"
_VERSION: Final = _RECORD + " AND version = $3"
_CONTENT: Final = "SELECT artifact FROM ml_models WHERE tenant_id = $1 AND name = $2 AND version = $3"
_NOTE_DRIFT: Final = "UPDATE ml_models SET drift = $4 WHERE tenant_id = $1 AND name = $2 AND version = $3"

_CHANGES: Final = """
SELECT version, replaced, action, actor, reason, changed_at FROM model_changes
 WHERE tenant_id = $1 AND name = $2 ORDER BY change_id DESC"""


class PostgresModelStore:
    """Model versions in Postgres; publishing needs the worker's role, choosing who serves the service's."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def publish(self, record: ModelRecord, content: bytes, verdict: Verdict | None, actor: str) -> ModelRecord:
        """Write the version, as champion if the verdict allows it and still holds; the record as it was written."""
        now = self._clock.now()
        async with self._database.transaction(record.tenant) as tx:
            await tx.execute(_LOCK_TENANT, record.tenant)
            champion = await tx.value(_CHAMPION, record.tenant, record.name)
            record = await _settled(tx, record, verdict, champion)
            if record.status is ModelStatus.CHAMPION:
                record = replace(record, crowned_at=now)
                await tx.execute(_RETIRE, record.tenant, record.name)
                reason = "wanted by an operator" if verdict is not None and verdict.forced else ""
                change = ModelChange(record.version, champion, ChangeAction.PUBLISHED, actor, reason, now)
                await _note(tx, record.tenant, record.name, change)
            await tx.execute(_INSERT, *_values(record, content, now))
            await tx.execute(_DROP_BYTES, record.tenant, record.name, KEPT_RETIRED, KEPT_OTHERS)
        return record

    async def promote(self, tenant: TenantId, name: str, version: ModelVersion, actor: str, reason: str) -> bool:
        """Make the version champion; False if it is it already, has no bytes or does not exist."""
        async with self._database.transaction(tenant) as tx:
            await tx.execute(_LOCK_TENANT, tenant)
            if await tx.value(_CAN_BE_CROWNED, tenant, name, version) is None:
                return False
            champion = await tx.value(_CHAMPION, tenant, name)
            change = ModelChange(version, champion, ChangeAction.PROMOTED, actor, reason, self._clock.now())
            await tx.execute(_RETIRE, tenant, name)
            await _crown(tx, tenant, name, change)
        return True

    async def roll_back(
        self, tenant: TenantId, name: str, expected: ModelVersion, to: ModelVersion, actor: str, reason: str
    ) -> bool:
        """Make `to` champion and `expected` rejected, unless another one is champion by now; whether it was done."""
        async with self._database.transaction(tenant) as tx:
            await tx.execute(_LOCK_TENANT, tenant)
            if await tx.value(_CHAMPION, tenant, name) != expected:
                return False
            if await tx.value(_CAN_BE_CROWNED, tenant, name, to) is None:
                return False
            change = ModelChange(to, expected, ChangeAction.ROLLED_BACK, actor, reason, self._clock.now())
            await tx.execute(_REJECT, tenant, name, expected)
            await _crown(tx, tenant, name, change)
        return True

    async def candidates(
        self, tenant: TenantId, name: str, limit: int, held: ModelVersion | None = None
    ) -> list[ModelRecord]:
        """The champion, then the held version whatever became of it, then retired ones from the newest on."""
        return await self._records(_CANDIDATES, tenant, name, limit, held)

    async def previous(self, tenant: TenantId, name: str) -> ModelRecord | None:
        """The retired version that was champion last."""
        return next(iter(await self._records(_PREVIOUS, tenant, name)), None)

    async def version(self, tenant: TenantId, name: str, version: ModelVersion) -> ModelRecord | None:
        """One version."""
        return next(iter(await self._records(_VERSION, tenant, name, version)), None)

    async def versions(self, tenant: TenantId, name: str) -> list[ModelRecord]:
        """Every version, from the newest on."""
        return await self._records(_VERSIONS, tenant, name)

    async def content(self, tenant: TenantId, name: str, version: ModelVersion) -> bytes | None:
        """The artifact's bytes; None if there is no such version, or they are no longer kept."""
        async with self._database.transaction(tenant) as tx:
            content = await tx.value(_CONTENT, tenant, name, version)
        return None if content is None else bytes(content)

    async def changes(self, tenant: TenantId, name: str) -> list[ModelChange]:
        """Every change of champion, from the newest on."""
        async with self._database.transaction(tenant) as tx:
            rows = await tx.rows(_CHANGES, tenant, name)
        return [
            ModelChange(
                version=ModelVersion(row["version"]),
                replaced=None if row["replaced"] is None else ModelVersion(row["replaced"]),
                action=ChangeAction(row["action"]),
                actor=row["actor"],
                reason=row["reason"],
                changed_at=row["changed_at"],
            )
            for row in rows
        ]

    async def note_drift(self, tenant: TenantId, name: str, version: ModelVersion, drift: Mapping[str, Any]) -> None:
        """Keep how far the input of a version has moved."""
        async with self._database.transaction(tenant) as tx:
            await tx.execute(_NOTE_DRIFT, tenant, name, version, _json(drift))

    async def _records(self, sql: str, tenant: TenantId, *arguments: object) -> list[ModelRecord]:
        async with self._database.transaction(tenant) as tx:
            return [_record(row) for row in await tx.rows(sql, tenant, *arguments)]


async def _crown(tx: Transaction, tenant: TenantId, name: str, change: ModelChange) -> None:
    await tx.execute(_CROWN, tenant, name, change.version, change.changed_at)
    await _note(tx, tenant, name, change)


async def _note(tx: Transaction, tenant: TenantId, name: str, change: ModelChange) -> None:
    await tx.execute(
        _NOTE_CHANGE,
        tenant,
        name,
        change.version,
        change.replaced,
        change.action.value,
        change.actor,
        change.reason,
        change.changed_at,
    )


async def _settled(tx: Transaction, record: ModelRecord, verdict: Verdict | None, champion: str | None) -> ModelRecord:
    """The record with the status that it may have at this moment."""
    if verdict is None or verdict.forced or not verdict.passed:
        return record
    if await tx.value(_WAS_ROLLED_BACK, record.tenant, record.name, record.sha256) is not None:
        return _held_back(record, ModelStatus.REJECTED, "an equal version was rolled back")
    if champion != verdict.champion:
        return _held_back(record, ModelStatus.CHALLENGER, "another version became champion while it was compared")
    return record


def _held_back(record: ModelRecord, status: ModelStatus, reason: str) -> ModelRecord:
    return replace(record, status=status, verdict={**record.verdict, "reasons": [*record.reasons, reason]})


def _values(record: ModelRecord, content: bytes, now: datetime) -> tuple[object, ...]:
    return (
        record.tenant,
        record.name,
        record.version,
        record.algorithm,
        record.status.value,
        record.sha256,
        record.size_bytes,
        _json(record.metrics),
        content,
        record.trained_at,
        now,
        record.signature,
        _json(record.trained_from),
        _json(record.verdict),
        _json(record.baseline),
        record.crowned_at,
    )


def _json(value: Mapping[str, Any]) -> str:
    return orjson.dumps(dict(value)).decode()


def _record(row: Record) -> ModelRecord:
    return ModelRecord(
        tenant=TenantId(row["tenant_id"]),
        name=row["name"],
        version=ModelVersion(row["version"]),
        algorithm=row["algorithm"],
        status=ModelStatus(row["status"]),
        sha256=row["sha256"],
        size_bytes=row["size_bytes"],
        metrics=orjson.loads(row["metrics"]),
        trained_at=row["trained_at"],
        signature=row["signature"],
        stored=row["stored"],
        crowned_at=row["crowned_at"],
        trained_from=orjson.loads(row["trained_from"]),
        verdict=orjson.loads(row["verdict"]),
        baseline=orjson.loads(row["baseline"]),
        drift=orjson.loads(row["drift"]),
    )

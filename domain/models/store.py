"""The SQL of the model registry: versions with their bytes, and the one transaction that changes the champion."""

from typing import Final

import orjson
from asyncpg import Record

from domain.clock import Clock
from domain.ids import ModelVersion, TenantId
from domain.models.model import ModelRecord, ModelStatus
from domain.storage.postgres import Database

_RECORD: Final = """
SELECT tenant_id, name, version, algorithm, status, sha256, size_bytes, metrics, trained_at
  FROM ml_models WHERE tenant_id = $1 AND name = $2"""

# Publishers of one tenant take turns: otherwise two could both retire the old champion and both become the new one.
_LOCK_TENANT: Final = "SELECT 1 FROM tenants WHERE tenant_id = $1 FOR NO KEY UPDATE"

_RETIRE: Final = """
UPDATE ml_models SET status = 'retired' WHERE tenant_id = $1 AND name = $2 AND status = 'champion'"""

# The same data trained twice within a millisecond is the same version.
_INSERT: Final = """
INSERT INTO ml_models (tenant_id, name, version, algorithm, status, sha256, size_bytes, metrics, artifact,
                       trained_at, created_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
    ON CONFLICT (tenant_id, name, version) DO UPDATE SET status = excluded.status, artifact = excluded.artifact"""

_CANDIDATES: Final = (
    _RECORD
    + """ AND status IN ('champion', 'retired')
 ORDER BY status = 'champion' DESC, trained_at DESC, version DESC LIMIT $3"""
)

_VERSIONS: Final = _RECORD + " ORDER BY trained_at DESC, version DESC"

_CONTENT: Final = "SELECT artifact FROM ml_models WHERE tenant_id = $1 AND name = $2 AND version = $3"


class PostgresModelStore:
    """Model versions in Postgres; publishing needs the worker's role, reading the service's."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def publish(self, record: ModelRecord, content: bytes) -> None:
        """Write the version with its status and retire the champion before it, in one transaction."""
        async with self._database.transaction(record.tenant) as tx:
            await tx.execute(_LOCK_TENANT, record.tenant)
            await tx.execute(_RETIRE, record.tenant, record.name)
            await tx.execute(
                _INSERT,
                record.tenant,
                record.name,
                record.version,
                record.algorithm,
                record.status.value,
                record.sha256,
                record.size_bytes,
                orjson.dumps(dict(record.metrics)).decode(),
                content,
                record.trained_at,
                self._clock.now(),
            )

    async def candidates(self, tenant: TenantId, name: str, limit: int) -> list[ModelRecord]:
        """The champion, then retired versions from the newest on; at most `limit`."""
        async with self._database.transaction(tenant) as tx:
            return [_record(row) for row in await tx.rows(_CANDIDATES, tenant, name, limit)]

    async def content(self, tenant: TenantId, name: str, version: ModelVersion) -> bytes | None:
        """The artifact's bytes; None if there is no such version."""
        async with self._database.transaction(tenant) as tx:
            content = await tx.value(_CONTENT, tenant, name, version)
        return None if content is None else bytes(content)

    async def versions(self, tenant: TenantId, name: str) -> list[ModelRecord]:
        """Every version, from the newest on."""
        async with self._database.transaction(tenant) as tx:
            return [_record(row) for row in await tx.rows(_VERSIONS, tenant, name)]


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
    )

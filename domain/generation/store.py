"""Generations in Postgres, and what groups of people chose for theirs."""

from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from datetime import datetime
from uuid import UUID

import orjson
from asyncpg import Record

from domain.behavior.store import add_events, lock_collecting
from domain.generation.census import PersonRows
from domain.generation.filing import GenerationRow, Recording
from domain.generation.model import Context
from domain.generation.pooling import Pool, PoolEntry, Pools
from domain.generation.service import Own, Recorded
from domain.ids import SubjectId, TenantId
from domain.realtime.model import UpdateKind
from domain.realtime.store import Outbox
from domain.storage.postgres import Database, Transaction

PENDING = "pending"

_STORED = """
    SELECT parameters_sealed FROM video_generation_tracking
    WHERE tenant_id = $1 AND subject_id = $2 AND generation_id = $3"""

_WRITE = """
    INSERT INTO video_generation_tracking
        (tenant_id, subject_id, generation_id, purpose, device, outcome, parameters_sealed, created_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
    ON CONFLICT (subject_id, generation_id) DO UPDATE SET
        purpose = excluded.purpose, device = excluded.device, outcome = excluded.outcome,
        parameters_sealed = excluded.parameters_sealed, created_at = excluded.created_at"""

_LATEST = """
    SELECT person.subject_id, latest.parameters_sealed
    FROM unnest($2::uuid[]) AS person (subject_id)
    CROSS JOIN LATERAL (
        SELECT g.parameters_sealed FROM video_generation_tracking g
        WHERE g.subject_id = person.subject_id AND g.tenant_id = $1 AND g.parameters_sealed IS NOT NULL
        ORDER BY g.created_at DESC, g.generation_id
        LIMIT $3
    ) AS latest"""

# Segments are numbered anew by every model, so that a number means nothing without its model.
_SEGMENTS = """
    SELECT DISTINCT ON (subject_id) subject_id, model_version || '/' || segment AS segment FROM user_segments
    WHERE tenant_id = $1 AND subject_id = ANY($2::uuid[])
    ORDER BY subject_id, assigned_at DESC, model_version"""

_POOLS = """
    SELECT segment, purpose, device, parameter, value, weight, people FROM generation_pools
    WHERE tenant_id = $1 AND segment = ANY($2::text[]) AND purpose = ANY($3::text[]) AND device = ANY($4::text[])
    ORDER BY segment, purpose, device, parameter, value"""

_PEOPLE = "SELECT DISTINCT subject_id FROM video_generation_tracking WHERE tenant_id = $1"

# Two counts of one tenant take turns, and the later one stands.
_LOCK_TENANT = "SELECT 1 FROM tenants WHERE tenant_id = $1 FOR NO KEY UPDATE"

_ADD_POOLS = """
    INSERT INTO generation_pools
        (tenant_id, computed_at, segment, purpose, device, parameter, value, weight, people)
    SELECT $1, $2::timestamptz, *
    FROM unnest($3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::real[], $9::integer[])"""


class PostgresGenerationStore:
    """Generations and pools, as a `GenerationStore`."""

    def __init__(self, database: Database, outbox: Outbox) -> None:
        self._database = database
        self._outbox = outbox

    async def record(
        self,
        tenant: TenantId,
        subject: SubjectId,
        generation_id: UUID,
        change: Callable[[bytes | None], Recording | None],
    ) -> Recorded:
        """Lock the person, hand the stored generation to `change`, and write what it answers; nothing for None."""
        async with self._database.transaction(tenant, (subject,)) as tx:
            version = await lock_collecting(tx, tenant, subject)
            recording = change(await tx.value(_STORED, tenant, subject, generation_id))
            if recording is None:
                return Recorded(0, version)
            await _write(tx, tenant, subject, generation_id, recording.row)
            added = await add_events(tx, tenant, subject, recording.log)
            kind, body = UpdateKind.INTERACTION_TRACKED, recording.log.announcement
            version = await self._outbox.announce(tx, tenant, subject, kind, body)
        return Recorded(len(added), version)

    async def own(self, tenant: TenantId, subject: SubjectId, limit: int) -> Own:
        """The latest generations of a person, and their segment."""
        async with self._database.transaction(tenant, (subject,)) as tx:
            rows = await tx.rows(_LATEST, tenant, [subject], limit)
            segments = await tx.rows(_SEGMENTS, tenant, [subject])
        return Own([row["parameters_sealed"] for row in rows], segments[0]["segment"] if segments else None)

    async def pools(self, tenant: TenantId, groups: Collection[str], context: Context) -> Mapping[str, Pools]:
        """What each group of people chose in a context and the wider ones that it belongs to."""
        purposes, devices = {context.purpose or "", ""}, {context.device or "", ""}
        async with self._database.transaction(tenant) as tx:
            rows = await tx.rows(_POOLS, tenant, list(groups), list(purposes), list(devices))
        return _pools(rows)


class PostgresCensusStore:
    """What the census reads of people and writes about groups, as a `CensusStore`.

    Args:
        database: logged in as the worker.
        trainer: logged in as the trainer, who sees none but those who agreed to training.
    """

    def __init__(self, database: Database, trainer: Database) -> None:
        self._database = database
        self._trainer = trainer

    async def people(self, tenant: TenantId, chunk: int) -> AsyncIterator[list[SubjectId]]:
        """Those with generations who agreed to training, in chunks."""
        async with self._trainer.transaction(tenant) as tx:
            async for rows in tx.stream(_PEOPLE, tenant, chunk=chunk):
                yield [SubjectId(row["subject_id"]) for row in rows]

    async def generations(self, tenant: TenantId, subjects: Sequence[SubjectId], limit: int) -> list[PersonRows]:
        """The latest generations of each of these people, and their segments."""
        async with self._database.transaction(tenant, subjects) as tx:
            rows = await tx.rows(_LATEST, tenant, list(subjects), limit)
            segments = {row["subject_id"]: row["segment"] for row in await tx.rows(_SEGMENTS, tenant, list(subjects))}
        sealed: dict[SubjectId, list[bytes]] = {}
        for row in rows:
            sealed.setdefault(SubjectId(row["subject_id"]), []).append(row["parameters_sealed"])
        return [PersonRows(subject, segments.get(subject), found) for subject, found in sealed.items()]

    async def replace(self, tenant: TenantId, pools: Mapping[str, Pools], at: datetime) -> None:
        """Write what each group chose in place of what was there."""
        rows = [
            (
                group,
                context.purpose or "",
                context.device or "",
                name,
                orjson.dumps(e.value).decode(),
                e.weight,
                e.people,
            )
            for group, found in pools.items()
            for (context, name), pool in found.items()
            for e in pool.entries
        ]
        async with self._database.transaction(tenant) as tx:
            await tx.execute(_LOCK_TENANT, tenant)
            await tx.execute("DELETE FROM generation_pools WHERE tenant_id = $1", tenant)
            if rows:
                await tx.execute(_ADD_POOLS, tenant, at, *zip(*rows, strict=True))


async def _write(
    tx: Transaction, tenant: TenantId, subject: SubjectId, generation_id: UUID, row: GenerationRow
) -> None:
    await tx.execute(
        _WRITE,
        tenant,
        subject,
        generation_id,
        row.context.purpose,
        row.context.device,
        row.outcome.value if row.outcome else PENDING,
        row.parameters_sealed,
        row.created_at,
    )


def _pools(rows: Sequence[Record]) -> dict[str, Pools]:
    found: dict[str, dict[tuple[Context, str], Pool]] = {}
    for row in rows:
        place = Context(row["purpose"] or None, row["device"] or None), row["parameter"]
        entry = PoolEntry(orjson.loads(row["value"]), row["weight"], row["people"])
        pools = found.setdefault(row["segment"], {})
        pools[place] = Pool((*pools.get(place, Pool(())).entries, entry))
    return dict(found)

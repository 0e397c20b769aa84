"""Adaptation in Postgres: one person's log and word for serving, everybody's log for mining, and what was mined."""

from collections.abc import AsyncGenerator, Callable
from datetime import datetime
from typing import Final
from uuid import UUID

from domain.adaptation.acts import EVENT_TYPES
from domain.adaptation.dossier import Dossier, SealedAct, SealedVisit
from domain.adaptation.optimization import OptimizationKind
from domain.adaptation.shared_ways import CommonWay, CommonWays, Companion
from domain.adaptation.workflows import optimization_id
from domain.behavior.model import TrainingRow
from domain.errors import NotFound
from domain.ids import EventId, ItemId, SubjectId, TenantId
from domain.realtime.model import UpdateKind
from domain.realtime.store import Outbox
from domain.storage.postgres import Database, Isolation, Transaction

_ACTS: Final = """
    SELECT event_id, seq, type, item_id, occurred_at, session_id, payload_sealed FROM user_behavior_events
    WHERE tenant_id = $1 AND subject_id = $2 AND quarantined_at IS NULL AND type = ANY($3::text[])
    ORDER BY occurred_at DESC, event_id
    LIMIT $4"""

_VISITS: Final = """
    SELECT session_id, device, context_sealed FROM user_sessions
    WHERE tenant_id = $1 AND subject_id = $2 AND session_id = ANY($3::uuid[])"""

_CHOICES: Final = "SELECT choices_sealed FROM user_adaptations WHERE tenant_id = $1 AND subject_id = $2"

# Two changes of one person take turns, so that neither is lost.
_LOCK: Final = """
    SELECT subject_id FROM subjects
    WHERE tenant_id = $1 AND subject_id = $2 AND erased_at IS NULL
    FOR NO KEY UPDATE"""

_WRITE_CHOICES: Final = """
    INSERT INTO user_adaptations (tenant_id, subject_id, choices_sealed, updated_at) VALUES ($1, $2, $3, $4)
    ON CONFLICT (subject_id) DO UPDATE SET
        choices_sealed = excluded.choices_sealed, updated_at = excluded.updated_at"""

_WAYS: Final = """
    SELECT steps, people, sessions, support, confidence, lift, last_seen_at, mined_at, of_people
    FROM common_workflows WHERE tenant_id = $1
    ORDER BY people * (cardinality(steps) - 1) * confidence DESC, workflow_id"""

_COMPANIONS: Final = """
    SELECT step, feature, people, confidence, share, kept, last_seen_at, mined_at, of_people
    FROM feature_companions WHERE tenant_id = $1"""

_ADD_WAYS: Final = """
    INSERT INTO common_workflows
        (tenant_id, mined_at, of_people, workflow_id, steps, people, sessions, support, confidence, lift, last_seen_at)
    SELECT $1, $2::timestamptz, $3::integer, w.workflow_id, string_to_array(w.steps, E'\\n'), w.people, w.sessions,
           w.support, w.confidence, w.lift, w.last_seen_at
    FROM unnest($4::text[], $5::text[], $6::integer[], $7::integer[], $8::double precision[], $9::double precision[],
                $10::double precision[], $11::timestamptz[])
        AS w (workflow_id, steps, people, sessions, support, confidence, lift, last_seen_at)"""

_ADD_COMPANIONS: Final = """
    INSERT INTO feature_companions
        (tenant_id, mined_at, of_people, step, feature, people, confidence, share, kept, last_seen_at)
    SELECT $1, $2::timestamptz, $3::integer, c.*
    FROM unnest($4::text[], $5::text[], $6::integer[], $7::double precision[], $8::double precision[],
                $9::double precision[], $10::timestamptz[])
        AS c (step, feature, people, confidence, share, kept, last_seen_at)"""

# Rows of whoever agreed to training, which row-level security sees to. Ids of people are random, so the first of them
# are a sample.
_MINED_LOG: Final = """
    SELECT subject_id, item_id, type, occurred_at FROM user_behavior_events
    WHERE tenant_id = $1 AND item_id IS NOT NULL AND type = ANY($2::text[]) AND occurred_at >= $3
    ORDER BY subject_id, occurred_at, seq"""


class PostgresAdaptationStore:
    """What adaptation reads and writes at a call, as an `AdaptationStore`."""

    def __init__(self, database: Database, outbox: Outbox) -> None:
        self._database = database
        self._outbox = outbox

    async def dossier(self, tenant: TenantId, subject: SubjectId, limit: int) -> Dossier:
        """The latest events of a person, their sessions, and what they said."""
        async with self._database.transaction(tenant, (subject,)) as tx:
            rows = await tx.rows(_ACTS, tenant, subject, list(EVENT_TYPES), limit)
            sessions = {row["session_id"] for row in rows} - {None}
            visits = await _visits(tx, tenant, subject, sessions) if sessions else {}
            choices_sealed = await tx.value(_CHOICES, tenant, subject)
        acts = [
            SealedAct(
                event_id=EventId(row["event_id"]),
                seq=row["seq"],
                type=row["type"],
                item_id=None if row["item_id"] is None else ItemId(row["item_id"]),
                occurred_at=row["occurred_at"],
                session_id=row["session_id"],
                payload_sealed=row["payload_sealed"],
            )
            for row in rows
        ]
        return Dossier(acts, visits, choices_sealed)

    async def choices(self, tenant: TenantId, subject: SubjectId) -> bytes | None:
        """What a person said, sealed."""
        async with self._database.transaction(tenant, (subject,)) as tx:
            sealed: bytes | None = await tx.value(_CHOICES, tenant, subject)
        return sealed

    async def choose(
        self,
        tenant: TenantId,
        subject: SubjectId,
        change: Callable[[bytes | None], bytes],
        announcement: bytes,
        now: datetime,
    ) -> None:
        """Write what `change` makes of what a person said so far, and announce it, in one transaction."""
        async with self._database.transaction(tenant, (subject,)) as tx:
            if await tx.value(_LOCK, tenant, subject) is None:
                raise NotFound("There is no such user.", field="userId")
            said = await tx.value(_CHOICES, tenant, subject)
            await tx.execute(_WRITE_CHOICES, tenant, subject, change(said), now)
            await self._outbox.announce(tx, tenant, subject, UpdateKind.PROFILE_UPDATED, announcement)

    async def common(self, tenant: TenantId) -> CommonWays:
        """What many people of the tenant do alike."""
        async with self._database.transaction(tenant) as tx:
            ways = await tx.rows(_WAYS, tenant)
            companions = await tx.rows(_COMPANIONS, tenant)
        rows = [*ways, *companions]
        return CommonWays(
            ways=tuple(
                CommonWay(
                    tuple(row["steps"]),
                    row["people"],
                    row["sessions"],
                    row["support"],
                    row["confidence"],
                    row["lift"],
                    row["last_seen_at"],
                )
                for row in ways
            ),
            companions=tuple(
                Companion(
                    row["step"],
                    ItemId(row["feature"]),
                    row["people"],
                    row["confidence"],
                    row["share"],
                    row["kept"],
                    row["last_seen_at"],
                )
                for row in companions
            ),
            people=rows[0]["of_people"] if rows else 0,
            mined_at=rows[0]["mined_at"] if rows else None,
        )


class CommonWaysStore:
    """Where what was mined goes.

    Args:
        database: logged in as the worker.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def replace(self, tenant: TenantId, common: CommonWays, mined_at: datetime) -> None:
        """Put what was mined in the place of what was mined before, in one transaction."""
        async with self._database.transaction(tenant) as tx:
            await tx.execute("DELETE FROM common_workflows WHERE tenant_id = $1", tenant)
            await tx.execute("DELETE FROM feature_companions WHERE tenant_id = $1", tenant)
            await _add_ways(tx, tenant, common, mined_at)
            await _add_companions(tx, tenant, common, mined_at)


class WorkflowLog:
    """The log as mining sees it: of those who agreed to training, without sealed fields, in one snapshot.

    Args:
        database: logged in as the trainer.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def people(self, tenant: TenantId, since: datetime) -> AsyncGenerator[list[TrainingRow], None]:
        """Everything of one person after the other, in order of time, then of the log."""
        person: list[TrainingRow] = []
        async with self._database.transaction(tenant, isolation=Isolation.REPEATABLE_READ) as tx:
            async for rows in tx.stream(_MINED_LOG, tenant, list(EVENT_TYPES), since):
                for row in rows:
                    found = TrainingRow(row["subject_id"], row["item_id"], row["type"], row["occurred_at"])
                    if person and person[0].subject_id != found.subject_id:
                        yield person
                        person = []
                    person.append(found)
        if person:
            yield person


async def _visits(
    tx: Transaction, tenant: TenantId, subject: SubjectId, sessions: set[UUID]
) -> dict[UUID, SealedVisit]:
    rows = await tx.rows(_VISITS, tenant, subject, sorted(sessions))
    return {row["session_id"]: SealedVisit(row["device"], row["context_sealed"]) for row in rows}


async def _add_ways(tx: Transaction, tenant: TenantId, common: CommonWays, mined_at: datetime) -> None:
    await tx.execute(
        _ADD_WAYS,
        tenant,
        mined_at,
        common.people,
        [optimization_id(OptimizationKind.SHORTCUT, way.steps, None) for way in common.ways],
        ["\n".join(way.steps) for way in common.ways],
        [way.people for way in common.ways],
        [way.sessions for way in common.ways],
        [way.support for way in common.ways],
        [way.confidence for way in common.ways],
        [way.lift for way in common.ways],
        [way.last_seen_at for way in common.ways],
    )


async def _add_companions(tx: Transaction, tenant: TenantId, common: CommonWays, mined_at: datetime) -> None:
    await tx.execute(
        _ADD_COMPANIONS,
        tenant,
        mined_at,
        common.people,
        [companion.step for companion in common.companions],
        [companion.feature for companion in common.companions],
        [companion.people for companion in common.companions],
        [companion.confidence for companion in common.companions],
        [companion.share for companion in common.companions],
        [companion.kept for companion in common.companions],
        [companion.last_seen_at for companion in common.companions],
    )

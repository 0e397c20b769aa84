"""The log in Postgres: rows of one call are written in one transaction, which consent guards from inside."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Final

from domain.behavior.model import Backlog, Interaction
from domain.behavior.sealing import SealedEvent, SealedFeedback, SealedSession
from domain.behavior.service import Appended, Report
from domain.behavior.waiting import SetAside
from domain.caching.store import note_change
from domain.errors import ConsentRequired
from domain.ids import EventId, SubjectId, TenantId
from domain.realtime.model import UpdateKind
from domain.realtime.store import Outbox
from domain.storage.postgres import Database, Transaction
from domain.together import Together

REPORTS_TOGETHER: Final = 32

# Whoever withdraws consent takes the same row lock, so a withdrawal that committed first is seen here.
LISTED: Final = 1000
"""So many events that were set aside are listed, or let back in by one transaction."""

MOST_REPLAYED: Final = 100_000

_LOCK_COLLECTING = """
    SELECT version FROM subjects
    WHERE tenant_id = $1 AND subject_id = $2 AND collects AND erased_at IS NULL
    FOR NO KEY UPDATE"""

_ADD_EVENTS = """
    INSERT INTO user_behavior_events
        (tenant_id, subject_id, received_at, session_id, event_id, type, item_id, value, occurred_at, payload_sealed)
    SELECT $1, $2, $3::timestamptz, $4::uuid, *
    FROM unnest($5::uuid[], $6::text[], $7::text[], $8::real[], $9::timestamptz[], $10::bytea[])
    ON CONFLICT (subject_id, event_id) DO NOTHING
    RETURNING event_id"""

# Consent is asked for at this moment, as it may have been withdrawn since, and stays until the commit. Rows are locked
# in one order against deadlocks. Nobody is told, but what was cached of these people counts no more.
_ADD_IMPORTED = """
    WITH agreed AS (
        SELECT subject_id FROM subjects
        WHERE tenant_id = $1 AND subject_id = ANY($10::uuid[]) AND collects AND erased_at IS NULL
        ORDER BY subject_id
        FOR NO KEY UPDATE),
    added AS (
        INSERT INTO user_behavior_events
            (tenant_id, received_at, processed_at, subject_id, event_id, type, item_id, value, occurred_at,
             payload_sealed)
        SELECT $1, $2::timestamptz, $2::timestamptz, e.*
        FROM unnest($3::uuid[], $4::uuid[], $5::text[], $6::text[], $7::real[], $8::timestamptz[], $9::bytea[])
            AS e (subject_id, event_id, type, item_id, value, occurred_at, payload_sealed)
        WHERE e.subject_id IN (SELECT subject_id FROM agreed)
        ON CONFLICT (subject_id, event_id) DO NOTHING
        RETURNING subject_id),
    changed AS (
        UPDATE subjects SET unannounced = unannounced + 1
        WHERE tenant_id = $1 AND subject_id IN (SELECT subject_id FROM added))
    SELECT count(*) FROM added"""

_ADD_FEEDBACK = """
    INSERT INTO user_feedback (tenant_id, subject_id, occurred_at, feedback_id, sentiment, item_id, payload_sealed)
    SELECT $1, $2, $3::timestamptz, * FROM unnest($4::uuid[], $5::text[], $6::text[], $7::bytea[])
    ON CONFLICT (subject_id, feedback_id) DO NOTHING"""

_ADD_INTERACTIONS = """
    INSERT INTO recommendation_interactions
        (tenant_id, subject_id, interaction_id, recommendation_id, item_id, action, position, occurred_at)
    SELECT $1, $2, * FROM unnest($3::uuid[], $4::uuid[], $5::text[], $6::text[], $7::integer[], $8::timestamptz[])
    ON CONFLICT (subject_id, interaction_id) DO NOTHING"""

_TOUCH_SESSION = """
    INSERT INTO user_sessions
        (tenant_id, subject_id, session_id, client_session_sealed, device, started_at, last_seen_at, event_count)
    VALUES ($1, $2, $3, $4, $5, $6, $6, $7)
    ON CONFLICT (subject_id, session_id) DO UPDATE SET
        device = coalesce(excluded.device, user_sessions.device),
        last_seen_at = greatest(user_sessions.last_seen_at, excluded.last_seen_at),
        event_count = user_sessions.event_count + excluded.event_count"""


class PostgresBehaviorStore:
    """The log, as a `BehaviorStore`."""

    def __init__(self, database: Database, outbox: Outbox) -> None:
        self._database = database
        self._outbox = outbox
        self._reports = Together(self._append, limit=REPORTS_TOGETHER)

    async def append(self, tenant: TenantId, subject: SubjectId, report: Report) -> Appended:
        """Add a report; events that are there already are left alone, and nothing is announced for them.

        Reports about the same person that arrive while another is written wait for its lock in any case; they are
        written in one transaction, and each is answered once that has committed.
        """
        return await self._reports.ask((tenant, subject), report)

    async def _append(self, whose: tuple[TenantId, SubjectId], reports: Sequence[Report]) -> list[Appended]:
        tenant, subject = whose
        answers = list[Appended]()
        async with self._database.transaction(tenant, (subject,)) as tx:
            version = await lock_collecting(tx, tenant, subject)
            for report in reports:
                answers.append(await self._add(tx, tenant, subject, report, version))
                version = answers[-1].version
        return answers

    async def _add(
        self, tx: Transaction, tenant: TenantId, subject: SubjectId, report: Report, version: int
    ) -> Appended:
        added = await add_events(tx, tenant, subject, report)
        if not added:
            return Appended(0, version)
        await _add_feedback(tx, tenant, subject, report, added)
        await _add_interactions(tx, tenant, subject, report, added)
        if report.session is not None:
            await _touch_session(tx, tenant, subject, report, report.session, len(added))
        kind = UpdateKind.INTERACTION_TRACKED
        return Appended(len(added), await self._outbox.announce(tx, tenant, subject, kind, report.announcement))

    async def backlog(self, tenant: TenantId | None = None) -> Backlog:
        """What waits to be learned from, of one tenant or of all."""
        if tenant is not None:
            async with self._database.transaction(tenant) as tx:
                [row] = await tx.rows("SELECT waiting, oldest_received_at FROM tenant_backlog($1)", tenant)
            return Backlog(row["waiting"], row["oldest_received_at"])
        async with self._database.dispatch() as tx:
            [row] = await tx.rows("SELECT waiting, oldest_received_at, quarantined FROM behavior_backlog()")
        return Backlog(row["waiting"], row["oldest_received_at"], row["quarantined"])


_REPLAY = """
    UPDATE user_behavior_events SET attempts = 0, quarantined_at = NULL, quarantine_reason = NULL
    WHERE tenant_id = $1 AND subject_id = ANY($2::uuid[]) AND event_id = ANY($3::uuid[]) AND quarantined_at IS NOT NULL
    RETURNING event_id"""


class PostgresQuarantine:
    """Events that broke learning too often, by the role that learns."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def events(self, tenant: TenantId, at_most: int = LISTED) -> list[SetAside]:
        """The oldest of them."""
        async with self._database.transaction(tenant) as tx:
            rows = await tx.rows("SELECT * FROM quarantined_events($1, $2)", tenant, at_most)
        return [SetAside(SubjectId(row[0]), EventId(row[1]), *row[2:]) for row in rows]

    async def replay(self, tenant: TenantId, chosen: Collection[EventId] | None = None) -> int:
        """Let them back in, all or those that are chosen, to be learned from as if they had just come; how many."""
        replayed = 0
        found = await self.events(tenant, MOST_REPLAYED)
        events = [one for one in found if chosen is None or one.event_id in chosen]
        for start in range(0, len(events), LISTED):
            some = events[start : start + LISTED]
            people = sorted({one.subject_id for one in some})
            async with self._database.transaction(tenant, people) as tx:
                ids = [one.event_id for one in some]
                replayed += len(await tx.rows(_REPLAY, tenant, people, ids))
                await note_change(tx, tenant, people)
        return replayed


class PostgresImportStore:
    """The log as imports write it, as an `ImportStore`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def append_many(
        self, tenant: TenantId, events: Sequence[tuple[SubjectId, SealedEvent]], received_at: datetime
    ) -> int:
        """Add events as already learned from, for those people who agree at this moment; how many were new."""
        if not events:
            return 0
        subjects, sealed = zip(*events, strict=True)
        people = list(dict.fromkeys(subjects))
        async with self._database.transaction(tenant, people) as tx:
            added = await tx.value(
                _ADD_IMPORTED,
                tenant,
                received_at,
                subjects,
                [entry.event.event_id for entry in sealed],
                [entry.event.type for entry in sealed],
                [entry.event.item_id for entry in sealed],
                [entry.event.value for entry in sealed],
                [entry.event.occurred_at for entry in sealed],
                [entry.payload_sealed for entry in sealed],
                people,
            )
        return int(added)


async def lock_collecting(tx: Transaction, tenant: TenantId, subject: SubjectId) -> int:
    """Hold a person's consent until the commit, for whatever is stored of what they did; their version.

    Raises:
        ConsentRequired: they do not, or no longer, agree.
    """
    version = await tx.value(_LOCK_COLLECTING, tenant, subject)
    if version is None:
        raise ConsentRequired("This user has not agreed to behaviour being stored.", field="userId")
    return int(version)


async def add_events(tx: Transaction, tenant: TenantId, subject: SubjectId, report: Report) -> set[EventId]:
    """Add a report's events in the caller's transaction, which holds the consent; the ids of those that are new."""
    events: Sequence[SealedEvent] = report.events
    rows = await tx.rows(
        _ADD_EVENTS,
        tenant,
        subject,
        report.received_at,
        report.session.session_id if report.session else None,
        [sealed.event.event_id for sealed in events],
        [sealed.event.type for sealed in events],
        [sealed.event.item_id for sealed in events],
        [sealed.event.value for sealed in events],
        [sealed.event.occurred_at for sealed in events],
        [sealed.payload_sealed for sealed in events],
    )
    return {EventId(row["event_id"]) for row in rows}


async def _add_feedback(
    tx: Transaction, tenant: TenantId, subject: SubjectId, report: Report, added: set[EventId]
) -> None:
    said: list[SealedFeedback] = [feedback for feedback in report.feedback if feedback.event_id in added]
    if said:
        await tx.execute(
            _ADD_FEEDBACK,
            tenant,
            subject,
            report.received_at,
            [feedback.event_id for feedback in said],
            [feedback.feedback.sentiment.value for feedback in said],
            [feedback.item_id for feedback in said],
            [feedback.payload_sealed for feedback in said],
        )


async def _add_interactions(
    tx: Transaction, tenant: TenantId, subject: SubjectId, report: Report, added: set[EventId]
) -> None:
    moments = {sealed.event.event_id: sealed.event.occurred_at for sealed in report.events}
    new: Mapping[EventId, Interaction] = {e: seen for e, seen in report.interactions.items() if e in added}
    if new:
        await tx.execute(
            _ADD_INTERACTIONS,
            tenant,
            subject,
            list(new),
            [seen.recommendation_id for seen in new.values()],
            [seen.item_id for seen in new.values()],
            [seen.action.value for seen in new.values()],
            [seen.position for seen in new.values()],
            [moments[event_id] for event_id in new],
        )


async def _touch_session(
    tx: Transaction, tenant: TenantId, subject: SubjectId, report: Report, session: SealedSession, events: int
) -> None:
    await tx.execute(
        _TOUCH_SESSION,
        tenant,
        subject,
        session.session_id,
        session.client_session_sealed,
        session.device,
        report.received_at,
        events,
    )

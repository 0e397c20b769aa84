"""The log in Postgres: rows of one call are written in one transaction, which consent guards from inside."""

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

from domain.behavior.model import TAKEN, Backlog, ExploredPlace, Interaction, TrainingRow
from domain.behavior.served import TakenList
from domain.behavior.service import Appended, Report, SealedEvent, SealedFeedback, SealedSession
from domain.errors import ConsentRequired
from domain.ids import EventId, ModelVersion, SubjectId, TenantId
from domain.realtime.model import UpdateKind
from domain.realtime.store import Outbox
from domain.storage.postgres import Database, Isolation, Transaction

ATTRIBUTION: Final = timedelta(minutes=30)
"""What is done with a list within this time is put down to it."""

SUCCESSES: Final = [action.value for action in TAKEN]

# Whoever withdraws consent takes the same row lock, so a withdrawal that committed first is seen here.
LOCK_COLLECTING = """
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

# A snapshot for training: rows of whoever agreed to it, which row-level security sees to.
_TRAINING_ROWS = """
    SELECT subject_id, item_id, type, occurred_at FROM user_behavior_events
    WHERE tenant_id = $1 AND item_id IS NOT NULL"""

# The first list of each person on each day, so that nobody who looks often counts more than others; whether something
# of it was taken within the time given. Row-level security leaves out who did not agree to training.
_FIRST_LISTS = """
    SELECT succeeded FROM (
        SELECT DISTINCT ON (r.subject_id, (r.served_at AT TIME ZONE 'UTC')::date) r.served_at, r.recommendation_id,
               EXISTS (SELECT FROM recommendation_interactions i
                       WHERE i.subject_id = r.subject_id AND i.recommendation_id = r.recommendation_id
                         AND i.action = ANY($5::text[]) AND i.occurred_at < r.served_at + $4::interval) AS succeeded
        FROM recommendations r
        WHERE tenant_id = $1 AND model_version = $2 AND r.served_at < $3::timestamptz - $4::interval
        ORDER BY r.subject_id, (r.served_at AT TIME ZONE 'UTC')::date, r.served_at, r.recommendation_id
    ) AS first ORDER BY served_at, recommendation_id LIMIT $6"""

# Places of served lists that chance had a part in, and whether the item was taken.
_EXPLORED = """
    SELECT r.subject_id, r.served_at, place.item_id, place.propensity,
           EXISTS (SELECT FROM recommendation_interactions i
                   WHERE i.subject_id = r.subject_id AND i.recommendation_id = r.recommendation_id
                     AND i.item_id = place.item_id AND i.action = ANY($3::text[])) AS succeeded
    FROM recommendations r CROSS JOIN LATERAL unnest(r.item_ids, r.propensities) AS place (item_id, propensity)
    WHERE r.tenant_id = $1 AND place.propensity > 0 AND place.propensity < 1
    ORDER BY r.served_at DESC, r.recommendation_id, place.item_id LIMIT $2"""

_TAKEN_LISTS = """
    SELECT r.subject_id, r.served_at, r.item_ids, array_agg(DISTINCT i.item_id) AS taken, r.device, r.surface, r.purpose
    FROM recommendations r JOIN recommendation_interactions i USING (tenant_id, subject_id, recommendation_id)
    WHERE r.tenant_id = $1 AND i.action = ANY($3::text[])
    GROUP BY r.subject_id, r.recommendation_id, r.served_at, r.item_ids, r.device, r.surface, r.purpose
    ORDER BY r.served_at DESC, r.recommendation_id LIMIT $2"""

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

    async def append(self, tenant: TenantId, subject: SubjectId, report: Report) -> Appended:
        """Add a report; events that are there already are left alone, and nothing is announced for them."""
        async with self._database.transaction(tenant, (subject,)) as tx:
            version = await lock_collecting(tx, tenant, subject)
            added = await add_events(tx, tenant, subject, report)
            if not added:
                return Appended(0, version)
            await _add_feedback(tx, tenant, subject, report, added)
            await _add_interactions(tx, tenant, subject, report, added)
            if report.session is not None:
                await _touch_session(tx, tenant, subject, report, report.session, len(added))
            kind = UpdateKind.INTERACTION_TRACKED
            version = await self._outbox.announce(tx, tenant, subject, kind, report.announcement)
        return Appended(len(added), version)

    async def backlog(self) -> Backlog:
        """What waits to be learned from."""
        async with self._database.dispatch() as tx:
            row = await tx.row("SELECT waiting, oldest_received_at, quarantined FROM behavior_backlog()")
        if row is None:
            return Backlog(0, None, 0)
        return Backlog(row["waiting"], row["oldest_received_at"], row["quarantined"])


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


class TrainingLog:
    """The log as the trainer sees it: consented rows, no sealed field, one snapshot for the whole reading.

    Args:
        database: logged in as the trainer.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def chunks(self, tenant: TenantId) -> AsyncIterator[list[TrainingRow]]:
        """Every row about a catalogue item, in chunks, in no particular order."""
        async with self._database.transaction(tenant, isolation=Isolation.REPEATABLE_READ) as tx:
            async for rows in tx.stream(_TRAINING_ROWS, tenant):
                yield [TrainingRow(row["subject_id"], row["item_id"], row["type"], row["occurred_at"]) for row in rows]

    async def first_lists(self, tenant: TenantId, version: ModelVersion, now: datetime, limit: int) -> list[bool]:
        """Of each person and day the first list of a model version, in time order: whether something of it was taken.

        A list counts once `ATTRIBUTION` has passed since it was served.
        """
        async with self._database.transaction(tenant) as tx:
            rows = await tx.rows(_FIRST_LISTS, tenant, version, now, ATTRIBUTION, SUCCESSES, limit)
        return [row["succeeded"] for row in rows]

    async def explored(self, tenant: TenantId, limit: int) -> list[ExploredPlace]:
        """The newest places of served lists that chance had a part in."""
        async with self._database.transaction(tenant) as tx:
            rows = await tx.rows(_EXPLORED, tenant, limit, SUCCESSES)
        return [
            ExploredPlace(
                row["subject_id"], row["served_at"], row["item_id"], float(row["propensity"]), row["succeeded"]
            )
            for row in rows
        ]

    async def taken_lists(self, tenant: TenantId, limit: int) -> list[TakenList]:
        """The newest served lists of which something was taken."""
        async with self._database.transaction(tenant) as tx:
            rows = await tx.rows(_TAKEN_LISTS, tenant, limit, SUCCESSES)
        return [TakenList(*row) for row in rows]


async def lock_collecting(tx: Transaction, tenant: TenantId, subject: SubjectId) -> int:
    """Hold a person's consent until the commit, for whatever is stored of what they did; their version.

    Raises:
        ConsentRequired: they do not, or no longer, agree.
    """
    version = await tx.value(LOCK_COLLECTING, tenant, subject)
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

"""The log in Postgres: rows of one call are written in one transaction, which consent guards from inside."""

from collections.abc import Mapping, Sequence

from domain.behavior.model import Backlog, Interaction
from domain.behavior.service import Appended, Report, SealedEvent, SealedFeedback, SealedSession
from domain.errors import ConsentRequired
from domain.ids import EventId, SubjectId, TenantId
from domain.realtime.model import UpdateKind
from domain.realtime.store import announce
from domain.storage.postgres import Database, Transaction

# Whoever withdraws consent takes the same row lock, so a withdrawal that committed first is seen here.
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
        last_seen_at = greatest(user_sessions.last_seen_at, excluded.last_seen_at),
        event_count = user_sessions.event_count + excluded.event_count"""


class PostgresBehaviorStore:
    """The log, as a `BehaviorStore`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def append(self, tenant: TenantId, subject: SubjectId, report: Report) -> Appended:
        """Add a report; events that are there already are left alone, and nothing is announced for them."""
        async with self._database.transaction(tenant, (subject,)) as tx:
            version = await tx.value(_LOCK_COLLECTING, tenant, subject)
            if version is None:
                raise ConsentRequired("This user has not agreed to behaviour being stored.", field="userId")
            added = await _add_events(tx, tenant, subject, report)
            if not added:
                return Appended(0, version)
            await _add_feedback(tx, tenant, subject, report, added)
            await _add_interactions(tx, tenant, subject, report, added)
            if report.session is not None:
                await _touch_session(tx, tenant, subject, report, report.session, len(added))
            version = await announce(tx, tenant, subject, UpdateKind.INTERACTION_TRACKED, report.announcement)
        return Appended(len(added), version)

    async def backlog(self) -> Backlog:
        """What waits to be learned from."""
        async with self._database.dispatch() as tx:
            row = await tx.row("SELECT waiting, oldest_received_at, quarantined FROM behavior_backlog()")
        if row is None:
            return Backlog(0, None, 0)
        return Backlog(row["waiting"], row["oldest_received_at"], row["quarantined"])


async def _add_events(tx: Transaction, tenant: TenantId, subject: SubjectId, report: Report) -> set[EventId]:
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

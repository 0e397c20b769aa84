"""Visits in Postgres."""

from datetime import datetime

from domain.behavior.sealing import SealedSession
from domain.behavior.store import lock_collecting
from domain.ids import SubjectId, TenantId
from domain.storage.postgres import Database
from domain.visits.service import SessionState

# What a session says anew replaces what it said; what it leaves out stays.
_SEE_SESSION = """
    INSERT INTO user_sessions
        (tenant_id, subject_id, session_id, client_session_sealed, device, started_at, last_seen_at, context_sealed)
    VALUES ($1, $2, $3, $4, $5, $6, $6, $7)
    ON CONFLICT (subject_id, session_id) DO UPDATE SET
        device = coalesce(excluded.device, user_sessions.device),
        context_sealed = coalesce(excluded.context_sealed, user_sessions.context_sealed),
        started_at = least(user_sessions.started_at, excluded.started_at),
        last_seen_at = greatest(user_sessions.last_seen_at, excluded.last_seen_at)
    RETURNING device, started_at, last_seen_at, event_count"""


class PostgresSessionStore:
    """Sessions as clients report them, as a `SessionStore`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def see(
        self,
        tenant: TenantId,
        subject: SubjectId,
        session: SealedSession,
        context_sealed: bytes | None,
        seen_at: datetime,
    ) -> SessionState:
        """Note that a session is alive, and what it says of itself."""
        async with self._database.transaction(tenant, (subject,)) as tx:
            await lock_collecting(tx, tenant, subject)
            row = await tx.row(
                _SEE_SESSION,
                tenant,
                subject,
                session.session_id,
                session.client_session_sealed,
                session.device,
                seen_at,
                context_sealed,
            )
        assert row is not None  # noqa: S101  # an upsert answers with its row
        return SessionState(row["device"], row["started_at"], row["last_seen_at"], row["event_count"])

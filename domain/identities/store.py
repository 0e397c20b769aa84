"""Merging in Postgres: every row of one person becomes another's in one transaction.

Both people are locked first, in the order that everybody keeps. A worker locks events before their people; so events
are asked for without waiting, and a merge that meets a worker lets go of everything and tries again.
"""

from collections.abc import Sequence
from datetime import datetime

import asyncpg

from domain.identities.model import MOVED, Busy, Joined, Merging, MovedTable
from domain.ids import SubjectId, TenantId
from domain.privacy.store import Forgetting, add_receipts, follow, locked_subjects, write_decided
from domain.profiles.service import Learn
from domain.profiles.store import keep_stated, learned_anew
from domain.realtime.model import UpdateKind
from domain.realtime.store import Outbox
from domain.storage.postgres import Database, Transaction

CHUNK = 1000

_HOLD_EVENTS = """
    SELECT 1 FROM user_behavior_events WHERE tenant_id = $1 AND subject_id = $2 FOR UPDATE NOWAIT"""

_STATED = """
    SELECT subject_id, stated_sealed FROM user_profiles
    WHERE tenant_id = $1 AND subject_id = ANY($2::uuid[]) AND stated_sealed IS NOT NULL"""

_SESSIONS = """
    SELECT session_id, client_session_sealed, context_sealed FROM user_sessions
    WHERE tenant_id = $1 AND subject_id = $2"""

# A visit that went on under the account's own id is one visit.
_MOVE_SESSIONS = """
    WITH moved AS (
        DELETE FROM user_sessions s USING unnest($4::uuid[], $5::uuid[], $6::bytea[], $7::bytea[])
            AS n (session_id, new_id, sealed, context)
        WHERE s.tenant_id = $1 AND s.subject_id = $3 AND s.session_id = n.session_id
        RETURNING n.new_id, n.sealed, n.context, s.device, s.started_at, s.last_seen_at, s.event_count)
    INSERT INTO user_sessions
        (tenant_id, subject_id, session_id, client_session_sealed, context_sealed, device, started_at, last_seen_at,
         event_count)
    SELECT $1, $2, moved.* FROM moved
    ON CONFLICT (subject_id, session_id) DO UPDATE SET
        context_sealed = coalesce(user_sessions.context_sealed, excluded.context_sealed),
        device = coalesce(user_sessions.device, excluded.device),
        started_at = least(user_sessions.started_at, excluded.started_at),
        last_seen_at = greatest(user_sessions.last_seen_at, excluded.last_seen_at),
        event_count = user_sessions.event_count + excluded.event_count"""

_RENAME_SESSIONS = """
    UPDATE user_behavior_events e SET session_id = n.new_id
    FROM unnest($3::uuid[], $4::uuid[]) AS n (session_id, new_id)
    WHERE e.tenant_id = $1 AND e.subject_id = $2 AND e.session_id = n.session_id"""

# An event that was told under both ids happened once.
_UNCOUNT_REPEATED = """
    UPDATE user_sessions s SET event_count = s.event_count - repeated.events
    FROM (SELECT o.session_id, count(*) AS events FROM user_behavior_events o
          WHERE o.tenant_id = $1 AND o.subject_id = $3
            AND EXISTS (SELECT 1 FROM user_behavior_events a WHERE a.subject_id = $2 AND a.event_id = o.event_id)
          GROUP BY o.session_id) AS repeated
    WHERE s.tenant_id = $1 AND s.subject_id = $3 AND s.session_id = repeated.session_id"""

# What counts is the first exposure, under whichever id.
_KEEP_FIRST_EXPOSURES = """
    DELETE FROM user_ab_tests mine USING user_ab_tests theirs
    WHERE mine.tenant_id = $1 AND mine.subject_id = $2 AND theirs.subject_id = $3
      AND mine.test_id = theirs.test_id AND mine.phase = theirs.phase AND theirs.exposed_at < mine.exposed_at"""

# Whoever saw two variations of one phase is flagged; what was counted of either is summed anew, over all their doings.
_FLAG_EXPOSURES = """
    WITH twice AS (
        SELECT a.test_id, a.phase FROM user_ab_tests a
        JOIN user_ab_tests o ON o.test_id = a.test_id AND o.phase = a.phase AND o.variation <> a.variation
        WHERE a.tenant_id = $1 AND a.subject_id = $2 AND o.tenant_id = $1 AND o.subject_id = $3 AND a.phase > 0),
    departed AS (
        INSERT INTO ab_test_departures (tenant_id, test_id, units, merged)
        SELECT tenant_id, test_id, 0, count(*) - count(DISTINCT phase) FROM user_ab_tests
        WHERE tenant_id = $1 AND subject_id IN ($2, $3) AND counted IS NOT NULL GROUP BY 1, 2)
    UPDATE user_ab_tests u SET stale = true, counted = NULL,
        multiple = u.multiple OR (u.test_id, u.phase) IN (SELECT test_id, phase FROM twice)
    WHERE u.tenant_id = $1 AND u.subject_id IN ($2, $3)"""

_MOVE_RECEIPTS = "UPDATE consents SET subject_id = $2 WHERE tenant_id = $1 AND subject_id = $3"

_LEAD_HERE = "UPDATE subject_identities SET subject_id = $2 WHERE tenant_id = $1 AND subject_id = $3"

_BURY = """
    UPDATE subjects SET erased_at = $3, collects = false, trains = false, external_id_sealed = ''
    WHERE tenant_id = $1 AND subject_id = $2"""

# Their key will be gone; what is left to publish says only that something happened.
_EMPTY_OUTBOX = "UPDATE outbox SET body_sealed = '' WHERE tenant_id = $1 AND subject_id = $2"

_REMEMBER = """
    WITH earlier AS (
        UPDATE identity_merges SET subject_id = $2 WHERE tenant_id = $1 AND subject_id = $3)
    INSERT INTO identity_merges (tenant_id, subject_id, merged_subject_id, merged_at) VALUES ($1, $2, $3, $4)"""

_UNFINISHED = """
    SELECT merged_subject_id FROM identity_merges
    WHERE tenant_id = $1 AND subject_id = $2 AND key_destroyed_at IS NULL"""

_FINISH = """
    UPDATE identity_merges SET key_destroyed_at = $4
    WHERE tenant_id = $1 AND subject_id = $2 AND merged_subject_id = ANY($3::uuid[])"""


class PostgresIdentityStore:
    """The tables that merging touches, as an `IdentityStore`."""

    def __init__(self, database: Database, outbox: Outbox, forgetting: Forgetting) -> None:
        self._database = database
        self._outbox = outbox
        self._forgetting = forgetting

    async def merge(self, tenant: TenantId, merging: Merging, learn_from: Learn) -> int | None:
        """Make two people one in one transaction, and announce it to the subscribers of both."""
        both = (merging.account, merging.other)
        try:
            async with self._database.transaction(tenant, both) as tx:
                standings = await locked_subjects(tx, tenant, both)
                if len(standings) < len(both):
                    return None
                await tx.rows(_HOLD_EVENTS, tenant, merging.other)
                stated = {SubjectId(row[0]): bytes(row[1]) for row in await tx.rows(_STATED, tenant, both)}
                joined = merging.join(standings, stated)
                events = await _moved(tx, tenant, merging) if joined.account.collects else 0
                await _drop_rest(tx, tenant, merging.other)
                await tx.execute(_MOVE_RECEIPTS, tenant, *both)
                await write_decided(tx, tenant, [joined.account])
                changed = [(standings[one].subject, joined.account) for one in both]
                await follow(tx, tenant, self._forgetting, changed)
                await add_receipts(tx, tenant, {merging.account: joined.receipts})
                await self._profiled(tx, tenant, merging, joined, learn_from)
                await self._handed_over(tx, tenant, merging)
        except (asyncpg.LockNotAvailableError, asyncpg.DeadlockDetectedError) as error:
            raise Busy("This user is being learned from at this moment.", retry_after_seconds=1) from error
        return events

    async def unfinished(self, tenant: TenantId, account: SubjectId) -> Sequence[SubjectId]:
        """The people that became part of `account` and whose key may still be there."""
        async with self._database.transaction(tenant, (account,)) as tx:
            return [SubjectId(row[0]) for row in await tx.rows(_UNFINISHED, tenant, account)]

    async def finish(self, tenant: TenantId, account: SubjectId, others: Sequence[SubjectId], at: datetime) -> None:
        """Note that the keys of `others` are destroyed."""
        async with self._database.transaction(tenant, (account,)) as tx:
            await tx.execute(_FINISH, tenant, account, list(others), at)

    async def _profiled(
        self, tx: Transaction, tenant: TenantId, merging: Merging, joined: Joined, learn_from: Learn
    ) -> None:
        if joined.stated_sealed is not None:
            await keep_stated(tx, tenant, merging.account, joined.stated_sealed, merging.merged_at)
        if joined.account.collects:
            await learned_anew(tx, self._outbox, tenant, (merging.account,), learn_from, merging.merged_at)

    async def _handed_over(self, tx: Transaction, tenant: TenantId, merging: Merging) -> None:
        account, other, now = merging.account, merging.other, merging.merged_at
        await tx.execute(_LEAD_HERE, tenant, account, other)
        await tx.execute(_BURY, tenant, other, now)
        await tx.execute(_EMPTY_OUTBOX, tenant, other)
        await tx.execute(_REMEMBER, tenant, account, other, now)
        theirs = await self._outbox.announce(tx, tenant, other, UpdateKind.IDENTITY_MERGED, b"")
        mine = await tx.value("SELECT version FROM subjects WHERE tenant_id = $1 AND subject_id = $2", tenant, account)
        # The account ends above the other's newest version, so that whoever goes on there with a cursor of the other's
        # meets the merge.
        updates = [(account, UpdateKind.IDENTITY_MERGED, b"")] * max(1, theirs + 1 - mine)
        await self._outbox.announce_many(tx, tenant, updates)


async def _moved(tx: Transaction, tenant: TenantId, merging: Merging) -> int:
    both = (merging.account, merging.other)
    await tx.execute(_UNCOUNT_REPEATED, tenant, *both)
    rows = await tx.rows(_SESSIONS, tenant, merging.other)
    if rows:
        old = [row["session_id"] for row in rows]
        new, sealed = zip(*(merging.session(bytes(row["client_session_sealed"])) for row in rows), strict=True)
        await tx.execute(_RENAME_SESSIONS, tenant, merging.other, old, new)
        contexts = _resealed(merging, "user_sessions", "context_sealed", rows)
        await tx.execute(_MOVE_SESSIONS, tenant, *both, old, new, sealed, contexts)
    await tx.execute(_FLAG_EXPOSURES, tenant, *both)
    await tx.execute(_KEEP_FIRST_EXPOSURES, tenant, *both)
    moved = {table.name: await _move(tx, tenant, merging, table) for table in MOVED}
    return moved["user_behavior_events"]


# The names of tables and columns below are constants of this package.
async def _move(tx: Transaction, tenant: TenantId, merging: Merging, table: MovedTable) -> int:
    both = (merging.account, merging.other)
    same = " AND ".join(f"a.{column} = o.{column}" for column in table.key) or "true"
    await tx.execute(
        f"DELETE FROM {table.name} o WHERE o.tenant_id = $1 AND o.subject_id = $3 "  # noqa: S608
        f"AND EXISTS (SELECT 1 FROM {table.name} a WHERE a.subject_id = $2 AND {same})",
        tenant,
        *both,
    )
    if table.sealed:
        return await _reseal(tx, tenant, merging, table)
    count = await tx.value(
        f"WITH moved AS (UPDATE {table.name} SET subject_id = $2 WHERE tenant_id = $1 AND subject_id = $3 RETURNING 1) "  # noqa: S608
        "SELECT count(*) FROM moved",
        tenant,
        *both,
    )
    return int(count)


async def _reseal(tx: Transaction, tenant: TenantId, merging: Merging, table: MovedTable) -> int:
    key = table.key[0] if table.key else "subject_id"
    places = range(5, 5 + len(table.sealed))
    update = (
        f"UPDATE {table.name} t SET subject_id = $2, {', '.join(f'{c} = n.{c}' for c in table.sealed)} "  # noqa: S608
        f"FROM unnest($4::{table.key_type}[], {', '.join(f'${p}::bytea[]' for p in places)}) "
        f"AS n ({key}, {', '.join(table.sealed)}) WHERE t.tenant_id = $1 AND t.subject_id = $3 AND t.{key} = n.{key}"
    )
    read = (
        f"SELECT {key}, {', '.join(table.sealed)} FROM {table.name} "  # noqa: S608
        "WHERE tenant_id = $1 AND subject_id = $2 LIMIT $3"
    )
    moved = 0
    while rows := await tx.rows(read, tenant, merging.other, CHUNK):
        columns = [_resealed(merging, table.name, column, rows) for column in table.sealed]
        await tx.execute(update, tenant, merging.account, merging.other, [row[key] for row in rows], *columns)
        moved += len(rows)
    return moved


def _resealed(merging: Merging, table: str, column: str, rows: Sequence[asyncpg.Record]) -> list[bytes | None]:
    values = (row[column] for row in rows)
    return [None if value is None else merging.reseal(table, column, bytes(value)) for value in values]


async def _drop_rest(tx: Transaction, tenant: TenantId, other: SubjectId) -> None:
    """Nothing stays behind: what did not move is of no further use, or may not be kept of the account."""
    others = ("user_sessions", "user_profiles", "user_segments", "privacy_exports")
    for name in (*(table.name for table in MOVED), *others):
        await tx.execute(
            f"DELETE FROM {name} WHERE tenant_id = $1 AND subject_id = $2",  # noqa: S608
            tenant,
            other,
        )

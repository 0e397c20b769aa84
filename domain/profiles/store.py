"""Profiles in Postgres. A batch is taken, learned from and marked done in one transaction.

The row locks of the claim last as long as that transaction, so a worker that dies lets go of its batch at once and
nothing has to time out.
"""

from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import datetime
from operator import itemgetter
from typing import Final, Protocol, TypeVar

import asyncpg
import structlog

from domain.caching.store import note_change
from domain.errors import DomainError
from domain.ids import EventId, ItemId, SubjectId, TenantId
from domain.privacy.store import locked_subjects
from domain.profiles.lessons import Lesson, LogRow
from domain.profiles.service import (
    LEARNED_FROM,
    MAX_ATTEMPTS,
    NOTHING_DONE,
    BatchOutcome,
    Learn,
    LearnBatch,
    Lessons,
    StoredProfile,
)
from domain.profiles.stating import Rewrite
from domain.realtime.model import UpdateKind
from domain.realtime.store import Outbox
from domain.storage.postgres import Database, Transaction

T = TypeVar("T")

PASSING: Final = (
    asyncpg.InterfaceError,
    asyncpg.TransactionRollbackError,
    asyncpg.InsufficientResourcesError,
    asyncpg.OperatorInterventionError,
)
"""What says nothing of the event at hand: deadlocks, a full disk, a connection that is gone."""

log = structlog.get_logger(__name__)

# People are locked in one order everywhere, so that two batches never wait for each other in a circle.
_LOCK_PEOPLE = """
    SELECT subject_id FROM subjects
    WHERE tenant_id = $1 AND subject_id = ANY($2::uuid[]) AND collects AND erased_at IS NULL
    ORDER BY subject_id
    FOR NO KEY UPDATE"""

_READ_LOGS = """
    SELECT log.subject_id, log.event_id, log.type, log.item_id, log.value, log.occurred_at,
           log.payload_sealed
    FROM unnest($2::uuid[]) AS person (subject_id)
    CROSS JOIN LATERAL (
        SELECT * FROM user_behavior_events e
        WHERE e.subject_id = person.subject_id AND e.tenant_id = $1 AND e.quarantined_at IS NULL
        ORDER BY e.occurred_at DESC, e.event_id
        LIMIT $3
    ) AS log"""

_WRITE_PROFILES = """
    INSERT INTO user_profiles (tenant_id, updated_at, subject_id, learned_sealed, event_count)
    SELECT $1, $2::timestamptz, * FROM unnest($3::uuid[], $4::bytea[], $5::bigint[])
    ON CONFLICT (subject_id) DO UPDATE SET
        learned_sealed = excluded.learned_sealed,
        event_count = user_profiles.event_count + excluded.event_count,
        updated_at = excluded.updated_at"""

_RECOUNT = """
    UPDATE user_profiles p
    SET event_count = (SELECT count(*) FROM user_behavior_events e
                       WHERE e.subject_id = p.subject_id AND e.processed_at IS NOT NULL)
    WHERE p.tenant_id = $1 AND p.subject_id = ANY($2::uuid[])"""

_MARK_PROCESSED = """
    UPDATE user_behavior_events e SET processed_at = $2
    FROM unnest($3::uuid[], $4::uuid[]) AS done (subject_id, event_id)
    WHERE e.tenant_id = $1 AND e.subject_id = done.subject_id AND e.event_id = done.event_id"""

_MARK_UNREADABLE = """
    UPDATE user_behavior_events e SET
        attempts = e.attempts + 1,
        quarantined_at = CASE WHEN e.attempts + 1 >= $2 THEN $3::timestamptz END,
        quarantine_reason = CASE WHEN e.attempts + 1 >= $2 THEN failed.reason END
    FROM unnest($4::uuid[], $5::uuid[], $6::text[]) AS failed (subject_id, event_id, reason)
    WHERE e.tenant_id = $1 AND e.subject_id = failed.subject_id AND e.event_id = failed.event_id"""

_READ_PROFILE = """
    SELECT learned_sealed, stated_sealed, event_count, updated_at FROM user_profiles
    WHERE tenant_id = $1 AND subject_id = $2"""

_WRITE_STATED = """
    INSERT INTO user_profiles (tenant_id, subject_id, stated_sealed, updated_at) VALUES ($1, $2, $3, $4)
    ON CONFLICT (subject_id) DO UPDATE SET stated_sealed = excluded.stated_sealed, updated_at = excluded.updated_at"""

_KIND = UpdateKind.PROFILE_UPDATED

Claim = dict[SubjectId, set[EventId]]


class Counter(Protocol):
    """Who counts what people take to, in the transaction that learns it."""

    async def count(
        self, tx: Transaction, tenant: TenantId, events: Sequence[tuple[SubjectId, EventId]], now: datetime
    ) -> None:
        """Count the people of these events for the items in them."""
        ...


class PostgresProfileStore:
    """Profiles and the log that they are learned from, as a `ProfileStore`."""

    def __init__(self, database: Database, outbox: Outbox, counter: Counter) -> None:
        self._database = database
        self._outbox = outbox
        self._counter = counter

    async def apply_batch(self, size: int, learn_from: LearnBatch, now: datetime) -> BatchOutcome:
        """Take up to `size` waiting events, learn from their people's logs, and write profile and progress at once."""
        outcome = NOTHING_DONE
        async with self._database.dispatch() as tx:
            claims = await _claimed(tx, size)
            # Tenants in one order, so that two batches never wait for each other's counts in a circle.
            for tenant, claim in sorted(claims.items(), key=itemgetter(0)):
                await tx.see(tenant, claim)
                outcome += await self._apply(tx, tenant, claim, learn_from, now)
        return outcome

    async def try_one(self, learn_from: LearnBatch, now: datetime) -> BatchOutcome:
        """Take the event that has waited longest; if it breaks what is done with it, that is noted as a try of it."""
        async with self._database.dispatch() as tx:
            for tenant, claim in (await _claimed(tx, 1)).items():
                await tx.see(tenant, claim)
                await tx.execute("SAVEPOINT alone")
                try:
                    return await self._apply(tx, tenant, claim, learn_from, now)
                except (DomainError, OSError, *PASSING):
                    raise
                except Exception as error:
                    log.exception("event_broke", tenant=tenant)
                    await tx.execute("ROLLBACK TO SAVEPOINT alone")
                    failed = [(s, event, type(error).__name__) for s, events in claim.items() for event in events]
                    await _mark(tx, tenant, {}, failed, now)
                    return BatchOutcome(0, len(failed), {})
        return NOTHING_DONE

    async def _apply(
        self, tx: Transaction, tenant: TenantId, claim: Claim, learn_from: LearnBatch, now: datetime
    ) -> BatchOutcome:
        found = await _taught(tx, tenant, claim, learn_from)
        lessons, (done, failed) = found.learned, _split(claim, found)
        counts = {s: len(events) for s, events in done.items()}
        await _write(tx, self._outbox, tenant, counts, lessons, now)
        await _mark(tx, tenant, done, failed, now)
        learned = [(s, event) for s, events in done.items() if s in lessons for event in events]
        await self._counter.count(tx, tenant, learned, now)
        return BatchOutcome(sum(map(len, done.values())), len(failed), {tenant: frozenset(lessons)})

    async def relearn(
        self, tenant: TenantId, subjects: Sequence[SubjectId], learn_from: Learn, now: datetime
    ) -> BatchOutcome:
        """Write the profiles of `subjects` anew from their logs."""
        async with self._database.transaction(tenant, subjects) as tx:
            learned = await learned_anew(tx, self._outbox, tenant, subjects, learn_from, now)
        return BatchOutcome(0, 0, {tenant: learned})

    async def profile(self, tenant: TenantId, subject: SubjectId) -> StoredProfile | None:
        """The profile's row, if something was learned or stated."""
        async with self._database.transaction(tenant, (subject,)) as tx:
            return await _profile(tx, tenant, subject)

    async def rewrite(self, tenant: TenantId, subject: SubjectId, rewrite: Rewrite, now: datetime) -> bool:
        """Lock a person, let `rewrite` look at them, write and announce what it says unless that is None."""
        async with self._database.transaction(tenant, (subject,)) as tx:
            people = await locked_subjects(tx, tenant, (subject,))
            if subject not in people:
                return False
            rewritten = rewrite(people[subject].subject, await _profile(tx, tenant, subject))
            if rewritten is not None:
                await keep_stated(tx, tenant, subject, rewritten.stated_sealed, now)
                if rewritten.announcement is None:
                    await note_change(tx, tenant, (subject,))
                else:
                    await self._outbox.announce(tx, tenant, subject, _KIND, rewritten.announcement)
        return True


async def learned_anew(
    tx: Transaction,
    outbox: Outbox,
    tenant: TenantId,
    subjects: Sequence[SubjectId],
    learn_from: Learn,
    now: datetime,
) -> frozenset[SubjectId]:
    """Learn the profiles of `subjects` from their logs in the caller's transaction; whose profiles were written."""
    lessons = await _taught(tx, tenant, subjects, learn_from)
    await _write(tx, outbox, tenant, dict.fromkeys(lessons, 0), lessons, now)
    await tx.execute(_RECOUNT, tenant, list(lessons))
    return frozenset(lessons)


async def keep_stated(tx: Transaction, tenant: TenantId, subject: SubjectId, sealed: bytes, now: datetime) -> None:
    """Write a person's statements in the caller's transaction."""
    await tx.execute(_WRITE_STATED, tenant, subject, sealed, now)


async def _write(
    tx: Transaction,
    outbox: Outbox,
    tenant: TenantId,
    counts: Mapping[SubjectId, int],
    lessons: Mapping[SubjectId, Lesson],
    now: datetime,
) -> None:
    subjects = sorted(lessons)
    if not subjects:
        return
    sealed = [lessons[subject].learned_sealed for subject in subjects]
    await tx.execute(_WRITE_PROFILES, tenant, now, subjects, sealed, [counts[subject] for subject in subjects])
    updates = [(subject, _KIND, lessons[subject].announcement) for subject in subjects]
    await outbox.announce_many(tx, tenant, updates)


async def _profile(tx: Transaction, tenant: TenantId, subject: SubjectId) -> StoredProfile | None:
    row = await tx.row(_READ_PROFILE, tenant, subject)
    return None if row is None else StoredProfile(*row)


async def _claimed(tx: Transaction, size: int) -> dict[TenantId, Claim]:
    claims: dict[TenantId, Claim] = {}
    for row in await tx.rows("SELECT tenant_id, subject_id, event_id FROM lock_behavior_batch($1)", size):
        claim = claims.setdefault(TenantId(row["tenant_id"]), {})
        claim.setdefault(SubjectId(row["subject_id"]), set()).add(EventId(row["event_id"]))
    return claims


async def _taught(
    tx: Transaction,
    tenant: TenantId,
    subjects: Iterable[SubjectId],
    learn_from: Callable[[TenantId, Mapping[SubjectId, Sequence[LogRow]]], Awaitable[T]],
) -> T:
    """What `learn_from` makes of the logs of these people, who are locked until the commit."""
    people = [SubjectId(row["subject_id"]) for row in await tx.rows(_LOCK_PEOPLE, tenant, sorted(subjects))]
    logs: defaultdict[SubjectId, list[LogRow]] = defaultdict(list)
    for row in await tx.rows(_READ_LOGS, tenant, people, LEARNED_FROM):
        item_id = None if row["item_id"] is None else ItemId(row["item_id"])
        logs[SubjectId(row["subject_id"])].append(
            LogRow(
                EventId(row["event_id"]),
                row["type"],
                item_id,
                row["value"],
                row["occurred_at"],
                row["payload_sealed"],
            )
        )
    return await learn_from(tenant, logs)


def _split(claim: Claim, lessons: Lessons) -> tuple[Claim, list[tuple[SubjectId, EventId, str]]]:
    """The claimed events that are done, and those that could not be read with the reason.

    Events of a person who may no longer be learned of are done: they have no further effect.
    """
    done: Claim = {}
    failed: list[tuple[SubjectId, EventId, str]] = []
    for subject, events in claim.items():
        unreadable = lessons.learned[subject].unreadable if subject in lessons.learned else {}
        if subject in lessons.locked:
            unreadable = dict.fromkeys(events, lessons.locked[subject])
        done[subject] = events - unreadable.keys()
        failed += [(subject, event, unreadable[event]) for event in sorted(events & unreadable.keys())]
    return done, failed


async def _mark(
    tx: Transaction,
    tenant: TenantId,
    done: Claim,
    failed: Sequence[tuple[SubjectId, EventId, str]],
    now: datetime,
) -> None:
    pairs = [(subject, event) for subject, events in done.items() for event in events]
    if pairs:
        await tx.execute(_MARK_PROCESSED, tenant, now, [s for s, _ in pairs], [e for _, e in pairs])
    if failed:
        subjects, events, reasons = zip(*failed, strict=True)
        await tx.execute(_MARK_UNREADABLE, tenant, MAX_ATTEMPTS, now, subjects, events, reasons)
        await note_change(tx, tenant, set(subjects))

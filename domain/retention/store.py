"""Deletion by age in Postgres: the tables, and the column that dates their rows, come from the data map."""

from collections import Counter
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final

import asyncpg

from domain.caching.store import note_change
from domain.clock import Clock
from domain.errors import Unavailable
from domain.ids import ModelVersion, SubjectId, TenantId
from domain.interest.store import InterestCounter
from domain.privacy.data_map import DataMap, Entry
from domain.privacy.model import PrivacyLevel
from domain.profiles.service import Learn
from domain.profiles.store import learned_anew
from domain.realtime.store import Outbox
from domain.retention.model import CHUNK, Retiring
from domain.rights.model import MODELS_RETIRED_AFTER, TRAINING_TAKES_AT_MOST
from domain.storage.postgres import Database, Transaction

LOG: Final = "user_behavior_events"

_LEVELS = """
    SELECT subject_id, privacy_level FROM subjects
    WHERE tenant_id = $1 AND subject_id = ANY($2::uuid[]) AND erased_at IS NULL ORDER BY subject_id"""

_UNLEARN = """
    UPDATE user_profiles SET learned_sealed = NULL, event_count = 0, updated_at = $3
    WHERE tenant_id = $1 AND subject_id = ANY($2::uuid[]) AND (learned_sealed IS NOT NULL OR event_count > 0)"""

# What a batch may have taken; it takes events before it locks people.
_WAITING = """
    SELECT 1 FROM user_behavior_events
    WHERE tenant_id = $1 AND subject_id = ANY($2::uuid[]) AND processed_at IS NULL FOR UPDATE"""

_RETIRING = """
    SELECT m.version, m.status = 'champion' AS serves, min(r.erased_at) + $2::interval AS by
    FROM ml_models m JOIN privacy_requests r ON r.tenant_id = m.tenant_id
    WHERE m.tenant_id = $1 AND m.artifact IS NOT NULL AND r.kind = 'erasure' AND r.taught_since IS NOT NULL
      AND m.trained_at >= r.taught_since AND m.trained_at <= r.erased_at + $3::interval
    GROUP BY m.version, m.status ORDER BY m.version"""

_RETIRE = """
    UPDATE ml_models SET artifact = NULL, status = 'rejected' WHERE tenant_id = $1 AND version = ANY($2::text[])"""


class ObservedRows:
    """Deletes what was observed of people who end that, within the transaction of their decision.

    Args:
        data_map: which tables hold it.
        clock: dates the changes.
    """

    def __init__(self, data_map: DataMap, clock: Clock) -> None:
        self._deletions = [
            f"DELETE FROM {entry.name} WHERE tenant_id = $1 AND subject_id = ANY($2::uuid[])"  # noqa: S608  # of constants
            for entry in data_map.aging()
        ]
        self._clock = clock

    async def hold(self, tx: Transaction, tenant: TenantId, subjects: Sequence[SubjectId]) -> None:
        """Wait for whoever learns from these people at this moment; to be called before they are locked."""
        await tx.rows(_WAITING, tenant, list(subjects))

    async def forget(self, tx: Transaction, tenant: TenantId, subjects: Sequence[SubjectId]) -> None:
        """Delete every row that ages, and what was learned from them; the people are locked.

        Raises:
            asyncpg.LockNotAvailableError: a batch is learning from them. It waits for their lock, so nobody may wait
                for it here.
        """
        people = list(subjects)
        await tx.rows(f"{_WAITING} NOWAIT", tenant, people)
        await self.uncount(tx, tenant, people)
        for deletion in self._deletions:
            await tx.execute(deletion, tenant, people)
        await tx.execute(_UNLEARN, tenant, people, self._clock.now())

    async def uncount(self, tx: Transaction, tenant: TenantId, subjects: Sequence[SubjectId]) -> None:
        """Take these people out of the live counts, which others are told."""
        for subject in subjects:
            await InterestCounter().forget(tx, tenant, subject)


class PostgresRetention:
    """The tables, as a `RetentionStore`.

    Args:
        database: logged in as the worker, or as the service for a dry run.
        outbox: tells people of profiles that were learned anew.
        data_map: which tables age.
        clock: dates the changes.
    """

    def __init__(self, database: Database, outbox: Outbox, data_map: DataMap, clock: Clock) -> None:
        self._database = database
        self._outbox = outbox
        self._aging = data_map.aging()
        self._clock = clock

    async def people(self, tenant: TenantId) -> AsyncIterator[list[SubjectId]]:
        """Everybody of a tenant, in chunks."""
        after: SubjectId | None = None
        while True:
            async with self._database.transaction(tenant) as tx:
                rows = await tx.rows("SELECT * FROM people_by_level($1, $2, $3)", tenant, after, CHUNK)
            if not rows:
                return
            yield [SubjectId(row["subject_id"]) for row in rows]
            after = SubjectId(rows[-1]["subject_id"])

    async def too_old(
        self, tenant: TenantId, people: Sequence[SubjectId], since: Mapping[PrivacyLevel, datetime]
    ) -> dict[tuple[str, str], int]:
        """How many rows of these people are too old, by table and level."""
        found: Counter[tuple[str, str]] = Counter()
        async with self._database.transaction(tenant, people) as tx:
            for level, subjects in _by_level(await tx.rows(_LEVELS, tenant, list(people))).items():
                for entry in self._aging:
                    sql = f"SELECT count(*) FROM {entry.name} {_older(entry)}"  # noqa: S608  # of constants
                    found[entry.name, level.value] = await tx.value(sql, tenant, subjects, since[level])
        return +found

    async def sweep(
        self, tenant: TenantId, people: Sequence[SubjectId], since: Mapping[PrivacyLevel, datetime], learn_from: Learn
    ) -> dict[tuple[str, str], int]:
        """Delete them in one transaction, and learn the profiles anew that rested on them."""
        found: Counter[tuple[str, str]] = Counter()
        try:
            async with self._database.transaction(tenant, people) as tx:
                changed: set[SubjectId] = set()
                # Whoever changes a level waits until what it says is done, or is waited for.
                levels = await tx.rows(f"{_LEVELS} FOR NO KEY UPDATE", tenant, list(people))
                for level, subjects in _by_level(levels).items():
                    if level is PrivacyLevel.STRICT:
                        for subject in subjects:
                            await InterestCounter().take_out(tx, tenant, subject)
                        changed |= {SubjectId(r[0]) for r in await tx.rows(_LEARNED, tenant, subjects)}
                    for entry in self._aging:
                        gone = await tx.rows(
                            f"DELETE FROM {entry.name} {_older(entry)} RETURNING subject_id",  # noqa: S608
                            tenant,
                            subjects,
                            since[level],
                        )
                        found[entry.name, level.value] += len(gone)
                        changed |= {SubjectId(row[0]) for row in gone} if entry.name == LOG else set()
                await tx.execute(_EXPIRED_EXPORTS, tenant, list(people), self._clock.now())
                await self._learned(tx, tenant, changed, learn_from)
        except (asyncpg.DeadlockDetectedError, asyncpg.LockNotAvailableError) as error:
            raise Unavailable("people are being learned from at this moment", retry_after_seconds=1) from error
        return +found

    async def retiring(self, tenant: TenantId) -> list[Retiring]:
        """Model versions with bytes that may have learned from somebody who was erased since."""
        async with self._database.transaction(tenant) as tx:
            rows = await tx.rows(_RETIRING, tenant, MODELS_RETIRED_AFTER, TRAINING_TAKES_AT_MOST)
        return [Retiring(ModelVersion(row["version"]), row["by"], row["serves"]) for row in rows]

    async def retire(self, tenant: TenantId, versions: Sequence[ModelVersion]) -> None:
        """Delete the bytes of versions, which serve no more."""
        async with self._database.transaction(tenant) as tx:
            await tx.execute(_RETIRE, tenant, list(versions))

    async def _learned(self, tx: Transaction, tenant: TenantId, changed: set[SubjectId], learn_from: Learn) -> None:
        if not changed:
            return
        now, people = self._clock.now(), sorted(changed)
        learned = await learned_anew(tx, self._outbox, tenant, people, learn_from, now)
        # Of whoever is no longer observed nothing may stay learned from what is gone.
        await tx.execute(_UNLEARN, tenant, [person for person in people if person not in learned], now)
        await note_change(tx, tenant, people)


_LEARNED = """
    SELECT subject_id FROM user_profiles
    WHERE tenant_id = $1 AND subject_id = ANY($2::uuid[]) AND learned_sealed IS NOT NULL"""

_EXPIRED_EXPORTS = """
    DELETE FROM privacy_exports WHERE tenant_id = $1 AND subject_id = ANY($2::uuid[]) AND expires_at <= $3"""


def _by_level(rows: Iterable[asyncpg.Record]) -> dict[PrivacyLevel, list[SubjectId]]:
    found: dict[PrivacyLevel, list[SubjectId]] = {}
    for row in rows:
        found.setdefault(PrivacyLevel(row["privacy_level"]), []).append(SubjectId(row["subject_id"]))
    return found


def _older(entry: Entry) -> str:
    return f"WHERE tenant_id = $1 AND subject_id = ANY($2::uuid[]) AND {entry.dated_by} < $3"

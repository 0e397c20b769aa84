"""Accounts in Postgres."""

from collections.abc import Mapping, Sequence
from datetime import datetime

import asyncpg

from domain.caching.store import note_change
from domain.identities.model import Busy
from domain.ids import SubjectId, TenantId
from domain.privacy.store import locked_subjects
from domain.realtime.store import Outbox
from domain.rights.model import PrivacyRequest
from domain.rights.store import erased_in
from domain.storage.postgres import Database

_TOMBSTONES = """
    SELECT identity_hash, revision FROM account_tombstones
    WHERE tenant_id = $1 AND identity_hash = ANY($2::bytea[])"""

# The rows are locked as they are read, so that of two processes the later one sees what the other wrote.
_HELD = """
    SELECT subject_id, revision FROM user_accounts WHERE tenant_id = $1 AND subject_id = ANY($2::uuid[]) FOR UPDATE"""

_KEEP = """
    INSERT INTO user_accounts AS held (tenant_id, subject_id, revision, attributes_sealed, synced_at)
    SELECT $1, x.subject_id, x.revision, x.sealed, $5::timestamptz
    FROM unnest($2::uuid[], $3::bigint[], $4::bytea[]) AS x (subject_id, revision, sealed)
    ON CONFLICT (subject_id) DO UPDATE SET
        revision = excluded.revision, attributes_sealed = excluded.attributes_sealed, synced_at = excluded.synced_at
    WHERE held.revision < excluded.revision"""

_READ = """
    SELECT subject_id, revision, attributes_sealed, synced_at FROM user_accounts
    WHERE tenant_id = $1 AND subject_id = ANY($2::uuid[])"""

_REMEMBER = """
    INSERT INTO account_tombstones AS held (tenant_id, identity_hash, revision, deleted_at) VALUES ($1, $2, $3, $4)
    ON CONFLICT (tenant_id, identity_hash) DO UPDATE SET
        revision = greatest(held.revision, excluded.revision), deleted_at = excluded.deleted_at"""


class PostgresAccountStore:
    """The tables of accounts, as an `AccountStore`."""

    def __init__(self, database: Database, outbox: Outbox) -> None:
        self._database = database
        self._outbox = outbox

    async def tombstones(self, tenant: TenantId, hashes: Sequence[bytes]) -> dict[bytes, int]:
        """The revision of the deletion behind each identity hash, where there was one."""
        async with self._database.transaction(tenant) as tx:
            rows = await tx.rows(_TOMBSTONES, tenant, list(hashes))
        return {bytes(row["identity_hash"]): row["revision"] for row in rows}

    async def keep(
        self,
        tenant: TenantId,
        sealed: Mapping[SubjectId, tuple[int, bytes]],
        hashes: Mapping[SubjectId, bytes],
        at: datetime,
    ) -> dict[SubjectId, int]:
        """Keep what is above the held revision, and answer with the revisions that were held before."""
        subjects = sorted(sealed)
        async with self._database.transaction(tenant, subjects) as tx:
            # Whoever was deleted since they were looked up is gone, or is held at the revision of their deletion.
            there = await locked_subjects(tx, tenant, subjects)
            held = {SubjectId(row["subject_id"]): row["revision"] for row in await tx.rows(_HELD, tenant, subjects)}
            buried = {bytes(row[0]): row[1] for row in await tx.rows(_TOMBSTONES, tenant, list(hashes.values()))}
            held = {s: max(held.get(s, -1), buried.get(hashes[s], -1)) for s in subjects}
            # A change of somebody who is gone is overtaken, whatever its revision.
            held |= {s: sealed[s][0] + 1 for s in subjects if s not in there}
            new = [subject for subject in subjects if sealed[subject][0] > held[subject]]
            revisions, bodies = [sealed[subject][0] for subject in new], [sealed[subject][1] for subject in new]
            await tx.execute(_KEEP, tenant, new, revisions, bodies, at)
            await note_change(tx, tenant, new)
        return held

    async def read(
        self, tenant: TenantId, subjects: Sequence[SubjectId]
    ) -> dict[SubjectId, tuple[int, bytes, datetime]]:
        """Revision, sealed account and when it was applied, of those who have one."""
        async with self._database.transaction(tenant, subjects) as tx:
            rows = await tx.rows(_READ, tenant, list(subjects))
        return {
            SubjectId(row["subject_id"]): (row["revision"], bytes(row["attributes_sealed"]), row["synced_at"])
            for row in rows
        }

    async def bury(self, request: PrivacyRequest, subject: SubjectId | None, revision: int, at: datetime) -> int | None:
        """Ask for the erasure of a person and delete their rows, unless their account is at that revision or above."""
        tenant, people = request.tenant, () if subject is None else (subject,)
        try:
            async with self._database.transaction(tenant, people) as tx:
                await locked_subjects(tx, tenant, people)
                for row in await tx.rows(_HELD, tenant, list(people)):
                    if row["revision"] >= revision:
                        return int(row["revision"])
                await tx.execute(_REMEMBER, tenant, request.identity_hash, revision, at)
                if subject is not None:
                    await erased_in(tx, self._outbox, request, at, people)
        except (asyncpg.LockNotAvailableError, asyncpg.DeadlockDetectedError) as error:
            raise Busy("This user is being learned from at this moment.", retry_after_seconds=1) from error
        return None

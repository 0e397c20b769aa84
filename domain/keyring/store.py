"""The vault: wrapped data keys, apart from the data."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from domain.ids import SubjectId, TenantId
from domain.privacy.key_management import WrappedKey
from domain.storage.postgres import Database, Transaction

_FIND_KEYS = """
    SELECT subject_id, kek_id, wrapped FROM vault.data_keys WHERE tenant_id = $1 AND subject_id = ANY($2::uuid[])
"""

_ADD_KEYS = """
    INSERT INTO vault.data_keys (tenant_id, subject_id, wrapped, kek_id, created_at)
    SELECT $1, *, $5::timestamptz FROM unnest($2::uuid[], $3::bytea[], $4::text[])
    ON CONFLICT (subject_id) DO NOTHING
"""

_REWRAP_KEYS = """
    UPDATE vault.data_keys k SET wrapped = n.new, kek_id = n.kek_id
    FROM unnest($2::uuid[], $3::bytea[], $4::bytea[], $5::text[]) AS n (subject_id, old, new, kek_id)
    WHERE k.tenant_id = $1 AND k.subject_id = n.subject_id AND k.wrapped = n.old RETURNING 1
"""


class PostgresVault:
    """The vault's table, as a `KeyVault`; its database logs in with the vault's own role."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def fetch(self, tenant: TenantId, subjects: Sequence[SubjectId]) -> dict[SubjectId, WrappedKey]:
        """The wrapped keys that exist, in one query."""
        async with self._database.transaction(tenant, subjects) as tx:
            return await _wrapped_keys(tx, tenant, subjects)

    async def add(
        self, tenant: TenantId, keys: Mapping[SubjectId, WrappedKey], created_at: datetime
    ) -> dict[SubjectId, WrappedKey]:
        """Keep these keys, and answer with the kept ones: a person who has a key already keeps that one."""
        subjects = sorted(keys)
        wrapped = [keys[subject].wrapped for subject in subjects]
        kek_ids = [keys[subject].kek_id for subject in subjects]
        async with self._database.transaction(tenant, subjects) as tx:
            await tx.execute(_ADD_KEYS, tenant, subjects, wrapped, kek_ids, created_at)
            return await _wrapped_keys(tx, tenant, subjects)

    async def remove(self, tenant: TenantId, subject: SubjectId) -> None:
        """Destroy a person's wrapped key."""
        async with self._database.transaction(tenant, (subject,)) as tx:
            await tx.execute("DELETE FROM vault.data_keys WHERE tenant_id = $1 AND subject_id = $2", tenant, subject)


class RotatedVault(PostgresVault):
    """The wrapped keys, as a `RotatingVault`."""

    async def wrapped_otherwise(self, kek_id: str, limit: int) -> list[tuple[TenantId, SubjectId]]:
        """People of all tenants whose keys another key-encryption key wrapped."""
        async with self._database.dispatch() as tx:
            rows = await tx.rows("SELECT * FROM keys_wrapped_otherwise($1, $2)", kek_id, limit)
        return [(TenantId(row["tenant_id"]), SubjectId(row["subject_id"])) for row in rows]

    async def rewrap(
        self, tenant: TenantId, before: Mapping[SubjectId, WrappedKey], after: Mapping[SubjectId, WrappedKey]
    ) -> int:
        """Put wrapped keys in the place of earlier ones, where those are still as they were; how many."""
        people = sorted(before)
        old, new = ([keys[person].wrapped for person in people] for keys in (before, after))
        ids = [after[person].kek_id for person in people]
        async with self._database.transaction(tenant, people) as tx:
            return len(await tx.rows(_REWRAP_KEYS, tenant, people, old, new, ids))


async def _wrapped_keys(
    tx: Transaction, tenant: TenantId, subjects: Sequence[SubjectId]
) -> dict[SubjectId, WrappedKey]:
    rows = await tx.rows(_FIND_KEYS, tenant, list(subjects))
    return {SubjectId(row["subject_id"]): WrappedKey(row["kek_id"], bytes(row["wrapped"])) for row in rows}

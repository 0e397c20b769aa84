"""The vault, as a rotation reaches it."""

from collections.abc import Mapping

from domain.ids import SubjectId, TenantId
from domain.privacy.key_management import WrappedKey
from domain.privacy.store import PostgresVault

_REWRAP_KEYS = """
    UPDATE vault.data_keys k SET wrapped = n.new, kek_id = n.kek_id
    FROM unnest($2::uuid[], $3::bytea[], $4::bytea[], $5::text[]) AS n (subject_id, old, new, kek_id)
    WHERE k.tenant_id = $1 AND k.subject_id = n.subject_id AND k.wrapped = n.old RETURNING 1
"""


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

"""What an export reads, and the sealed archives until they are fetched."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from domain.erasure.store import people_behind
from domain.ids import SubjectId, TenantId
from domain.privacy.data_map import DataMap, Entry
from domain.rights.model import PrivacyRequest
from domain.rights.store import done
from domain.storage.postgres import Database, Isolation

_KEEP = """
    INSERT INTO privacy_exports (tenant_id, subject_id, request_id, archive_sealed, made_at, expires_at)
    SELECT $1, $2, $3, $4, $5, $6 FROM subjects WHERE tenant_id = $1 AND subject_id = $2 AND erased_at IS NULL
    ON CONFLICT (subject_id, request_id) DO NOTHING"""

_LINK = """
    UPDATE privacy_exports SET link_hash = $4, link_until = $6
    WHERE tenant_id = $1 AND subject_id = $2 AND request_id = $3 AND expires_at > $5 RETURNING 1"""

_ASKED_AT = """
    SELECT r.requested_at FROM privacy_exports e JOIN privacy_requests r USING (tenant_id, request_id)
    WHERE e.tenant_id = $1 AND e.subject_id = $2 AND e.link_hash = $3 AND e.link_until > $4"""

_TAKE = """
    DELETE FROM privacy_exports
    WHERE tenant_id = $1 AND subject_id = $2 AND link_hash = $3 AND link_until > $4 RETURNING archive_sealed"""


class _Directory:
    """Who is behind the keyed hash of an id."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def person(self, tenant: TenantId, identity_hash: bytes) -> SubjectId | None:
        """Who is behind a hash."""
        async with self._database.transaction(tenant) as tx:
            people = await people_behind(tx, tenant, identity_hash, ())
            alive = await tx.value(
                "SELECT subject_id FROM subjects WHERE tenant_id = $1 AND subject_id = ANY($2::uuid[]) "
                "AND erased_at IS NULL",
                tenant,
                people,
            )
        return None if alive is None else SubjectId(alive)


class PostgresExports(_Directory):
    """What an archive is made of, as an `ExportStore`.

    Args:
        database: logged in as the exporter, who reads the person whom it names, keeps the archive and nothing else.
        data_map: what is exported.
    """

    def __init__(self, database: Database, data_map: DataMap) -> None:
        super().__init__(database)
        self._data_map = data_map

    async def rows(self, tenant: TenantId, subject: SubjectId) -> Mapping[str, list[dict[str, Any]]]:
        """What a person may see of every exported table, at one moment."""
        async with self._database.transaction(tenant, (subject,), isolation=Isolation.REPEATABLE_READ) as tx:
            return {
                entry.name: [dict(row) for row in await tx.rows(_select(entry), tenant, subject)]
                for entry in self._data_map.exported()
            }

    async def keep(
        self, request: PrivacyRequest, subject: SubjectId | None, sealed: bytes, at: datetime, until: datetime
    ) -> PrivacyRequest:
        """Keep an archive, if there is a person to keep it for; the request is done."""
        async with self._database.transaction(request.tenant, () if subject is None else (subject,)) as tx:
            # The request is held before the person is looked for: an erasure waits for it, or is seen.
            finished = await done(tx, request.tenant, request.request_id, at)
            if subject is not None:
                await tx.execute(_KEEP, request.tenant, subject, request.request_id, sealed, at, until)
            return finished


class PostgresArchives(_Directory):
    """The sealed archives until they are fetched, as an `ArchiveStore`; logged in as the service or the worker."""

    async def link(
        self, tenant: TenantId, subject: SubjectId, request_id: UUID, link_hash: bytes, now: datetime, until: datetime
    ) -> bool:
        """Let an archive be fetched by a link, and by no earlier one; whether there is that archive."""
        async with self._database.transaction(tenant, (subject,)) as tx:
            return await tx.value(_LINK, tenant, subject, request_id, link_hash, now, until) is not None

    async def asked_at(self, tenant: TenantId, subject: SubjectId, link_hash: bytes, now: datetime) -> datetime | None:
        """When the archive of a link that is still good was asked for; None for any other link."""
        async with self._database.transaction(tenant, (subject,)) as tx:
            found: datetime | None = await tx.value(_ASKED_AT, tenant, subject, link_hash, now)
        return found

    async def take(self, tenant: TenantId, subject: SubjectId, link_hash: bytes, now: datetime) -> bytes | None:
        """Hand out the archive of a link that is still good; it is deleted."""
        async with self._database.transaction(tenant, (subject,)) as tx:
            sealed = await tx.value(_TAKE, tenant, subject, link_hash, now)
        return None if sealed is None else bytes(sealed)


def _select(entry: Entry) -> str:
    columns = ", ".join(column.name for column in entry.told)
    order = entry.dated_by or "subject_id"
    return f"SELECT {columns} FROM {entry.name} WHERE tenant_id = $1 AND subject_id = $2 ORDER BY {order}"  # noqa: S608  # of constants

"""What the login for archives may do and what it may not: one person, read only."""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

import asyncpg
import pytest

from domain.ids import SubjectId, TenantId
from domain.privacy.inventory import DATA_MAP
from domain.storage.postgres import Database, Databases
from domain.storage.roles import Role
from tests.storage.analyst_room import WRITES, allowed
from tests.storage.user_rows import someone_everywhere

EXPORTER_MAY = {
    "INSERT": {"privacy_exports": {"tenant_id", "subject_id", "request_id", "archive_sealed", "made_at", "expires_at"}},
    "UPDATE": {"privacy_requests": {"state", "finished_at", "error", "checkpoint"}},
}


@asynccontextmanager
async def logged_in(url: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(url)
    try:
        yield connection
    finally:
        await connection.close()


async def test_the_exporter_reads_what_is_told_and_writes_its_archive_alone(
    role_urls: dict[Role, str], owner_url: str
) -> None:
    told = {
        entry.name: {column.name for column in entry.told} | {"tenant_id", "subject_id"}
        for entry in DATA_MAP.exported()
    }
    told["subject_identities"] |= {"identity_hash"}
    async with logged_in(role_urls[Role.EXPORTER]) as exporter:
        reads = await allowed(exporter, "SELECT", owner_url)
        assert reads == told | {"privacy_requests": {"*"}}, (
            "what a person is told needs `GRANT SELECT (column) ON table TO personalization_exporter`, and a new table "
            "the policy `export` besides"
        )
        for privilege in WRITES:
            assert await allowed(exporter, privilege, owner_url) == EXPORTER_MAY.get(privilege, {}), privilege
        definers = await exporter.fetch(
            "SELECT proname FROM pg_proc WHERE prosecdef AND pronamespace IN ('public'::regnamespace) "
            "AND has_function_privilege(oid, 'EXECUTE')"
        )
        assert definers == []
        assert not await exporter.fetchval("SELECT has_schema_privilege('analytics', 'USAGE')")


async def test_the_exporter_sees_the_person_it_names_and_nobody_else(
    databases: Databases, owner_url: str, tenant: TenantId
) -> None:
    exporter = databases[Role.EXPORTER]
    async with (
        someone_everywhere(databases, owner_url, tenant) as (anna, _),
        someone_everywhere(databases, owner_url, tenant) as (bert, _),
    ):
        for entry in DATA_MAP.exported():
            seen = f"SELECT subject_id FROM {entry.name}"
            directory = entry.name == "subject_identities"
            named = {anna, bert} if directory else {anna}
            assert {r[0] for r in await rows(exporter, tenant, (anna,), seen)} == named, entry.name
            assert await rows(exporter, TenantId("somebody-else"), (anna,), seen) == [], entry.name
            nobody = named if directory else set()
            assert {r[0] for r in await rows(exporter, tenant, (), seen)} == nobody, entry.name
        keep = "INSERT INTO privacy_exports (tenant_id, subject_id, request_id, archive_sealed, made_at, expires_at)"
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await rows(
                exporter, tenant, (anna,), f"{keep} VALUES ($1, $2, $3, '', now(), now())", tenant, bert, uuid4()
            )
        for refused in ("DELETE FROM privacy_exports", "UPDATE subjects SET collects = true", "TRUNCATE outbox"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await rows(exporter, tenant, (anna,), refused)


async def test_the_exporter_finishes_exports_and_no_erasure(databases: Databases, tenant: TenantId) -> None:
    add = (
        "INSERT INTO privacy_requests (tenant_id, request_id, identity_hash, kind, state, retry_at, requested_at) "
        "SELECT $1, gen_random_uuid(), 'x', kind, 'waiting', now(), now() "
        "FROM unnest(ARRAY['erasure', 'export']) AS kind"
    )
    await rows(databases[Role.SERVICE], tenant, (), add, tenant)
    finish = "UPDATE privacy_requests SET state = 'done' RETURNING kind"
    assert [r[0] for r in await rows(databases[Role.EXPORTER], tenant, (), finish)] == ["export"]
    assert await rows(databases[Role.EXPORTER], TenantId("somebody-else"), (), finish) == []
    await rows(databases[Role.SERVICE], tenant, (), "UPDATE privacy_requests SET state = 'done'")


async def rows(
    database: Database, tenant: TenantId, subjects: Iterable[SubjectId], sql: str, *arguments: object
) -> list[Any]:
    async with database.transaction(tenant, subjects) as tx:
        return await tx.rows(sql, *arguments)

"""What each login may do and what it may not: the exporter with one person, the analyst with sums of many."""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import asyncpg
import pytest

from domain.ids import SubjectId, TenantId
from domain.privacy.inventory import DATA_MAP
from domain.recommendations.segmentation import FEWEST_PEOPLE
from domain.storage.postgres import Database, Databases
from domain.storage.roles import Role
from tests.storage.user_rows import someone_everywhere, tables

NOW = datetime.now(UTC)
LONG_AGO = NOW - timedelta(days=15)
VIEWS = {
    "activity", "items", "lists", "visits", "feedback", "generations", "segments", "experiments", "choices", "consents",
    "workflows", "catalog",
}  # fmt: skip
EXPORTER_MAY = {
    "INSERT": {"privacy_exports": {"tenant_id", "subject_id", "request_id", "archive_sealed", "made_at", "expires_at"}},
    "UPDATE": {"privacy_requests": {"state", "finished_at", "error", "checkpoint"}},
}
WRITES = ("INSERT", "UPDATE", "DELETE", "TRUNCATE")


@asynccontextmanager
async def logged_in(url: str, tenant: TenantId | None = None) -> AsyncIterator[asyncpg.Connection]:
    settings = {} if tenant is None else {"app.tenant": tenant}
    connection = await asyncpg.connect(url, server_settings=settings)
    try:
        yield connection
    finally:
        await connection.close()


async def allowed(connection: asyncpg.Connection, privilege: str, owner_url: str) -> dict[str, set[str]]:
    """The columns by table on which a login has a privilege; `*` for the whole table."""
    found: dict[str, set[str]] = {}
    for name, columns in (await tables(owner_url)).items():
        table = name.removeprefix("public.")
        if name.startswith("vault."):
            assert not await connection.fetchval("SELECT has_schema_privilege('vault', 'USAGE')")
            continue
        if await connection.fetchval("SELECT has_table_privilege($1, $2)", name, privilege):
            found[table] = {"*"}
        elif privilege in {"SELECT", "INSERT", "UPDATE"}:
            asked = "SELECT has_column_privilege($1, $2, $3)"
            reached = {c.name for c in columns if await connection.fetchval(asked, name, c.name, privilege)}
            found |= {table: reached} if reached else {}
    return found


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


async def test_the_analyst_reaches_views_of_sums_and_nothing_else(role_urls: dict[Role, str], owner_url: str) -> None:
    async with logged_in(role_urls[Role.ANALYST]) as analyst:
        for privilege in ("SELECT", *WRITES):
            assert await allowed(analyst, privilege, owner_url) == {}, privilege
        views = await analyst.fetch(
            "SELECT relname, has_table_privilege(oid, 'SELECT') AS reads, "
            "has_table_privilege(oid, 'INSERT, UPDATE, DELETE') AS writes FROM pg_class "
            "WHERE relnamespace = 'analytics'::regnamespace"
        )
        assert {(v["relname"], v["reads"], v["writes"]) for v in views} == {(view, True, False) for view in VIEWS}
        named = await analyst.fetch(
            "SELECT a.attname FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid "
            "WHERE c.relnamespace = 'analytics'::regnamespace"
        )
        assert not [n[0] for n in named if "subject" in n[0] or "sealed" in n[0] or "user" in n[0] or "hash" in n[0]]
        for schema in ("public", "analytics", "vault"):
            assert not await analyst.fetchval("SELECT has_schema_privilege($1, 'CREATE')", schema)
        definers = await analyst.fetch(
            "SELECT proname, pg_get_userbyid(proowner) AS owner, proconfig FROM pg_proc WHERE prosecdef "
            "AND pronamespace IN ('public'::regnamespace, 'analytics'::regnamespace) "
            "AND has_function_privilege(oid, 'EXECUTE')"
        )
        assert {d["owner"] for d in definers} == {"personalization_aggregator"}
        assert {tuple(d["proconfig"]) for d in definers} == {("search_path=public, pg_temp",)}
        for refused in (
            "SELECT * FROM subjects",
            "SELECT * FROM vault.data_keys",
            "SELECT people_by_level('a', NULL, 9)",
            "SET ROLE personalization_aggregator",
        ):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await analyst.fetch(refused)


async def test_nobody_logs_in_as_the_aggregator_and_no_other_role_sees_sums(
    databases: Databases, owner_url: str, tenant: TenantId
) -> None:
    async with logged_in(owner_url) as owner:
        may = await owner.fetchrow(
            "SELECT rolcanlogin, rolsuper, rolbypassrls FROM pg_roles WHERE rolname = 'personalization_aggregator'"
        )
        assert tuple(may) == (False, False, False)
        limit = "SELECT rolconnlimit FROM pg_roles WHERE rolname = 'personalization_analyst'"
        assert await owner.fetchval(limit) == 10
    for role in (Role.SERVICE, Role.WORKER, Role.TRAINER, Role.KEYS, Role.EXPORTER):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await rows(databases[role], tenant, (), "SELECT * FROM analytics.choices")


async def crowd(database: Database, tenant: TenantId, size: int, *, collects: bool = True) -> list[SubjectId]:
    """People who did one thing each on a day long ago."""
    people = [SubjectId(uuid4()) for _ in range(size)]
    async with database.transaction(tenant, people) as tx:
        await tx.execute(
            "INSERT INTO subjects (tenant_id, subject_id, external_id_sealed, privacy_level, collects, trains, "
            "created_at) SELECT $1, s, '', 'standard', $3, false, $4 FROM unnest($2::uuid[]) AS s",
            tenant, people, collects, LONG_AGO,
        )  # fmt: skip
    await did(database, tenant, people, "viewed")
    return people


async def did(
    database: Database, tenant: TenantId, people: list[SubjectId], kind: str, at: datetime = LONG_AGO
) -> None:
    events = [(tenant, person, uuid4(), kind, "thing", at) for person in people]
    async with database.transaction(tenant, people) as tx:
        await tx.execute_for_each(
            "INSERT INTO user_behavior_events (tenant_id, subject_id, event_id, type, item_id, occurred_at, "
            "received_at, processed_at) VALUES ($1, $2, $3, $4, $5, $6, $6, $6)",
            events,
        )
        await tx.execute_for_each(
            "INSERT INTO user_sessions (tenant_id, subject_id, session_id, client_session_sealed, device, started_at, "
            "last_seen_at) VALUES ($1, $2, $3, '', 'phone', $4, $4)",
            [(tenant, person, uuid4(), at) for person in people],
        )
        await tx.execute_for_each(
            "INSERT INTO user_segments (tenant_id, subject_id, model_version, segment, confidence, assigned_at) "
            "VALUES ($1, $2, 'v1', 3, 1, $3) ON CONFLICT DO NOTHING",
            [(tenant, person, at) for person in people],
        )
        await tx.execute_for_each(
            "INSERT INTO user_feedback (tenant_id, subject_id, feedback_id, sentiment, occurred_at) "
            "VALUES ($1, $2, $3, 'positive', $4)",
            [(tenant, person, uuid4(), at) for person in people],
        )


async def cells(analyst: asyncpg.Connection, view: str) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in await analyst.fetch(f"SELECT * FROM analytics.{view}")]


async def test_sums_begin_at_five_people_and_go_in_fives(
    database: Database, role_urls: dict[Role, str], tenant: TenantId
) -> None:
    day, week = LONG_AGO.date(), LONG_AGO.date() - timedelta(days=LONG_AGO.weekday())
    async with logged_in(role_urls[Role.ANALYST], tenant) as analyst:
        people = await crowd(database, tenant, FEWEST_PEOPLE - 1)
        for view in sorted(VIEWS):
            assert await cells(analyst, view) == [], view
        people += await crowd(database, tenant, 4)
        assert await cells(analyst, "activity") == [(day, "viewed", 5, 5)]
        assert await cells(analyst, "items") == [(week, "thing", 5, 5)]
        assert await cells(analyst, "visits") == [(day, "phone", 5, 5)]
        assert await cells(analyst, "segments") == [("v1", 3, 5)]
        assert await cells(analyst, "feedback") == [(week, "positive", 5, 5)]
        assert await cells(analyst, "choices") == [("standard", True, False, False, 5)]
        people += await crowd(database, tenant, 2)
        assert await cells(analyst, "activity") == [(day, "viewed", 10, 10)]
        # Of whoever is no longer observed nothing counts, and what one person makes most of is not told.
        await crowd(database, tenant, 7, collects=False)
        await did(database, tenant, people[:1] * 20, "viewed")
        assert await cells(analyst, "activity") == [(day, "viewed", 10, None)]
        # A day is told once it is over.
        await did(database, tenant, people, "clicked", datetime.now(UTC))
        assert {row[1] for row in await cells(analyst, "activity")} == {"viewed"}


async def test_no_context_no_sums_and_another_tenants_none(
    database: Database, role_urls: dict[Role, str], tenant: TenantId
) -> None:
    await crowd(database, tenant, 10)
    for named, found in ((None, False), (TenantId("somebody-else"), False), (tenant, True)):
        async with logged_in(role_urls[Role.ANALYST], named) as analyst:
            for view in ("activity", "segments", "choices"):
                assert bool(await cells(analyst, view)) is found, (named, view)

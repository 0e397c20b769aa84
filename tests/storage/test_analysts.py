"""What an analyst can find out, who knows Postgres well and wants to know of one person, or of another tenant."""

import asyncio
from datetime import UTC, datetime
from uuid import uuid4

import asyncpg
import pytest

from domain.disclosure import FEWEST_PEOPLE
from domain.errors import NotFound, Unavailable
from domain.ids import TenantId
from domain.privacy.inventory import DATA_MAP
from domain.storage.analysts import give_login, take_login
from domain.storage.postgres import Database, Databases
from domain.storage.roles import Role, url_as
from tests.storage.analyst_room import DAY, VIEWS, WEEK, WRITES, allowed, analyst_of, cells, crowd, did, told
from tests.storage.test_roles import logged_in
from tests.storage.user_rows import tables

REFUSED = (
    "SET ROLE personalization_aggregator",
    "SET ROLE personalization_service",
    "SET SESSION AUTHORIZATION personalization_service",
    "GRANT personalization_aggregator TO CURRENT_USER",
    "ALTER ROLE CURRENT_USER CONNECTION LIMIT 1000",
    "CREATE ROLE another",
    "CREATE TABLE public.mine (x text)",
    "CREATE VIEW analytics.mine AS SELECT 1",
    "CREATE FUNCTION analytics.mine() RETURNS text LANGUAGE sql AS 'SELECT 1'",
    "ALTER FUNCTION analytics.activity_cells() SECURITY INVOKER",
    "ALTER VIEW analytics.workflows SET (security_barrier = false)",
    "CREATE EXTENSION dblink",
    "CREATE EXTENSION postgres_fdw",
    "CREATE EXTENSION pg_stat_statements",
    "CREATE EXTENSION pageinspect",
    "LOAD 'auto_explain'",
    "SET session_preload_libraries = 'auto_explain'",
    "SET log_min_duration_statement = 0",
    "COPY (SELECT 1) TO PROGRAM 'cat'",
    "COPY (SELECT 1) TO '/tmp/told'",
    "SELECT pg_read_file('postgresql.conf')",
    "SELECT pg_ls_dir('.')",
    "SELECT lo_import('/etc/passwd')",
    "SELECT * FROM pg_authid",
    "SELECT * FROM pg_statistic",
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename <> session_user",
    "SELECT lock_behavior_batch(10)",
    "SELECT people_by_level('a', NULL, 9)",
    "SELECT nextval('user_behavior_events_seq_seq')",
    "SELECT last_value FROM user_behavior_events_seq_seq",
    "UPDATE analyst_logins SET tenant_id = 'other'",
    "SELECT * FROM analyst_logins",
)


async def test_an_analyst_reaches_views_of_sums_and_nothing_else(owner_url: str, tenant: TenantId) -> None:
    async with analyst_of(owner_url, tenant) as analyst:
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
        for name in await tables(owner_url):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await analyst.fetch(f"SELECT count(*) FROM {name}")


async def test_an_analyst_runs_the_functions_of_views_and_no_other(owner_url: str, tenant: TenantId) -> None:
    async with analyst_of(owner_url, tenant) as analyst:
        found = await analyst.fetch(
            "SELECT proname, prosecdef, pg_get_userbyid(proowner) AS owner, proconfig FROM pg_proc "
            "WHERE pronamespace IN ('public'::regnamespace, 'analytics'::regnamespace) "
            "AND has_function_privilege(oid, 'EXECUTE') AND (prosecdef OR pronamespace = 'analytics'::regnamespace)"
        )
        assert {f["owner"] for f in found} == {"personalization_aggregator"}
        assert {f["proname"] for f in found if not f["prosecdef"]} == {"in_fives", "today"}
        assert {tuple(f["proconfig"]) for f in found if f["prosecdef"]} == {("search_path=public, pg_temp",)}


async def test_nothing_that_postgres_offers_leads_further(
    owner_url: str, database: Database, tenant: TenantId, role_urls: dict[Role, str]
) -> None:
    await crowd(database, tenant, 4)
    async with logged_in(role_urls[Role.SERVICE]) as busy, analyst_of(owner_url, tenant) as analyst:
        await busy.fetch("SELECT 'words of the service'")
        assert [refused for refused in REFUSED if await goes_through(analyst, refused)] == []
        for statistics in ("pg_stats", "pg_stats_ext"):
            told_of = f"SELECT tablename FROM {statistics} WHERE schemaname IN ('public', 'vault', 'analytics')"
            assert await analyst.fetch(told_of) == [], statistics
        seen = await analyst.fetch("SELECT query FROM pg_stat_activity WHERE usename <> session_user")
        assert {s["query"] for s in seen} <= {"<insufficient privilege>", None}
        assert [s["query"] for s in seen if s["query"]], "the service's session is there, and its words are not"
        assert await analyst.fetchval("SELECT count(*) FROM pg_sequences WHERE last_value IS NOT NULL") == 0
        extensions = {row[0] for row in await analyst.fetch("SELECT extname FROM pg_extension")}
        assert not extensions & {"dblink", "postgres_fdw", "file_fdw", "pg_stat_statements", "adminpack"}


async def goes_through(connection: asyncpg.Connection, statement: str) -> bool:
    try:
        await connection.execute(statement)
    except (asyncpg.InsufficientPrivilegeError, asyncpg.CantChangeRuntimeParamError):
        return False
    return True


async def test_a_function_that_tells_what_it_is_given_is_given_told_rows_alone(
    owner_url: str, database: Database, tenant: TenantId
) -> None:
    """A condition that costs nothing is asked first where Postgres may choose, of rows that are hidden, too."""
    other = await another_tenant(database)
    for number, whose in enumerate((tenant, other)):
        async with database.transaction(whose) as tx:
            await tx.execute(
                "INSERT INTO catalog_items (tenant_id, item_id, kind, title, created_at, updated_at) "
                "VALUES ($1, $2, 'TEMPLATE', $2, now(), now())",
                whose, f"item-{number}",
            )  # fmt: skip
    await crowd(database, tenant, 6)
    await crowd(database, other, 3)
    async with analyst_of(owner_url, tenant) as analyst:
        heard: list[str] = []
        analyst.add_log_listener(lambda _connection, message: heard.append(str(message.message)))
        await analyst.execute(
            "CREATE FUNCTION pg_temp.tell(anything text) RETURNS boolean LANGUAGE plpgsql COST 0.0000001 AS "
            "$$ BEGIN RAISE NOTICE '%', anything; RETURN true; END $$"
        )
        for view in sorted(VIEWS):
            shown = await analyst.fetch(f"SELECT v::text FROM analytics.{view} v")
            heard.clear()
            await analyst.fetch(f"SELECT * FROM analytics.{view} v WHERE pg_temp.tell(v::text)")
            assert sorted(heard) == sorted(row[0] for row in shown), view
        assert await cells(analyst, "catalog") != []


async def another_tenant(database: Database) -> TenantId:
    other = TenantId(f"t-{uuid4().hex[:12]}")
    async with database.transaction(other) as tx:
        await tx.execute("INSERT INTO tenants (tenant_id, name, created_at) VALUES ($1, $1, now())", other)
    return other


async def test_whose_sums_are_seen_is_nothing_that_a_session_can_set(
    owner_url: str, database: Database, tenant: TenantId
) -> None:
    other = await another_tenant(database)
    people = await crowd(database, other, 10)
    async with analyst_of(owner_url, other) as theirs:
        assert await cells(theirs, "segments") == [("v1", 3, 10)]
    async with analyst_of(owner_url, tenant) as analyst:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await analyst.execute("SET row_security = off; SELECT * FROM analytics.activity")
        await analyst.execute("RESET row_security")
        for setting in (
            f"SET app.tenant = '{other}'",
            f"SET app.subjects = '{{{','.join(map(str, people))}}}'",
            "SET search_path = pg_temp, analytics",
            "SET ROLE personalization_analyst",
        ):
            await analyst.execute(setting)
            assert {view for view, rows in (await told(analyst)).items() if rows} == set(), setting
        await analyst.execute(
            "RESET ROLE; CREATE TEMP TABLE analyst_logins (tenant_id text, login text); "
            f"INSERT INTO analyst_logins VALUES ('{other}', session_user); "
            f"CREATE FUNCTION pg_temp.tenant() RETURNS text LANGUAGE sql AS 'SELECT ''{other}'''"
        )
        assert {view for view, rows in (await told(analyst)).items() if rows} == set()


async def test_a_login_is_named_after_nobody_rotated_and_revoked(
    owner_url: str, database: Database, tenant: TenantId
) -> None:
    await crowd(database, tenant, 10)
    login, password = await give_login(owner_url, tenant)
    assert tenant not in login
    session = await asyncpg.connect(url_as(login, owner_url, password))
    same, renewed = await give_login(owner_url, tenant)
    assert (same, renewed == password) == (login, False)
    with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError, OSError)):
        await session.fetch("SELECT 1")
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(url_as(login, owner_url, password))
    session = await asyncpg.connect(url_as(login, owner_url, renewed))
    assert await cells(session, "segments") == [("v1", 3, 10)]
    await session.execute("SELECT lo_create(0)")
    limit = "SELECT rolconnlimit FROM pg_roles WHERE rolname = session_user"
    assert await session.fetchval(limit) == 10
    assert [await take_login(owner_url, tenant), await take_login(owner_url, tenant)] == [True, False]
    with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError, OSError)):
        await session.fetch("SELECT 1")
    with pytest.raises((asyncpg.InvalidPasswordError, asyncpg.InvalidAuthorizationSpecificationError)):
        await asyncpg.connect(url_as(login, owner_url, renewed))
    assert (await give_login(owner_url, tenant))[0] != login
    await take_login(owner_url, tenant)


async def test_a_login_needs_a_tenant_and_the_owner(
    owner_url: str, role_urls: dict[Role, str], tenant: TenantId
) -> None:
    with pytest.raises(NotFound):
        await give_login(owner_url, TenantId("no-such-tenant"))
    with pytest.raises(Unavailable, match="owner"):
        await give_login(role_urls[Role.SERVICE], tenant)
    assert await take_login(owner_url, tenant) is False


async def test_two_who_ask_at_once_leave_one_login(owner_url: str, tenant: TenantId) -> None:
    given = await asyncio.gather(*(give_login(owner_url, tenant) for _ in range(3)))
    assert len({login for login, _ in given}) == 1
    works = []
    for login, password in given:
        try:
            await (await asyncpg.connect(url_as(login, owner_url, password))).close()
            works.append(login)
        except asyncpg.InvalidPasswordError:
            pass
    assert len(works) == 1
    await take_login(owner_url, tenant)


async def test_nobody_logs_in_as_the_aggregator_or_the_group_and_no_other_role_sees_sums(
    databases: Databases, owner_url: str, tenant: TenantId
) -> None:
    owner = await asyncpg.connect(owner_url)
    for role in ("personalization_aggregator", "personalization_analyst"):
        may = "SELECT rolcanlogin, rolsuper, rolbypassrls FROM pg_roles WHERE rolname = $1"
        assert tuple(await owner.fetchrow(may, role)) == (False, False, False)
    assert await owner.fetch("SELECT * FROM analytics.choices") == []
    await owner.close()
    for role in (Role.SERVICE, Role.WORKER, Role.TRAINER, Role.KEYS, Role.EXPORTER):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            async with databases[role].transaction(tenant) as tx:
                await tx.rows("SELECT * FROM analytics.choices")


async def test_sums_begin_at_five_people_and_go_in_fives(database: Database, owner_url: str, tenant: TenantId) -> None:
    async with analyst_of(owner_url, tenant) as analyst:
        people = await crowd(database, tenant, FEWEST_PEOPLE - 1)
        assert {view for view, rows in (await told(analyst)).items() if rows} == set()
        people += await crowd(database, tenant, 4)
        assert await told(analyst) == {view: [] for view in VIEWS} | {
            "activity": [(DAY, "viewed", 5, 5)],
            "items": [(WEEK, "thing", 5, 5)],
            "visits": [(DAY, "phone", 5, 5)],
            "segments": [("v1", 3, 5)],
            "feedback": [(WEEK, "positive", 5, 5)],
            "choices": [("standard", True, False, False, 5)],
            "lists": [(DAY, "TEMPLATE", "v1", 5, 5, 5)],
            "generations": [(WEEK, "promo", "phone", "kept", 5, 5)],
        }
        people += await crowd(database, tenant, 2)
        assert await cells(analyst, "activity") == [(DAY, "viewed", 10, 10)]
        # Of whoever is no longer observed nothing counts; a day is told once it is over.
        await crowd(database, tenant, 7, collects=False)
        await did(database, tenant, people, "clicked", datetime.now(UTC))
        assert await cells(analyst, "activity") == [(DAY, "viewed", 10, 10)]


@pytest.mark.parametrize("times", [0, 40])
async def test_before_and_after_one_person_every_view_tells_the_same(
    times: int, database: Database, owner_url: str, tenant: TenantId
) -> None:
    """Somebody who is erased between two looks, after doing as much as others, or as much as all others together."""
    async with analyst_of(owner_url, tenant) as analyst:
        others = await crowd(database, tenant, 20)
        without = await told(analyst)
        (anna,) = await crowd(database, tenant, 1)
        await did(database, tenant, [anna] * times, "viewed")
        assert await told(analyst) == without
        async with database.transaction(tenant, (anna,)) as tx:
            for entry in DATA_MAP.about_people:
                if not entry.name.startswith("vault."):
                    await tx.execute(f"DELETE FROM {entry.name} WHERE subject_id = $1", anna)
        assert await told(analyst) == without
        # Where all do more, more is told.
        await did(database, tenant, others * 3, "viewed")
        assert await cells(analyst, "activity") == [(DAY, "viewed", 20, 80)]

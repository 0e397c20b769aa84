"""Each login, in a transaction about one tenant, against every table and function that PostgreSQL has, and another."""

from collections.abc import AsyncIterator, Mapping
from uuid import uuid4

import asyncpg
import pytest

from domain.ids import SubjectId, TenantId
from domain.storage.postgres import Database, Databases, Transaction
from domain.storage.roles import Role
from tests.storage.test_roles import logged_in
from tests.storage.user_rows import Column, tables, value_of

LOGINS = tuple(role for role in Role if role is not Role.OWNER)
WHOSE = "analyst_logins"
"""The owner alone writes it, and no login reads it."""

OF_ALL = {"public.scheduled_runs": "when whose turn it was, of all tenants"}
"""Tables in which nothing is a tenant's."""

FIRST = ("tenants", "catalog_items", "ab_tests")
"""What other tables refer to."""

DEMANDED: dict[str, dict[str, object]] = {
    "catalog_items": {"kind": "TEMPLATE"},
    "ml_models": {"status": "champion"},
    "model_changes": {"action": "published"},
    "jobs": {"state": "done"},
    "ab_tests": {"status": "draft"},
    "item_pairs": {"other_id": "beyond"},
    "privacy_requests": {"kind": "export", "state": "done"},
    "generation_pools": {"people": 5},
    "common_workflows": {"people": 5},
    "feature_companions": {"people": 5},
}
"""What a CHECK demands of a column."""

ACROSS = {
    "lock_behavior_batch": "the batch of the next people, whosever they are",
    "behavior_backlog": "sums of what waits",
    "claim_outbox": "people with updates that were not sent",
    "tenants_with_requests": "names of tenants",
    "keys_wrapped_otherwise": "people whose keys are to be wrapped anew",
    "all_tenants": "names of tenants",
    "tenant_of_job": "the tenant of a random id",
    "overdue_jobs": "random ids of jobs",
    "experiments_standing": "sums",
}
"""Functions that look across tenants, and what they tell."""

OF_ONE = {
    "people_by_level": "SELECT * FROM people_by_level($1, NULL, 9)",
    "lock_stale_units": "SELECT * FROM lock_stale_units($1, $2, 9)",
    "sum_units": "SELECT * FROM sum_units($1, $2, 0, 'plain')",
    "unit_order": "SELECT * FROM unit_order($1, $2, 1, 1, 0, ARRAY[1])",
    "quarantined_events": "SELECT * FROM quarantined_events($1, 9)",
    "tenant_backlog": "SELECT waiting FROM tenant_backlog($1) WHERE waiting > 0",
    "tracking": "SELECT known FROM tracking('-infinity') WHERE known > 0",
}
"""Functions that answer for the tenant of their transaction, and a call of each."""

NOTHING_TO_TELL = {"tracking", "quarantined_events"}
"""Those that tell nothing of one's own here either: of a single person, of an event that was not set aside."""


class Household:
    """A tenant with a row in every table, as the worker and the vault write them."""

    def __init__(self, tenant: TenantId) -> None:
        self.tenant = tenant
        self.person = SubjectId(uuid4())
        self.test = uuid4()

    def row(self, table: str, columns: list[Column]) -> dict[str, object]:
        """Values that the table takes."""
        name = table.rpartition(".")[2]
        given = {"test_id": self.test, "item_id": "anything", "phase": 1, "counted": [1, 1, 1, 1]}
        demanded = given | DEMANDED.get(name, {})
        return {c.name: value_of(c, self.tenant, self.person, demanded) for c in columns if not c.generated}

    async def move_in(self, databases: Databases, found: Mapping[str, list[Column]]) -> None:
        """Write the rows."""
        order = [f"public.{name}" for name in FIRST] + [name for name in found if name.rpartition(".")[2] not in FIRST]
        for table in order:
            if table == f"public.{WHOSE}":
                continue
            database = databases[Role.KEYS if table.startswith("vault.") else Role.WORKER]
            row = self.row(table, found[table])
            async with database.transaction(self.tenant, (self.person,)) as tx:
                await tx.execute(insert(table, row), *row.values())

    async def move_out(self, databases: Databases, found: Mapping[str, list[Column]]) -> None:
        """Take away what a worker would take for its work."""
        for table in ("public.user_behavior_events", "public.outbox", "vault.data_keys"):
            database = databases[Role.KEYS if table.startswith("vault.") else Role.WORKER]
            async with database.transaction(self.tenant, (self.person,)) as tx:
                await tx.execute(f"DELETE FROM {table} WHERE subject_id = $1", self.person)


async def tenants_tables(owner_url: str) -> dict[str, list[Column]]:
    """Every table whose rows are of a tenant."""
    return {name: columns for name, columns in (await tables(owner_url)).items() if name not in OF_ALL}


def insert(table: str, row: Mapping[str, object]) -> str:
    places = ", ".join(f"${n}" for n in range(1, len(row) + 1))
    return f"INSERT INTO {table} ({', '.join(row)}) VALUES ({places})"


async def refused(database: Database, mine: Household, theirs: Household, sql: str, *arguments: object) -> bool:
    """Whether Postgres refuses it in a transaction about my tenant that names their person too."""
    try:
        async with database.transaction(mine.tenant, (mine.person, theirs.person)) as tx:
            await tx.execute(sql, *arguments)
    except asyncpg.InsufficientPrivilegeError:
        return True
    return False


async def touched(tx: Transaction, sql: str, *arguments: object) -> int:
    """How many rows a statement reaches."""
    return len(await tx.rows(f"{sql} RETURNING tenant_id", *arguments))


@pytest.fixture
async def houses(databases: Databases, owner_url: str) -> AsyncIterator[tuple[Household, Household]]:
    """Two tenants of one installation."""
    found = await tenants_tables(owner_url)
    both = (Household(TenantId(f"h-{uuid4().hex[:12]}")), Household(TenantId(f"h-{uuid4().hex[:12]}")))
    for house in both:
        await house.move_in(databases, found)
    yield both
    for house in both:
        await house.move_out(databases, found)


@pytest.mark.parametrize("role", LOGINS)
async def test_nothing_of_another_tenant_is_read_or_written(
    role: Role, houses: tuple[Household, Household], databases: Databases, role_urls: dict[Role, str], owner_url: str
) -> None:
    mine, theirs = houses
    database, found = databases[role], await tenants_tables(owner_url)
    async with logged_in(role_urls[role]) as connection:
        may = {right: await allowed_by_column(connection, right, found) for right in ("SELECT", "INSERT", "UPDATE")}
        drops = {name for name in found if await allowed_of(connection, "DELETE", name)}
        for name in may["SELECT"]:
            seen = f"SELECT count(tenant_id) FROM {name}"
            assert await connection.fetchval(seen) == 0, f"{name} without a tenant"
            async with database.transaction(mine.tenant, (mine.person, theirs.person)) as tx:
                assert await tx.value(f"{seen} WHERE tenant_id <> $1", mine.tenant) == 0, name
                assert name not in may["INSERT"] or await tx.value(seen) == 1, f"{name} of one's own"
    for name, columns in may["UPDATE"].items():
        async with database.transaction(mine.tenant, (mine.person, theirs.person)) as tx:
            set_to_itself = f"UPDATE {name} SET {columns[0]} = {columns[0]} WHERE tenant_id = $1"
            assert await touched(tx, set_to_itself, theirs.tenant) == 0, name
        if "tenant_id" in columns:
            away = f"UPDATE {name} SET tenant_id = $1 WHERE tenant_id = $2"
            assert await refused(database, mine, theirs, away, theirs.tenant, mine.tenant), name
    for name in drops:
        async with database.transaction(mine.tenant, (mine.person, theirs.person)) as tx:
            assert await touched(tx, f"DELETE FROM {name} WHERE tenant_id = $1", theirs.tenant) == 0, name
    for name in found:
        row = theirs.row(name, found[name])
        row = {column: value for column, value in row.items() if column in may["INSERT"].get(name, row)}
        assert await refused(database, mine, theirs, insert(name, row), *row.values()), name


async def allowed_of(connection: asyncpg.Connection, right: str, table: str) -> bool:
    asked = "SELECT has_schema_privilege($1, 'USAGE')"
    if not await connection.fetchval(asked, table.partition(".")[0]):
        return False
    return bool(await connection.fetchval("SELECT has_table_privilege($1, $2)", table, right))


async def allowed_by_column(
    connection: asyncpg.Connection, right: str, found: Mapping[str, list[Column]]
) -> dict[str, list[str]]:
    """The columns of each table on which a login has a right; tables without any are left out."""
    asked = "SELECT has_column_privilege($1, $2, $3)"
    reached: dict[str, list[str]] = {}
    for name, columns in found.items():
        if not await connection.fetchval("SELECT has_schema_privilege($1, 'USAGE')", name.partition(".")[0]):
            continue
        mine = [c.name for c in columns if await connection.fetchval(asked, name, c.name, right)]
        if mine:
            reached[name] = mine
    return reached


async def test_no_table_lets_tenants_meet(owner_url: str) -> None:
    """A table without row-level security, or a policy of a login that does not ask for the tenant, is found here."""
    async with logged_in(owner_url) as owner:
        open_ = await owner.fetch(
            "SELECT oid::regclass::text FROM pg_class WHERE relnamespace::regnamespace::text IN ('public', 'vault') "
            "AND relkind IN ('r', 'p') AND NOT relrowsecurity AND relname <> 'tortoise_migrations'"
        )
        assert {f"public.{row[0]}" for row in open_} == set(OF_ALL)
        loose = await owner.fetch(
            "SELECT tablename, policyname FROM pg_policies WHERE roles && $1::name[] "
            "AND coalesce(qual, with_check) NOT LIKE '%tenant_id = ( SELECT app_tenant()%'",
            [role.login for role in LOGINS],
        )
        assert [tuple(row) for row in loose] == []


async def test_functions_with_more_rights_are_fixed_closed_and_of_one_tenant(
    owner_url: str, databases: Databases, houses: tuple[Household, Household]
) -> None:
    mine, theirs = houses
    async with logged_in(owner_url) as owner:
        found = await owner.fetch(
            "SELECT proname, pronamespace::regnamespace::text AS schema, proconfig, proowner::regrole::text AS owner, "
            "has_function_privilege('public', oid, 'EXECUTE') AS open, "
            "has_function_privilege('personalization_worker', oid, 'EXECUTE') AS workers "
            "FROM pg_proc WHERE prosecdef AND pronamespace <> 'pg_catalog'::regnamespace"
        )
    assert {tuple(f["proconfig"] or ()) for f in found} == {("search_path=public, pg_temp",)}
    assert {f["proname"] for f in found if f["open"]} == set()
    assert {f["owner"] for f in found} == {"personalization_dispatcher", "personalization_aggregator"}
    assert {f["proname"] for f in found if f["schema"] == "public"} == {*ACROSS, *OF_ONE}
    for function, call in OF_ONE.items():
        role = Role.WORKER if any(f["workers"] for f in found if f["proname"] == function) else Role.SERVICE
        arguments = (theirs.tenant, theirs.test)[: call.count("$")]
        async with databases[role].transaction(mine.tenant, (mine.person, theirs.person)) as tx:
            assert await tx.rows(call, *arguments) == [], function
            own = (mine.tenant, mine.test)[: call.count("$")]
            assert function in NOTHING_TO_TELL or await tx.rows(call, *own) != [], function

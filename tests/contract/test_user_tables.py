"""Tables about people: keyed by the person, guarded by Postgres, indexed for real queries, written by SQL alone."""

import ast
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import asyncpg
import pytest

from tests.contract.source import ROOT, Module, modules, plant
from tests.storage.user_rows import DIRECTORY, tables, user_tables

MODEL_MODULE = "domain.storage.user_tables"
WRITES = {
    "bulk_create", "bulk_update", "create", "delete", "get_or_create", "save", "update", "update_or_create",
}  # fmt: skip

# Each index that is no primary key, and what needs it: a piece of a query and the file where it stands.
INDEXES = {
    "ab_test_departures_of_test": (
        "domain/outcomes/store.py",
        "SELECT 1 FROM ab_test_departures WHERE tenant_id = $1 AND test_id = $2",
    ),
    "user_ab_tests_stale": (
        "domain/storage/migrations/sql/0011_experiments.sql",
        "WHERE u.tenant_id = of_tenant AND u.test_id = of_test AND u.stale AND u.phase > 0",
    ),
    "ab_tests_tenant_id_key_key": ("domain/storage/migrations/sql/0001_tables.sql", "UNIQUE (tenant_id, key)"),
    "analyst_logins_login_key": ("domain/storage/migrations/sql/0024_analysts.sql", "WHERE l.login = session_user"),
    "item_pairs_frequent": ("domain/interest/store.py", "WHERE tenant_id = $1 AND people >= {ENOUGH}"),
    "jobs_unfinished": (
        "domain/jobs/store.py",
        "state IN ('queued', 'running') AND tenant_id = $1 AND kind = $2 ORDER BY created_at",
    ),
    "ml_models_one_champion": (
        "domain/models/store.py",
        "SET status = 'retired' WHERE tenant_id = $1 AND name = $2 AND status = 'champion'",
    ),
    "privacy_receipts_request": (
        "domain/receipts/store.py",
        "FROM privacy_receipts WHERE tenant_id = $1 AND request_id = $2",
    ),
    "privacy_requests_open": (
        "domain/rights/store.py",
        "tenant_id = $1 AND identity_hash = $2 AND kind = $3 AND state IN ('waiting', 'running')",
    ),
    "recommendations_by_model": ("domain/measurement/store.py", "WHERE tenant_id = $1 AND model_version = $2"),
    "user_behavior_events_history": ("domain/profiles/store.py", "ORDER BY e.occurred_at DESC, e.event_id"),
    "user_behavior_events_quarantined": (
        "domain/storage/migrations/sql/0001_security.sql",
        "SELECT count(*) FROM user_behavior_events WHERE quarantined_at IS NOT NULL",
    ),
    "user_behavior_events_waiting": (
        "domain/storage/migrations/sql/0001_security.sql",
        "WHERE e.processed_at IS NULL AND e.quarantined_at IS NULL ORDER BY e.seq",
    ),
}


@pytest.fixture
async def owner(owner_url: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(owner_url)
    yield connection
    await connection.close()


async def not_keyed_by_subject(owner: asyncpg.Connection, names: set[str]) -> set[str]:
    """Tables whose primary key does not begin with the subject id."""
    rows = await owner.fetch("""
        SELECT n.nspname || '.' || t.relname AS name, a.attname AS first
        FROM pg_index i
        JOIN pg_class t ON t.oid = i.indrelid
        JOIN pg_namespace n ON n.oid = t.relnamespace
        JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = i.indkey[0]
        WHERE i.indisprimary""")
    return names - {row["name"] for row in rows if row["first"] == "subject_id"}


async def unguarded(owner: asyncpg.Connection, names: set[str]) -> set[str]:
    """Tables on which row-level security is not in force for everybody, their owner included."""
    rows = await owner.fetch("""
        SELECT n.nspname || '.' || t.relname AS name
        FROM pg_class t JOIN pg_namespace n ON n.oid = t.relnamespace
        WHERE t.relrowsecurity AND t.relforcerowsecurity
          AND EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = t.oid)""")
    return names - {row["name"] for row in rows}


async def undeclared_indexes(owner: asyncpg.Connection) -> set[str]:
    rows = await owner.fetch("""
        SELECT c.relname AS name
        FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_namespace n ON n.oid = c.relnamespace
        JOIN pg_class t ON t.oid = i.indrelid
        WHERE n.nspname IN ('public', 'vault') AND NOT i.indisprimary AND t.relname <> 'tortoise_migrations'""")
    return {row["name"] for row in rows} ^ set(INDEXES)


async def test_a_table_about_people_is_keyed_by_the_person_first(owner: asyncpg.Connection, owner_url: str) -> None:
    assert await not_keyed_by_subject(owner, set(await user_tables(owner_url))) == {DIRECTORY}


async def test_a_table_about_people_is_guarded_even_from_its_owner(owner: asyncpg.Connection, owner_url: str) -> None:
    assert await unguarded(owner, set(await user_tables(owner_url))) == set()


async def test_every_table_has_a_tenant(owner_url: str) -> None:
    found = await tables(owner_url)
    # The windows of the clock are those of all tenants.
    without = {name for name, columns in found.items() if "tenant_id" not in {c.name for c in columns}}
    assert without == {"public.scheduled_runs"}
    assert {
        name for name, columns in found.items() if any(c.name == "tenant_id" and c.nullable for c in columns)
    } == set()


async def test_each_index_is_declared(owner: asyncpg.Connection) -> None:
    assert await undeclared_indexes(owner) == set()


@pytest.mark.parametrize("index", INDEXES)
def test_what_needs_an_index_is_still_there(index: str) -> None:
    path, needed = INDEXES[index]
    # A query's text may be broken over lines and, in Python, over literals.
    text = " ".join((ROOT / path).read_text(encoding="utf-8").replace('"', " ").split())
    assert needed in text


async def test_a_planted_table_breaks_every_rule(owner: asyncpg.Connection, owner_url: str) -> None:
    name = f"planted_{uuid4().hex[:8]}"
    await owner.execute(f"CREATE TABLE {name} (planted_id uuid PRIMARY KEY, subject_id uuid UNIQUE)")
    try:
        found = await user_tables(owner_url)
        assert f"public.{name}" in found
        assert "tenant_id" not in {column.name for column in found[f"public.{name}"]}
        assert f"public.{name}" in await not_keyed_by_subject(owner, set(found))
        assert f"public.{name}" in await unguarded(owner, set(found))
        await owner.execute(f"ALTER TABLE {name} ENABLE ROW LEVEL SECURITY")
        assert f"public.{name}" in await unguarded(owner, set(found))
        assert f"{name}_subject_id_key" in await undeclared_indexes(owner)
    finally:
        await owner.execute(f"DROP TABLE {name}")


def writes_through_models(module: Module) -> bool:
    """Whether a module that knows the models about people calls a method by which Tortoise would write."""
    knows = any(name == MODEL_MODULE or name.startswith(f"{MODEL_MODULE}.") for name in module.imports())
    return knows and any(
        isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in WRITES
        for node in ast.walk(module.tree)
    )


def offenders(root: Path) -> list[str]:
    return [str(module.path) for module in modules(root) if writes_through_models(module)]


def test_nothing_writes_through_the_models_about_people() -> None:
    assert offenders(ROOT) == []


@pytest.mark.parametrize(
    "source",
    [
        "from domain.storage.user_tables import ProfileRow\nasync def f(): await ProfileRow.create(event_count=1)",
        "from domain.storage.user_tables import ProfileRow\nasync def f(row: ProfileRow): await row.save()",
        "from domain.storage import user_tables\nasync def f(): await user_tables.OutboxRow.filter(version=1).delete()",
        "import domain.storage.user_tables as t\nasync def f(): await t.SubjectRow.filter().update(version=1)",
        "from ..storage.user_tables import SubjectRow\nasync def f(): await SubjectRow.bulk_create([])",
    ],
)
def test_a_planted_write_is_found(source: str, tmp_path: Path) -> None:
    plant(tmp_path, "domain/profiles/store.py", source)
    assert offenders(tmp_path) == ["domain/profiles/store.py"]


def test_planted_reads_and_writes_elsewhere_are_not_meant(tmp_path: Path) -> None:
    plant(
        tmp_path, "domain/profiles/store.py", "from domain.storage.user_tables import SubjectRow\nSubjectRow.filter()"
    )
    plant(tmp_path, "domain/realtime/store.py", "async def f(redis): await redis.delete(())")
    assert offenders(tmp_path) == []

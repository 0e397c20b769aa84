"""Migrations forth and back, the models that describe the tables, and what each database role can reach."""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import asyncpg
import pytest
from tortoise import fields
from tortoise.contrib.postgres.fields import ArrayField
from tortoise.models import Model

from domain.ids import SubjectId, TenantId
from domain.storage import audit_table as audit_models
from domain.storage import experiment_tables as experiment_models
from domain.storage import rights_tables as rights_models
from domain.storage import tables as general_models
from domain.storage import user_tables as user_models
from domain.storage.migrate import migrate, pending
from domain.storage.postgres import Databases
from domain.storage.roles import Role
from tests.conftest import TEMPLATE_URL_VARIABLE, role_passwords
from tests.contract.source import copy_of_packages, plant
from tests.databases import create_database, drop_database
from tests.storage.user_rows import DIRECTORY, someone_everywhere, tables, user_tables

MODELS = {
    model
    for module in (audit_models, general_models, rights_models, experiment_models, user_models)
    for model in vars(module).values()
    if isinstance(model, type) and issubclass(model, Model) and model is not Model
}
# Tortoise takes no TextField for a primary key, hence CharField.
POSTGRES_TYPES: dict[type, set[str]] = {
    ArrayField: {"ARRAY"},
    fields.BigIntField: {"bigint"},
    fields.BinaryField: {"bytea"},
    fields.BooleanField: {"boolean"},
    fields.CharField: {"text"},
    fields.DatetimeField: {"timestamp with time zone"},
    fields.FloatField: {"real", "double precision"},
    fields.IntField: {"integer"},
    fields.JSONField: {"jsonb"},
    fields.SmallIntField: {"smallint"},
    fields.TextField: {"text"},
    fields.UUIDField: {"uuid"},
}
TRAINER_READS = {
    "public.tenants": {"tenant_id", "name", "catalog_version", "created_at"},
    "public.subjects": {"subject_id", "tenant_id", "trains"},
    "public.user_behavior_events": {
        "subject_id", "tenant_id", "event_id", "type", "item_id", "value", "occurred_at",
        "seq",
    },
    "public.recommendations": {
        "subject_id", "tenant_id", "recommendation_id", "model_version", "policy_version", "item_ids", "propensities",
        "served_at", "device", "surface", "purpose",
    },
    "public.recommendation_interactions": {
        "subject_id", "tenant_id", "recommendation_id", "item_id", "action", "occurred_at",
    },
    "public.video_generation_tracking": {"subject_id", "tenant_id"},
}  # fmt: skip


@asynccontextmanager
async def without_tables() -> AsyncIterator[str]:
    """The owner's URL of a database without any table."""
    server = os.environ[TEMPLATE_URL_VARIABLE].replace("/personalization?", "/postgres?", 1)
    name = f"empty_{uuid4().hex[:12]}"
    await create_database(server, name)
    try:
        yield server.replace("/postgres?", f"/{name}?", 1)
    finally:
        await drop_database(server, name)


@pytest.fixture
async def empty_database() -> AsyncIterator[str]:
    async with without_tables() as url:
        yield url


async def shape(url: str) -> list[tuple[str, ...]]:
    """Columns, indexes, policies, functions and grants: all that migrations make, in one list to compare."""
    connection = await asyncpg.connect(url)
    try:
        rows = await connection.fetch("""
            SELECT 'column', table_schema, table_name, column_name, data_type FROM information_schema.columns
             WHERE table_schema IN ('public', 'vault', 'analytics') AND table_name <> 'tortoise_migrations'
            UNION ALL SELECT 'index', schemaname, tablename, indexname, indexdef FROM pg_indexes
             WHERE schemaname IN ('public', 'vault', 'analytics') AND tablename <> 'tortoise_migrations'
            UNION ALL SELECT 'policy', schemaname, tablename, policyname, coalesce(qual, '') FROM pg_policies
            UNION ALL SELECT 'function', nspname, proname, pg_get_userbyid(proowner), prosrc
              FROM pg_proc JOIN pg_namespace n ON n.oid = pronamespace WHERE nspname IN ('public', 'vault', 'analytics')
            UNION ALL SELECT 'grant', table_schema, table_name, grantee, privilege_type
              FROM information_schema.table_privileges
             WHERE table_schema IN ('public', 'vault', 'analytics') AND table_name <> 'tortoise_migrations'
            ORDER BY 1, 2, 3, 4, 5""")
    finally:
        await connection.close()
    return [tuple(row) for row in rows]


async def test_up_down_to_nothing_and_up_again(empty_database: str) -> None:
    passwords = role_passwords()
    names = await pending(empty_database)
    assert await migrate(empty_database, passwords) == names != []
    first = await shape(empty_database)
    assert await pending(empty_database) == []
    assert await migrate(empty_database, passwords) == []
    assert await migrate(empty_database, passwords, target="zero") == [f"-{name}" for name in reversed(names)]
    assert await shape(empty_database) == []
    assert await pending(empty_database) == names
    assert await migrate(empty_database, passwords) == names
    assert await shape(empty_database) == first


async def test_two_databases_of_one_server_can_migrate_at_the_same_moment(empty_database: str) -> None:
    async with without_tables() as other_database:
        for target in ("__latest__", "zero", "__latest__"):
            await asyncio.gather(
                *(migrate(url, role_passwords(), target=target) for url in (empty_database, other_database))
            )
        assert await shape(other_database) == await shape(empty_database) != []


def makemigrations(root: Path) -> str:
    """What `tortoise makemigrations` says in the source tree at `root`, where it also writes."""
    command = [str(Path(sys.executable).with_name("tortoise")), "makemigrations"]
    variables = {**os.environ, "PYTHONPATH": str(root), "NO_COLOR": "1"}
    done = subprocess.run(command, cwd=root, env=variables, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_models_hold_nothing_that_no_migration_knows(tmp_path: Path) -> None:
    assert "No changes detected" in makemigrations(copy_of_packages(tmp_path))


def test_a_planted_model_would_be_noticed(tmp_path: Path) -> None:
    root = copy_of_packages(tmp_path)
    known = set((root / "domain/storage/migrations").glob("0*.py"))
    plant(root, "domain/storage/tables.py", "class Planted(Model):\n    planted_id = fields.IntField(primary_key=True)")
    assert "No changes detected" not in makemigrations(root)
    assert len(set((root / "domain/storage/migrations").glob("0*.py")) - known) == 1


async def test_every_table_has_a_model_with_the_same_columns(owner_url: str) -> None:
    found = {
        name: {column.name: (column.type, column.nullable) for column in columns}
        for name, columns in (await tables(owner_url)).items()
    }
    described = {f"{model._meta.schema or 'public'}.{model._meta.db_table}": model for model in MODELS}
    assert set(described) == set(found)
    for name, model in described.items():
        assert set(model._meta.fields_map) == set(found[name]), name
        for column, field in model._meta.fields_map.items():
            type_, nullable = found[name][column]
            assert type_ in POSTGRES_TYPES[type(field)], (name, column)
            assert field.null == nullable, (name, column)


async def count(url: str, table: str, tenant: TenantId | None = None, subject: SubjectId | None = None) -> int:
    """The rows of `table` that a login sees when its transaction names `tenant` and `subject`."""
    connection = await asyncpg.connect(url)
    try:
        async with connection.transaction(readonly=True):
            if tenant is not None:
                await connection.execute("SELECT set_config('app.tenant', $1, true)", tenant)
            if subject is not None:
                await connection.execute("SELECT set_config('app.subjects', $1, true)", f"{{{subject}}}")
            return int(await connection.fetchval(f"SELECT count(subject_id) FROM {table}"))
    finally:
        await connection.close()


@pytest.mark.parametrize("role", [Role.SERVICE, Role.WORKER, Role.KEYS])
async def test_without_naming_tenant_and_person_no_row_is_seen(
    role: Role, databases: Databases, role_urls: dict[Role, str], owner_url: str, tenant: TenantId
) -> None:
    url = role_urls[role]
    async with someone_everywhere(databases, owner_url, tenant) as (subject, names):
        for name in names:
            if name.startswith("vault.") != (role is Role.KEYS):
                with pytest.raises(asyncpg.InsufficientPrivilegeError):
                    await count(url, name, tenant, subject)
                continue
            assert await count(url, name) == 0, name
            assert await count(url, name, TenantId("somebody-else"), subject) == 0, name
            assert await count(url, name, tenant, subject) == 1, name
            assert await count(url, name, tenant) == (1 if name == DIRECTORY else 0), name
            assert await count(url, name, tenant, SubjectId(uuid4())) == (1 if name == DIRECTORY else 0), name


async def test_the_owner_too_sees_nobody(databases: Databases, owner_url: str, tenant: TenantId) -> None:
    async with someone_everywhere(databases, owner_url, tenant) as (subject, names):
        assert {name: await count(owner_url, name, tenant, subject) for name in names} == dict.fromkeys(names, 0)


async def test_nobody_can_write_a_row_for_a_person_they_did_not_name(
    databases: Databases, role_urls: dict[Role, str], tenant: TenantId
) -> None:
    connection = await asyncpg.connect(role_urls[Role.SERVICE])
    try:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(
                "INSERT INTO user_profiles (subject_id, tenant_id, updated_at) VALUES ($1, $2, $3)",
                uuid4(),
                tenant,
                datetime(2026, 3, 10, tzinfo=UTC),
            )
    finally:
        await connection.close()


async def test_the_trainer_reads_the_log_of_those_who_agreed_and_no_other(
    databases: Databases, role_urls: dict[Role, str], owner_url: str, tenant: TenantId
) -> None:
    async with (
        someone_everywhere(databases, owner_url, tenant, trains=True) as (agreed, _),
        someone_everywhere(databases, owner_url, tenant, trains=False) as (refused, _),
    ):
        for table in ("subjects", "user_behavior_events", "recommendations", "recommendation_interactions"):
            async with databases[Role.TRAINER].transaction(tenant, (agreed, refused)) as tx:
                assert [row["subject_id"] for row in await tx.rows(f"SELECT subject_id FROM {table}")] == [agreed]
            assert await count(role_urls[Role.TRAINER], table) == 0


async def test_the_trainer_reads_no_sealed_column(role_urls: dict[Role, str], owner_url: str) -> None:
    about_people = await user_tables(owner_url)
    connection = await asyncpg.connect(role_urls[Role.TRAINER])
    try:
        for name, columns in (await tables(owner_url)).items():
            readable = {
                column.name
                for column in columns
                if not name.startswith("vault.")  # which the trainer cannot even name
                and await connection.fetchval("SELECT has_column_privilege($1, $2, 'SELECT')", name, column.name)
            }
            if name in about_people:
                assert readable == TRAINER_READS.get(name, set()), name
            assert {column for column in readable if column.endswith("_sealed")} == set(), name
            if readable:
                writable = "SELECT has_any_column_privilege($1, 'INSERT, UPDATE')"
                assert not await connection.fetchval(writable, name), name
    finally:
        await connection.close()


async def test_nobody_logs_in_as_the_owner_of_functions_or_above_the_rules(owner_url: str) -> None:
    connection = await asyncpg.connect(owner_url)
    try:
        may_log_in = await connection.fetchval(
            "SELECT bool_or(rolcanlogin OR rolsuper OR rolbypassrls) FROM pg_roles "
            "WHERE rolname IN ('personalization_dispatcher', 'personalization_aggregator')"
        )
        above_the_rules = await connection.fetch(
            "SELECT rolname FROM pg_roles WHERE rolname LIKE 'personalization%' AND (rolsuper OR rolbypassrls)"
        )
    finally:
        await connection.close()
    assert may_log_in is False
    assert above_the_rules == []

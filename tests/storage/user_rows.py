"""One row in every table about people, made from the tables as they are, so that a new table is covered by itself."""

from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID, uuid4

import asyncpg

from domain.ids import SubjectId, TenantId
from domain.storage.postgres import Databases
from domain.storage.roles import Role

VAULT = "vault"
DIRECTORY = "public.subject_identities"
"""The one table about people that is keyed by their hashed external id: it is how a subject id is found."""

_COLUMNS = """
    SELECT c.table_schema || '.' || c.table_name AS "table", c.column_name AS name, c.data_type AS type,
           c.is_nullable = 'YES' AS nullable, c.is_identity = 'YES' AS generated
    FROM information_schema.columns c
    WHERE c.table_schema IN ('public', 'vault')
    ORDER BY 1, c.ordinal_position"""

_VALUES: dict[str, object] = {
    "ARRAY": [],
    "bigint": 1,
    "boolean": True,
    "bytea": b"sealed",
    "double precision": 0.5,
    "integer": 1,
    "jsonb": "{}",
    "numeric": 1,
    "real": 0.5,
    "smallint": 0,
    "text": "anything",
    "timestamp with time zone": datetime(2026, 3, 10, tzinfo=UTC),
}
# What a CHECK demands of a column.
_SPECIAL: dict[str, object] = {"privacy_level": "standard"}


@dataclass(frozen=True)
class Column:
    """A column as the database describes it."""

    name: str
    type: str
    nullable: bool
    generated: bool


async def tables(owner_url: str) -> dict[str, list[Column]]:
    """Every table of the service by `schema.name`, Tortoise's own record of migrations aside."""
    connection = await asyncpg.connect(owner_url)
    try:
        rows = await connection.fetch(_COLUMNS)
    finally:
        await connection.close()
    found: defaultdict[str, list[Column]] = defaultdict(list)
    for row in rows:
        found[row["table"]].append(Column(row["name"], row["type"], row["nullable"], row["generated"]))
    return {name: columns for name, columns in found.items() if name != "public.tortoise_migrations"}


async def user_tables(owner_url: str) -> dict[str, list[Column]]:
    """Every table with a subject id."""
    found = await tables(owner_url)
    return {name: columns for name, columns in found.items() if "subject_id" in {column.name for column in columns}}


@asynccontextmanager
async def someone_everywhere(
    databases: Databases, owner_url: str, tenant: TenantId, **special: object
) -> AsyncIterator[tuple[SubjectId, list[str]]]:
    """A person with a row in every table about people, for as long as the block; and the names of the tables.

    The rows are gone afterwards, since what they hold is no real event or update for a worker to take.

    Args:
        databases: logins of the service and the vault.
        owner_url: of the same database.
        tenant: whose person.
        **special: overrides the value of a column.
    """
    subject = SubjectId(uuid4())
    found = await user_tables(owner_url)

    async def everywhere(sql: Callable[[str, list[str]], str], *, with_values: bool) -> None:
        for table, columns in found.items():
            database = databases[Role.KEYS if table.startswith(f"{VAULT}.") else Role.SERVICE]
            row = {c.name: value_of(c, tenant, subject, special) for c in columns if not c.generated}
            async with database.transaction(tenant, (subject,)) as tx:
                await tx.execute(sql(table, list(row)), *(row.values() if with_values else [subject]))

    await everywhere(_insert, with_values=True)
    try:
        yield subject, list(found)
    finally:
        await everywhere(lambda table, _: f"DELETE FROM {table} WHERE subject_id = $1", with_values=False)


def _insert(table: str, names: list[str]) -> str:
    places = ", ".join(f"${n}" for n in range(1, len(names) + 1))
    return f"INSERT INTO {table} ({', '.join(names)}) VALUES ({places})"


def value_of(column: Column, tenant: TenantId, subject: SubjectId, special: dict[str, object]) -> object:
    """Something that the column takes; what `special` has under its name, if it has."""
    given: dict[str, object] = {"tenant_id": tenant, "subject_id": subject, **_SPECIAL, **special}
    if column.name in given:
        return given[column.name]
    if column.nullable:
        return None
    if column.name == "identity_hash":
        return subject.bytes
    return _fresh_id() if column.type == "uuid" else _VALUES[column.type]


def _fresh_id() -> UUID:
    return uuid4()

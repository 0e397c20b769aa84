"""Merging two ids knows every table about people, with its key and its sealed columns."""

import asyncpg

from domain.identities.model import KEPT, MOVED
from tests.storage.user_rows import user_tables

KEYS = """
    SELECT t.relname AS name, array_agg(a.attname::text ORDER BY k.place) AS columns, min(y.typname) AS key_type
    FROM pg_index i
    JOIN pg_class t ON t.oid = i.indrelid
    CROSS JOIN LATERAL unnest(i.indkey) WITH ORDINALITY AS k (attnum, place)
    JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = k.attnum
    JOIN pg_type y ON y.oid = a.atttypid
    WHERE i.indisprimary AND t.relname = ANY($1::text[])
    GROUP BY t.relname"""


async def test_every_table_about_people_is_merged_in_some_way(owner_url: str) -> None:
    tables = {name.partition(".")[2] for name in await user_tables(owner_url)}
    assert tables == KEPT | {table.name for table in MOVED}
    assert not KEPT & {table.name for table in MOVED}


async def test_keys_and_sealed_columns_are_those_of_the_database(owner_url: str) -> None:
    found = await user_tables(owner_url)
    connection = await asyncpg.connect(owner_url)
    rows = await connection.fetch(KEYS, [table.name for table in MOVED])
    await connection.close()
    assert {row["name"]: tuple(row["columns"]) for row in rows} == {t.name: ("subject_id", *t.key) for t in MOVED}
    for table in MOVED:
        sealed = {column.name for column in found[f"public.{table.name}"] if column.name.endswith("_sealed")}
        assert sealed == set(table.sealed), table.name
        assert not table.sealed or len(table.key) <= 1, table.name


async def test_a_visit_moves_with_all_its_columns(owner_url: str) -> None:
    columns = {column.name for column in (await user_tables(owner_url))["public.user_sessions"]}
    assert columns == {
        "subject_id", "session_id", "tenant_id", "client_session_sealed", "context_sealed", "device", "started_at",
        "last_seen_at", "event_count",
    }  # fmt: skip

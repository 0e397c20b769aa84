"""Analysts as they log in, people whom their sums are made of, and what a login may do to which table."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import asyncpg

from domain.ids import SubjectId, TenantId
from domain.storage.analysts import give_login, take_login
from domain.storage.postgres import Database
from domain.storage.roles import url_as
from tests.storage.user_rows import tables

LONG_AGO = datetime.now(UTC) - timedelta(days=15)
DAY = LONG_AGO.date()
WEEK = DAY - timedelta(days=DAY.weekday())
VIEWS = {
    "activity", "items", "lists", "visits", "feedback", "generations", "segments", "experiments", "choices", "consents",
    "workflows", "catalog",
}  # fmt: skip
WRITES = ("INSERT", "UPDATE", "DELETE", "TRUNCATE")

DOINGS = (
    (
        "INSERT INTO user_behavior_events (tenant_id, subject_id, event_id, type, item_id, occurred_at, received_at, "
        "processed_at) VALUES ($1, $2, $3, 'KIND', 'thing', $4, $4, $4)"
    ),
    (
        "INSERT INTO user_sessions (tenant_id, subject_id, session_id, client_session_sealed, device, started_at, "
        "last_seen_at) VALUES ($1, $2, $3, '', 'phone', $4, $4)"
    ),
    (
        "INSERT INTO user_feedback (tenant_id, subject_id, feedback_id, sentiment, occurred_at) "
        "VALUES ($1, $2, $3, 'positive', $4)"
    ),
    (
        "WITH list AS (INSERT INTO recommendations (tenant_id, subject_id, recommendation_id, kind, model_version, "
        "policy_version, item_ids, scores, propensities, served_at) "
        "VALUES ($1, $2, $3, 'TEMPLATE', 'v1', 'p', '{}', '{}', '{}', $4) RETURNING *) "
        "INSERT INTO recommendation_interactions (tenant_id, subject_id, interaction_id, recommendation_id, item_id, "
        "action, occurred_at) SELECT tenant_id, subject_id, recommendation_id, recommendation_id, 'thing', 'clicked', "
        "served_at FROM list"
    ),
    (
        "INSERT INTO video_generation_tracking (tenant_id, subject_id, generation_id, purpose, device, outcome, "
        "created_at) VALUES ($1, $2, $3, 'promo', 'phone', 'kept', $4)"
    ),
)
"""One of everything that views count, done by a person (tenant, person, id, moment)."""


@asynccontextmanager
async def analyst_of(owner_url: str, tenant: TenantId) -> AsyncIterator[asyncpg.Connection]:
    """A session of the tenant's login, which is gone afterwards."""
    login, password = await give_login(owner_url, tenant)
    connection = await asyncpg.connect(url_as(login, owner_url, password))
    try:
        yield connection
    finally:
        await connection.close()
        await take_login(owner_url, tenant)


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


async def cells(analyst: asyncpg.Connection, view: str) -> list[tuple[Any, ...]]:
    """What a view tells, in an order that is the same each time."""
    return sorted((tuple(row) for row in await analyst.fetch(f"SELECT * FROM analytics.{view}")), key=repr)


async def told(analyst: asyncpg.Connection) -> dict[str, list[tuple[Any, ...]]]:
    """What every view tells."""
    return {view: await cells(analyst, view) for view in sorted(VIEWS)}


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
    """Each of them does one of everything that views count."""
    async with database.transaction(tenant, people) as tx:
        for sql in DOINGS:
            await tx.execute_for_each(sql.replace("KIND", kind), [(tenant, person, uuid4(), at) for person in people])
        await tx.execute_for_each(
            "INSERT INTO user_segments (tenant_id, subject_id, model_version, segment, confidence, assigned_at) "
            "VALUES ($1, $2, 'v1', 3, 1, $3) ON CONFLICT DO NOTHING",
            [(tenant, person, at) for person in people],
        )

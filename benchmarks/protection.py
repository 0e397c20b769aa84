"""What protection costs: each protected step beside the same step without its protection, in the same process.

    python -m benchmarks.protection [--json]

Row-level security is measured as PostgreSQL does it for the service: the same rows in two tables of one shape, one of
them with the policy that every table about people has. Both sides take turns, and the median of all turns counts.
"""

import argparse
import asyncio
import json
import os
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import orjson
from prometheus_client import CollectorRegistry

from benchmarks.report import Figure, as_json, publish
from benchmarks.server import ENDLESS, SECRET, settings_in
from domain.bootstrap import migrate_database
from domain.bootstrap.secrets import role_passwords
from domain.clock import SystemClock
from domain.ids import SubjectId, TenantId, UserId
from domain.limiting.metrics import LimitMetrics
from domain.limiting.model import CallLimits, Window
from domain.limiting.service import RateLimiter
from domain.privacy.encryption import SubjectKey
from domain.storage.embedded import EmbeddedPostgres, EmbeddedValkey
from domain.storage.postgres import Database, Databases
from domain.storage.roles import Role, url_as
from graphql_api.auth import Authenticator, Scope, SharedSecret, issue_token

TENANT, ANNA, SUBJECT = TenantId("demo"), UserId("anna"), SubjectId(UUID(int=1))
PEOPLE, ROWS, TURNS, CALLS = 1_000, 100, 15, 2_000
PAYLOAD = {
    "feature": "video_editor",
    "value": 0.5,
    "context": {"surface": "editor", "device": "desktop"},
    "text": "a" * 200,
}
TABLES = f"""
    CREATE TABLE open_rows (subject_id uuid, seq bigint, tenant_id text NOT NULL, payload bytea NOT NULL,
                            PRIMARY KEY (subject_id, seq));
    INSERT INTO open_rows SELECT ('00000000-0000-0000-0000-' || lpad(to_hex(p), 12, '0'))::uuid, s, 'demo', '\\x00ff'
    FROM generate_series(1, {PEOPLE}) p, generate_series(1, {ROWS}) s;
    CREATE TABLE guarded_rows (LIKE open_rows INCLUDING ALL);
    INSERT INTO guarded_rows SELECT * FROM open_rows;
    ALTER TABLE guarded_rows ENABLE ROW LEVEL SECURITY;
    ALTER TABLE guarded_rows FORCE ROW LEVEL SECURITY;
    CREATE POLICY subject_context ON guarded_rows TO personalization_service
        USING (tenant_id = (SELECT app_tenant()) AND subject_id = ANY ((SELECT app_subjects())::uuid[]));
    GRANT SELECT ON open_rows, guarded_rows TO personalization_service;
    ANALYZE open_rows; ANALYZE guarded_rows
"""
Step = Callable[[], Awaitable[Any]]


class Uncounted:
    """Totals that nobody else adds to: settling is background work and no part of a call."""

    async def add(self, _window: Window, amount: int) -> int:
        """As if it were alone."""
        return amount


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print, and write the results."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.protection")
    parser.add_argument("--json", action="store_true", help="print one JSON line and write no file")
    chosen = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="personalization-bench-") as name:
        Path(name).chmod(0o755)
        figures = asyncio.run(_measured(Path(name)))
    if chosen.json:
        print(json.dumps(as_json(figures)))
    else:
        publish("protection", "What protection costs", figures)


async def _measured(folder: Path) -> list[Figure]:
    figures = [
        await _rate_limit(),
        await _authorization(CALLS, fresh=False),
        await _authorization(CALLS // 10, fresh=True),
    ]
    figures += [await _encryption()]
    with EmbeddedPostgres(folder) as postgres, EmbeddedValkey(folder) as valkey:
        settings = settings_in(folder, postgres.owner_url, valkey.url)
        await migrate_database(settings)
        owner = await asyncpg.connect(postgres.owner_url)
        await owner.execute(TABLES)
        await owner.close()
        password = role_passwords(settings)[Role.SERVICE]
        databases = Databases({Role.SERVICE: url_as(Role.SERVICE.login, postgres.owner_url, password)}, pool_size=1)
        await databases.open()
        figures += await _row_level_security(databases[Role.SERVICE])
        await databases.close()
    return figures


async def _rate_limit() -> Figure:
    limits = CallLimits.parse(ENDLESS, ENDLESS, "", ENDLESS)
    rates = RateLimiter(limits, Uncounted(), LimitMetrics(CollectorRegistry()), os.urandom(32), SystemClock())

    async def counted() -> None:
        rates.admit(TENANT, ANNA, "recommendations", acts_for_others=False)

    ours, bare = await _compared(counted, _nothing, CALLS)
    return Figure(
        "rate limit: one call counted", "us", ours - bare, None, "beside none; Redis is told in the background"
    )


async def _authorization(calls: int, *, fresh: bool) -> Figure:
    clock = SystemClock()
    token = issue_token(
        SECRET,
        tenant=TENANT,
        user_id=ANNA,
        scopes=frozenset(Scope) - {Scope.ACT_AS},
        issuer="personalization",
        audience="personalization",
        issued_at=clock.now(),
        lifetime=timedelta(hours=1),
    )

    def checker() -> Authenticator:
        return Authenticator(SharedSecret(SECRET), issuer="personalization", audience="personalization", clock=clock)

    known = checker()

    async def checked() -> None:
        principal = await (checker() if fresh else known).principal(f"Bearer {token}")
        principal.require(Scope.RECOMMENDATIONS_READ)
        principal.reach(ANNA)

    ours, bare = await _compared(checked, _nothing, calls)
    what = "a token seen for the first time" if fresh else "a token seen before"
    return Figure(f"authorization: {what}, scope and reach", "us", ours - bare, None, "beside none")


async def _encryption() -> Figure:
    key = SubjectKey(SUBJECT, os.urandom(32))

    async def sealed() -> None:
        key.open_json("t", "c", key.seal_json("t", "c", PAYLOAD))

    async def plain() -> None:
        orjson.loads(orjson.dumps(PAYLOAD))

    ours, bare = await _compared(sealed, plain, CALLS)
    size = len(orjson.dumps(PAYLOAD))
    return Figure(f"encryption: a field of {size} bytes sealed and opened", "us", ours, bare, "JSON alone")


async def _row_level_security(database: Database) -> list[Figure]:
    def reading(table: str) -> Step:
        sql = (
            f"SELECT seq, payload FROM {table} WHERE subject_id = $1 AND tenant_id = $2 ORDER BY seq DESC LIMIT {ROWS}"
        )

        async def read() -> None:
            async with database.transaction(TENANT, (SUBJECT,)) as tx:
                assert len(await tx.rows(sql, SUBJECT, TENANT)) == ROWS

        return read

    ours, bare = await _compared(reading("guarded_rows"), reading("open_rows"), CALLS // 10)
    figures = [Figure(f"row-level security: {ROWS} rows of one person", "us", ours, bare, "the same without a policy")]

    async def named() -> None:
        async with database.transaction(TENANT, (SUBJECT,)) as tx:
            await tx.value("SELECT 1")

    async def unnamed() -> None:
        async with database.dispatch() as tx:
            await tx.value("SELECT 1")

    ours, bare = await _compared(named, unnamed, CALLS // 10)
    figures.append(
        Figure("row-level security: a transaction that names its people", "us", ours, bare, "one that does not")
    )
    return figures


async def _compared(ours: Step, bare: Step, calls: int) -> tuple[float, float]:
    """Microseconds of one call, each the median of turns that alternate."""
    found: tuple[list[float], list[float]] = ([], [])
    for turn in range(TURNS + 1):
        for taken, step in zip(found, (ours, bare), strict=True):
            started = time.perf_counter()
            for _ in range(calls):
                await step()
            if turn:
                taken.append((time.perf_counter() - started) / calls * 1e6)
    return statistics.median(found[0]), statistics.median(found[1])


async def _nothing() -> None:
    pass


if __name__ == "__main__":
    main()

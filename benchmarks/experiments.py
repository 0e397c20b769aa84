"""What it costs to judge an experiment as it grows: a refresh of what changed, and a recount of everything.

    python -m benchmarks.experiments [--units 10000000] [--changed 1000]

People who were exposed and counted are written straight into the table. Then each size is recounted by `sum_units`, the
function that makes the sums anew, beside one bare aggregate of the same sums over the same rows, as a superuser without
row-level security; and a refresh takes so many people who have done something new, whatever the size.
"""

import argparse
import asyncio
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import asyncpg

from benchmarks.report import Figure, publish
from benchmarks.server import settings_in
from domain.bootstrap import migrate_database, open_worker
from domain.experiments.model import Test
from domain.ids import TenantId
from domain.outcomes.store import PostgresOutcomeStore
from domain.settings import Settings
from domain.storage.embedded import EmbeddedPostgres, EmbeddedValkey

TENANT: Final = TenantId("bench")
ROUNDS: Final = 3
PLAN: Final[dict[str, Any]] = {
    "key": "bench",
    "variations": [{"key": "control"}, {"key": "tried"}],
    "metrics": [{"key": "spent", "kind": "mean", "source": {"goals": ["paid"], "measure": "sum"}}],
}

FILL: Final = """
    INSERT INTO user_ab_tests (subject_id, test_id, phase, tenant_id, variation, policy_version, propensity, exposed_at,
                               stale, counted)
    SELECT gen_random_uuid(), $1, 1, $2, n % 2, '1.0', 0.5, now() - interval '1 day', false,
           CASE WHEN n % 3 = 0 THEN ARRAY[1000000 * (n % 97), 0, 1000000 * (n % 89), 0] ELSE '{}' END::bigint[]
    FROM generate_series($3::bigint, $4::bigint) AS n"""
BARE: Final = """
    SELECT phase, policy_version, variation, count(*), sum(counted[1])::numeric, sum(counted[1]::numeric * counted[1]),
           sum(counted[3])::numeric, sum(counted[3]::numeric * counted[3]), sum(counted[1]::numeric * counted[3])
    FROM user_ab_tests WHERE tenant_id = $1 AND test_id = $2 GROUP BY 1, 2, 3"""
STALE: Final = """
    UPDATE user_ab_tests SET stale = true WHERE ctid = ANY (ARRAY(
        SELECT ctid FROM user_ab_tests WHERE tenant_id = $1 AND test_id = $2 LIMIT $3))"""


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print, and write the results."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.experiments")
    parser.add_argument("--units", type=int, default=10_000_000)
    parser.add_argument("--changed", type=int, default=1000)
    chosen = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="personalization-bench-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        server = EmbeddedPostgres(folder)
        with server as place, EmbeddedValkey(folder) as valkey:
            settings = settings_in(folder, place.owner_url, valkey.url)
            superuser = server.superuser_url("personalization")
            figures = asyncio.run(_measured(settings, superuser, chosen.units, chosen.changed))
    publish("experiments", "Experiments", figures)


async def _measured(settings: Settings, superuser: str, units: int, changed: int) -> list[Figure]:
    await migrate_database(settings)
    figures: list[Figure] = []
    connection = await asyncpg.connect(superuser)
    async with open_worker(settings) as worker:
        experiments = worker.services.experiments
        made = await experiments.create(TENANT, PLAN)
        test = await experiments.start(TENANT, made.test_id)
        store = PostgresOutcomeStore(worker.common_ways._database)  # noqa: SLF001 - the worker's own pool
        filled = 0
        for size in (units // 100, units // 10, units):
            await _fill(connection, test, filled, size)
            filled = size
            figures += await _of_size(connection, store, test, size, changed)
    await connection.close()
    return figures


async def _fill(connection: asyncpg.Connection, test: Test, held: int, size: int) -> None:
    await connection.execute("SET synchronous_commit = off")
    for start in range(held, size, 1_000_000):
        end = min(size, start + 1_000_000) - 1
        await connection.execute(FILL, test.test_id, TENANT, start, end, timeout=3600)
    await connection.execute("VACUUM ANALYZE user_ab_tests", timeout=3600)


async def _of_size(
    connection: asyncpg.Connection, store: PostgresOutcomeStore, test: Test, size: int, changed: int
) -> list[Figure]:
    recounts: list[float] = []
    floors: list[float] = []
    for _ in range(ROUNDS):
        floors.append(await _took(connection.fetch(BARE, TENANT, test.test_id, timeout=3600)))
        recounts.append(await _took(connection.fetch("SELECT * FROM sum_units($1, $2, 0, 'adjusted')",
                                                     TENANT, test.test_id, timeout=3600)))  # fmt: skip
    refreshes: list[float] = []
    for _ in range(ROUNDS):
        await connection.execute(STALE, TENANT, test.test_id, changed, timeout=3600)
        refreshes.append(await _took(store.count_some(test, changed)))
    said = f"{size:,} people, median of {ROUNDS}"
    return [
        Figure(f"recount of {size:,} people", "s", statistics.median(recounts), statistics.median(floors), said),
        Figure(f"refresh of {changed:,} people among {size:,}", "s", statistics.median(refreshes), None, said),
    ]


async def _took(work: Any) -> float:
    started = time.perf_counter()
    await work
    return time.perf_counter() - started


if __name__ == "__main__":
    main()

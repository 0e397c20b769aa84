"""How long a start takes where many were erased: the whole journal is held against the database before it is ready.

    python -m benchmarks.replay [--entries 1000000] [--lacking 100] [--json]

The floor of the time is reading the lines of the journal as JSON and doing nothing with them; the floor of the memory
is the same start without a journal. Each start is a process of its own.
"""

import argparse
import asyncio
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import asyncpg
import orjson

from benchmarks.report import Figure, as_json, publish
from benchmarks.server import settings_in
from domain.bootstrap import migrate_database, open_services
from domain.ids import SubjectId, TenantId
from domain.rights.journal import _line
from domain.rights.model import Tombstone
from domain.settings import Settings
from domain.storage.embedded import EmbeddedPostgres, EmbeddedValkey

TENANT = TenantId("demo")
ERASED_AT = datetime(2026, 3, 10, tzinfo=UTC)
_KNOWN = """
    INSERT INTO privacy_requests (tenant_id, identity_hash, kind, request_id, state, retry_at, requested_at,
                                  finished_at, erased_at, subjects, checkpoint)
    SELECT 'demo', decode(lpad(to_hex(n), 64, '0'), 'hex'), 'erasure', lpad(to_hex(n), 32, '0')::uuid, 'done', $2, $2,
           $2, $2, ARRAY[lpad(to_hex(n), 32, '0')::uuid], 'signed'
    FROM generate_series($1::int, $3::int) AS n"""


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print, and write the results."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.replay")
    parser.add_argument("--entries", type=int, default=1_000_000, help="how many erasures the journal holds")
    parser.add_argument("--lacking", type=int, default=100, help="how many of them the restored database lacks")
    parser.add_argument("--json", action="store_true", help="print one JSON line and write no file")
    parser.add_argument("--start", help=argparse.SUPPRESS)
    chosen = parser.parse_args(arguments)
    if chosen.start:
        print(json.dumps(asyncio.run(_started(Settings.model_validate_json(chosen.start)))))
        return
    with tempfile.TemporaryDirectory(prefix="personalization-bench-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        with EmbeddedPostgres(folder) as postgres, EmbeddedValkey(folder) as valkey:
            settings = settings_in(folder, postgres.owner_url, valkey.url)
            figures = _measured(settings, chosen.entries, chosen.lacking)
    if chosen.json:
        print(json.dumps(as_json(figures)))
    else:
        publish("replay", "Starting with a long journal of erasures", figures)


def _measured(settings: Settings, entries: int, lacking: int) -> list[Figure]:
    asyncio.run(_furnished(settings, entries - lacking))
    bare = _start(settings)
    path = settings.data_dir / "journal" / "erasures.jsonl"
    path.parent.mkdir(exist_ok=True)
    with path.open("wb") as file:
        file.writelines(_line(_tombstone(number)) + b"\n" for number in range(1, entries + 1))
    begun = time.perf_counter()
    with path.open("rb") as file:
        for line in file:
            orjson.loads(line)
    floor = time.perf_counter() - begun
    restored, again = _start(settings), _start(settings)
    if (restored["again"], again["again"]) != (lacking, 0):
        raise RuntimeError(f"{restored['again']} were erased again, and {again['again']} once more")
    what = f"journal of {entries:,} erasures"
    return [
        Figure(f"{what}, to readiness", "s", again["seconds"], floor, "nothing is lacking; reading its lines"),
        Figure(f"{what}, {lacking} lacking, to readiness", "s", restored["seconds"], floor, "reading its lines"),
        Figure(f"{what}, peak memory", "MiB", again["mib"], bare["mib"], "a start without a journal"),
    ]


async def _furnished(settings: Settings, known: int) -> None:
    await migrate_database(settings)
    owner = await asyncpg.connect(str(settings.database_url))
    try:
        await owner.execute("INSERT INTO tenants (tenant_id, name, created_at) VALUES ('demo', 'Demo', now())")
        await owner.execute("ALTER TABLE privacy_requests NO FORCE ROW LEVEL SECURITY")
        await owner.execute(_KNOWN, 1, ERASED_AT, known)
        await owner.execute("ALTER TABLE privacy_requests FORCE ROW LEVEL SECURITY")
        await owner.execute("ANALYZE privacy_requests")
    finally:
        await owner.close()


def _tombstone(number: int) -> Tombstone:
    return Tombstone(TENANT, UUID(int=number), number.to_bytes(32), (SubjectId(UUID(int=number)),), ERASED_AT)


def _start(settings: Settings) -> dict[str, float]:
    secrets = {name: getattr(settings, name).get_secret_value() for name in ("secret", "jwt_secret")}
    given = json.dumps({**json.loads(settings.model_dump_json()), **secrets})
    command = [sys.executable, "-m", "benchmarks.replay", "--start", given]
    ran = subprocess.run(command, capture_output=True, text=True, check=True, env={**os.environ})
    found: dict[str, float] = json.loads(ran.stdout.splitlines()[-1])
    return found


async def _started(settings: Settings) -> dict[str, float]:
    begun = time.perf_counter()
    async with open_services(settings) as services:
        again = await services.replay.run()
        seconds = time.perf_counter() - begun
    return {"again": again, "seconds": seconds, "mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}


if __name__ == "__main__":
    main()

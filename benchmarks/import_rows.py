"""How fast past behaviour is imported, beside the bare insert of the same rows into the same table in the same run.

    python -m benchmarks.import_rows --data FOLDER [--rounds 3]

FOLDER is a MovieLens folder. Ours is the whole command's work: reading the files, checking each row, people's consent
and keys, sealing, the insert under row-level security, and learning the profiles. The floor is asyncpg with `unnest`
and rows prepared in memory, as a superuser, in batches of the same size.
"""

import argparse
import asyncio
import csv
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID, uuid4, uuid5

import asyncpg

from benchmarks.report import Figure, publish
from cli.loading import ROWS_AT_ONCE
from domain.storage.embedded import EmbeddedPostgres, EmbeddedValkey

INSERT = """
    INSERT INTO user_behavior_events
        (tenant_id, subject_id, event_id, type, item_id, value, occurred_at, received_at, processed_at)
    SELECT 'floor', *, now(), now()
    FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::real[], $6::timestamptz[])"""

Row = tuple[UUID, UUID, str, str, float, datetime]


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print, and write the results."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.import_rows")
    parser.add_argument("--data", type=Path, required=True, help="a MovieLens folder")
    parser.add_argument("--rounds", type=int, default=3)
    chosen = parser.parse_args(arguments)
    rows = ratings(chosen.data)
    with tempfile.TemporaryDirectory(prefix="personalization-bench-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        server = EmbeddedPostgres(folder)
        with server, EmbeddedValkey(folder):
            ran = [_round(number, folder, server, chosen.data, rows) for number in range(chosen.rounds)]
    ours, floor = ([each[side] for each in ran] for side in ("ours", "floor"))
    note = f"{len(rows):,} ratings; {chosen.rounds} rounds, median"
    publish(
        "import_rows", "Import", [Figure("import", "rows/s", statistics.median(ours), statistics.median(floor), note)]
    )


def ratings(folder: Path) -> list[Row]:
    """The rows of ratings.csv as they go into the table."""
    people: dict[str, UUID] = {}
    rows: list[Row] = []
    with (folder / "ratings.csv").open(newline="") as file:
        for user, movie, rating, timestamp in list(csv.reader(file))[1:]:
            subject = people.setdefault(user, uuid4())
            event_id = uuid5(subject, f"{movie}/{timestamp}")
            moment = datetime.fromtimestamp(int(timestamp), UTC)
            rows.append((subject, event_id, "rated", movie, float(rating), moment))
    return rows


def _round(number: int, folder: Path, server: EmbeddedPostgres, data: Path, rows: list[Row]) -> dict[str, float]:
    # Turns are taken, so that neither side always meets the warmer database.
    sides = [lambda: ("ours", _ours(folder, data, f"round-{number}")), lambda: ("floor", _floor(server, rows))]
    if number == 0:
        _ours(folder, data, "warm-up")
    return dict(side() for side in (sides if number % 2 == 0 else reversed(sides)))


def _ours(folder: Path, data: Path, tenant: str) -> float:
    command = [sys.executable, "-m", "cli", "import", "--format", "movielens", str(data), "--json"]
    options = ["--tenant", tenant, "--legal-basis", "benchmark", "--data-dir", str(folder)]
    ran = subprocess.run([*command, *options], capture_output=True, text=True, check=True)
    return float(json.loads(ran.stdout)["rows_per_second"])


def _floor(server: EmbeddedPostgres, rows: list[Row]) -> float:
    return asyncio.run(_insert(server.superuser_url("personalization"), rows))


async def _insert(url: str, rows: list[Row]) -> float:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute("DELETE FROM user_behavior_events WHERE tenant_id = 'floor'")
        started = time.perf_counter()
        for start in range(0, len(rows), ROWS_AT_ONCE):
            await connection.execute(INSERT, *map(list, zip(*rows[start : start + ROWS_AT_ONCE], strict=True)))
        return len(rows) / (time.perf_counter() - started)
    finally:
        await connection.close()


if __name__ == "__main__":
    main()

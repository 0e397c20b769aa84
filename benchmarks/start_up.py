"""How long a start takes: the API's import, the first start with the whole demo, and a restart to its first answer.

    python -m benchmarks.start_up [--restarts 5] [--demo-users 2000]

The floor of the import is importing the libraries that the API is built on and nothing of ours; the floor of a restart
is starting the two servers alone.
"""

import argparse
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx

from benchmarks.report import Figure, publish
from domain.storage.embedded import EmbeddedPostgres, EmbeddedValkey

REPEATS = 5
LIBRARIES = (
    "arq, asyncpg, cryptography, numpy, orjson, prometheus_client, pydantic_settings, redis.asyncio, "
    "starlette.applications, strawberry, structlog, uvicorn"
)
MEASURE = """
import json, resource, sys, time
started = time.perf_counter()
import {modules}
seconds = time.perf_counter() - started
heavy = sorted({{"torch", "sklearn", "implicit", "scipy"}} & set(sys.modules))
mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(json.dumps({{"seconds": seconds, "mib": mib, "heavy": heavy}}))
"""
QUESTION = '{ recommendations(userId: "user_123", first: 10) { edges { node { item { title } reasons { text } } } } }'


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print, and write the results."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.start_up")
    parser.add_argument("--restarts", type=int, default=REPEATS)
    parser.add_argument("--demo-users", type=int, default=2000)
    chosen = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="personalization-bench-") as folder:
        Path(folder).chmod(0o755)
        figures = [*imports(), *starts(Path(folder), chosen.restarts, chosen.demo_users)]
    publish("start_up", "Start", figures)


def imports() -> list[Figure]:
    """Time and peak memory of a fresh interpreter that imports the API, beside its libraries alone."""
    floor, ours = ([_imported(modules) for _ in range(REPEATS)] for modules in (LIBRARIES, "graphql_api.app"))
    heavy = ours[0]["heavy"]
    note = f"loads {', '.join(heavy)}" if heavy else "no torch, sklearn, implicit or scipy"
    return [
        Figure("API import", "s", _median(ours, "seconds"), _median(floor, "seconds"), note),
        Figure("API import, peak memory", "MiB", _median(ours, "mib"), _median(floor, "mib"), note),
    ]


def starts(folder: Path, restarts: int, demo_users: int) -> list[Figure]:
    """The first start, then restarts on the same data folder, each until recommendations have been answered."""
    first = _answered(folder, demo_users)
    again = [_answered(folder, demo_users) for _ in range(restarts)]
    bare = [_servers_alone(folder) for _ in range(restarts)]
    return [
        Figure(f"first start, {demo_users} demo users and training", "s", first, None, "to the first answer"),
        Figure(
            "restart",
            "s",
            statistics.median(again),
            statistics.median(bare),
            f"to the first answer; worst {max(again):.2f} s",
        ),
    ]


def _imported(modules: str) -> dict[str, Any]:
    ran = subprocess.run(
        [sys.executable, "-c", MEASURE.format(modules=modules)], capture_output=True, text=True, check=True
    )
    measured: dict[str, Any] = json.loads(ran.stdout)
    return measured


def _median(runs: list[dict[str, Any]], name: str) -> float:
    return statistics.median(run[name] for run in runs)


def _answered(folder: Path, demo_users: int) -> float:
    options = ["--json", "--port", "0", "--data-dir", str(folder), "--demo-users", str(demo_users)]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PERSONALIZATION_")}
    started = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "cli", "up", *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=environment,
    )
    assert process.stdout is not None
    _ask(json.loads(process.stdout.readline()))
    seconds = time.perf_counter() - started
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    return seconds


def _ask(ready: dict[str, str]) -> None:
    headers = {"Authorization": f"Bearer {ready['token']}"}
    answer = httpx.post(ready["graphql"], json={"query": QUESTION}, headers=headers, timeout=30).json()
    assert len(answer["data"]["recommendations"]["edges"]) == 10


def _servers_alone(folder: Path) -> float:
    started = time.perf_counter()
    with EmbeddedPostgres(folder), EmbeddedValkey(folder):
        return time.perf_counter() - started


if __name__ == "__main__":
    main()

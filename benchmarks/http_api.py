"""Requests a second over HTTP, each kind beside an equally protected floor on the same machine in the same run.

    python -m benchmarks.http_api [--json] [--seconds 5]

One server process each (ours as production runs it, the floors of `benchmarks.bare_http`), eight keep-alive connections
from this process on the other core; ours and floor are measured in turn. Ours runs with authentication, limits, metrics
and logs on, and notes the exposure of every list that it serves in PostgreSQL; the floors write nothing.
"""

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict, dataclass
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import asyncpg
import numpy as np

from benchmarks.live_updates import AGREED, SECRET, TENANT, answering, api_server, free_port, settings_in
from benchmarks.report import Figure, publish
from domain.behavior.model import Action, BehaviorData
from domain.bootstrap import migrate_database, open_services, open_worker
from domain.catalog.model import CatalogItem, ItemKind
from domain.clock import SystemClock
from domain.ids import ItemId, UserId
from domain.privacy.model import OBSERVED_PURPOSES
from domain.settings import Settings
from domain.storage.embedded import EmbeddedPostgres, EmbeddedValkey
from graphql_api.auth import Scope, issue_token
from workers.training.config import TrainingConfig
from workers.training.interactions import TrainingSet
from workers.training.trainer import train

CONNECTIONS, ITEMS, ACTIONS, BATCH = 8, 2_000, 50, 100
USER = UserId("anna")
FIELDS = "itemId title score kind category position"
QUERY = f'{{ recommendations(userId: "anna", first: 10) {{ edges {{ node {{ {FIELDS} }} }} }} }}'
REST = {"userId": "anna", "context": "video_creation", "options": {"limit": 10}}


@dataclass(frozen=True)
class Target:
    """A request that is sent again and again."""

    port: int
    path: str
    body: bytes
    token: str

    def bytes(self) -> bytes:
        """It as it travels."""
        head = (
            f"POST {self.path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {self.token}\r\n"
            f"Content-Type: application/json\r\nAccept: application/json\r\nContent-Length: {len(self.body)}\r\n\r\n"
        )
        return head.encode() + self.body


@dataclass(frozen=True)
class Speed:
    """What came of it."""

    rate: float
    p50: float
    p99: float


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print, and write the results."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.http_api")
    parser.add_argument("--json", action="store_true", help="print one JSON line and write no file")
    parser.add_argument("--seconds", type=float, default=5.0, help="of each measurement")
    chosen = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="personalization-bench-") as name:
        Path(name).chmod(0o755)
        figures = asyncio.run(_measured(Path(name), chosen.seconds))
    if chosen.json:
        print(json.dumps({"figures": [{**asdict(figure), "ratio": figure.ratio} for figure in figures]}))
    else:
        publish("http_api", "Requests over HTTP", figures)


async def _measured(folder: Path, seconds: float) -> list[Figure]:
    with EmbeddedPostgres(folder) as postgres, EmbeddedValkey(folder) as valkey:
        settings = settings_in(folder, postgres.owner_url, valkey.url)
        manifest = folder / "documents.json"
        document = "sha256:" + sha256(QUERY.encode()).hexdigest()
        manifest.write_text(json.dumps({document: QUERY}))
        await migrate_database(settings)
        await _furnish(settings)
        async with AsyncExitStack() as stack:
            floor = await stack.enter_async_context(_floor(valkey.url))
            cached = await stack.enter_async_context(_api(settings, manifest))
            anew = await stack.enter_async_context(_api(settings.model_copy(update={"cache_ttl": 0}), manifest))
            token = _token()
            graphql = json.dumps({"query": QUERY}).encode()
            trusted = json.dumps({"documentId": document}).encode()
            rest = json.dumps(REST).encode()
            stock = Target(floor, "/graphql", graphql, token)
            listed = Target(cached, "/api/personalization/recommendations", rest, token)
            pairs = (
                ("GraphQL, list cached", Target(cached, "/graphql", graphql, token), stock),
                ("GraphQL, trusted document, list cached", Target(cached, "/graphql", trusted, token), stock),
                (
                    "GraphQL, list made anew",
                    Target(anew, "/graphql", graphql, token),
                    Target(floor, "/fold-in", rest, token),
                ),
                ("REST, list cached", listed, Target(floor, "/constant", rest, token)),
            )
            figures = [figure for name, ours, bare in pairs for figure in await _compared(name, ours, bare, seconds)]
        figures.append(await _events(settings, postgres.owner_url, manifest, seconds))
    return figures


async def _compared(name: str, ours: Target, floor: Target, seconds: float) -> list[Figure]:
    first, bare, second = (
        await _loaded(ours, seconds / 2),
        await _loaded(floor, seconds),
        await _loaded(ours, seconds / 2),
    )
    rate = (first.rate + second.rate) / 2
    return [
        Figure(name, "requests/s", rate, bare.rate, f"{CONNECTIONS} connections"),
        Figure(f"{name}, p50", "ms", (first.p50 + second.p50) / 2, bare.p50),
        Figure(f"{name}, p99", "ms", max(first.p99, second.p99), bare.p99),
    ]


async def _loaded(target: Target, seconds: float) -> Speed:
    """Send a request over every connection again and again."""
    await asyncio.gather(*(_send(target, 0.5) for _ in range(CONNECTIONS)))
    found = await asyncio.gather(*(_send(target, seconds) for _ in range(CONNECTIONS)))
    times = [1000.0 * one for some in found for one in some]
    quantiles = statistics.quantiles(times, n=100, method="inclusive")
    return Speed(len(times) / seconds, quantiles[49], quantiles[98])


async def _send(target: Target, seconds: float) -> list[float]:
    reader, writer = await asyncio.open_connection("127.0.0.1", target.port)
    request, times = target.bytes(), list[float]()
    until = time.perf_counter() + seconds
    while (started := time.perf_counter()) < until:
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200"), head
        length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
        answer = await reader.readexactly(int(length.partition(b":")[2]))
        assert b'"errors"' not in answer[:12], answer[:300]
        times.append(time.perf_counter() - started)
    writer.close()
    return times


async def _events(settings: Settings, owner_url: str, manifest: Path, seconds: float) -> Figure:
    """Durable events a second in calls of a hundred, beside the bare insertion of as many rows."""
    body = {"userId": "anna", "behaviorData": {"actions": [{"type": "viewed", "feature": "item-1"}] * BATCH}}
    async with _api(settings, manifest) as port:
        path = "/api/personalization/learn-preferences"
        ours = await _loaded(Target(port, path, json.dumps(body).encode(), _token()), seconds)
    connection = await asyncpg.connect(owner_url)
    await connection.execute("CREATE TABLE floor (user_id text, type text, item text, at timestamptz)")
    rows, started = 0, time.perf_counter()
    while time.perf_counter() - started < seconds:
        columns = (["anna"] * BATCH, ["viewed"] * BATCH, ["item-1"] * BATCH)
        await connection.execute(
            "INSERT INTO floor SELECT *, now() FROM unnest($1::text[], $2::text[], $3::text[])", *columns
        )
        rows += BATCH
    floor = rows / (time.perf_counter() - started)
    await connection.close()
    return Figure(
        "durable events over HTTP, 100 a call, one user",
        "events/s",
        ours.rate * BATCH,
        floor,
        "floor: asyncpg `unnest`",
    )


async def _furnish(settings: Settings) -> None:
    """A catalogue, a model, and a person with a history."""
    items = [CatalogItem(ItemId(f"item-{n}"), ItemKind.TEMPLATE, f"Item {n}", "", (), "film") for n in range(ITEMS)]
    async with open_services(settings) as services, open_worker(settings) as worker:
        await services.catalog.ensure_tenant(TENANT, "Benchmark")
        await services.catalog.upsert(TENANT, items)
        await services.privacy.record_consent(TENANT, USER, OBSERVED_PURPOSES, granted=True, evidence=AGREED)
        actions = tuple(Action("template_used", feature=f"item-{n * 7}") for n in range(ACTIONS))
        await services.behavior.learn_preferences(TENANT, USER, BehaviorData(actions=actions))
        await worker.services.models.publish(TENANT, train(_behaviour(), TrainingConfig(), lambda _stage, _done: None))


def _behaviour() -> TrainingSet:
    random = np.random.default_rng(0)
    users = np.repeat(np.arange(1_000), 20)
    return TrainingSet(
        item_ids=[ItemId(f"item-{n}") for n in range(ITEMS)],
        item_kinds=np.full(ITEMS, ItemKind.TEMPLATE.code, dtype=np.int8),
        user_index=users,
        item_index=(random.random(len(users)) ** 2 * ITEMS).astype(np.int64),
        weight=np.ones(len(users)),
        occurred_at=1.7e9 + random.random(len(users)) * 1e7,
    )


def _token() -> str:
    return issue_token(
        SECRET,
        tenant=TENANT,
        user_id=USER,
        scopes=frozenset(Scope),
        issuer="personalization",
        audience="personalization",
        issued_at=SystemClock().now(),
        lifetime=timedelta(hours=1),
    )


@asynccontextmanager
async def _api(settings: Settings, manifest: Path) -> AsyncIterator[int]:
    more = {"CACHE_TTL": settings.cache_ttl, "TRUSTED_DOCUMENTS_FILE": manifest, "LOG_LEVEL": "INFO"}
    async with api_server(settings, more) as (address, _):
        yield int(address.rsplit(":", 1)[1].split("/")[0])


@asynccontextmanager
async def _floor(redis_url: str) -> AsyncIterator[int]:
    port = free_port()
    command = [sys.executable, "-m", "uvicorn", "benchmarks.bare_http:app", "--port", str(port), "--no-access-log"]
    environment: dict[str, Any] = {**os.environ, "BENCH_REDIS": redis_url, "BENCH_SECRET": SECRET}
    process = await asyncio.create_subprocess_exec(
        *command, "--loop", "uvloop", "--http", "httptools", env=environment, stdout=subprocess.DEVNULL
    )
    try:
        await answering(port)
        yield port
    finally:
        process.terminate()
        await process.wait()


if __name__ == "__main__":
    main()

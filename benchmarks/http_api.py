"""Requests a second over HTTP, each kind beside an equally protected floor on the same machine in the same run.

    python -m benchmarks.http_api [--json] [--seconds 5]

One server process each (ours as production runs it, the floors of `benchmarks.bare_http`), eight keep-alive connections
from this process on the other core, each asking for a person of its own, so that no two share one look into the cache.
Ours and floor are measured in turns, and each figure is the median of five. Ours runs with authentication, limits,
metrics and logs on, and notes the exposure of every list that it serves in PostgreSQL; the floors write nothing, and
compute in one thread. Beside the rate stands the processor time that the server process itself takes for a request, in
user and kernel mode, which other work on the machine disturbs less. Redis counts the floor's round trips.
"""

import argparse
import asyncio
import json
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import astuple, dataclass
from datetime import timedelta
from functools import partial
from hashlib import sha256
from itertools import cycle
from pathlib import Path
from typing import Any

import asyncpg
import numpy as np
from redis.asyncio import Redis

from benchmarks import bare_events
from benchmarks.live_updates import AGREED, TENANT
from benchmarks.report import Figure, as_json, publish
from benchmarks.server import SECRET, Server, api_server, floor_server, settings_in
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
TURNS = 5
PEOPLE = tuple(UserId(f"person-{number}") for number in range(CONNECTIONS))
FIELDS = "itemId title score kind category position"
QUERY = f"query Q($user: String!) {{ recommendations(userId: $user, first: 10) {{ edges {{ node {{ {FIELDS} }} }} }} }}"


@dataclass(frozen=True)
class Target:
    """Requests that are sent again and again, one of each person."""

    server: Server
    path: str
    body: Callable[[UserId], dict[str, Any]]
    people: Sequence[UserId] = PEOPLE

    def requests(self) -> list[bytes]:
        """They as they travel."""
        return [self._request(json.dumps(self.body(person)).encode(), person_token(person)) for person in self.people]

    def _request(self, body: bytes, token: str) -> bytes:
        head = (
            f"POST {self.path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n"
            f"Content-Type: application/json\r\nAccept: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        return head.encode() + body


@dataclass(frozen=True)
class Speed:
    """What came of it: requests a second, milliseconds, and microseconds of the server's processor for a request."""

    rate: float
    p50: float
    p99: float
    processor: float


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
        print(json.dumps(as_json(figures)))
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
            floor = await stack.enter_async_context(floor_server(valkey.url))
            cached = await stack.enter_async_context(_api(settings, manifest))
            anew = await stack.enter_async_context(_api(settings.model_copy(update={"cache_ttl": 0}), manifest))
            trusted = partial(_asked, documentId=document)
            graphql = partial(_asked, query=QUERY)
            stock = Target(floor, "/graphql", graphql)
            listed = Target(cached, "/api/personalization/recommendations", _rest)
            pairs = (
                ("GraphQL, list cached", Target(cached, "/graphql", graphql), stock),
                ("GraphQL, trusted document, list cached", Target(cached, "/graphql", trusted), stock),
                (
                    "GraphQL, list made anew",
                    Target(anew, "/graphql", graphql),
                    Target(floor, "/fold-in", _rest),
                ),
                ("REST, list cached", listed, Target(floor, "/constant", _rest)),
            )
            figures = [figure for name, ours, bare in pairs for figure in await _compared(name, ours, bare, seconds)]
            figures.append(await _round_trips(valkey.url, pairs[-1][-1]))
        figures += await _events(settings, postgres.owner_url, manifest, seconds)
    return figures


def _asked(person: UserId, **question: str) -> dict[str, Any]:
    return {**question, "variables": {"user": person}}


def _rest(person: UserId) -> dict[str, Any]:
    return {"userId": person, "context": "video_creation", "options": {"limit": 10}}


def _told(person: UserId) -> dict[str, Any]:
    return {"userId": person, "behaviorData": {"actions": [{"type": "viewed", "feature": "item-1"}] * BATCH}}


async def _compared(name: str, ours: Target, floor: Target, seconds: float) -> list[Figure]:
    """Ours and floor in turn, the median of each: whatever else the machine does for a while falls upon both."""
    turns = [(await _loaded(ours, seconds / TURNS), await _loaded(floor, seconds / TURNS)) for _ in range(TURNS)]
    found, bare = _median([mine for mine, _ in turns]), _median([other for _, other in turns])
    return [
        Figure(name, "requests/s", found.rate, bare.rate, f"{CONNECTIONS} connections"),
        Figure(f"{name}, p50", "ms", found.p50, bare.p50),
        Figure(f"{name}, p99", "ms", found.p99, bare.p99),
        Figure(f"{name}, processor time of a request", "us", found.processor, bare.processor),
    ]


async def _round_trips(redis_url: str, floor: Target) -> Figure:
    """How often a floor asks Redis for one request, as Redis counts it."""
    redis = Redis.from_url(redis_url)

    async def asked() -> int:
        return int((await redis.info("commandstats")).get("cmdstat_get", {}).get("calls", 0))

    before, sent = await asked(), 500
    for _, request in zip(range(sent), cycle(floor.requests()), strict=False):
        await _send(floor.server.port, request, 0.0)
    found = (await asked() - before) / sent
    await redis.aclose()
    return Figure("round trips to Redis for a request to the floor", "", found, note="counted by Redis")


def _median(speeds: Sequence[Speed]) -> Speed:
    return Speed(*(statistics.median(part) for part in zip(*map(astuple, speeds), strict=True)))


async def _loaded(target: Target, seconds: float) -> Speed:
    """Send a request over every connection again and again."""
    requests = [request for _, request in zip(range(CONNECTIONS), cycle(target.requests()), strict=False)]
    await asyncio.gather(*(_send(target.server.port, request, 0.5) for request in requests))
    before = target.server.processor_seconds()
    found = await asyncio.gather(*(_send(target.server.port, request, seconds) for request in requests))
    taken = target.server.processor_seconds() - before
    times = [1000.0 * one for some in found for one in some]
    quantiles = statistics.quantiles(times, n=100, method="inclusive")
    return Speed(len(times) / seconds, quantiles[49], quantiles[98], 1e6 * taken / len(times))


async def _send(port: int, request: bytes, seconds: float) -> list[float]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    times = list[float]()
    until = time.perf_counter() + seconds
    while not times or time.perf_counter() < until:
        started = time.perf_counter()
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200"), head
        length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
        answer = await reader.readexactly(int(length.partition(b":")[2]))
        assert b'"errors"' not in answer[:12], answer[:300]
        times.append(time.perf_counter() - started)
    writer.close()
    return times


async def _events(settings: Settings, owner_url: str, manifest: Path, seconds: float) -> list[Figure]:
    """Durable events a second in calls of a hundred, beside the bare insertion of as many rows."""
    part, name = seconds / TURNS, "durable events over HTTP, 100 a call, one user"
    told, with_key, without = list[float](), list[float](), list[float]()
    async with _api(settings, manifest) as server:
        target = Target(server, "/api/personalization/learn-preferences", _told, PEOPLE[:1])
        for _ in range(TURNS):
            told.append((await _loaded(target, part)).rate * BATCH)
            with_key.append(await _inserted(owner_url, part, bare_events.INSERT_KEYED, bare_events.keyed_columns))
            without.append(await _inserted(owner_url, part, bare_events.INSERT_PLAIN, bare_events.plain_columns))
    rate, keyed, plain = map(statistics.median, (told, with_key, without))
    return [
        Figure(name, "events/s", rate, keyed, "floor: asyncpg `unnest` into the columns and primary key of the log"),
        Figure(f"{name}; floor without keys", "events/s", rate, plain, "floor: asyncpg `unnest` into three columns"),
    ]


async def _inserted(owner_url: str, seconds: float, insert: str, columns: Callable[[int], Sequence[object]]) -> float:
    """Rows a second over one connection, each batch committed by itself."""
    connection = await asyncpg.connect(owner_url)
    await connection.execute(bare_events.TABLES)
    rows, started = 0, time.perf_counter()
    while time.perf_counter() - started < seconds:
        await connection.execute(insert, *columns(BATCH))
        rows += BATCH
    rate = rows / (time.perf_counter() - started)
    await connection.close()
    return rate


async def _furnish(settings: Settings) -> None:
    """A catalogue, a model, and people with a history."""
    items = [CatalogItem(ItemId(f"item-{n}"), ItemKind.TEMPLATE, f"Item {n}", "", (), "film") for n in range(ITEMS)]
    async with open_services(settings) as services, open_worker(settings) as worker:
        await services.catalog.ensure_tenant(TENANT, "Benchmark")
        await services.catalog.upsert(TENANT, items)
        actions = tuple(Action("template_used", feature=f"item-{n * 7}") for n in range(ACTIONS))
        for person in PEOPLE:
            await services.privacy.record_consent(TENANT, person, OBSERVED_PURPOSES, granted=True, evidence=AGREED)
            await services.behavior.learn_preferences(TENANT, person, BehaviorData(actions=actions))
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


def person_token(person: UserId) -> str:
    """A token with every scope."""
    return issue_token(
        SECRET,
        tenant=TENANT,
        user_id=person,
        scopes=frozenset(Scope),
        issuer="personalization",
        audience="personalization",
        issued_at=SystemClock().now(),
        lifetime=timedelta(hours=1),
    )


@asynccontextmanager
async def _api(settings: Settings, manifest: Path) -> AsyncIterator[Server]:
    more = {"CACHE_TTL": settings.cache_ttl, "TRUSTED_DOCUMENTS_FILE": manifest, "LOG_LEVEL": "INFO"}
    async with api_server(settings, more) as (address, process):
        yield Server(int(address.rsplit(":", 1)[1].split("/")[0]), process.pid)


if __name__ == "__main__":
    main()

"""How long a committed event takes to a socket, beside a bare publication on the same Redis in the same run.

    python -m benchmarks.live_updates [--json] [--sockets 20] [--rate 50] [--events 1000] [--batch 1]

Ours: the transaction of `learn_preferences` has committed -> a WebSocket client of a real server process holds the
update of `realtimeUpdates`; and, on its own line, from the call on, with checks, sealing and the commit. The floor:
PUBLISH -> a subscriber of the same Valkey holds the message. Events start at a fixed rate whatever the answers take,
round robin over the sockets, so that a delay is measured and not waited for. Caller and clients share one process.
"""

import argparse
import asyncio
import json
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import redis.asyncio
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from benchmarks.report import Figure, as_json, publish
from benchmarks.server import SECRET, api_server, settings_in
from domain.behavior.model import Action, BehaviorData
from domain.bootstrap import Services, migrate_database, open_services
from domain.clock import SystemClock
from domain.ids import SubjectId, TenantId, UserId
from domain.privacy.model import OBSERVED_PURPOSES
from domain.privacy.receipts import Evidence
from domain.settings import Settings
from domain.storage.embedded import EmbeddedPostgres, EmbeddedValkey
from graphql_api.auth import Scope, issue_token

TENANT = TenantId("bench")
AGREED = Evidence("1", "benchmark")
FOLLOW = "subscription F($user: String!) { realtimeUpdates(userId: $user) { ... on RealtimeUpdate { version } } }"
WARM_UP_EVENTS = 100
SETTLE_SECONDS = 5.0


@dataclass(frozen=True)
class Load:
    """What is reported: so many events a second, in calls of so many."""

    rate: float
    events: int
    batch: int

    @property
    def calls(self) -> int:
        """How many calls there are."""
        return self.events // self.batch

    @property
    def calls_a_second(self) -> float:
        """How often one begins."""
        return self.rate / self.batch


committed_at: ContextVar[list[float] | None] = ContextVar("committed_at", default=None)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print, and write the results."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.live_updates")
    parser.add_argument("--json", action="store_true", help="print one JSON line and write no file")
    parser.add_argument("--sockets", type=int, default=20)
    parser.add_argument("--rate", type=float, default=50.0, help="events in a second")
    parser.add_argument("--events", type=int, default=1000)
    parser.add_argument("--batch", type=int, default=1, help="events that one call reports; it causes one update")
    chosen = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="personalization-bench-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        with EmbeddedPostgres(folder) as postgres, EmbeddedValkey(folder) as valkey:
            settings = settings_in(folder, postgres.owner_url, valkey.url)
            figures = asyncio.run(_measured(settings, chosen.sockets, Load(chosen.rate, chosen.events, chosen.batch)))
    if chosen.json:
        print(json.dumps(as_json(figures)))
    else:
        publish("live_updates", "Live updates", figures)


async def _measured(settings: Settings, sockets: int, load: Load) -> list[Figure]:
    await migrate_database(settings)
    people = [UserId(f"person-{n}") for n in range(sockets)]
    async with AsyncExitStack() as stack:
        services = await stack.enter_async_context(open_services(settings))
        await services.catalog.ensure_tenant(TENANT, "Benchmark")
        for person in people:
            await services.privacy.record_consent(TENANT, person, OBSERVED_PURPOSES, granted=True, evidence=AGREED)
        address, _ = await stack.enter_async_context(api_server(settings))
        ours = await _live(services, address, people, load)
        floor = await _bare(settings.redis_url or "", sockets, load)
    note = f"{sockets} sockets, {load.rate:g} events/s in calls of {load.batch}, {len(ours)} calls"
    from_commit = [received - committed for _, committed, received in ours]
    from_call = [received - called for called, _, received in ours]
    return [
        *_figures("event committed to socket", from_commit, floor, note),
        *_figures("call to socket", from_call, floor, note + "; commit included"),
    ]


def _figures(what: str, ours: Sequence[float], floor: Sequence[float], note: str) -> list[Figure]:
    return [
        Figure(f"{what}, {name}", "ms", 1000 * _quantile(ours, share), 1000 * _quantile(floor, share), note)
        for name, share in (("p50", 50), ("p99", 99))
    ]


def _quantile(values: Sequence[float], percent: int) -> float:
    return statistics.quantiles(values, n=100, method="inclusive")[percent - 1]


async def _live(
    services: Services, address: str, people: Sequence[UserId], load: Load
) -> list[tuple[float, float, float]]:
    """When each event was called for, committed, and held by its socket."""
    _note_commits(services)
    sent: dict[tuple[UserId, int], tuple[float, float]] = {}
    held: dict[tuple[UserId, int], float] = {}

    async def learn(person: UserId) -> None:
        called, times = time.perf_counter(), list[float]()
        committed_at.set(times)
        receipt = await services.behavior.learn_preferences(
            TENANT, person, BehaviorData(actions=(Action("viewed"),) * load.batch)
        )
        sent[person, receipt.version] = (called, times[0])

    async with AsyncExitStack() as stack:
        for person in people:
            connection = await stack.enter_async_context(subscribed(address, person))
            reading = asyncio.create_task(_read(connection, person, held))
            stack.callback(reading.cancel)
        await _paced(WARM_UP_EVENTS, load.calls_a_second, lambda n: learn(people[n % len(people)]))
        sent.clear()
        await _paced(load.calls, load.calls_a_second, lambda n: learn(people[n % len(people)]))
        await asyncio.sleep(SETTLE_SECONDS)
    missing = sent.keys() - held.keys()
    assert not missing, f"{len(missing)} updates never arrived"
    return [(called, committed, held[key]) for key, (called, committed) in sent.items()]


def _note_commits(services: Services) -> None:
    """Publication begins where the commit has returned; the task that caused it learns when."""
    publisher, original = services.publisher, services.publisher.publish

    async def noting(tenant: TenantId, subjects: Iterable[SubjectId]) -> int:
        times = committed_at.get()
        if times is not None:
            times.append(time.perf_counter())
        return await original(tenant, subjects)

    vars(publisher)["publish"] = noting


@asynccontextmanager
async def subscribed(address: str, person: UserId) -> AsyncIterator[ClientConnection]:
    """A socket that is told of everything about a person."""
    token = issue_token(
        SECRET,
        tenant=TENANT,
        user_id=person,
        scopes=frozenset({Scope.RECOMMENDATIONS_READ}),
        issuer="personalization",
        audience="personalization",
        issued_at=SystemClock().now(),
        lifetime=timedelta(hours=1),
    )
    async with connect(address, subprotocols=[Subprotocol("graphql-transport-ws")]) as connection:
        await connection.send(json.dumps({"type": "connection_init", "payload": {"authorization": f"Bearer {token}"}}))
        assert json.loads(await connection.recv())["type"] == "connection_ack"
        payload = {"query": FOLLOW, "variables": {"user": person}}
        await connection.send(json.dumps({"type": "subscribe", "id": "1", "payload": payload}))
        yield connection


async def _read(connection: ClientConnection, person: UserId, held: dict[tuple[UserId, int], float]) -> None:
    with suppress(ConnectionClosed):
        async for message in connection:
            now = time.perf_counter()
            held[person, json.loads(message)["payload"]["data"]["realtimeUpdates"]["version"]] = now


async def _bare(url: str, channels: int, load: Load) -> list[float]:
    """Seconds from PUBLISH to the message, for each event."""
    held: dict[int, float] = {}
    sent: dict[int, float] = {}
    client = redis.asyncio.Redis.from_url(url)
    listener = client.pubsub(ignore_subscribe_messages=True)
    await listener.subscribe(*(f"floor-{n}" for n in range(channels)))

    async def read() -> None:
        async for message in listener.listen():
            held[int(message["data"])] = time.perf_counter()

    async def say(n: int) -> None:
        sent[n] = time.perf_counter()
        await client.publish(f"floor-{n % channels}", str(n))

    reading = asyncio.create_task(read())
    await _paced(WARM_UP_EVENTS, load.calls_a_second, say)
    sent.clear()
    await _paced(load.calls, load.calls_a_second, say)
    await asyncio.sleep(0.5)
    reading.cancel()
    await asyncio.gather(reading, return_exceptions=True)
    await listener.aclose()
    await client.aclose()
    return [held[n] - moment for n, moment in sent.items()]


async def _paced(count: int, rate: float, act: Callable[[int], Awaitable[None]]) -> None:
    """Begin `act` so often in a second, whether the ones before have ended or not; return when all have."""
    started = time.perf_counter()
    async with asyncio.TaskGroup() as tasks:
        for n in range(count):
            await asyncio.sleep(max(0.0, started + n / rate - time.perf_counter()))
            tasks.create_task(_awaited(act(n)))


async def _awaited(work: Awaitable[None]) -> None:
    await work


if __name__ == "__main__":
    main()

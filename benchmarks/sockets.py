"""Many sockets in one process: memory of each and how long one update takes to all, beside a bare Strawberry server.

    python -m benchmarks.sockets [--json] [--sockets 1000 10000]

Ours: an API process as production runs it, every socket authenticated and subscribed to `modelUpdates`; an update goes
through Valkey. The floor: a Strawberry subscription that yields from a queue, without accounts, limits or a bus; an
update is put into every queue. Each server is a process of its own; the listeners, in this one, parse no JSON.
"""

import argparse
import asyncio
import base64
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx

from benchmarks.live_updates import TENANT
from benchmarks.report import Figure, as_json, publish
from benchmarks.server import SECRET, answering, api_server, free_port, settings_in
from domain.bootstrap import Services, migrate_database, open_services
from domain.clock import SystemClock
from domain.ids import UserId
from domain.realtime.model import UpdateKind
from domain.storage.embedded import EmbeddedPostgres, EmbeddedValkey
from graphql_api.auth import Scope, issue_token

AT_ONCE = 100
PATIENCE_SECONDS = 60.0
UPDATES = 5
INIT, SUBSCRIBED = b'"connection_ack"', b'"next"'
Tell = Callable[[int], Coroutine[Any, Any, object]]


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print, and write the results."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.sockets")
    parser.add_argument("--json", action="store_true", help="print one JSON line and write no file")
    parser.add_argument("--sockets", type=int, nargs="+", default=[1000, 10_000], help="how many")
    chosen = parser.parse_args(arguments)
    figures: list[Figure] = []
    for count in chosen.sockets:
        with tempfile.TemporaryDirectory(prefix="personalization-bench-") as name:
            Path(name).chmod(0o755)
            figures += asyncio.run(_measured(Path(name), count))
    if chosen.json:
        print(json.dumps(as_json(figures)))
    else:
        publish("sockets", "Many sockets", figures)


async def _measured(folder: Path, count: int) -> list[Figure]:
    floor_memory, floor_times = await _bare(count)
    with EmbeddedPostgres(folder) as postgres, EmbeddedValkey(folder) as valkey:
        settings = settings_in(folder, postgres.owner_url, valkey.url)
        await migrate_database(settings)
        async with AsyncExitStack() as stack:
            services = await stack.enter_async_context(open_services(settings))
            await services.catalog.ensure_tenant(TENANT, "Benchmark")
            address, process = await stack.enter_async_context(api_server(settings))
            memory, times = await _run(address, process, count, "{ modelUpdates { version } }", _telling(services))
    return [
        Figure(f"memory of a socket, {count:,} open", "KiB", memory, floor_memory, "resident memory of the server"),
        Figure(f"one update to {count:,} sockets, p50", "ms", *_percentile(50, times, floor_times)),
        Figure(f"one update to {count:,} sockets, p99", "ms", *_percentile(99, times, floor_times)),
        Figure(f"one update to {count:,} sockets, the last", "ms", *_percentile(100, times, floor_times)),
    ]


def _telling(services: Services) -> Tell:
    async def tell(number: int) -> object:
        version = f"20260101T000000Z-{number}"
        return await services.publisher.tell_tenant(TENANT, UpdateKind.MODEL_UPDATED, version.encode())

    return tell


def _percentile(percent: int, *series: Sequence[float]) -> list[float]:
    return [1000.0 * sorted(times)[max(0, round(len(times) * percent / 100) - 1)] for times in series]


async def _run(
    address: str, process: asyncio.subprocess.Process, count: int, query: str, tell: Tell
) -> tuple[float, list[float]]:
    """KiB of memory a socket, and the seconds from each update to each socket."""
    port = int(address.rsplit(":", 1)[1].split("/")[0])
    # The first sockets load what all of them need.
    warm = [await _listener(port, query) for _ in range(AT_ONCE)]
    before = _resident(process.pid)
    listeners: list[_Listener] = []
    while len(listeners) < count:
        wanted = min(AT_ONCE, count - len(listeners))
        listeners += await asyncio.gather(*(_listener(port, query) for _ in range(wanted)))
    await _everyone_hears([*warm, *listeners], tell, 0)
    memory = (_resident(process.pid) - before) / count
    times: list[float] = []
    for number in range(1, UPDATES + 1):
        times += await _everyone_hears([*warm, *listeners], tell, number)
    for listener in (*warm, *listeners):
        listener.close()
    return memory, times


async def _everyone_hears(listeners: Sequence["_Listener"], tell: Tell, number: int) -> list[float]:
    """Seconds until each listener has an update."""
    for listener in listeners:
        listener.heard_at = None
    deadline = time.perf_counter() + PATIENCE_SECONDS
    while number == 0 and time.perf_counter() < deadline and any(one.heard_at is None for one in listeners):
        # Nobody can tell when the last one has begun to listen: repeat until all have heard something.
        await tell(1_000_000 + int(1000 * time.time()))
        await asyncio.sleep(0.5)
    if number == 0:
        await asyncio.sleep(2.0)
        return []
    started = time.perf_counter()
    await tell(number)
    while any(one.heard_at is None for one in listeners):
        assert time.perf_counter() < deadline, "an update never arrived"
        await asyncio.sleep(0.05)
    return [(one.heard_at or 0.0) - started for one in listeners]


class _Listener(asyncio.Protocol):
    """One socket that subscribes and then notes when a message comes."""

    def __init__(self, query: str, token: str) -> None:
        self.heard_at: float | None = None
        self.listening = asyncio.get_running_loop().create_future()
        self._query = query
        self._token = token
        self._upgraded = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: Any = transport
        key = base64.b64encode(os.urandom(16)).decode()
        transport.write(  # type: ignore[attr-defined]  # a TCP transport writes
            f"GET /graphql HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n"
            "Sec-WebSocket-Protocol: graphql-transport-ws\r\n\r\n".encode()
        )

    def data_received(self, data: bytes) -> None:
        if not self._upgraded and b"\r\n\r\n" in data:
            self._upgraded = True
            authorization = {"authorization": f"Bearer {self._token}"}
            self._send({"type": "connection_init", "payload": authorization})
        if INIT in data:
            payload = {"query": f"subscription {self._query}"}
            self._send({"type": "subscribe", "id": "1", "payload": payload})
            self.listening.set_result(None)
        if SUBSCRIBED in data:
            self.heard_at = time.perf_counter()

    def connection_lost(self, _error: Exception | None) -> None:
        if not self.listening.done():
            self.listening.set_exception(ConnectionError("the server closed a socket"))

    def close(self) -> None:
        self._transport.close()

    def _send(self, message: dict[str, Any]) -> None:
        body = json.dumps(message).encode()
        length = bytes([0x80 | len(body)]) if len(body) < 126 else bytes([0x80 | 126]) + len(body).to_bytes(2, "big")
        # A mask of zeros leaves the body as it is.
        self._transport.write(b"\x81" + length + bytes(4) + body)


async def _listener(port: int, query: str) -> _Listener:
    token = issue_token(
        SECRET,
        tenant=TENANT,
        user_id=UserId("operator"),
        scopes=frozenset({Scope.MODELS_ADMIN}),
        issuer="personalization",
        audience="personalization",
        issued_at=SystemClock().now(),
        lifetime=timedelta(hours=1),
    )
    loop = asyncio.get_running_loop()
    _, protocol = await loop.create_connection(lambda: _Listener(query, token), "127.0.0.1", port)
    async with asyncio.timeout(PATIENCE_SECONDS):
        await protocol.listening
    return protocol


def _resident(pid: int) -> float:
    """KiB of memory that a process holds."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return float(next(line.split()[1] for line in lines if line.startswith("VmRSS:")))


async def _bare(count: int) -> tuple[float, list[float]]:
    async with _bare_server() as (address, process), httpx.AsyncClient() as http:
        told = address.replace("ws://", "http://").replace("/graphql", "/tell")
        return await _run(address, process, count, "{ told }", lambda number: http.post(told, json=number, timeout=60))


@asynccontextmanager
async def _bare_server() -> AsyncIterator[tuple[str, asyncio.subprocess.Process]]:
    port = free_port()
    command = [sys.executable, "-m", "uvicorn", "benchmarks.bare_socket:app", "--port", str(port), "--no-access-log"]
    process = await asyncio.create_subprocess_exec(*command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        await answering(port)
        yield f"ws://127.0.0.1:{port}/graphql", process
    finally:
        with suppress(ProcessLookupError):
            process.terminate()
        await process.wait()


if __name__ == "__main__":
    main()

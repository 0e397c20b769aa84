"""A thousand sockets of one process, of which a hundred stop reading: its memory stays flat, the others hear all.

`make drill-sockets` runs it. The server is a process of its own, as production runs it, so that its memory is its own.
"""

import asyncio
import json
import os
import socket
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from domain.behavior.model import Action, BehaviorData
from domain.bootstrap import Services, migrate_database, open_services
from domain.catalog.model import CatalogItem, ItemKind
from domain.ids import ItemId, TenantId, UserId
from domain.privacy.model import OBSERVED_PURPOSES
from domain.storage.embedded import EmbeddedPostgres, EmbeddedValkey
from tests.api.command import COMMAND, environment, taken_port
from tests.api.rest_room import AGREED, JWT_SECRET, settings_of, token
from tests.api.test_many_sockets import LONG, SMALL_BUFFER, listener, send

TENANT, ANNA = TenantId("demo"), "anna"
SOCKETS, STALLED, UPDATES, REQUESTS = 1_000, 100, 5, 6
MIB = 2**20
HELD = 200 * MIB
"""A stalled reader's answers, 360 KB each, may lie in the process until its deadline; that is the most of it."""
FLAT = 48 * MIB
SECRET = "a-master-secret-for-drills-only-0123456789"
GAUGE = "personalization_realtime_subscribers "

pytestmark = [
    pytest.mark.drill,
    pytest.mark.skipif(sys.platform != "linux", reason="reads the memory of a process in /proc"),
]


class Server:
    """An API process."""

    def __init__(self, port: int, pid: int) -> None:
        self.address = f"127.0.0.1:{port}"
        self._pid = pid

    @property
    def resident(self) -> int:
        """Bytes of memory that it has now."""
        return int(Path(f"/proc/{self._pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    async def subscribers(self) -> int:
        async with httpx.AsyncClient(base_url=f"http://{self.address}", timeout=30) as http:
            lines = (await http.get("/metrics")).text.splitlines()
        return next((int(float(line.removeprefix(GAUGE))) for line in lines if line.startswith(GAUGE)), 0)

    async def until(self, count: int) -> None:
        async with asyncio.timeout(120):
            while await self.subscribers() != count:  # noqa: ASYNC110 - a gauge cannot be waited for
                await asyncio.sleep(0.5)


@contextmanager
def api(port: int, variables: dict[str, str]) -> Iterator[int]:
    """The pid of an API process that listens, ended with the block."""
    arguments = (*COMMAND, "api", "--port", str(port))
    pid = os.posix_spawn(arguments[0], arguments, environment(**variables))
    try:
        yield pid
    finally:
        os.kill(pid, 15)
        os.waitpid(pid, 0)


@asynccontextmanager
async def served(folder: Path) -> AsyncIterator[tuple[Server, Services]]:
    with EmbeddedPostgres(folder) as postgres, EmbeddedValkey(folder) as valkey:
        settings = settings_of(postgres.owner_url, valkey.url, folder, SECRET)
        await migrate_database(settings)
        variables = {
            "PERSONALIZATION_DATABASE_URL": postgres.owner_url,
            "PERSONALIZATION_REDIS_URL": valkey.url,
            "PERSONALIZATION_SECRET": SECRET,
            "PERSONALIZATION_JWT_SECRET": JWT_SECRET,
            "PERSONALIZATION_DATA_DIR": str(folder),
            "PERSONALIZATION_KEK_FILE": str(folder / "kek.txt"),
            "PERSONALIZATION_LOG_LEVEL": "ERROR",
        }
        with taken_port() as port:
            pass
        async with open_services(settings) as services:
            with api(port, variables) as pid:
                await listening(port)
                yield Server(port, pid), services


async def listening(port: int) -> None:
    async with asyncio.timeout(60):
        while True:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    return
            await asyncio.sleep(0.1)


async def heard(opened: Any, updates: int) -> list[int]:
    """The versions of a listener's next updates."""
    told = [json.loads(await opened.recv()) for _ in range(updates)]
    return [message["payload"]["data"]["realtimeUpdates"]["version"] for message in told]


async def rounds(services: Services, others: list[Any]) -> list[int]:
    """What each listener hears of some changes: the same, without a hole."""
    for _ in range(UPDATES):
        await services.behavior.learn_preferences(TENANT, UserId(ANNA), BehaviorData(actions=(Action("viewed"),)))
    first, *rest = await asyncio.gather(*(heard(one, UPDATES) for one in others))
    assert first == list(range(first[0], first[0] + UPDATES))
    assert all(other == first for other in rest)
    return list(first)


async def test_a_tenth_of_the_readers_stalls_and_nothing_grows(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    async with AsyncExitStack() as stack:
        server, services = await stack.enter_async_context(served(tmp_path))
        await services.catalog.ensure_tenant(TENANT, "Drill")
        long = [CatalogItem(ItemId(f"long_{n}"), ItemKind.CONTENT, "Long", "x" * 4000) for n in range(90)]
        await services.catalog.upsert(TENANT, long)
        await services.privacy.record_consent(TENANT, UserId(ANNA), OBSERVED_PURPOSES, granted=True, evidence=AGREED)
        authorization = f"Bearer {token(TENANT, ANNA)}"
        # Whoever reads has room to, or the system itself would hold back what is sent at once.
        buffers = [SMALL_BUFFER] * STALLED + [None] * (SOCKETS - STALLED)
        opened = [
            await stack.enter_async_context(listener(server.address, authorization, buffer)) for buffer in buffers
        ]
        await server.until(SOCKETS)
        stalled, others = opened[:STALLED], opened[STALLED:]
        await rounds(services, opened)
        quiet = server.resident
        for one in stalled:
            one.transport.pause_reading()
            for n in range(REQUESTS):
                await send(one, type="subscribe", id=f"long_{n}", payload={"query": LONG})
        seen = await rounds(services, others)
        assert server.resident - quiet < HELD
        # The deadline of a send is ten seconds; those who missed it are let go.
        await server.until(SOCKETS - STALLED)
        settled = server.resident
        for _ in range(8):
            now = await rounds(services, others)
            assert now[0] == seen[-1] + 1
            seen = now
        assert server.resident - settled < FLAT

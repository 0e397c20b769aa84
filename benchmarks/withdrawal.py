"""How long after the answer to a withdrawal its effect is there, while everybody reads and keys are rotated.

    python -m benchmarks.withdrawal [--json] [--people 40] [--readers 4]

A server process of its own as production runs it, one socket for each person, readers that ask for lists of everybody
over HTTP without a pause, and `personalization keys rotate` beside them. People withdraw one after the other. Measured
from the moment at which the answer to a withdrawal is held: until their socket is closed, and until the answer to the
next question is held, which must rest on nobody.
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
from collections.abc import Sequence
from contextlib import AsyncExitStack, suppress
from pathlib import Path

import httpx
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from benchmarks.http_api import QUERY, person_token
from benchmarks.live_updates import AGREED, SETTLE_SECONDS, TENANT, subscribed
from benchmarks.report import Figure, as_json, publish
from benchmarks.server import SECRET, api_server, settings_in
from domain.behavior.model import Action, BehaviorData
from domain.bootstrap import migrate_database, open_services, open_worker
from domain.catalog.model import CatalogItem, ItemKind
from domain.ids import ItemId, UserId
from domain.privacy.model import OBSERVED_PURPOSES
from domain.settings import Settings
from domain.storage.embedded import EmbeddedPostgres, EmbeddedValkey

ITEMS = 200
CLOSED = 4403
ASKED = QUERY.replace("edges", "personalized edges", 1)
WITHDRAW = """mutation W($user: String!) { recordConsent(input: { userId: $user, granted: false,
  evidence: { policyVersion: "1" } }) { __typename } }"""


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print, and write the results."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.withdrawal")
    parser.add_argument("--json", action="store_true", help="print one JSON line and write no file")
    parser.add_argument("--people", type=int, default=40, help="who withdraw, one after the other")
    parser.add_argument("--readers", type=int, default=4, help="connections that ask for lists without a pause")
    chosen = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="personalization-bench-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        with EmbeddedPostgres(folder) as postgres, EmbeddedValkey(folder) as valkey:
            settings = settings_in(folder, postgres.owner_url, valkey.url)
            figures = asyncio.run(_measured(settings, chosen.people, chosen.readers))
    if chosen.json:
        print(json.dumps(as_json(figures)))
    else:
        publish("withdrawal", "Withdrawals", figures)


async def _measured(settings: Settings, people: int, readers: int) -> list[Figure]:
    await migrate_database(settings)
    leaving = [UserId(f"leaving-{n}") for n in range(people)]
    staying = [UserId(f"staying-{n}") for n in range(people)]
    await _furnished(settings, [*leaving, *staying])
    async with AsyncExitStack() as stack:
        address, _ = await stack.enter_async_context(api_server(settings))
        http = await stack.enter_async_context(
            httpx.AsyncClient(base_url=f"http{address[2:].removesuffix('/graphql')}")
        )
        sockets = {user: await stack.enter_async_context(subscribed(address, user)) for user in leaving}
        await asyncio.sleep(SETTLE_SECONDS)
        load = [asyncio.create_task(_reading(http, staying, n)) for n in range(readers)]
        rotating = asyncio.create_task(_rotated(settings))
        seen = [await _left(http, user, sockets[user]) for user in leaving]
        assert await rotating == 0
        assert not [task for task in load if task.done()], "a read failed"
        for task in load:
            task.cancel()
        await asyncio.gather(*load, return_exceptions=True)
    note = f"{people} withdrawals, {readers} readers without a pause, keys rotated meanwhile"
    return [
        Figure(f"withdrawal answered to {what}, {name}", "ms", 1000 * of(times), None, note)
        for what, times in (
            ("its socket closed", [closed for closed, _ in seen]),
            ("the next answer, which rests on nobody", [answered for _, answered in seen]),
        )
        for name, of in (("p50", statistics.median), ("worst", max))
    ]


async def _furnished(settings: Settings, people: Sequence[UserId]) -> None:
    items = [CatalogItem(ItemId(f"item-{n}"), ItemKind.TEMPLATE, f"Item {n}", "", (), "film") for n in range(ITEMS)]
    actions = tuple(Action("template_used", feature=f"item-{n * 7}") for n in range(20))
    async with open_services(settings) as services, open_worker(settings) as worker:
        await services.catalog.ensure_tenant(TENANT, "Benchmark")
        await services.catalog.upsert(TENANT, items)
        for person in people:
            await services.privacy.record_consent(TENANT, person, OBSERVED_PURPOSES, granted=True, evidence=AGREED)
            await services.behavior.learn_preferences(TENANT, person, BehaviorData(actions=actions))
        while (await worker.services.profiles.learn_batch()).processed:
            pass


async def _asked(http: httpx.AsyncClient, user: UserId, query: str = ASKED) -> dict[str, object]:
    headers = {"Authorization": f"Bearer {person_token(user)}"}
    answer = await http.post("/graphql", json={"query": query, "variables": {"user": user}}, headers=headers)
    told: dict[str, object] = answer.json()
    assert "errors" not in told, told
    return told


async def _reading(http: httpx.AsyncClient, people: Sequence[UserId], begin: int) -> None:
    place = begin
    while True:
        told = await _asked(http, people[place % len(people)])
        assert '"personalized": true' in json.dumps(told), told
        place += 1


async def _rotated(settings: Settings) -> int:
    """The exit status of a rotation, in a process of its own."""
    given = {
        "DATABASE_URL": settings.database_url,
        "REDIS_URL": settings.redis_url,
        "DATA_DIR": settings.data_dir,
        "KEK_FILE": settings.kek_file,
        "SECRET": SECRET,
    }
    environment = os.environ | {f"PERSONALIZATION_{name}": str(value) for name, value in given.items()}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "cli", "keys", "rotate", env=environment, stdout=subprocess.DEVNULL
    )
    return await process.wait()


async def _left(http: httpx.AsyncClient, user: UserId, socket: ClientConnection) -> tuple[float, float]:
    """Seconds from the answer to a withdrawal until the socket was closed, and until the next answer was held."""
    closing = asyncio.create_task(_closed(socket))
    await _asked(http, user, WITHDRAW)
    held = time.perf_counter()
    told = await _asked(http, user)
    answered = time.perf_counter() - held
    assert '"personalized": false' in json.dumps(told), told
    return max(0.0, await closing - held), answered


async def _closed(socket: ClientConnection) -> float:
    """When the server closed a socket."""
    with suppress(ConnectionClosed):
        while True:
            await socket.recv()
    at = time.perf_counter()
    assert socket.close_code == CLOSED
    return at


if __name__ == "__main__":
    main()

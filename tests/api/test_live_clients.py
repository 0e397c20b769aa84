"""Live updates as the clients of others get them, and as the guide says."""

import asyncio
import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from starlette.applications import Starlette

from domain.realtime.buffer import CAPACITY
from domain.realtime.model import Cursor
from graphql_api import socket
from graphql_api.rest import live
from tests.api.graphql_room import CONSENT, TRACK, begun, caller, consent, served
from tests.api.rest_room import RestRoom, token
from tests.node import HERE, node_or_skip, run_node

GUIDE = (Path(__file__).resolve().parents[2] / "docs" / "live.md").read_text(encoding="utf-8")
USER = "user_123"
UPDATES = 5
TRACKED = {"userId": USER, "itemId": "modern", "action": "USED"}
PROGRAMS = pytest.mark.parametrize(("program", "scheme"), [("live_ws.mjs", "ws"), ("live_sse.mjs", "http")])


def blocks(language: str) -> list[str]:
    """The examples in a language."""
    return re.findall(rf"```{language}\n(.*?)```", GUIDE, re.DOTALL)


def block(language: str) -> str:
    """The only example in a language."""
    [found] = blocks(language)
    return found


async def current(address: str, room: RestRoom) -> str:
    """The cursor of the newest update."""
    headers = {"Authorization": f"Bearer {token(room.tenant, USER)}"}
    async with httpx.AsyncClient(base_url=f"http://{address}/api/personalization", headers=headers) as http:
        cursor: str = (await http.get(f"/realtime-updates/{USER}", params={"wait": "5"})).json()["cursor"]
    return cursor


@PROGRAMS
async def test_the_npm_clients_miss_nothing_over_a_broken_connection(
    program: str, scheme: str, room: RestRoom, rest_app: Starlette
) -> None:
    await asyncio.to_thread(node_or_skip)
    anna = caller(room.app, room.tenant, USER)
    await anna.ask(CONSENT, input=consent(USER, granted=True))
    async with served(rest_app) as address:
        start = await current(address, room)
        arguments = (f"{scheme}://{address}/graphql", token(room.tenant, USER), USER, start, str(UPDATES))
        running = asyncio.create_task(run_node(program, *arguments))
        for _ in range(UPDATES):
            await asyncio.sleep(0.1)
            await anna.ask(TRACK, input=TRACKED)
        found = await running
    first = Cursor.parse(start).version + 1
    assert [update["version"] for update in found["told"]] == list(range(first, first + UPDATES))
    assert found["connections"] == 2


@PROGRAMS
async def test_the_npm_clients_are_told_of_a_gap_and_go_on_behind_it(
    program: str, scheme: str, room: RestRoom, rest_app: Starlette
) -> None:
    """They ask for what comes after a cursor that no window holds any more."""
    await asyncio.to_thread(node_or_skip)
    anna = caller(room.app, room.tenant, USER)
    await anna.ask(CONSENT, input=consent(USER, granted=True))
    async with served(rest_app) as address:
        gone = str(Cursor(10_000))
        arguments = (f"{scheme}://{address}/graphql", token(room.tenant, USER), USER, gone, str(UPDATES))
        running = asyncio.create_task(run_node(program, *arguments))
        while not running.done():
            await anna.ask(TRACK, input=TRACKED)
            await asyncio.wait((running,), timeout=0.1)
        gap, *updates = (await running)["told"]
    assert (gap["__typename"], gap["reason"]) == ("ResyncRequired", "MISSED")
    assert {update["__typename"] for update in updates} == {"RealtimeUpdate"}
    first = Cursor.parse(gap["cursor"]).version + 1
    assert [update["version"] for update in updates] == list(range(first, first + UPDATES - 1))


@PROGRAMS
def test_the_guide_shows_what_is_run(program: str, scheme: str) -> None:
    [shown] = [example for example in blocks("js") if example in (HERE / program).read_text(encoding="utf-8")]
    assert "realtimeUpdates" in shown
    assert len(blocks("js")) == 2


async def test_its_python_follows_updates_as_they_come(room: RestRoom, rest_app: Starlette) -> None:
    anna, told = caller(room.app, room.tenant, USER), list[dict[str, Any]]()

    def take(update: dict[str, Any]) -> bool:
        told.append(update)
        return len(told) < UPDATES

    names: dict[str, Any] = {"quote": quote}
    exec(block("python"), names)  # noqa: S102 - the guide's own words
    await anna.ask(CONSENT, input=consent(USER, granted=True))
    async with served(rest_app) as address:
        start = await current(address, room)
        headers = {"Authorization": f"Bearer {token(room.tenant, USER)}"}
        async with httpx.AsyncClient(base_url=f"http://{address}", headers=headers) as http:
            running = asyncio.create_task(names["follow"](http, USER, start, take))
            while not running.done():
                await anna.ask(TRACK, input=TRACKED)
                await asyncio.wait((running,), timeout=0.1)
            await running
    first = Cursor.parse(start).version + 1
    assert [update["version"] for update in told] == list(range(first, first + UPDATES))


async def test_its_subscription_and_request_are_answered_as_it_says(room: RestRoom, rest_app: Starlette) -> None:
    anna = caller(room.app, room.tenant, USER)
    await anna.ask(CONSENT, input=consent(USER, granted=True))
    async with served(rest_app) as address:
        [path] = re.findall(r'"\$URL(/\S+)"', block("sh"))
        headers = {"Authorization": f"Bearer {token(room.tenant, USER)}"}
        async with httpx.AsyncClient(base_url=f"http://{address}", headers=headers) as http:
            answer: dict[str, Any] = (await http.get(path)).json()
        assert answer == json.loads(block("json"))
        async with begun(address, headers["Authorization"]) as opened:
            await opened.subscribe(block("graphql"), userId=USER, after=answer["cursor"])
            await anna.ask(TRACK, input=TRACKED)
            told = await opened.next()
    assert (told["version"], told["kind"]) == (2, "INTERACTION_TRACKED")


CONSTANTS = {
    r"at most (\d+) waiting updates": CAPACITY,
    r"holds the latest (\d+) updates": live.MOST_UPDATES,
    r"\((\d+) at most\)": live.LONGEST_WAIT_SECONDS,
    r"at most (\d+) operations": socket.OPERATIONS_PER_SOCKET,
}


@pytest.mark.parametrize("pattern", CONSTANTS)
def test_its_numbers_are_those_of_the_code(pattern: str) -> None:
    [said] = re.findall(pattern, " ".join(GUIDE.replace("\n64", " 64").split()))
    assert int(said) == CONSTANTS[pattern]

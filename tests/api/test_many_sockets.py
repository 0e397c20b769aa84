"""Many listeners of whom some stopped reading: the others hear everything meanwhile, the stalled are let go."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest
from starlette.applications import Starlette
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

from domain.catalog.model import CatalogItem, ItemKind
from domain.ids import ItemId
from graphql_api import socket as protocol
from tests.api.graphql_room import LEARN, PROTOCOL, caller, listening
from tests.api.rest_room import RestRoom, token

ANNA = "anna"
SOCKETS, STALLED, UPDATES = 300, 30, 5
SMALL_BUFFER = 4096
FOLLOW = "subscription F($user: String!) { realtimeUpdates(userId: $user) { ... on RealtimeUpdate { version } } }"
LONG = "{ catalogItems(kind: CONTENT, first: 100) { edges { node { description } } } }"
LEARNT = {"userId": ANNA, "actions": [{"type": "template_used", "feature": "modern_template"}]}


@asynccontextmanager
async def listener(
    address: str, authorization: str, buffer: int | None = SMALL_BUFFER
) -> AsyncIterator[ClientConnection]:
    """A socket that follows Anna, with so many bytes for what it has not read; None for as many as usual."""
    raw = socket.socket()
    if buffer is not None:
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
    raw.setblocking(False)  # noqa: FBT003 - the name is positional
    host, port = address.split(":")
    await asyncio.get_running_loop().sock_connect(raw, (host, int(port)))
    async with connect(
        f"ws://{address}/graphql", sock=raw, subprotocols=[Subprotocol(PROTOCOL)], compression=None, ping_interval=None
    ) as opened:
        await send(opened, type="connection_init", payload={"authorization": authorization})
        assert json.loads(await opened.recv())["type"] == "connection_ack"
        await send(opened, type="subscribe", id="live", payload={"query": FOLLOW, "variables": {"user": ANNA}})
        yield opened
        opened.transport.abort()


async def send(opened: ClientConnection, **message: Any) -> None:
    await opened.send(json.dumps(message))


async def versions(opened: ClientConnection) -> list[int]:
    """The next updates of a listener."""
    told = [json.loads(await opened.recv()) for _ in range(UPDATES)]
    return [message["payload"]["data"]["realtimeUpdates"]["version"] for message in told]


def open_sockets(room: RestRoom) -> float:
    return room.services.metrics.get_sample_value("personalization_realtime_subscribers") or 0.0


async def until(room: RestRoom, count: float) -> None:
    async with asyncio.timeout(60):
        while open_sockets(room) != count:  # noqa: ASYNC110 - a gauge cannot be waited for
            await asyncio.sleep(0.05)


async def test_those_who_stall_neither_hold_the_others_nor_stay(
    rest_app: Starlette, room: RestRoom, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(protocol, "SEND_SECONDS", 5.0)
    await room.agree(ANNA)
    long = [CatalogItem(ItemId(f"long_{n}"), ItemKind.CONTENT, "Long", "x" * 4000) for n in range(90)]
    await room.services.catalog.upsert(room.tenant, long)
    before, anna = open_sockets(room), caller(room.app, room.tenant, ANNA)
    async with AsyncExitStack() as stack:
        address = await stack.enter_async_context(listening(rest_app, SMALL_BUFFER))
        entered = [listener(address, f"Bearer {token(room.tenant, ANNA)}") for _ in range(SOCKETS)]
        opened = [await stack.enter_async_context(one) for one in entered]
        await until(room, before + SOCKETS)
        stalled, others = opened[:STALLED], opened[STALLED:]
        for one in stalled:
            one.transport.pause_reading()
            await send(one, type="subscribe", id="long", payload={"query": LONG})
        for _ in range(UPDATES):
            await anna.ask(LEARN, input=LEARNT)
        heard = await asyncio.gather(*map(versions, others))
        first = heard[0][0]
        assert heard == [list(range(first, first + UPDATES))] * len(others)
        await until(room, before + SOCKETS - STALLED)
        await anna.ask(LEARN, input=LEARNT)
        for one in others:
            assert json.loads(await one.recv())["payload"]["data"]["realtimeUpdates"]["version"] == first + UPDATES

"""graphql-transport-ws over a real server: what opens a socket, what closes it, and with which code."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from starlette.applications import Starlette
from websockets.exceptions import InvalidStatus

from domain.catalog.model import CatalogItem, ItemKind
from domain.ids import ItemId
from domain.settings import Settings
from graphql_api import endpoint
from graphql_api import socket as protocol
from tests.api.graphql_room import CONSENT, begun, caller, consent, served, socket
from tests.api.rest_room import BRIEF, RestRoom, application, token

ANNA = "anna"
MODELS = "subscription { modelUpdates { version } }"
FOLLOW = """subscription Follow($user: String!, $after: String) { realtimeUpdates(userId: $user, after: $after) {
  __typename ... on RealtimeUpdate { cursor version kind body } ... on ResyncRequired { cursor reason } } }"""


@pytest.fixture(scope="module")
async def address(rest_app: Starlette) -> AsyncIterator[str]:
    async with served(rest_app) as address:
        yield address


@pytest.fixture
def anna(room: RestRoom) -> str:
    return f"Bearer {token(room.tenant, ANNA)}"


async def test_a_socket_answers_operations_of_every_kind(address: str, anna: str) -> None:
    async with begun(address, anna) as opened:
        await opened.subscribe("query Q($id: String!) { catalogItem(itemId: $id) { title } }", "q", id="modern")
        assert await opened.next() == {"title": "Modern style"}
        assert await opened.receive() == {"type": "complete", "id": "q"}
        await opened.subscribe(CONSENT, "m", input=consent(ANNA, granted=True))
        assert (await opened.next())["collects"] is True
        assert await opened.receive() == {"type": "complete", "id": "m"}
        await opened.send(type="ping")
        assert await opened.receive() == {"type": "pong"}


async def test_a_completed_subscription_frees_its_id(address: str, anna: str) -> None:
    async with begun(address, anna) as opened:
        for _ in range(3):
            await opened.subscribe(MODELS, "same")
            await opened.send(type="complete", id="same")
            await opened.send(type="complete", id="nobody")
        await opened.send(type="ping")
        assert await opened.receive() == {"type": "pong"}


async def test_the_token_of_the_handshake_counts(address: str, anna: str) -> None:
    async with socket(address, additional_headers={"Authorization": anna}) as opened:
        assert await opened.begin(None) == {"type": "connection_ack"}
        await opened.subscribe('{ catalogItem(itemId: "modern") { title } }')
        assert await opened.next() == {"title": "Modern style"}


async def test_without_a_token_nothing_but_the_open_is_answered(address: str) -> None:
    async with begun(address, None) as opened:
        await opened.subscribe(MODELS)
        message = await opened.receive()
        assert message["payload"]["errors"][0]["extensions"] == {"code": "UNAUTHENTICATED"}
        assert await opened.receive() == {"type": "complete", "id": "1"}
        await opened.subscribe("{ health { status } }", "2")
        assert await opened.next() == {"status": "OK"}


INIT = {"type": "connection_init"}
ASK: dict[str, Any] = {"type": "subscribe", "id": "1", "payload": {"query": MODELS}}


@pytest.mark.parametrize(
    ("messages", "code"),
    [
        ([ASK], 4401),
        ([INIT, INIT], 4429),
        ([INIT, ASK, ASK], 4409),
        ([{"type": "connection_init", "payload": {"authorization": "Bearer x"}}], 4403),
        ([{"type": "connection_init", "payload": {"authorization": ["Bearer"]}}], 4403),
        ([{"type": "connection_init", "payload": "x"}], 4400),
        ([{}], 4400),
        ([[]], 4400),
        ([[INIT]], 4400),
        (["x"], 4400),
        ([5], 4400),
        ([None], 4400),
        ([{"type": "unknown"}], 4400),
        ([{"type": "x" * 5_000}], 4400),
        ([{"type": ["subscribe"]}], 4400),
        ([{"type": "start", "id": "1", "payload": {"query": MODELS}}], 4400),
        ([INIT, {"type": "subscribe"}], 4400),
        ([INIT, {**ASK, "id": None}], 4400),
        ([INIT, {**ASK, "id": ""}], 4400),
        ([INIT, {**ASK, "id": ["1"]}], 4400),
        ([INIT, {**ASK, "payload": None}], 4400),
        ([INIT, {**ASK, "payload": MODELS}], 4400),
        ([INIT, {**ASK, "payload": {}}], 4400),
        ([INIT, {**ASK, "payload": {"query": 5}}], 4400),
        ([INIT, {**ASK, "payload": {"query": MODELS, "variables": [1]}}], 4400),
        ([INIT, {**ASK, "payload": {"query": MODELS, "operationName": 5}}], 4400),
        ([INIT, {"type": "complete"}], 4400),
        ([INIT, {"type": "complete", "id": {"a": 1}}], 4400),
    ],
    ids=lambda value: json.dumps(value)[:80],
)
async def test_a_client_that_breaks_the_protocol_is_told_how(
    messages: list[Any], code: int, address: str, anna: str
) -> None:
    async with socket(address, additional_headers={"Authorization": anna}) as opened:
        for message in messages:
            await opened.connection.send(json.dumps(message))
        assert await opened.closed() == code


DEEP = (
    '{"type":"subscribe","id":"1","payload":{"query":"{ __typename }","variables":'
    + '{"a":' * 50_000
    + "1"
    + "}" * 50_002
)
HALF_A_CHARACTER = '{"type":"subscribe","id":"\\ud800","payload":{"query":"{ __typename }"}}'


@pytest.mark.parametrize(
    "frame",
    [
        "",
        "{",
        "NaN",
        '{"type": NaN}',
        b"\x00\x01",
        b'{"type":"connection_init"}',
        "[" * 100_000,
        DEEP,
        HALF_A_CHARACTER,
    ],
    ids=lambda frame: repr(frame)[:40],
)
async def test_frames_that_are_no_json_text_are_malformed(frame: str | bytes, address: str) -> None:
    async with socket(address) as opened:
        await opened.connection.send(frame)
        assert await opened.closed() == 4400


async def test_a_message_over_a_megabyte_closes_the_socket(address: str) -> None:
    async with socket(address) as opened:
        await opened.connection.send(json.dumps({**INIT, "payload": {"a": "x" * 1_000_000}}))
        assert await opened.closed() == 1009


@pytest.mark.parametrize("offered", ["graphql-ws", "soap", None])
async def test_another_protocol_is_not_spoken(offered: str | None, address: str) -> None:
    async with socket(address, offered) as opened:
        assert opened.connection.subprotocol is None
        assert await opened.closed() == 4406


@pytest.mark.parametrize("bad", ["Bearer x", "Basic YTpi"])
async def test_a_handshake_with_a_bad_token_is_refused(bad: str, address: str) -> None:
    async with socket(address, additional_headers={"Authorization": bad}) as opened:
        assert await opened.closed() == 4403


async def test_who_does_not_begin_in_time_is_sent_away(
    rest_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(endpoint, "INIT_WAIT", timedelta(milliseconds=50))
    async with application(rest_settings) as app, served(app) as address, socket(address) as opened:
        assert await opened.closed() == 4408


async def test_pages_of_other_origins_cannot_connect(
    address: str, room: RestRoom, rest_settings: Settings, anna: str
) -> None:
    with pytest.raises(InvalidStatus) as refused:
        async with socket(address, origin="https://evil.example"):
            pass
    assert refused.value.response.status_code == 403
    async with socket(address, origin=f"http://{address}") as opened:
        assert await opened.begin(anna) == {"type": "connection_ack"}
    allowed = rest_settings.model_copy(update={"allowed_origins": "https://app.example"})
    async with application(allowed) as app, served(app) as other:
        async with socket(other, origin="https://app.example") as opened:
            assert await opened.begin(anna) == {"type": "connection_ack"}
        with pytest.raises(InvalidStatus):
            async with socket(other, origin="https://app.example.evil.example"):
                pass


async def test_a_socket_ends_with_its_token(address: str, room: RestRoom) -> None:
    brief = token(room.tenant, ANNA, lifetime=BRIEF)
    async with begun(address, f"Bearer {brief}") as opened:
        await opened.subscribe(MODELS)
        assert await opened.closed() == 4403


async def test_a_socket_does_not_live_for_ever(address: str, anna: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "LIFETIME_SECONDS", 0.2)
    async with begun(address, anna) as opened:
        await opened.subscribe(MODELS)
        assert await opened.closed() == 1012


async def test_operations_of_one_socket_are_bounded(address: str, anna: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "OPERATIONS_PER_SOCKET", 3)
    async with begun(address, anna) as opened:
        for n in range(4):
            await opened.subscribe(MODELS, str(n))
        message = await opened.receive()
        assert (message["type"], message["id"]) == ("error", "3")
        assert message["payload"][0]["extensions"]["code"] == "RATE_LIMITED"
        await opened.send(type="complete", id="0")
        await opened.subscribe("{ __typename }", "3")
        assert await opened.next() == "Query"


async def test_a_reader_that_stalls_is_let_go(
    rest_app: Starlette, address: str, room: RestRoom, anna: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More is asked for than the buffers between hold, and nothing of it is read."""
    monkeypatch.setattr(protocol, "SEND_SECONDS", 0.2)
    await room.services.catalog.upsert(
        room.tenant, [CatalogItem(ItemId(f"long_{n}"), ItemKind.CONTENT, "Long", "x" * 4000) for n in range(90)]
    )
    before = _subscribers(room)
    await room.agree(ANNA)
    async with socket(address, compression=None) as opened:
        await opened.begin(anna)
        await opened.subscribe(FOLLOW, "live", user=ANNA)
        await _until(lambda: _subscribers(room) == before + 1)
        opened.connection.transport.pause_reading()
        for n in range(60):
            await opened.subscribe(
                "{ catalogItems(kind: CONTENT, first: 100) { edges { node { description } } } }", str(n)
            )
        await _until(lambda: _subscribers(room) == before)
        opened.connection.transport.abort()


def _subscribers(room: RestRoom) -> float:
    return room.services.metrics.get_sample_value("personalization_realtime_subscribers") or 0.0


async def _until(condition: Any) -> None:
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 - a gauge cannot be waited for
            await asyncio.sleep(0.02)


async def test_a_client_that_vanishes_leaves_no_subscription(address: str, room: RestRoom, anna: str) -> None:
    await room.agree(ANNA)
    before = _subscribers(room)
    async with begun(address, anna) as opened:
        await opened.subscribe(FOLLOW, user=ANNA)
        await opened.subscribe(MODELS, "2")
        await _until(lambda: _subscribers(room) == before + 2)
        opened.connection.transport.abort()
        await _until(lambda: _subscribers(room) == before)


async def test_what_is_answered_carries_no_older_answer(address: str, room: RestRoom, anna: str) -> None:
    """Loaders live for one operation, so an item written between two is read anew."""
    graph = caller(room.app, room.tenant, ANNA)
    listed = '{ recommendations(userId: "anna", kind: STYLE) { edges { node { item { title } } } } }'
    async with begun(address, anna) as opened:
        for title in ("Modern style", "Modernist style"):
            given = {"items": [{"itemId": "modern", "kind": "STYLE", "title": title}]}
            await graph.ask(
                "mutation U($input: UpsertCatalogItemsInput!) { upsertCatalogItems(input: $input) { __typename } }",
                input=given,
            )
            await opened.subscribe(listed, title)
            edges = (await opened.next())["edges"]
            assert edges == [{"node": {"item": {"title": title}}}]
            await opened.receive()

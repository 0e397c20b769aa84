"""GraphQL over server-sent events, against a real server: what a stream carries, and what ends it."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette

from graphql_api import events
from tests.api.graphql_room import CONSENT, PATIENCE_SECONDS, TRACK, caller, consent, served
from tests.api.rest_room import BRIEF, RestRoom, token

ANNA = "anna"
FOLLOW = """subscription Follow($user: String!, $after: String) { realtimeUpdates(userId: $user, after: $after) {
  __typename ... on RealtimeUpdate { cursor version kind } ... on ResyncRequired { cursor reason } } }"""


@pytest.fixture(scope="module")
async def address(rest_app: Starlette) -> AsyncIterator[str]:
    async with served(rest_app) as address:
        yield address


@asynccontextmanager
async def streamed(address: str, authorization: str | None, query: str, **variables: Any) -> AsyncIterator[Any]:
    """The answer to one operation, its body still to come."""
    headers = {"Accept": "text/event-stream"} | ({"Authorization": authorization} if authorization else {})
    body = {"query": query, "variables": variables}
    async with (
        asyncio.timeout(PATIENCE_SECONDS),
        httpx.AsyncClient(timeout=PATIENCE_SECONDS) as http,
        http.stream("POST", f"http://{address}/graphql", json=body, headers=headers) as answer,
    ):
        yield answer


async def told(answer: httpx.Response) -> AsyncIterator[tuple[str, Any]]:
    """The events of a stream, without the comments that keep it open."""
    event = ""
    async for line in answer.aiter_lines():
        if line.startswith("event: "):
            event = line.removeprefix("event: ")
        elif line.startswith("data:"):
            data = line.removeprefix("data:").strip()
            yield event, json.loads(data) if data else None


async def agreed(room: RestRoom) -> str:
    await caller(room.app, room.tenant, ANNA).ask(CONSENT, input=consent(ANNA, granted=True))
    return f"Bearer {token(room.tenant, ANNA)}"


async def test_an_update_arrives_and_can_be_followed_from(room: RestRoom, address: str) -> None:
    anna, tracked = await agreed(room), {"userId": ANNA, "itemId": "modern", "action": "USED"}
    async with streamed(address, anna, FOLLOW, user=ANNA) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        stream = told(answer)
        found = []
        for _ in range(2):
            await caller(room.app, room.tenant, ANNA).ask(TRACK, input=tracked)
            kind, body = await anext(stream)
            assert kind == "next"
            found.append(body["data"]["realtimeUpdates"])
    first, second = found
    assert second["version"] == first["version"] + 1
    async with streamed(address, anna, FOLLOW, user=ANNA, after=first["cursor"]) as answer:
        assert (await anext(told(answer)))[1]["data"]["realtimeUpdates"] == second


async def test_a_query_is_one_event_and_the_end(room: RestRoom, address: str) -> None:
    anna = f"Bearer {token(room.tenant, ANNA)}"
    async with streamed(address, anna, '{ catalogItem(itemId: "modern") { title } }') as answer:
        [(kind, body), end] = [event async for event in told(answer)]
    assert (kind, body["data"]) == ("next", {"catalogItem": {"title": "Modern style"}})
    assert end == ("complete", None)


async def test_a_withdrawn_consent_ends_the_stream(room: RestRoom, address: str) -> None:
    anna = await agreed(room)
    async with streamed(address, anna, FOLLOW, user=ANNA) as answer:
        withdrawing = asyncio.create_task(
            caller(room.app, room.tenant, ANNA).ask(CONSENT, input=consent(ANNA, granted=False))
        )
        *_, before_last, last = [event async for event in told(answer)]
        await withdrawing
    assert before_last[1]["errors"][0]["extensions"]["code"] == "FORBIDDEN"
    assert last == ("complete", None)


async def test_a_stream_ends_with_its_token(room: RestRoom, address: str) -> None:
    await agreed(room)
    brief = token(room.tenant, ANNA, lifetime=BRIEF)
    async with streamed(address, f"Bearer {brief}", FOLLOW, user=ANNA) as answer:
        assert "complete" not in [event async for event, _ in told(answer)]


async def test_without_a_token_it_is_refused(address: str) -> None:
    async with streamed(address, None, FOLLOW, user=ANNA) as answer:
        events_told = [event async for event in told(answer)]
    assert events_told[0][1]["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"


async def test_a_bad_document_is_told_in_the_stream(room: RestRoom, address: str) -> None:
    async with streamed(address, f"Bearer {token(room.tenant, ANNA)}", "subscription { nothing }") as answer:
        [(kind, body), end] = [event async for event in told(answer)]
    assert kind == "next"
    assert body["errors"][0]["extensions"]["code"] == "VALIDATION"
    assert end == ("complete", None)


async def test_a_mutation_is_not_run_by_get(room: RestRoom, address: str) -> None:
    headers = {"Accept": "text/event-stream", "Authorization": f"Bearer {token(room.tenant, ANNA)}"}
    query = "mutation { retrainModels(input: {}) { __typename } }"
    async with httpx.AsyncClient() as http:
        answer = await http.get(f"http://{address}/graphql", params={"query": query}, headers=headers)
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")
    assert "__typename" not in answer.text


async def test_a_reader_who_stalls_does_not_hold_the_stream(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "SEND_SECONDS", 0.05)
    closed = asyncio.Event()

    async def pieces() -> AsyncIterator[str]:
        try:
            while True:
                yield "event: next\r\ndata: {}\r\n\r\n"
        finally:
            closed.set()

    async def stalled(message: Any) -> None:
        if message.get("more_body"):
            await asyncio.Event().wait()

    async with asyncio.timeout(PATIENCE_SECONDS):
        await events.EventStream(pieces()).stream_response(stalled)
        await closed.wait()

"""Figures of a process by subscription: what is told of what it did, and to whom."""

import asyncio
from collections.abc import AsyncIterator
from uuid import uuid4

import pytest
from starlette.applications import Starlette

from domain.ids import TenantId
from graphql_api.auth import Scope
from tests.api.graphql_room import OWN, TRACK, Socket, begun, caller, served
from tests.api.rest_room import RestRoom, token

METRICS = """subscription Watch($every: Int!) { serviceMetrics(everySeconds: $every) {
  at seconds requests failedRequests meanMilliseconds operations failedOperations deliveredUpdates resyncs cacheHits
  cacheMisses openSockets subscriptions queuedUpdates connected waitingEvents oldestWaitingAt } }"""


@pytest.fixture
async def address(rest_app: Starlette) -> AsyncIterator[str]:
    async with served(rest_app) as address:
        yield address


@pytest.fixture
async def opened(room: RestRoom, address: str) -> AsyncIterator[Socket]:
    async with begun(address, f"Bearer {token(room.tenant, 'op')}") as opened:
        yield opened


async def test_it_tells_what_happened_since_the_last_time(opened: Socket, room: RestRoom) -> None:
    await opened.subscribe(METRICS, every=1)
    first = await opened.next()
    assert (first["seconds"], first["requests"], first["meanMilliseconds"]) == (0, 0, None)
    assert first["openSockets"] >= 1
    operator = caller(room.app, room.tenant, "op")
    for _ in range(3):
        await operator.ask("{ health { status } }")
    assert (await operator.whole("{ nothing }"))["errors"]
    second = await opened.next()
    assert 0.5 < second["seconds"] < 20
    assert second["requests"] >= 4
    assert second["operations"] >= 4
    assert second["failedOperations"] >= 1
    assert second["meanMilliseconds"] > 0
    assert second["waitingEvents"] >= 0


async def test_what_waits_is_of_the_callers_tenant_alone(opened: Socket, room: RestRoom) -> None:
    elsewhere = RestRoom(room.app, room.settings, TenantId(f"t-{uuid4().hex[:12]}"))
    await elsewhere.services.catalog.ensure_tenant(elsewhere.tenant, "Elsewhere")
    await (await elsewhere.furnish()).agree("anna")
    done = {"userId": "anna", "itemId": "modern", "action": "USED"}
    tracked = await caller(room.app, elsewhere.tenant, "anna").ask(TRACK, input=done)
    assert tracked["accepted"] == 1, tracked
    assert (await room.services.behavior.backlog()).waiting > 0
    await opened.subscribe(METRICS, every=60)
    told = await opened.next()
    assert (told["waitingEvents"], told["oldestWaitingAt"]) == (0, None)
    for scopes, waiting in ((OWN, 0), (OWN - {Scope.MODELS_ADMIN}, None)):
        async with room.caller("op", scopes) as caller_of_health:
            answer = (await caller_of_health.get("/health")).json()
        assert answer["details"]["serving"]["waitingEvents"] == waiting


async def test_it_needs_an_operator_and_a_sensible_interval(room: RestRoom, address: str) -> None:
    own = token(room.tenant, "anna", OWN - {Scope.MODELS_ADMIN})
    async with begun(address, f"Bearer {own}") as opened:
        await opened.subscribe(METRICS, every=1)
        assert [e["extensions"]["code"] for e in (await opened.receive())["payload"]["errors"]] == ["FORBIDDEN"]
    async with begun(address, f"Bearer {token(room.tenant, 'op')}") as opened:
        for number, every in enumerate((0, 61)):
            await opened.subscribe(METRICS, str(number), every=every)
            [error] = (await opened.receive())["payload"]["errors"]
            assert (error["extensions"]["code"], error["extensions"]["field"]) == ("VALIDATION", "everySeconds")
            assert (await opened.receive())["type"] == "complete"


async def test_a_listener_who_leaves_ends_it(opened: Socket) -> None:
    await opened.subscribe(METRICS, "1", every=60)
    await opened.next()
    async with asyncio.timeout(5):
        await opened.send(type="complete", id="1")
        await opened.subscribe(METRICS, "1", every=60)
        assert (await opened.next())["seconds"] == 0

"""What a process says of itself: alive, ready, degraded, draining, and counted."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from domain.settings import Settings
from tests.api.graphql_room import LEARN, Graph, begun, caller, served
from tests.api.rest_room import RestRoom, application, token

CHECKS = "{ health { status checks { name status } } }"
AWAY = "postgresql://nobody:x@127.0.0.1:1/none"


@asynccontextmanager
async def without(settings: Settings, room: RestRoom, **replaced: str) -> AsyncIterator[Graph]:
    async with application(settings.model_copy(update=replaced)) as app:
        yield caller(app, room.tenant, "anna")


@pytest.fixture
async def nobody(room: RestRoom) -> Graph:
    return Graph(room.app, None)


async def test_a_process_with_all_its_parts_is_ready(nobody: Graph) -> None:
    ready = await nobody.http.get("/readyz")
    assert (ready.status_code, ready.json()) == (200, {"status": "ok", "checks": {"postgres": "ok", "redis": "ok"}})
    live = await nobody.http.get("/livez")
    assert (live.status_code, live.text) == (200, "ok\n")


async def test_without_postgres_nothing_should_be_sent_here(room: RestRoom, rest_settings: Settings) -> None:
    async with without(rest_settings, room, database_url=AWAY) as anna:
        ready = await anna.http.get("/readyz")
        assert (ready.status_code, ready.headers["retry-after"]) == (503, "1")
        assert ready.json() == {"status": "unavailable", "checks": {"postgres": "unavailable", "redis": "ok"}}
        assert (await anna.http.get("/livez")).status_code == 200
        assert (await anna.ask(CHECKS))["status"] == "UNAVAILABLE"
        problem = await anna.ask(LEARN, input={"userId": "anna", "actions": [{"type": "x"}]})
        assert (problem["__typename"], problem["code"]) == ("UnavailableProblem", "UNAVAILABLE")
        answer = await anna.whole('{ recommendations(userId: "anna") { degraded } health { status } }')
        assert answer["data"] == {"recommendations": None, "health": {"status": "UNAVAILABLE"}}
        assert answer["errors"][0]["extensions"]["code"] == "UNAVAILABLE"


async def test_without_redis_answers_are_degraded_and_nothing_is_lost(
    room: RestRoom, rest_settings: Settings, tmp_path: Path
) -> None:
    await room.agree("anna")
    async with without(rest_settings, room, redis_url=f"unix://{tmp_path}/nothing.sock") as anna:
        ready = await anna.http.get("/readyz")
        assert (ready.status_code, ready.json()["status"]) == (200, "degraded")
        recorded = await anna.ask(LEARN, input={"userId": "anna", "actions": [{"type": "x"}]})
        assert recorded["accepted"] == 1
        assert len(await anna.ids("anna")) == 5
        job = await anna.ask("mutation { retrainModels { __typename ... on Job { state } } }")
        assert job == {"__typename": "Job", "state": "QUEUED"}
    profile = await caller(room.app, room.tenant, "anna").ask('{ profile(userId: "anna") { version } }')
    assert profile["version"] == recorded["version"]


async def test_a_draining_process_is_not_ready(rest_settings: Settings) -> None:
    async with application(rest_settings) as app:
        app.state.services.health.drain()
        nobody = Graph(app, None)
        assert (await nobody.http.get("/readyz")).status_code == 503
        assert (await nobody.http.get("/livez")).status_code == 200
        assert (await nobody.ask(CHECKS))["status"] == "UNAVAILABLE"


async def test_requests_and_live_updates_are_counted_without_naming_anyone(room: RestRoom) -> None:
    await room.agree("anna-in-person")
    graph = caller(room.app, room.tenant, "anna-in-person")
    await graph.ask(LEARN, input={"userId": "anna-in-person", "actions": [{"type": "x"}]})
    await graph.http.get("/api/personalization/profile/anna-in-person")
    await graph.http.get("/nowhere/anna-in-person")
    async with served(room.app) as address, begun(address, f"Bearer {token(room.tenant, 'anna-in-person')}") as opened:
        await opened.subscribe('subscription { recommendationUpdates(userId: "anna-in-person") { cursor } }')
        await opened.next()
        assert "personalization_sockets_open 1.0" in (await Graph(room.app, None).http.get("/metrics")).text
        metrics = await Graph(room.app, None).http.get("/metrics")
    assert metrics.status_code == 200
    assert metrics.headers["content-type"].startswith("text/plain")
    assert 'personalization_http_requests_total{method="POST",route="/graphql",status="200"}' in metrics.text
    assert 'route="unmatched",status="404"' in metrics.text
    assert "personalization_realtime_subscribers" in metrics.text
    assert "personalization_http_request_seconds_bucket" in metrics.text
    assert "anna-in-person" not in metrics.text


async def test_operations_are_counted_by_what_came_of_them(rest_settings: Settings, room: RestRoom) -> None:
    async with application(rest_settings) as app:
        anna, nobody = caller(app, room.tenant, "anna"), Graph(app, None)
        await anna.ask('{ catalogItem(itemId: "modern") { title } }')
        await anna.whole("{ a: __typename health { status } }")
        await anna.whole("{ made_up_by_a_client }")
        await nobody.whole("query Q { models { version } } query R { __typename }")
        await nobody.post({"query": "query Q { models { version } } query R { __typename }", "operationName": "Q"})
        async with served(app) as address, begun(address, f"Bearer {token(room.tenant, 'anna')}") as opened:
            await opened.subscribe('subscription { realtimeUpdates(userId: "nobody") { __typename } }')
            await opened.receive()
            await opened.receive()
        text = (await nobody.http.get("/metrics")).text
    counted = {
        ("catalogItem", "OK"),
        ("several", "OK"),
        ("refused", "VALIDATION"),
        ("models", "UNAUTHENTICATED"),
        ("realtimeUpdates", "NOT_FOUND"),
    }
    for operation, outcome in counted:
        assert f'graphql_operations_total{{operation="{operation}",outcome="{outcome}"}}' in text
    assert 'operation_seconds_count{operation="catalogItem"} 1.0' in text
    assert 'operation_seconds_count{operation="realtimeUpdates"}' not in text
    assert "made_up" not in text

"""How many calls one caller may make: the same answer at every door, shared by processes, and never in Redis' way."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette

from domain.errors import ValidationFailed
from domain.ids import TenantId
from domain.settings import Settings
from domain.storage.embedded import EmbeddedValkey
from graphql_api.app import create_app
from graphql_api.auth import Scope
from tests.api.graphql_room import LEARN, LIST, NEGOTIATED, Graph, begun, caller, served
from tests.api.rest_room import RestRoom, application, token

ANNA, BERT = "anna", "bert"
ITEMS = '{ catalogItem(itemId: "modern") { title } }'
LIMITED = {
    "rate_limit": "3/day",
    "rate_limits": "health=off, catalogItem = 2/day, requestExport = 1/day",
    "event_limit": "5/day",
}


@asynccontextmanager
async def limited(settings: Settings, tenant: TenantId, **limits: str) -> AsyncIterator[RestRoom]:
    changed = settings.model_copy(update=limits)
    async with application(changed) as app:
        yield await RestRoom(app, changed, tenant).furnish()


@pytest.fixture
async def strict(rest_settings: Settings, tenant: TenantId) -> AsyncIterator[RestRoom]:
    async with limited(rest_settings, tenant, **LIMITED) as room:
        yield room


async def lists(room: RestRoom, user: str) -> httpx.Response:
    async with room.caller(user) as client:
        return await client.post("/recommendations", json={"userId": user})


async def test_all_doors_of_one_operation_have_one_allowance(strict: RestRoom) -> None:
    anna = caller(strict.app, strict.tenant, ANNA)
    assert (await lists(strict, ANNA)).status_code == 200
    assert await anna.ids(ANNA)
    async with served(strict.app) as address, begun(address, f"Bearer {token(strict.tenant, ANNA)}") as opened:
        # This token acts for others, so it is another caller's allowance.
        await opened.subscribe(LIST, user=ANNA)
        assert (await opened.receive())["type"] == "next"
    assert await anna.ids(ANNA)
    refused = await lists(strict, ANNA)
    assert (refused.status_code, refused.json()["code"]) == (429, "RATE_LIMITED")
    assert 0 < int(refused.headers["retry-after"]) <= 24 * 3600
    for accept in (NEGOTIATED, "application/json"):
        answer = await anna.post({"query": LIST, "variables": {"user": ANNA}}, Accept=accept)
        assert (answer.status_code, "data" in answer.json()) == (429, False)
        assert answer.json()["errors"][0]["extensions"]["code"] == "RATE_LIMITED"
        assert 0 < int(answer.headers["retry-after"]) <= 24 * 3600


async def test_sockets_and_event_streams_refuse_too(strict: RestRoom) -> None:
    scopes = frozenset(Scope) - {Scope.ACT_AS}
    for _ in range(3):
        assert (await lists(strict, ANNA)).status_code == 200
    async with (
        served(strict.app) as address,
        begun(address, f"Bearer {token(strict.tenant, ANNA, scopes)}") as opened,
    ):
        await opened.subscribe(LIST, user=ANNA)
        message = await opened.receive()
        assert (message["type"], message["payload"][0]["extensions"]["code"]) == ("error", "RATE_LIMITED")
        assert message["payload"][0]["extensions"]["retryAfterSeconds"] > 0
        await opened.subscribe("{ health { status } }", "2")
        assert (await opened.receive())["type"] == "next"
    anna = caller(strict.app, strict.tenant, ANNA)
    answer = await anna.post({"query": LIST, "variables": {"user": ANNA}}, Accept="text/event-stream")
    assert "RATE_LIMITED" in answer.text


async def test_others_and_other_operations_are_not_concerned(strict: RestRoom) -> None:
    for _ in range(4):
        last = await lists(strict, ANNA)
    assert last.status_code == 429
    assert (await lists(strict, BERT)).status_code == 200
    async with strict.caller(ANNA) as anna:
        assert (await anna.get(f"/metrics/{ANNA}")).status_code == 200
    everyone = caller(strict.app, strict.tenant, ANNA, frozenset(Scope))
    for _ in range(5):
        assert await everyone.ids(ANNA)


async def test_a_single_operation_may_have_its_own_limit_or_none(strict: RestRoom) -> None:
    anna = caller(strict.app, strict.tenant, ANNA)
    for _ in range(5):
        assert await anna.ask("{ health { status } }")
    for _ in range(2):
        assert await anna.ask(ITEMS)
    assert await anna.code(ITEMS) == "RATE_LIMITED"


async def test_a_right_has_one_allowance_by_whichever_route_it_is_asked_for(strict: RestRoom) -> None:
    asked = {"userId": ANNA, "request": "export"}
    async with strict.caller(ANNA) as anna:
        assert [(await anna.post("/privacy", json=asked)).status_code for _ in range(2)] == [200, 429]
        assert (await anna.post("/privacy", json={"userId": ANNA, "privacyLevel": "strict"})).is_success
    export = "mutation E($user: String!) { requestExport(input: { userId: $user }) { ... on Problem { code } } }"
    assert await caller(strict.app, strict.tenant, ANNA).code(export, user=ANNA) == "RATE_LIMITED"


async def test_every_name_of_a_root_field_counts(strict: RestRoom) -> None:
    anna = caller(strict.app, strict.tenant, ANNA)
    item = 'catalogItem(itemId: "modern") { title }'
    assert await anna.code(f"{{ a: {item} b: {item} c: {item} }}") == "RATE_LIMITED"
    bert = caller(strict.app, strict.tenant, BERT)
    spread = f"{{ ...A ...A ... on Query {{ ...A }} }} fragment A on Query {{ {item} }}"
    assert "errors" not in await bert.whole(spread)
    assert "errors" not in await bert.whole(spread)
    assert await bert.code(spread) == "RATE_LIMITED"


async def test_documents_that_are_refused_count_as_well(strict: RestRoom) -> None:
    anna = caller(strict.app, strict.tenant, ANNA)
    codes = [await anna.code(f"{{ nothing{n} }}") for n in range(4)]
    assert codes == ["VALIDATION"] * 3 + ["RATE_LIMITED"]


def acted(count: int, user: str = ANNA) -> dict[str, Any]:
    return {"userId": user, "behaviorData": {"actions": [{"type": "template_used", "feature": "modern"}] * count}}


async def test_a_flood_of_events_about_one_person_is_capped_whoever_sends_it(strict: RestRoom) -> None:
    for user in (ANNA, BERT):
        await strict.agree(user)
    async with strict.caller("backend", frozenset(Scope)) as backend, strict.caller(ANNA) as anna:
        assert (await anna.post("/learn-preferences", json=acted(3))).status_code == 200
        refused = await backend.post("/learn-preferences", json=acted(3))
        assert (refused.status_code, refused.json()["code"]) == (429, "RATE_LIMITED")
        assert int(refused.headers["retry-after"]) > 0
        assert (await backend.post("/learn-preferences", json=acted(5, BERT))).status_code == 200
        assert (await backend.post("/learn-preferences", json=acted(2))).status_code == 200
        click = {"userId": ANNA, "itemId": "modern", "action": "clicked"}
        assert (await backend.post("/track-interaction", json=click)).status_code == 429
    graph = caller(strict.app, strict.tenant, "backend", frozenset(Scope))
    given = {"userId": ANNA, "actions": [{"type": "template_used", "feature": "modern"}]}
    problem = await graph.ask(LEARN, input=given)
    assert (problem["__typename"], problem["code"]) == ("UnavailableProblem", "RATE_LIMITED")
    await strict.learn()
    profile = await graph.ask("query P($u: String!) { profile(userId: $u) { eventCount } }", u=ANNA)
    assert profile["eventCount"] == 5


async def admitted(room: RestRoom, most: int) -> int:
    for n in range(most):
        if (await lists(room, ANNA)).status_code == 429:
            return n
        # What was counted is told behind the answer.
        await asyncio.sleep(0.01)
    return most


async def test_processes_share_what_a_caller_may(rest_settings: Settings, tenant: TenantId) -> None:
    async with (
        limited(rest_settings, tenant, rate_limit="12/day") as one,
        limited(rest_settings, tenant, rate_limit="12/day") as two,
    ):
        assert await admitted(one, 30) == 12
        assert await admitted(two, 30) <= 2


async def test_without_redis_nobody_is_refused_for_it_and_a_metric_tells(
    rest_settings: Settings, tenant: TenantId, tmp_path: Path
) -> None:
    with EmbeddedValkey(tmp_path) as server:
        url = server.url
    async with limited(rest_settings, tenant, rate_limit="6/day", redis_url=url) as room:
        # The server is gone; each process counts on by itself.
        assert await admitted(room, 30) == 6
        for _ in range(100):
            told = await metrics(room.app)
            if told.get("personalization_rate_limit_failures_total", 0) > 0:
                break
            await asyncio.sleep(0.05)
        assert told["personalization_rate_limit_failures_total"] > 0
        assert told['personalization_rate_limited_total{operation="recommendations"}'] == 1


async def metrics(app: Starlette) -> dict[str, float]:
    lines = (await Graph(app, None).http.get("/metrics")).text.splitlines()
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines if line[:1] != "#")}


async def test_without_a_limit_nothing_is_counted(rest_settings: Settings, tenant: TenantId) -> None:
    unlimited = {"rate_limit": "off", "rate_limit_services": "off", "event_limit": "off"}
    async with limited(rest_settings, tenant, **unlimited) as room:
        assert await admitted(room, 20) == 20


@pytest.mark.parametrize("named", ["metric=1/day", "profile=1/day, nothing=off"])
def test_a_limit_of_an_operation_that_there_is_not_is_refused_at_start(named: str, rest_settings: Settings) -> None:
    with pytest.raises(ValidationFailed, match=r"there is no operation (metric|nothing) to limit"):
        create_app(rest_settings.model_copy(update={"rate_limits": named}))

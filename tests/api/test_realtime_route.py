"""`GET /realtime-updates/:userId` against a real server: what is held, what comes, the stream, and what ends it."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette

from domain.ids import UserId
from domain.realtime.model import Cursor
from domain.settings import Settings
from graphql_api.rest import live
from tests.api.graphql_room import CONSENT, PATIENCE_SECONDS, TRACK, caller, consent, served
from tests.api.rest_room import BRIEF, RestRoom, application, token

ANNA = "anna"
TRACKED = {"userId": ANNA, "itemId": "modern", "action": "USED"}


@pytest.fixture(scope="module")
async def address(rest_app: Starlette) -> AsyncIterator[str]:
    async with served(rest_app) as address:
        yield address


class Route:
    """The route, asked by Anna."""

    def __init__(self, http: httpx.AsyncClient, room: RestRoom) -> None:
        self.http = http
        self.room = room

    async def get(self, user: str = ANNA, **asked: Any) -> httpx.Response:
        return await self.http.get(f"/api/personalization/realtime-updates/{user}", params=asked)

    async def told(self, **asked: Any) -> dict[str, Any]:
        answer = await self.get(**asked)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    async def track(self) -> None:
        await caller(self.room.app, self.room.tenant, ANNA).ask(TRACK, input=TRACKED)

    async def consent(self, *, granted: bool) -> None:
        await caller(self.room.app, self.room.tenant, ANNA).ask(CONSENT, input=consent(ANNA, granted=granted))

    @asynccontextmanager
    async def stream(self, **headers: str) -> AsyncIterator[AsyncIterator[dict[str, Any]]]:
        """The events of the stream."""
        async with (
            asyncio.timeout(PATIENCE_SECONDS),
            self.http.stream(
                "GET",
                f"/api/personalization/realtime-updates/{ANNA}",
                headers={"Accept": "text/event-stream", **headers},
            ) as answer,
        ):
            assert answer.headers["content-type"].startswith("text/event-stream")
            assert answer.headers["cache-control"] == "no-store"
            yield _events(answer)


async def _events(answer: httpx.Response) -> AsyncIterator[dict[str, Any]]:
    """Each event; one that says nothing stands for the comments that keep the stream open."""
    event: dict[str, Any] = {}
    async for line in answer.aiter_lines():
        name, _, value = line.partition(":")
        if line:
            event[name] = json.loads(value) if name == "data" else value.strip()
        else:
            yield event
            event = {}


@pytest.fixture
async def route(room: RestRoom, address: str) -> AsyncIterator[Route]:
    headers = {"Authorization": f"Bearer {token(room.tenant, ANNA)}"}
    async with httpx.AsyncClient(base_url=f"http://{address}", headers=headers, timeout=PATIENCE_SECONDS) as http:
        found = Route(http, room)
        await found.consent(granted=True)
        yield found


async def test_what_is_held_is_told_in_order_and_in_parts(route: Route) -> None:
    for _ in range(3):
        await route.track()
    whole = await route.told()
    versions = [update["version"] for update in whole["updates"]]
    assert versions == list(range(versions[0], versions[0] + len(versions)))
    assert len(versions) >= 4
    assert whole["cursor"] == whole["updates"][-1]["cursor"]
    first = await route.told(limit=2)
    rest = await route.told(after=first["cursor"])
    assert first["updates"] + rest["updates"] == whole["updates"]
    assert await route.told(after=whole["cursor"]) == {"updates": [], "cursor": whole["cursor"]}
    assert {"interaction_tracked", "consent_changed"} <= {update["kind"] for update in whole["updates"]}


async def test_who_waits_gets_the_next_update_when_it_comes(route: Route) -> None:
    now = (await route.told())["cursor"]
    waiting = asyncio.create_task(route.told(after=now, wait=15))
    await asyncio.sleep(0.2)
    assert not waiting.done()
    await route.track()
    [update] = (await waiting)["updates"]
    assert update["cursor"] == str(Cursor(Cursor.parse(now).version + 1))


async def test_what_comes_between_looking_and_waiting_is_told(route: Route, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is held, and an update comes before the listener has begun."""
    bus = route.room.services.bus
    subject = await route.room.services.directory.resolve(route.room.tenant, UserId(ANNA))
    assert bus is not None
    assert subject is not None

    async def late(*_arguments: Any) -> list[Any]:
        await route.track()
        await asyncio.sleep(0.3)
        return []

    monkeypatch.setattr(bus, "recent", late)
    [update] = (await route.told(wait=5))["updates"]
    assert update["version"] == subject.version + 1


async def test_waiting_ends_without_an_update(route: Route) -> None:
    now = (await route.told())["cursor"]
    assert await route.told(after=now, wait=1) == {"updates": [], "cursor": now}


async def test_what_is_gone_is_told_as_a_gap(route: Route) -> None:
    await route.track()
    told = await route.told(after=str(Cursor(10_000)))
    assert [update["kind"] for update in told["updates"]][:1] == ["resync_required"]
    assert told["updates"][0]["reason"] == "missed"


async def test_a_stream_tells_updates_as_they_come_and_goes_on_where_it_broke_off(route: Route) -> None:
    found = []
    async with route.stream() as events:
        assert await anext(events) == {"": ""}
        for _ in range(2):
            await route.track()
            found.append(await anext(events))
    first, second = found
    assert second["data"]["version"] == first["data"]["version"] + 1
    assert first["id"] == first["data"]["cursor"]
    assert first["event"] == first["data"]["kind"]
    async with route.stream(**{"Last-Event-ID": first["id"]}) as events:
        await anext(events)
        assert await anext(events) == second


async def test_a_quiet_stream_is_kept_open(route: Route, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "HEARTBEAT_SECONDS", 0.05)
    async with route.stream() as events:
        assert [await anext(events) for _ in range(3)] == [{"": ""}] * 3
        await route.track()
        while not (event := await anext(events)).get("id"):
            pass
    assert event["event"] == "interaction_tracked"


async def test_a_withdrawn_consent_ends_stream_and_waiting(route: Route) -> None:
    now = (await route.told())["cursor"]
    waiting = asyncio.create_task(route.get(after=now, wait=15))
    async with route.stream() as events:
        await anext(events)
        await route.consent(granted=False)
        *_, last = [event async for event in events]
    assert (last["event"], last["data"]["code"]) == ("error", "FORBIDDEN")
    assert (await waiting).status_code == 403


def brief(room: RestRoom) -> dict[str, str]:
    """A token that runs out in two seconds."""
    return {"Authorization": f"Bearer {token(room.tenant, ANNA, lifetime=BRIEF)}"}


async def test_a_stream_ends_with_its_token(route: Route) -> None:
    async with route.stream(**brief(route.room)) as events:
        assert [event async for event in events] == [{"": ""}]


async def test_waiting_ends_with_the_token(route: Route) -> None:
    now = (await route.told())["cursor"]
    path = f"/api/personalization/realtime-updates/{ANNA}"
    answer = await route.http.get(path, params={"after": now, "wait": 30}, headers=brief(route.room))
    assert (answer.status_code, answer.json()["code"]) == (401, "UNAUTHENTICATED")


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({"after": "x"}, "after"),
        ({"wait": "31"}, "wait"),
        ({"wait": "-1"}, "wait"),
        ({"wait": "1.5"}, "wait"),
        ({"limit": "0"}, "limit"),
        ({"limit": "257"}, "limit"),
        ({"limit": "٣"}, "limit"),
    ],
)
async def test_what_means_nothing_is_refused(route: Route, asked: dict[str, str], field: str) -> None:
    answer = await route.get(**asked)
    assert (answer.status_code, answer.json()["code"], answer.json()["field"]) == (400, "VALIDATION", field)


async def test_others_and_unknown_people_are_not_there(route: Route) -> None:
    answer = await route.get("somebody-else")
    assert (answer.status_code, answer.json()["code"]) == (404, "NOT_FOUND")
    headers = {"Authorization": f"Bearer {token(route.room.tenant, 'nobody')}"}
    answer = await route.http.get("/api/personalization/realtime-updates/nobody", headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (404, "NOT_FOUND")


async def test_it_says_so_where_live_updates_are_switched_off(room: RestRoom, rest_settings: Settings) -> None:
    await room.agree(ANNA)
    off = rest_settings.model_copy(update={"realtime_enabled": False})
    headers = {"Authorization": f"Bearer {token(room.tenant, ANNA)}"}
    async with (
        application(off) as app,
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test", headers=headers) as http,
    ):
        for accept in ("application/json", "text/event-stream"):
            answer = await http.get(f"/api/personalization/realtime-updates/{ANNA}", headers={"Accept": accept})
            assert (answer.status_code, answer.json()["code"]) == (503, "UNAVAILABLE")
            assert "switched off" in answer.json()["detail"]
        health = (await http.get("/api/personalization/health")).json()
        assert (health["status"], health["details"]["switchedOff"]) == ("ok", ["live_updates"])

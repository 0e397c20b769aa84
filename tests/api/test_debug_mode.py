"""What PERSONALIZATION_DEBUG adds to answers, and that nobody gets it without."""

import re
from typing import Any

import httpx
from starlette.applications import Starlette

from domain.settings import Settings
from tests.api.rest_room import RestRoom, application, token

QUESTION = '{ recommendations(userId: "anna", first: 3) { edges { node { title } } } }'


async def extensions(app: Starlette, room: RestRoom) -> dict[str, Any]:
    headers = {"Authorization": f"Bearer {token(room.tenant, 'anna')}"}
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://test", headers=headers) as client:
        answer = await client.post("/graphql", json={"query": QUESTION})
    assert len(answer.json()["data"]["recommendations"]["edges"]) == 3
    found: dict[str, Any] = answer.json().get("extensions", {})
    return found


async def test_answers_carry_time_and_sql_count_in_debug_mode(room: RestRoom, rest_settings: Settings) -> None:
    async with application(rest_settings.model_copy(update={"debug": True})) as app:
        debug = (await extensions(app, room))["debug"]
    assert debug["milliseconds"] > 0
    assert debug["sqlStatements"] > 0


async def test_every_answer_says_what_it_took_and_what_the_cache_did_in_debug_mode(
    room: RestRoom, rest_settings: Settings
) -> None:
    await room.agree("anna")
    settings = rest_settings.model_copy(update={"debug": True})
    async with application(settings) as app, RestRoom(app, settings, room.tenant).caller("anna") as anna:
        first, second = await anna.get("/profile/anna"), await anna.get("/profile/anna")
        graph = await anna.post("http://test/graphql", json={"query": QUESTION})
    timings = [
        re.fullmatch(r'total;dur=([0-9.]+), sql;desc="([0-9]+) statements"', a.headers["Server-Timing"])
        for a in (first, second, graph)
    ]
    milliseconds, statements = zip(*((float(t[1]), int(t[2])) for t in timings if t), strict=True)
    assert min(milliseconds) > 0
    assert statements[1] == 1 < statements[0]
    assert statements[2] == graph.json()["extensions"]["debug"]["sqlStatements"] > 0
    assert ["hit" in answer.headers["Cache-Status"] for answer in (first, second)] == [False, True]


async def test_no_answer_says_what_it_took_otherwise(room: RestRoom) -> None:
    await room.agree("anna")
    async with room.caller("anna") as anna:
        assert "Server-Timing" not in (await anna.get("/profile/anna")).headers


async def test_answers_carry_nothing_of_it_otherwise(room: RestRoom) -> None:
    assert "debug" not in await extensions(room.app, room)

"""What PERSONALIZATION_DEBUG adds to answers, and that nobody gets it without."""

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


async def test_answers_carry_nothing_of_it_otherwise(room: RestRoom) -> None:
    assert "debug" not in await extensions(room.app, room)

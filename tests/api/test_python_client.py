"""The typed Python client against a real server, and that it is written from the schema as it is."""

import asyncio
import json
import re
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.responses import HTMLResponse
from starlette.routing import Route
from websockets.asyncio.server import ServerConnection, serve
from websockets.http11 import Request, Response

from clients.python import Client, Refused, ServiceError, expected
from graphql_api.auth import Scope
from tests.api.graphql_room import OWN, served
from tests.api.rest_room import RestRoom, token
from tests.contract.source import ROOT

USER = "user_123"


@pytest.fixture
async def address(rest_app: Starlette) -> AsyncIterator[str]:
    async with served(rest_app) as address:
        yield f"http://{address}/graphql"


@pytest.fixture
async def client(address: str, room: RestRoom) -> AsyncIterator[Client]:
    async with Client(address, token(room.tenant, USER, OWN)) as client:
        yield client


def test_it_is_written_from_the_schema_as_it_is() -> None:
    checked = subprocess.run([sys.executable, "-m", "clients.generate", "--check"], cwd=ROOT, check=False)
    assert checked.returncode == 0, "run: make client"


async def test_the_path_of_a_user(client: Client) -> None:
    with pytest.raises(Refused) as refused:
        expected(await client.learn(input={"userId": USER, "actions": [{"type": "viewed", "feature": "x"}]}))
    assert refused.value.code == "CONSENT_REQUIRED"
    agreed = expected(await client.agree(input={"userId": USER, "granted": True, "evidence": {"policyVersion": "1"}}))
    assert agreed["personalizes"] is True
    actions = [{"type": "template_used", "itemId": "modern_template"}]
    learned = expected(await client.learn(input={"userId": USER, "actions": actions}))
    assert learned["accepted"] == 1
    page = await client.recommend(user_id=USER, first=3, kind="TEMPLATE")
    assert page is not None
    assert len(page["edges"]) == 3
    assert page["personalized"]
    more = await client.recommend(user_id=USER, first=3, kind="TEMPLATE", after=page["pageInfo"]["endCursor"])
    assert more is not None
    shown = [edge["node"]["itemId"] for edge in (*page["edges"], *more["edges"])]
    assert len(set(shown)) == 6
    settings = await client.settings(user_id=USER, context={"purpose": "social_media"})
    assert settings is not None
    assert {"pace", "durationSeconds"} <= {parameter["name"] for parameter in settings["parameters"]}


async def test_it_follows_a_person_from_where_it_was(client: Client) -> None:
    await client.agree(input={"userId": USER, "granted": True, "evidence": {"policyVersion": "1"}})
    told = client.follow(user_id=USER)
    waiting = asyncio.ensure_future(anext(told))
    found = []
    while len(found) < 2:
        await client.track(input={"userId": USER, "itemId": "modern", "action": "VIEWED"})
        done, _ = await asyncio.wait((waiting,), timeout=0.2)
        if done:
            found.append(waiting.result())
            waiting = asyncio.ensure_future(anext(told))
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    await told.aclose()
    first, second = found
    assert second["version"] == first["version"] + 1
    again = client.follow(user_id=USER, after=first["cursor"])
    assert (await anext(again))["version"] == second["version"]
    await again.aclose()


async def test_what_is_not_allowed_is_an_error_with_a_code(address: str, room: RestRoom, client: Client) -> None:
    with pytest.raises(ServiceError) as refused:
        await client.recommend(user_id="somebody-else")
    assert refused.value.code == "NOT_FOUND"
    async with Client(address, token(room.tenant, USER, OWN - {Scope.RECOMMENDATIONS_READ})) as limited:
        with pytest.raises(ServiceError) as refused:
            await anext(limited.follow(user_id=USER))
    assert refused.value.code == "FORBIDDEN"


async def test_the_example_of_the_guide(address: str, room: RestRoom) -> None:
    guide = (ROOT / "docs" / "clients.md").read_text(encoding="utf-8")
    [example] = re.findall(r"```python\n(.*?)```", guide, re.DOTALL)
    space: dict[str, Any] = {}
    exec(example, space)  # noqa: S102  # our own guide
    titles = await space["first_page"](address, token(room.tenant, USER, OWN), USER)
    assert len(titles) == 5


@asynccontextmanager
async def unsteady(statuses: list[int], codes: list[int]) -> AsyncIterator[tuple[str, list[Any]]]:
    """A service whose first handshakes are answered with these statuses, and which says goodbye after each update.

    Yields its address, and where it notes after which cursor it was asked to go on.
    """
    asked: list[Any] = []

    async def shake(connection: ServerConnection, _request: Request) -> Response | None:
        return connection.respond(HTTPStatus(statuses.pop(0)), "not now") if statuses else None

    async def answer(socket: ServerConnection) -> None:
        await socket.recv()
        await socket.send(json.dumps({"type": "connection_ack"}))
        variables = json.loads(await socket.recv())["payload"]["variables"]
        asked.append(variables.get("after"))
        update = {"data": {"realtimeUpdates": {"cursor": f"c{len(asked)}"}}}
        await socket.send(json.dumps({"type": "next", "id": "1", "payload": update}))
        await socket.close(codes.pop(0))

    async with serve(answer, "127.0.0.1", 0, process_request=shake) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        yield f"http://127.0.0.1:{port}/graphql", asked


async def test_it_goes_on_where_a_server_or_a_proxy_says_goodbye() -> None:
    async with unsteady([503], [1001, 1000, 1012]) as (url, asked), Client(url, "token") as client:
        told = client.follow(user_id=USER)
        cursors = [(await anext(told))["cursor"] for _ in range(3)]
        await told.aclose()
    assert cursors == ["c1", "c2", "c3"]
    assert asked == [None, "c1", "c2"]


async def test_a_handshake_that_is_refused_for_good_is_an_error_with_a_code() -> None:
    async with unsteady([403], []) as (url, _), Client(url, "token") as client:
        with pytest.raises(ServiceError) as refused:
            await anext(client.follow(user_id=USER))
    assert refused.value.code == "FORBIDDEN"


async def test_what_a_proxy_answers_in_place_of_the_service_is_told_as_such() -> None:
    async def gone(_request: Any) -> HTMLResponse:
        return HTMLResponse("<h1>Bad gateway</h1>", 502)

    proxy = Starlette(routes=[Route("/graphql", gone, methods=["POST"])])
    async with served(proxy) as place, Client(f"http://{place}/graphql", "token") as client:
        with pytest.raises(httpx.HTTPStatusError) as refused:
            await client.recommend(user_id=USER)
    assert refused.value.response.status_code == 502

"""The specification's own JavaScript, run under Node against a real server."""

import asyncio
import json
import re
import shutil
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from starlette.applications import Starlette

from domain.generation.parameters import PARAMETERS, camel
from tests.api.generation_room import told
from tests.api.rest_room import RestRoom, token

SPECIFICATION = Path(__file__).resolve().parents[3] / "shared" / "spec" / "personalization-service.md"
NODE = shutil.which("node")
USER = "user_123"
GENERATION = "Getting Personalized Generation Parameters"
NODE_SECONDS = 30.0

pytestmark = [
    pytest.mark.skipif(NODE is None, reason="Node is not installed"),
    pytest.mark.skipif(not SPECIFICATION.exists(), reason="the specification is not beside this repository"),
]

# A browser would know the address and send the session's token; Node is told both.
PRELUDE = """
const service = %s, token = %s, send = globalThis.fetch;
globalThis.fetch = (path, options = {}) => send(new URL(path, service), {
  ...options, headers: { ...options.headers, Authorization: `Bearer ${token}` },
});
"""


def example(title: str) -> str:
    """The JavaScript below a heading of the specification, as it stands there."""
    found = re.search(rf"^### {title}\n```javascript\n(.*?)^```", SPECIFICATION.read_text(), re.DOTALL | re.MULTILINE)
    assert found is not None
    return found[1]


@asynccontextmanager
async def served(app: Starlette) -> AsyncIterator[str]:
    """The address of a server that runs `app` on a free port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = uvicorn.Server(uvicorn.Config(app, log_config=None, lifespan="off", ws="none"))
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            await serving


async def run(room: RestRoom, code: str, shown: str) -> Any:
    """Run `code` as a module of a page that `room` serves, and give the value of the expression `shown` after it."""
    assert NODE is not None
    async with served(room.app) as address:
        prelude = PRELUDE % (json.dumps(address), json.dumps(token(room.tenant, USER)))
        script = f"{prelude}\n{code}\nconsole.log(JSON.stringify({shown}));"
        process = await asyncio.create_subprocess_exec(
            NODE,
            "--input-type=module",
            "--eval",
            script,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        output, errors = await asyncio.wait_for(process.communicate(), NODE_SECONDS)
    assert process.returncode == 0, errors.decode()
    return json.loads(output)


async def test_learning_user_preferences(room: RestRoom) -> None:
    await room.agree(USER)
    answer = await run(
        room, example("Learning User Preferences"), "{ status: response.status, body: await response.json() }"
    )
    assert answer["status"] == 200
    assert (answer["body"]["accepted"], answer["body"]["duplicates"]) == (4, 0)


async def test_learning_user_preferences_without_consent(room: RestRoom) -> None:
    answer = await run(
        room, example("Learning User Preferences"), "{ status: response.status, body: await response.json() }"
    )
    assert (answer["status"], answer["body"]["code"]) == (403, "CONSENT_REQUIRED")


async def test_getting_personalized_recommendations(room: RestRoom) -> None:
    await room.agree(USER)
    before = await run(room, example("Getting Personalized Recommendations"), "recommendations")
    await run(room, example("Learning User Preferences"), "response.status")
    after = await run(room, example("Getting Personalized Recommendations"), "recommendations")
    assert len(before) == len(after) == 10
    assert all(place["reasons"] for place in after)
    assert [place["itemId"] for place in before] != [place["itemId"] for place in after]


async def test_getting_personalized_generation_parameters(room: RestRoom) -> None:
    await room.agree(USER)
    before = await run(room, example(GENERATION), "parameters")
    async with room.caller(USER) as client:
        for number in range(6):
            await told(client, number=number)
    after = await run(room, example(GENERATION), "parameters")
    assert set(before) == set(after) == {camel(name) for name in PARAMETERS}
    assert before["pace"]["source"] == "DEFAULT"
    assert (after["pace"]["value"], after["pace"]["source"]) == ("slow", "PERSON_CONTEXT")


async def test_what_is_read_without_consent_is_what_everybody_gets(room: RestRoom) -> None:
    shown = "{ status: response.status, recommendations }"
    page = await run(room, example("Getting Personalized Recommendations"), shown)
    parameters = await run(room, example(GENERATION), "parameters")
    assert (page["status"], len(page["recommendations"])) == (200, 10)
    assert {parameter["source"] for parameter in parameters.values()} == {"DEFAULT"}

"""The TypeScript example: its types come from the schema, it compiles, and it runs against a real server."""

import asyncio
import json
import shutil
import subprocess
from pathlib import Path

from starlette.applications import Starlette

from tests.api.graphql_room import served
from tests.api.rest_room import RestRoom, token
from tests.contract.source import ROOT
from tests.node import RUN_SECONDS, node_or_skip

EXAMPLE = ROOT / "docs" / "clients" / "typescript"
USER = "user_123"


def built() -> str:
    """Node's path, once the example is compiled."""
    node = node_or_skip(EXAMPLE)
    npm = shutil.which("npm")
    assert npm is not None
    for script in ("generate", "build"):
        ran = subprocess.run(
            [npm, "run", script], cwd=EXAMPLE, capture_output=True, text=True, timeout=RUN_SECONDS, check=False
        )
        assert ran.returncode == 0, ran.stdout + ran.stderr
    return node


async def told(node: str, *arguments: str) -> dict[str, object]:
    program = Path("build") / "main.js"
    process = await asyncio.create_subprocess_exec(
        node, str(program), *arguments, cwd=EXAMPLE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    async with asyncio.timeout(RUN_SECONDS):
        out, err = await process.communicate()
    assert process.returncode == 0, err.decode()
    found: dict[str, object] = json.loads(out)
    return found


async def test_the_example_compiles_and_runs(room: RestRoom, rest_app: Starlette) -> None:
    node = await asyncio.to_thread(built)
    async with served(rest_app) as address:
        found = await told(node, f"http://{address}/graphql", token(room.tenant, USER), USER)
    assert found["learned"] == "EventsRecorded"
    assert found["versions"] == [1, 2]
    titles = found["titles"]
    assert isinstance(titles, list)
    assert len(titles) == 5

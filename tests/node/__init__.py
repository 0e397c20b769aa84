"""Programs for Node that the tests run, and the packages that they need."""

import asyncio
import fcntl
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
INSTALL_SECONDS = 120.0
RUN_SECONDS = 120.0


def node_or_skip(folder: Path = HERE) -> str:
    """The path of Node, once a folder's locked packages are there; without Node or its packages the test is skipped."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        pytest.skip("Node and npm are not installed")
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        stamp, wanted = folder / "node_modules" / ".installed", (folder / "package-lock.json").read_text()
        if not stamp.exists() or stamp.read_text() != wanted:
            _install(npm, folder)
            stamp.write_text(wanted)
    return node


def _install(npm: str, folder: Path) -> None:
    command = [npm, "ci", "--no-audit", "--no-fund", "--ignore-scripts"]
    ran = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=INSTALL_SECONDS, check=False)
    if ran.returncode != 0:
        pytest.skip(f"npm packages cannot be installed here: {ran.stderr.strip().splitlines()[-1:]}")


async def run_node(program: str, *arguments: str) -> Any:
    """What a program of this folder prints, one JSON line; skipped without Node."""
    node = await asyncio.to_thread(node_or_skip)
    process = await asyncio.create_subprocess_exec(
        node, str(HERE / program), *arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    async with asyncio.timeout(RUN_SECONDS):
        out, err = await process.communicate()
    assert process.returncode == 0, err.decode()
    return json.loads(out)

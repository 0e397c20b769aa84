"""Owners of embedded servers, in this process and in others, and ways to look at what they leave."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import asyncpg
import pytest

ROOT = os.geteuid() == 0
REPOSITORY = Path(__file__).parents[2]
LINUX = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
AS_ROOT = pytest.mark.skipif(not ROOT, reason="only root can run servers as another user")

OWNER = """
import json, sys, time
from pathlib import Path
from domain.storage.embedded import EmbeddedPostgres, EmbeddedValkey
folder = Path(sys.argv[1])
postgres, valkey = EmbeddedPostgres(folder), EmbeddedValkey(folder)
print(json.dumps([postgres.start().owner_url, valkey.start().url]), flush=True)
sys.stdin.read()
valkey.stop()
postgres.stop()
"""


async def value(url: str, sql: str) -> Any:
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetchval(sql)
    finally:
        await connection.close()


def processes_on(folder: Path) -> set[int]:
    """Every process that names the folder in its arguments or stands in it, this one excepted."""
    found = set()
    for process in Path("/proc").iterdir():
        if not process.name.isdigit() or int(process.name) == os.getpid():
            continue
        try:
            inside = str((process / "cwd").readlink()).startswith(str(folder))
            if inside or os.fsencode(folder) in (process / "cmdline").read_bytes():
                found.add(int(process.name))
        except OSError:
            continue
    return found


def eventually(condition: Callable[[], bool], seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.02)


def start_owner(folder: Path, **settings: Any) -> tuple["subprocess.Popen[str]", list[str]]:
    """Another process that owns servers on the folder, and their URLs."""
    interpreter = settings.pop("interpreter", sys.executable)
    owner = subprocess.Popen(
        [interpreter, "-c", OWNER, str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=REPOSITORY,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(REPOSITORY), *sys.path])} | settings.pop("env", {}),
        **settings,
    )
    assert owner.stdout is not None
    return owner, json.loads(owner.stdout.readline() or "[]")


def end(owner: "subprocess.Popen[str]") -> int:
    owner.communicate()
    return owner.returncode

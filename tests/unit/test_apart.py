"""Heavy work in a process of its own: what it tells, and when it ends."""

import asyncio
import os
import signal
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

from domain.errors import Unavailable, ValidationFailed
from domain.jobs.service import Report
from workers.apart import ProcessBroke, in_a_process


class Told:
    """What was reported, and a word when there is something."""

    def __init__(self) -> None:
        self.stages: list[tuple[float, str | None]] = []
        self.heard = asyncio.Event()
        self._loop = asyncio.get_running_loop()

    def __call__(self, done: float, stage: str | None = None, /) -> None:
        self.stages.append((done, stage))
        self._loop.call_soon_threadsafe(self.heard.set)


def described(given: Any, report: Report) -> tuple[Any, int]:
    report(0.5, "half")
    return given, os.getpid()


def refusing(report: Report) -> None:
    raise ValidationFailed("means nothing", field="factors")


def breaking(report: Report) -> None:
    raise KeyError("nobody expected this")


def endless(folder: Path, report: Report) -> None:
    (folder / "pid").write_text(str(os.getpid()))
    report(0.1, "begun")
    signal.pause()


async def test_work_answers_and_reports_from_another_process() -> None:
    told = Told()
    given, pid = await in_a_process(described, MappingProxyType({"a": 1}), report=told)
    assert (given, told.stages) == ({"a": 1}, [(0.5, "half")])
    assert isinstance(given, MappingProxyType)
    assert pid != os.getpid()


async def test_what_it_raises_is_raised_here() -> None:
    with pytest.raises(ValidationFailed) as refused:
        await in_a_process(refusing, report=Told())
    assert (refused.value.message, refused.value.field) == ("means nothing", "factors")
    with pytest.raises(ProcessBroke, match="nobody expected this"):
        await in_a_process(breaking, report=Told())


async def begun(folder: Path) -> tuple[asyncio.Task[None], int]:
    told = Told()
    working = asyncio.create_task(in_a_process(endless, folder, report=told))
    await told.heard.wait()
    return working, int((folder / "pid").read_text())


def runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


async def test_it_is_gone_as_soon_as_nobody_waits_for_it(tmp_path: Path) -> None:
    working, pid = await begun(tmp_path)
    assert runs(pid)
    working.cancel()
    with suppress(asyncio.CancelledError):
        await working
    assert not runs(pid)


async def test_one_that_is_ended_by_somebody_else_is_a_failure_that_passes(tmp_path: Path) -> None:
    working, pid = await begun(tmp_path)
    os.kill(pid, signal.SIGKILL)
    with pytest.raises(Unavailable, match="by SIGKILL"):
        await working

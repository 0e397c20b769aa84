"""What is done by the clock: once in each window of time, by one worker, and as soon as one runs if none did before."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, Protocol

import structlog

from domain.clock import Clock
from domain.errors import DomainError
from domain.jobs.model import HEARTBEAT_SECONDS

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
DAY: Final = timedelta(days=1)
HOUR: Final = timedelta(hours=1)

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Task:
    """Something that is done by the clock.

    Attributes:
        name: under which its runs are noted.
        every: how long a window is.
        after: when it begins, counted from the beginning of a day, or an hour, in UTC.
        act: does it; may be cut short and begun again.
    """

    name: str
    every: timedelta
    after: timedelta
    act: Callable[[], Awaitable[None]]

    def window(self, now: datetime) -> datetime:
        """When the window began in which `now` is."""
        begun = now - self.after - EPOCH
        return EPOCH + begun // self.every * self.every + self.after


class Runs(Protocol):
    """Where it is noted which windows were seen to."""

    async def begin(self, task: str, window: datetime) -> bool:
        """Take a window on; False if another worker has it, it is done, or the task is seen for the first time.

        Whoever was not heard of for half a minute has it no more.
        """
        ...

    async def beat(self, task: str, window: datetime) -> None:
        """Say that its worker is alive."""
        ...

    async def finish(self, task: str, window: datetime) -> None:
        """It is done."""
        ...

    async def give_back(self, task: str, window: datetime) -> None:
        """It is not done, and whoever looks next may take it on."""
        ...


class Scheduler:
    """Sees to what is due.

    A window that passed while no worker ran is seen to by the first that looks; of several, the latest. A new
    installation has missed nothing before its first look. A clock that jumps finds windows done, and does none twice.

    Args:
        tasks: what is done.
        runs: which windows are seen to.
        clock: tells the window.
    """

    def __init__(self, tasks: Sequence[Task], runs: Runs, clock: Clock) -> None:
        self._tasks = tasks
        self._runs = runs
        self._clock = clock

    async def look(self) -> None:
        """Do what is due; what fails is tried again at the next look and keeps nothing else from being done."""
        await asyncio.gather(*(self._see_to(task) for task in self._tasks))

    async def _see_to(self, task: Task) -> None:
        window = task.window(self._clock.now())
        try:
            if await self._runs.begin(task.name, window):
                await self._run(task, window)
                log.info("schedule_kept", task=task.name, window=window.isoformat())
        except DomainError as error:
            log.warning("schedule_delayed", task=task.name, code=error.code, reason=error.message)
        except Exception:
            log.exception("schedule_delayed", task=task.name)

    async def _run(self, task: Task, window: datetime) -> None:
        heart = asyncio.create_task(self._beat(task, window))
        try:
            await task.act()
        except BaseException:
            await self._runs.give_back(task.name, window)
            raise
        finally:
            heart.cancel()
            with suppress(asyncio.CancelledError):
                await heart
        await self._runs.finish(task.name, window)

    async def _beat(self, task: Task, window: datetime) -> None:
        while True:
            await asyncio.sleep(HEARTBEAT_SECONDS)
            try:
                await self._runs.beat(task.name, window)
            except DomainError as error:
                log.warning("heartbeat_missed", task=task.name, code=error.code)

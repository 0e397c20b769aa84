"""What is done by the clock: once in a window, by one of two workers, whatever clocks do and whoever dies."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from uuid import uuid4

import pytest

from domain.clock import FixedClock
from domain.errors import Unavailable
from domain.jobs.schedule import DAY, HOUR, Scheduler, Task
from domain.jobs.store import PostgresRuns
from domain.storage.postgres import Database


class Done:
    """Notes when it was done."""

    def __init__(self) -> None:
        self.times = 0

    async def __call__(self) -> None:
        """Do it."""
        self.times += 1


@pytest.fixture
def runs(worker_database: Database) -> PostgresRuns:
    return PostgresRuns(worker_database)


def named(act: Callable[[], Awaitable[None]], every: timedelta = HOUR) -> Task:
    return Task(f"test-{uuid4().hex[:8]}", every, timedelta(minutes=20), act)


async def looked(task: Task, runs: PostgresRuns, *at: datetime) -> None:
    """Let a worker for each of these times look at the same moment."""
    await asyncio.gather(*(Scheduler([task], runs, FixedClock(now)).look() for now in at))


async def test_each_window_has_one_run_of_two_workers(runs: PostgresRuns, clock: FixedClock) -> None:
    done = Done()
    task, now = named(done), clock.now()
    await looked(task, runs, now, now)
    assert done.times == 0, "a new installation has missed nothing"
    for hours in (1, 2, 3):
        await looked(task, runs, now + hours * HOUR, now + hours * HOUR + timedelta(minutes=5))
        await looked(task, runs, now + hours * HOUR + timedelta(minutes=10))
        assert done.times == hours


async def test_what_was_missed_is_made_up_for_once_and_at_once(runs: PostgresRuns, clock: FixedClock) -> None:
    done = Done()
    task, now = named(done, DAY), clock.now()
    await looked(task, runs, now)
    await looked(task, runs, now + 3 * DAY + 5 * HOUR)
    await looked(task, runs, now + 3 * DAY + 6 * HOUR)
    assert done.times == 1


async def test_a_clock_that_jumps_has_no_window_twice_and_stops_nothing(runs: PostgresRuns, clock: FixedClock) -> None:
    done = Done()
    task, now = named(done), clock.now()
    await looked(task, runs, now)
    await looked(task, runs, now + HOUR)
    await looked(task, runs, now + 1000 * DAY)
    assert done.times == 2
    await looked(task, runs, now + HOUR)
    assert done.times == 2
    await looked(task, runs, now + 2 * HOUR)
    assert done.times == 3, "back in its time it goes on"
    await looked(task, runs, now + 1000 * DAY)
    assert done.times == 3


async def test_what_fails_is_tried_again_and_keeps_nothing_else_from_being_done(
    runs: PostgresRuns, clock: FixedClock
) -> None:
    failures: list[Exception] = [Unavailable("away"), KeyError("a defect")]
    done = Done()

    async def failing() -> None:
        if failures:
            raise failures.pop()
        await done()

    other = Done()
    tasks, now = [named(failing), named(other)], clock.now()
    await Scheduler(tasks, runs, FixedClock(now)).look()
    for times in (0, 0, 1, 1):
        await Scheduler(tasks, runs, FixedClock(now + HOUR)).look()
        assert (done.times, other.times) == (times, 1)


async def test_what_a_worker_was_at_that_was_stopped_or_died_is_taken_up(
    runs: PostgresRuns, clock: FixedClock, worker_database: Database
) -> None:
    begun, done = asyncio.Event(), Done()

    async def endless() -> None:
        begun.set()
        await asyncio.Event().wait()

    task, now = named(endless), clock.now()
    await looked(task, runs, now)
    stopped = asyncio.create_task(looked(task, runs, now + HOUR))
    await begun.wait()
    again = Task(task.name, task.every, task.after, done)
    await looked(again, runs, now + HOUR)
    assert done.times == 0, "its worker is alive"
    stopped.cancel()
    await asyncio.gather(stopped, return_exceptions=True)
    await looked(again, runs, now + HOUR)
    assert done.times == 1

    window = again.window(now + 2 * HOUR)
    assert await runs.begin(again.name, window)
    async with worker_database.dispatch() as tx:
        await tx.execute(
            "UPDATE scheduled_runs SET heartbeat_at = now() - interval '31 seconds' WHERE task = $1", again.name
        )
    await looked(again, runs, now + 2 * HOUR)
    assert done.times == 2

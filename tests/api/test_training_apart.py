"""A real worker that trains: it ends when it is told to, another takes up what it was at, and a kill leaves nothing."""

import asyncio
import os
import signal
import subprocess
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from pathlib import Path

import pytest

from domain.jobs.model import Job, JobKind, JobState
from tests.api.command import COMMAND, environment
from tests.api.rest_room import RestRoom
from tests.api.training_room import behave

LONG = {"factors": 256, "iterations": 500, "regularization": 30.0}
"""A training of minutes, even of a few people."""


@pytest.fixture
async def start(room: RestRoom, tmp_path: Path) -> AsyncIterator[Callable[[], subprocess.Popen[bytes]]]:
    """Starts workers on the servers of the room; none of them is left behind."""
    settings, started = room.settings, list[subprocess.Popen[bytes]]()
    assert settings.secret is not None
    assert settings.jwt_secret is not None
    variables = {
        "DATABASE_URL": settings.database_url,
        "REDIS_URL": settings.redis_url,
        "DATA_DIR": settings.data_dir,
        "KEK_FILE": settings.kek_file,
        "SECRET": settings.secret.get_secret_value(),
        "JWT_SECRET": settings.jwt_secret.get_secret_value(),
    }
    given = environment(**{f"PERSONALIZATION_{name}": str(value) for name, value in variables.items()})

    def worker() -> subprocess.Popen[bytes]:
        with (tmp_path / "worker.log").open("ab") as log:
            started.append(subprocess.Popen([*COMMAND, "worker"], env=given, stderr=log))
        return started[-1]

    yield worker
    for process in started:
        process.kill()
        process.wait()
    await room.leave_no_job()


async def when(room: RestRoom, job: Job, holds: Callable[[Job], bool]) -> Job:
    """The job as soon as that holds of it."""
    async with asyncio.timeout(60):
        while not holds(found := await room.services.jobs.job(room.tenant, job.job_id)):  # noqa: ASYNC110
            # The row is all there is to look at.
            await asyncio.sleep(0.05)
    return found


def at_work(job: Job) -> bool:
    return job.state is JobState.RUNNING and job.stage not in {None, "read"}


def below(pid: int) -> set[int]:
    """The processes that a process has started."""
    return {int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()}


def runs(pid: int) -> bool:
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="looks at the processes of Linux")
async def test_a_training_that_is_cut_short_is_taken_up_and_leaves_nothing(
    room: RestRoom, start: Callable[[], subprocess.Popen[bytes]]
) -> None:
    await room.leave_no_job()
    await behave(room)
    job_id = await room.services.jobs.enqueue(room.tenant, JobKind.RETRAIN, {"config": LONG})
    job = await room.services.jobs.job(room.tenant, job_id)
    first = start()
    await when(room, job, at_work)
    helpers = below(first.pid)
    first.send_signal(signal.SIGTERM)
    assert await asyncio.to_thread(first.wait, 30) == 0
    given_back = await room.services.jobs.job(room.tenant, job_id)
    assert (given_back.state, given_back.error) == (JobState.QUEUED, "its worker was stopped")
    second = start()
    taken_up = await when(room, job, at_work)
    assert taken_up.attempts == 2
    helpers |= below(second.pid)
    os.kill(second.pid, signal.SIGKILL)
    async with asyncio.timeout(30):
        while any(map(runs, helpers)):  # noqa: ASYNC110 - the processes are all there is to look at
            await asyncio.sleep(0.05)
    assert len(helpers) >= 2, "each worker trains in a process of its own"
    assert await room.services.models.versions(room.tenant) == []
    await room.services.job_store.fail(taken_up, "nobody waits for it", room.services.clock.now(), final=True)

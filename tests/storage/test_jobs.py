"""Jobs: a row remembers them, one worker at a time runs them, and what a dead worker left is picked up."""

import asyncio
from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
import structlog

from domain.clock import FixedClock
from domain.errors import NotFound, Unavailable, ValidationFailed
from domain.ids import JobId, TenantId
from domain.jobs.model import ABANDONED_AFTER, MAX_ATTEMPTS, Job, JobKind, JobState
from domain.jobs.service import OVERDUE_AFTER, JobQueue, JobRunner, Report
from domain.jobs.store import ArqWaker, PostgresJobStore
from domain.storage.postgres import Database


class Sleeping:
    """A queue whose wake-ups are all lost."""

    async def wake(self, job_id: JobId) -> None:
        """Nobody hears it."""


@pytest.fixture
def store(worker_database: Database) -> PostgresJobStore:
    return PostgresJobStore(worker_database)


@pytest.fixture
def queue(store: PostgresJobStore, clock: FixedClock) -> JobQueue:
    return JobQueue(store, Sleeping(), clock)


def runner(store: PostgresJobStore, clock: FixedClock, outcome: Any) -> JobRunner:
    async def handle(_job: Job, report: Report) -> Mapping[str, Any]:
        report(0.5)
        if isinstance(outcome, Exception):
            raise outcome
        return dict(outcome)

    return JobRunner(store, {JobKind.RETRAIN: handle}, clock)


async def test_a_job_runs_once_and_keeps_its_result(
    store: PostgresJobStore, queue: JobQueue, clock: FixedClock, tenant: TenantId
) -> None:
    job_id = await queue.enqueue(tenant, JobKind.RETRAIN, {"factors": 8})
    assert (await queue.job(tenant, job_id)).state is JobState.QUEUED
    assert await runner(store, clock, {"version": "v1"}).run(job_id)
    assert not await runner(store, clock, {"version": "v2"}).run(job_id)
    job = await queue.job(tenant, job_id)
    assert (job.state, job.result, job.attempts, job.progress) == (JobState.DONE, {"version": "v1"}, 1, 1.0)
    assert job.arguments == {"factors": 8}


async def test_a_second_request_gets_the_job_that_waits(queue: JobQueue, tenant: TenantId) -> None:
    first = await queue.enqueue(tenant, JobKind.RETRAIN)
    assert await queue.enqueue(tenant, JobKind.RETRAIN) == first


async def test_of_many_who_ask_at_the_same_moment_one_hands_a_job_in(queue: JobQueue, tenant: TenantId) -> None:
    handed_in = await asyncio.gather(*(queue.enqueue(tenant, JobKind.RETRAIN) for _ in range(8)))
    assert len(set(handed_in)) == 1


async def test_another_tenant_has_no_such_job(queue: JobQueue, tenant: TenantId) -> None:
    job_id = await queue.enqueue(tenant, JobKind.RETRAIN)
    with pytest.raises(NotFound):
        await queue.job(TenantId("somebody-else"), job_id)
    with pytest.raises(NotFound):
        await queue.job(tenant, JobId(uuid4()))
    with pytest.raises(NotFound):
        await queue.enqueue(TenantId("nobody-at-all"), JobKind.RETRAIN)


async def test_bad_input_fails_for_good_and_a_bug_is_tried_again(
    store: PostgresJobStore, queue: JobQueue, clock: FixedClock, tenant: TenantId
) -> None:
    refused = await queue.enqueue(tenant, JobKind.RETRAIN)
    await runner(store, clock, ValidationFailed("there is nothing to learn from yet", field="data")).run(refused)
    job = await queue.job(tenant, refused)
    assert (job.state, job.error) == (JobState.FAILED, "VALIDATION: there is nothing to learn from yet (data)")
    assert isinstance(job.failure, ValidationFailed)
    assert job.failure.message == "there is nothing to learn from yet (data)"

    broken = await queue.enqueue(tenant, JobKind.RETRAIN)
    for attempt in range(1, MAX_ATTEMPTS + 1):
        assert (await queue.job(tenant, broken)).state is JobState.QUEUED
        assert await runner(store, clock, RuntimeError("a secret")).run(broken)
        assert (await queue.job(tenant, broken)).attempts == attempt
    job = await queue.job(tenant, broken)
    assert job.state is JobState.FAILED
    assert "secret" not in str(job.error)
    assert isinstance(job.failure, Unavailable)


async def test_the_sweep_finds_what_was_not_woken_and_what_lost_its_worker(
    store: PostgresJobStore, queue: JobQueue, clock: FixedClock, tenant: TenantId
) -> None:
    job_id = await queue.enqueue(tenant, JobKind.RETRAIN)
    working = runner(store, clock, {"version": "v1"})
    assert job_id not in await store.overdue(clock.now() - OVERDUE_AFTER, clock.now() - ABANDONED_AFTER)
    assert await store.start(job_id, clock.now(), clock.now() - ABANDONED_AFTER) is not None
    clock.set(clock.now() + ABANDONED_AFTER - timedelta(seconds=1))
    assert not await working.run(job_id), "its worker may still be alive"
    clock.set(clock.now() + timedelta(seconds=2))
    assert await working.sweep() >= 1
    job = await queue.job(tenant, job_id)
    assert (job.state, job.attempts) == (JobState.DONE, 2)


async def test_a_job_is_logged_under_the_id_of_what_caused_it(
    store: PostgresJobStore, queue: JobQueue, clock: FixedClock, tenant: TenantId
) -> None:
    seen: list[dict[str, Any]] = []

    async def handle(_job: Job, _report: Report) -> Mapping[str, Any]:
        seen.append(structlog.contextvars.get_contextvars())
        return {}

    with structlog.contextvars.bound_contextvars(correlation_id="a-callers-own-id"):
        job_id = await queue.enqueue(tenant, JobKind.RETRAIN)
    await JobRunner(store, {JobKind.RETRAIN: handle}, clock).run(job_id)
    assert seen == [{"correlation_id": "a-callers-own-id", "job_id": str(job_id)}]


async def test_a_worker_that_was_silent_for_too_long_says_nothing_of_its_job_any_more(
    store: PostgresJobStore, queue: JobQueue, clock: FixedClock, tenant: TenantId
) -> None:
    job_id = await queue.enqueue(tenant, JobKind.RETRAIN)
    silent = await store.start(job_id, clock.now(), clock.now() - ABANDONED_AFTER)
    assert silent is not None
    clock.set(clock.now() + ABANDONED_AFTER + timedelta(seconds=1))
    other = await store.start(job_id, clock.now(), clock.now() - ABANDONED_AFTER)
    assert other is not None
    await store.beat(silent, 0.9, "late", clock.now())
    await store.finish(silent, {"version": "late"}, clock.now())
    found = await queue.job(tenant, job_id)
    assert (found.state, found.progress, found.result) == (JobState.RUNNING, 0.0, None)
    await store.finish(other, {"version": "v1"}, clock.now())
    await store.fail(silent, "late", clock.now(), final=False)
    done = await queue.job(tenant, job_id)
    assert (done.state, done.result, done.error) == (JobState.DONE, {"version": "v1"}, None)


async def test_what_was_down_for_a_moment_is_tried_again(
    store: PostgresJobStore, queue: JobQueue, clock: FixedClock, tenant: TenantId
) -> None:
    job_id = await queue.enqueue(tenant, JobKind.RETRAIN)
    await runner(store, clock, Unavailable("the database cannot be reached")).run(job_id)
    waiting = await queue.job(tenant, job_id)
    assert (waiting.state, waiting.error) == (JobState.QUEUED, "UNAVAILABLE: the database cannot be reached")
    assert await runner(store, clock, {"version": "v1"}).run(job_id)
    assert (await queue.job(tenant, job_id)).state is JobState.DONE


async def test_a_worker_that_is_stopped_puts_its_job_back_at_once(
    store: PostgresJobStore, queue: JobQueue, clock: FixedClock, tenant: TenantId
) -> None:
    working = asyncio.Event()

    async def endless(_job: Job, _report: Report) -> Mapping[str, Any]:
        working.set()
        await asyncio.Event().wait()
        return {}

    job_id = await queue.enqueue(tenant, JobKind.RETRAIN)
    running = asyncio.create_task(JobRunner(store, {JobKind.RETRAIN: endless}, clock).run(job_id))
    await working.wait()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    waiting = await queue.job(tenant, job_id)
    assert (waiting.state, waiting.attempts, waiting.error) == (JobState.QUEUED, 1, "its worker was stopped")
    assert await runner(store, clock, {"version": "v1"}).run(job_id)


class Trainings:
    """Work that ends when it is told to, and notes who was trained for."""

    def __init__(self) -> None:
        self.order: list[TenantId] = []
        self.begun, self.over = asyncio.Event(), asyncio.Event()

    async def __call__(self, job: Job, _report: Report) -> Mapping[str, Any]:
        """Take part in it."""
        self.order.append(job.tenant)
        self.begun.set()
        await self.over.wait()
        return {}


async def quick(_job: Job, _report: Report) -> Mapping[str, Any]:
    return {}


@pytest.fixture
async def three(database: Database) -> list[TenantId]:
    """Tenants that want to be trained for, in this order."""
    names = [TenantId(f"t-{uuid4().hex[:12]}") for _ in range(3)]
    for name in names:
        async with database.transaction(name) as tx:
            await tx.execute("INSERT INTO tenants (tenant_id, name, created_at) VALUES ($1, $1, now())", name)
    return names


async def test_one_training_at_a_time_in_turn_and_nothing_else_waits_for_it(
    store: PostgresJobStore, queue: JobQueue, clock: FixedClock, three: list[TenantId]
) -> None:
    waiting = []
    for name in three:
        clock.set(clock.now() + timedelta(seconds=1))
        waiting.append(await queue.enqueue(name, JobKind.RETRAIN))
    mining = await queue.enqueue(three[0], JobKind.WORKFLOWS)
    trainings = Trainings()
    handlers = {JobKind.RETRAIN: trainings, JobKind.WORKFLOWS: quick, JobKind.PRIVACY: quick}
    working = JobRunner(store, handlers, clock, {JobKind.RETRAIN: 1})
    # All are woken for at the same moment.
    running = [asyncio.create_task(working.run(job_id)) for job_id in waiting]
    await trainings.begun.wait()
    assert await asyncio.gather(*running[1:]) == [False, False]
    states = [(await queue.job(name, job_id)).state for name, job_id in zip(three, waiting, strict=True)]
    assert states == [JobState.RUNNING, JobState.QUEUED, JobState.QUEUED]
    assert await working.run(mining), "other work goes on"
    trainings.over.set()
    assert await running[0]
    assert not await working.run(waiting[2]), "who has waited for longer comes first"
    clock.set(clock.now() + OVERDUE_AFTER + timedelta(seconds=1))
    await working.sweep()
    assert [name for name in trainings.order if name in three] == three


async def test_a_queue_that_never_answers_keeps_nobody_waiting() -> None:
    asked, over = asyncio.Event(), asyncio.Event()

    async def silent(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.set()
        await over.wait()
        writer.close()
        await asyncio.gather(writer.wait_closed(), return_exceptions=True)

    async with await asyncio.start_server(silent, "127.0.0.1", 0) as server:
        waker = ArqWaker(f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}")
        async with asyncio.timeout(20):
            await waker.wake(JobId(uuid4()))
        assert asked.is_set()
        await waker.close()
        over.set()
        server.close()
        await server.wait_closed()

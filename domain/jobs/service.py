"""Work off the request path: a row remembers it, the queue only wakes a worker.

A wake-up that is lost costs a few seconds: workers also sweep the rows for what is queued, or was left running by a
worker that died.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any, Protocol
from uuid import uuid4

import structlog

from domain.clock import Clock
from domain.errors import Conflict, DomainError, NotFound, Unavailable
from domain.ids import JobId, TenantId
from domain.jobs.model import ABANDONED_AFTER, HEARTBEAT_SECONDS, Job, JobKind

OVERDUE_AFTER = timedelta(seconds=5)
"""A queued job of this age was not woken."""

log = structlog.get_logger(__name__)


class Report(Protocol):
    """Told, from any thread, how much of a job is done and what is next."""

    def __call__(self, done: float, stage: str | None = None, /) -> None:
        """Note that `done` (0 to 1) is behind, and that `stage` is next if one is named."""
        ...


Handler = Callable[[Job, Report], Awaitable[Mapping[str, Any]]]


class JobStore(Protocol):
    """The rows."""

    async def add(
        self,
        job_id: JobId,
        tenant: TenantId,
        kind: JobKind,
        arguments: Mapping[str, Any],
        correlation: str | None,
        at: datetime,
    ) -> Job:
        """Write a queued job, unless the tenant has one of that kind that is not finished; the one there is then.

        Raises:
            NotFound: there is no such tenant.
        """
        ...

    async def get(self, tenant: TenantId, job_id: JobId) -> Job | None:
        """A job of that tenant."""
        ...

    async def start(
        self, job_id: JobId, now: datetime, abandoned_before: datetime, besides: Collection[JobKind] = ()
    ) -> Job | None:
        """Take the job if it is queued or abandoned; None if another worker has it, it is finished, or of a kind of
        `besides`.
        """
        ...

    async def beat(self, job: Job, progress: float, stage: str | None, now: datetime) -> None:
        """Say that its worker is alive; nothing happens if another one has taken it over."""
        ...

    async def finish(self, job: Job, result: Mapping[str, Any], now: datetime) -> None:
        """It is done; nothing happens if another worker has taken it over."""
        ...

    async def fail(self, job: Job, error: str, now: datetime, *, final: bool) -> None:
        """It did not work; it goes back to the queue unless that was final or its attempts are used up.

        Nothing happens if another worker has taken it over.
        """
        ...

    async def overdue(
        self, queued_before: datetime, abandoned_before: datetime, besides: Collection[JobKind] = ()
    ) -> list[JobId]:
        """Jobs of all tenants that somebody should take now, who has waited longest first; none of `besides`."""
        ...


class Waker(Protocol):
    """What tells a worker to look."""

    async def wake(self, job_id: JobId) -> None:
        """Tell some worker that `job_id` waits; may be lost."""
        ...


class JobQueue:
    """Where work is handed in and asked after."""

    def __init__(self, store: JobStore, waker: Waker, clock: Clock) -> None:
        self._store = store
        self._waker = waker
        self._clock = clock

    async def enqueue(self, tenant: TenantId, kind: JobKind, arguments: Mapping[str, Any] | None = None) -> JobId:
        """Hand in a job; a job of the same kind that has not finished yet is answered instead of a second one.

        Raises:
            Conflict: one that has not finished yet was asked for with other arguments.
            NotFound: there is no such tenant.
        """
        job_id = JobId(uuid4())
        correlation = structlog.contextvars.get_contextvars().get("correlation_id")
        job = await self._store.add(job_id, tenant, kind, arguments or {}, correlation, self._clock.now())
        if job.job_id == job_id:
            await self._waker.wake(job_id)
        elif arguments and dict(arguments) != dict(job.arguments):
            raise Conflict("Another job of this kind, with other settings, has not finished yet.")
        return job.job_id

    async def job(self, tenant: TenantId, job_id: JobId) -> Job:
        """A job's state and progress.

        Raises:
            NotFound: the tenant has no such job.
        """
        job = await self._store.get(tenant, job_id)
        if job is None:
            raise NotFound("There is no such job.", field="jobId")
        return job


class JobRunner:
    """The worker's side: takes jobs, keeps their heartbeat, and notes what came of them.

    Args:
        store: the rows.
        handlers: what is done for each kind.
        clock: dates starts and heartbeats.
        at_once: how many jobs of a kind are run side by side; any number of a kind that is not named.
    """

    def __init__(
        self,
        store: JobStore,
        handlers: Mapping[JobKind, Handler],
        clock: Clock,
        at_once: Mapping[JobKind, int] | None = None,
    ) -> None:
        self._store = store
        self._handlers = handlers
        self._clock = clock
        self._free = dict(at_once or {})
        self._passed_over: set[JobKind] = set()
        self._taking = asyncio.Lock()

    async def run(self, job_id: JobId) -> bool:
        """Run a job unless another worker has it or enough of its kind run; whether this call ran it.

        What must wait stays queued. Where something waits, the next place goes to who has waited longest, which a
        sweep knows, and not to whoever is handed in just then.
        """
        return await self._take(job_id, in_turn=False)

    async def _take(self, job_id: JobId, *, in_turn: bool) -> bool:
        async with self._taking:
            now, besides = self._clock.now(), self._full if in_turn else self._full | self._passed_over
            job = await self._store.start(job_id, now, now - ABANDONED_AFTER, besides)
            if job is None:
                self._passed_over |= besides
                return False
            if job.kind in self._free:
                self._free[job.kind] -= 1
        try:
            with structlog.contextvars.bound_contextvars(correlation_id=job.correlation, job_id=str(job_id)):
                await self._run(job)
        finally:
            if job.kind in self._free:
                self._free[job.kind] += 1
        return True

    @property
    def _full(self) -> set[JobKind]:
        return {kind for kind, free in self._free.items() if not free}

    async def _run(self, job: Job) -> None:
        progress = _Progress()
        heart = asyncio.create_task(self._beat(job, progress))
        try:
            result = await self._handlers[job.kind](job, progress.report)
        except DomainError as error:
            # What is down comes back; anything else would fail in the same way again.
            final = not isinstance(error, Unavailable)
            await self._store.fail(job, f"{error.code}: {error.sentence}", self._clock.now(), final=final)
            log.warning("job_failed", kind=job.kind, code=error.code, reason=error.message)
        except asyncio.CancelledError:
            await self._store.fail(job, "its worker was stopped", self._clock.now(), final=False)
            raise
        except Exception:
            await self._store.fail(job, "an unexpected failure; see the worker's log", self._clock.now(), final=False)
            log.exception("job_broke", kind=job.kind)
        else:
            await self._store.finish(job, result, self._clock.now())
        finally:
            heart.cancel()
            with suppress(asyncio.CancelledError):
                await heart

    async def sweep(self) -> int:
        """Run what was not woken or has lost its worker, one after the other; how many were run."""
        now, full = self._clock.now(), self._full
        overdue = await self._store.overdue(now - OVERDUE_AFTER, now - ABANDONED_AFTER, full)
        self._passed_over &= full
        return sum([await self._take(job_id, in_turn=True) for job_id in overdue])

    async def _beat(self, job: Job, progress: "_Progress") -> None:
        while True:
            await progress.wait(HEARTBEAT_SECONDS)
            try:
                await self._store.beat(job, progress.value, progress.stage, self._clock.now())
            except DomainError as error:
                log.warning("heartbeat_missed", job_id=str(job.job_id), code=error.code)
                await asyncio.sleep(1)


class _Progress:
    """The latest progress, settable from any thread; waiting ends at the next stage or change of one per cent."""

    def __init__(self) -> None:
        self.value = 0.0
        self.stage: str | None = None
        self._loop = asyncio.get_running_loop()
        self._changed = asyncio.Event()

    def report(self, done: float, stage: str | None = None, /) -> None:
        entered = stage is not None and stage != self.stage
        if entered or done >= self.value + 0.01 or done >= 1:
            self.value = min(max(done, self.value), 1.0)
            self.stage = stage or self.stage
            self._loop.call_soon_threadsafe(self._changed.set)

    async def wait(self, at_most_seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(at_most_seconds):
                await self._changed.wait()
        self._changed.clear()

"""Job rows in Postgres, which hold nobody's data and so need no subject; and the queue in Redis that wakes workers."""

import asyncio
from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Any

import asyncpg
import orjson
import structlog
from arq.connections import ArqRedis, RedisSettings, create_pool
from redis.exceptions import RedisError

from domain.errors import NotFound
from domain.ids import JobId, TenantId
from domain.jobs.model import ABANDONED_AFTER, MAX_ATTEMPTS, Job, JobKind, JobState
from domain.storage.postgres import Database

RUN_JOB = "run_job"
WAKE_SECONDS = 1.0
"""A queue that does not answer keeps nobody waiting for longer: the next sweep finds the job."""

RUNS_KEPT = timedelta(days=90)

UNFINISHED = (
    "SELECT * FROM jobs WHERE state IN ('queued', 'running') AND tenant_id = $1 AND kind = $2 "
    "ORDER BY created_at LIMIT 1"
)

# A task that the database does not know is seen for the first time, and its window counts as done. Who is alive is told
# by the database's clock, which is one for all workers.
_BEGIN = """
    INSERT INTO scheduled_runs (task, window_at, heartbeat_at, finished_at)
    VALUES ($1, $2, now(), CASE WHEN EXISTS (SELECT 1 FROM scheduled_runs WHERE task = $1) THEN NULL ELSE now() END)
    ON CONFLICT (task, window_at) DO UPDATE SET heartbeat_at = now()
        WHERE scheduled_runs.finished_at IS NULL AND scheduled_runs.heartbeat_at < now() - $3::interval
    RETURNING finished_at IS NULL"""

log = structlog.get_logger(__name__)


class PostgresJobStore:
    """The rows, as a `JobStore`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(
        self,
        job_id: JobId,
        tenant: TenantId,
        kind: JobKind,
        arguments: Mapping[str, Any],
        correlation: str | None,
        at: datetime,
    ) -> Job:
        """Write a queued job, unless the tenant has one of that kind that is not finished; the one there is then."""
        async with self._database.transaction(tenant) as tx:
            # Of two who ask at the same moment, the second one finds what the first has written.
            await tx.execute("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", f"jobs {tenant} {kind.value}")
            if waiting := await tx.row(UNFINISHED, tenant, kind.value):
                return _job(waiting)
            try:
                (row,) = await tx.rows(
                    "INSERT INTO jobs (job_id, tenant_id, kind, state, arguments, correlation, created_at) "
                    "VALUES ($1, $2, $3, 'queued', $4::jsonb, $5, $6) RETURNING *",
                    job_id,
                    tenant,
                    kind.value,
                    orjson.dumps(dict(arguments)).decode(),
                    correlation,
                    at,
                )
            except asyncpg.ForeignKeyViolationError as error:
                raise NotFound("There is no such tenant.", field="tenant") from error
        return _job(row)

    async def unfinished(self, tenant: TenantId, kind: JobKind) -> Job | None:
        """The oldest job of that kind which is not finished."""
        return await self._one(tenant, UNFINISHED, tenant, kind.value)

    async def get(self, tenant: TenantId, job_id: JobId) -> Job | None:
        """A job of that tenant."""
        return await self._one(tenant, "SELECT * FROM jobs WHERE job_id = $1 AND tenant_id = $2", job_id, tenant)

    async def start(
        self, job_id: JobId, now: datetime, abandoned_before: datetime, besides: Collection[JobKind] = ()
    ) -> Job | None:
        """Take the job if it is queued or abandoned; None if another worker has it, it is finished, or of a kind of
        `besides`.
        """
        async with self._database.dispatch() as tx:
            tenant = await tx.value("SELECT tenant_of_job($1)", job_id)
        if tenant is None:
            return None
        return await self._one(
            TenantId(tenant),
            "UPDATE jobs SET state = 'running', attempts = attempts + 1, heartbeat_at = $2, "
            "started_at = coalesce(started_at, $2), progress = 0, stage = NULL "
            "WHERE job_id = $1 AND attempts < $4 AND kind <> ALL($5::text[]) "
            "AND (state = 'queued' OR state = 'running' AND heartbeat_at < $3) RETURNING *",
            job_id,
            now,
            abandoned_before,
            MAX_ATTEMPTS,
            [kind.value for kind in besides],
        )

    async def beat(self, job: Job, progress: float, stage: str | None, now: datetime) -> None:
        """Say that its worker is alive; nothing happens if another one has taken it over."""
        await self._execute(
            job.tenant,
            "UPDATE jobs SET heartbeat_at = $3, progress = $4, stage = $5 "
            "WHERE job_id = $1 AND attempts = $2 AND state = 'running'",
            job.job_id,
            job.attempts,
            now,
            progress,
            stage,
        )

    async def finish(self, job: Job, result: Mapping[str, Any], now: datetime) -> None:
        """It is done; nothing happens if another worker has taken it over."""
        await self._execute(
            job.tenant,
            "UPDATE jobs SET state = 'done', result = $3::jsonb, error = NULL, progress = 1, finished_at = $4 "
            "WHERE job_id = $1 AND attempts = $2 AND state = 'running'",
            job.job_id,
            job.attempts,
            orjson.dumps(dict(result)).decode(),
            now,
        )

    async def fail(self, job: Job, error: str, now: datetime, *, final: bool) -> None:
        """It did not work; it goes back to the queue unless that was final or its attempts are used up.

        Nothing happens if another worker has taken it over.
        """
        over = final or job.attempts >= MAX_ATTEMPTS
        state, finished_at = (JobState.FAILED, now) if over else (JobState.QUEUED, None)
        await self._execute(
            job.tenant,
            "UPDATE jobs SET error = $3, state = $4, finished_at = $5 "
            "WHERE job_id = $1 AND attempts = $2 AND state = 'running'",
            job.job_id,
            job.attempts,
            error,
            state.value,
            finished_at,
        )

    async def overdue(
        self, queued_before: datetime, abandoned_before: datetime, besides: Collection[JobKind] = ()
    ) -> list[JobId]:
        """Jobs of all tenants that somebody should take now, who has waited longest first; none of `besides`.

        One that was tried waits since its latest heartbeat. One that used up its attempts is closed on the way.
        """
        async with self._database.dispatch() as tx:
            rows = await tx.rows(
                "SELECT job_id FROM overdue_jobs($1, $2, $3, $4, 100)",
                queued_before,
                abandoned_before,
                MAX_ATTEMPTS,
                [kind.value for kind in besides],
            )
        return [JobId(row["job_id"]) for row in rows]

    async def tenants(self) -> list[TenantId]:
        """Every tenant, for work that is done for each of them."""
        async with self._database.dispatch() as tx:
            rows = await tx.rows("SELECT tenant_id FROM all_tenants()")
        return [TenantId(row["tenant_id"]) for row in rows]

    async def _one(self, tenant: TenantId, sql: str, *arguments: object) -> Job | None:
        async with self._database.transaction(tenant) as tx:
            row = await tx.row(sql, *arguments)
        return None if row is None else _job(row)

    async def _execute(self, tenant: TenantId, sql: str, *arguments: object) -> None:
        async with self._database.transaction(tenant) as tx:
            await tx.execute(sql, *arguments)


class PostgresRuns:
    """Which windows of the clock were seen to, as `Runs`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def begin(self, task: str, window: datetime) -> bool:
        """Take a window on; False if another worker has it, it is done, or the task is seen for the first time."""
        async with self._database.dispatch() as tx:
            return bool(await tx.value(_BEGIN, task, window, ABANDONED_AFTER))

    async def beat(self, task: str, window: datetime) -> None:
        """Say that its worker is alive."""
        await self._set("heartbeat_at = now()", task, window)

    async def finish(self, task: str, window: datetime) -> None:
        """It is done, and what was done long ago is forgotten."""
        await self._set("finished_at = now()", task, window)
        async with self._database.dispatch() as tx:
            await tx.execute(
                "DELETE FROM scheduled_runs WHERE task = $1 AND finished_at < now() - $2::interval", task, RUNS_KEPT
            )

    async def give_back(self, task: str, window: datetime) -> None:
        """It is not done, and whoever looks next may take it on."""
        await self._set("heartbeat_at = '-infinity'", task, window)

    async def _set(self, what: str, task: str, window: datetime) -> None:
        async with self._database.dispatch() as tx:
            await tx.execute(
                f"UPDATE scheduled_runs SET {what} WHERE task = $1 AND window_at = $2 AND finished_at IS NULL",  # noqa: S608  # of constants
                task,
                window,
            )


def _job(row: asyncpg.Record) -> Job:
    return Job(
        job_id=JobId(row["job_id"]),
        tenant=TenantId(row["tenant_id"]),
        kind=JobKind(row["kind"]),
        state=JobState(row["state"]),
        arguments=orjson.loads(row["arguments"]),
        progress=row["progress"],
        attempts=row["attempts"],
        result=None if row["result"] is None else orjson.loads(row["result"]),
        error=row["error"],
        created_at=row["created_at"],
        finished_at=row["finished_at"],
        correlation=row["correlation"],
        stage=row["stage"],
    )


def dump_message(message: dict[str, Any]) -> bytes:
    """A queue message as JSON."""
    return orjson.dumps(message, default=list)


def load_message(message: bytes) -> dict[str, Any]:
    """The queue message in `message`."""
    loaded: dict[str, Any] = orjson.loads(message)
    return loaded


class ArqWaker:
    """Wakes workers through arq; a queue that is down delays work until the next sweep and loses none."""

    def __init__(self, queue_url: str) -> None:
        self._settings = RedisSettings.from_dsn(queue_url)
        self._settings.conn_retries = 0
        self._pool: ArqRedis | None = None
        self._connecting = asyncio.Lock()

    async def wake(self, job_id: JobId) -> None:
        """Tell some worker that `job_id` waits."""
        try:
            async with asyncio.timeout(WAKE_SECONDS):
                await (await self._connected()).enqueue_job(RUN_JOB, str(job_id))
        except (RedisError, OSError) as error:
            log.warning("wake_up_lost", job_id=str(job_id), reason=type(error).__name__)

    async def _connected(self) -> ArqRedis:
        async with self._connecting:
            if self._pool is None:
                self._pool = await create_pool(
                    self._settings, job_serializer=dump_message, job_deserializer=load_message
                )
            return self._pool

    async def close(self) -> None:
        """Close the connection, if one was opened."""
        if self._pool is not None:
            await self._pool.aclose()

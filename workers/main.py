"""The worker process: arq wakes it for jobs, its own loop takes event batches, and sweeps pick up what others left."""

import asyncio
import socket
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from functools import partial
from typing import Any
from uuid import UUID

import structlog
from arq import cron
from arq.connections import RedisSettings
from arq.worker import create_worker, func

from domain.auditing.service import Deed
from domain.bootstrap import WorkerServices, open_worker
from domain.bootstrap.secrets import require_configured, required
from domain.errors import DomainError, Unavailable
from domain.ids import JobId, TenantId
from domain.jobs.model import JobKind
from domain.jobs.schedule import DAY, HOUR, Scheduler, Task
from domain.jobs.service import Handler, JobRunner
from domain.jobs.store import RUN_JOB, dump_message, load_message
from domain.logs import configure_logging
from domain.rights.replay import Replay
from domain.settings import Settings, load_settings
from domain.storage.keys import WORKER_HEARTBEAT_SECONDS, worker_heartbeat
from domain.storage.redis import RedisStore
from workers.apart import Aside, in_a_process, in_a_thread
from workers.behavior import BatchLoop
from workers.experiments import ExperimentWatch
from workers.privacy import DOOR, WORKER, PrivacyWork
from workers.retrain import Retraining
from workers.training.config import configured
from workers.watch import ModelWatch
from workers.workflows import WorkflowMining

SWEEP_SECONDS = frozenset(range(0, 60, 5))
SCHEDULE_SECOND = 0
EXPERIMENT_SECOND = 10
"""Of every minute: the sums follow within one, and an hour is evaluated in its first, or by the first that starts."""

WATCH_MINUTES = frozenset(range(5, 60, 10))
JOB_TIMEOUT_SECONDS = 6 * 3600
QUEUE_RETRIES = 600
REPLAY_PAUSE_SECONDS = 1.0

log = structlog.get_logger(__name__)

Context = dict[str, Any]


def run(settings: Settings | None = None) -> None:
    """Run a worker until SIGINT or SIGTERM; jobs under way go back to the queue."""
    settings = settings or load_settings()
    configure_logging(level=settings.log_level, debug=settings.debug)
    require_configured(settings)
    redis_settings = RedisSettings.from_dsn(_queue_url(settings))
    redis_settings.conn_retries = QUEUE_RETRIES
    redis_settings.retry_on_timeout = True
    worker = create_worker(
        {
            "functions": [func(run_job, name=RUN_JOB, timeout=JOB_TIMEOUT_SECONDS, max_tries=1)],
            "cron_jobs": [
                cron(sweep_jobs, second=set(SWEEP_SECONDS), timeout=JOB_TIMEOUT_SECONDS),
                cron(sweep_outbox, second=set(SWEEP_SECONDS)),
                cron(sweep_privacy, second=set(SWEEP_SECONDS)),
                cron(watch_all, minute=set(WATCH_MINUTES)),
                cron(keep_schedule, second=SCHEDULE_SECOND, timeout=JOB_TIMEOUT_SECONDS, run_at_startup=True),
                cron(judge_experiments, second=EXPERIMENT_SECOND, timeout=JOB_TIMEOUT_SECONDS, run_at_startup=True),
            ],
            "on_startup": start,
            "on_shutdown": stop,
            "redis_settings": redis_settings,
            "job_serializer": dump_message,
            "job_deserializer": load_message,
            "handle_signals": True,
            "keep_result": 0,
            "health_check_interval": WORKER_HEARTBEAT_SECONDS,
            "health_check_key": worker_heartbeat(socket.gethostname()).name,
            "ctx": {"settings": settings, "aside": in_a_process},
        }
    )
    worker.run()


def is_alive(settings: Settings | None = None) -> bool:
    """Whether the worker of this host has said within the last seconds that it is alive; False without a queue."""
    return asyncio.run(_has_beaten(settings or load_settings()))


async def start(ctx: Context) -> None:
    """Open the services and begin to take event batches."""
    stack = AsyncExitStack()
    parts = await stack.enter_async_context(open_worker(ctx["settings"]))
    services, settings = parts.services, ctx["settings"]
    handlers = _handlers(parts, settings, ctx.get("aside", in_a_thread))
    at_once = {JobKind.RETRAIN: settings.trainings_at_once}
    ctx |= {
        "stack": stack,
        "parts": parts,
        "runner": JobRunner(services.job_store, handlers, services.clock, at_once),
        "scheduler": Scheduler(tasks(ctx), parts.runs, services.clock),
    }
    batches = BatchLoop(services.behavior, services.profiles, services.clock)
    ctx["batches"] = asyncio.create_task(_learn(services.replay, batches))
    log.info("worker_started")


async def stop(ctx: Context) -> None:
    """Finish the batch under way and close everything."""
    ctx["batches"].cancel()
    await asyncio.gather(ctx["batches"], return_exceptions=True)
    await ctx["stack"].aclose()
    log.info("worker_stopped")


async def run_job(ctx: Context, job_id: str) -> None:
    """Run the job that a wake-up names, unless another worker has it."""
    await ctx["runner"].run(JobId(UUID(job_id)))


async def sweep_jobs(ctx: Context) -> None:
    """Run the jobs that were not woken or have lost their worker."""
    await ctx["runner"].sweep()


async def sweep_outbox(ctx: Context) -> None:
    """Publish the live updates that a process left behind."""
    await ctx["parts"].services.publisher.sweep()


async def sweep_privacy(ctx: Context) -> None:
    """Hand in the requests of people that were not woken for, or that a dead process left."""
    await ctx["parts"].services.rights.wake_waiting()


async def sweep_interest(ctx: Context) -> None:
    """Delete the live counts of every tenant that have faded away."""
    await _for_each_tenant(ctx, ctx["parts"].services.interest.sweep, "interest_not_swept")


async def keep_schedule(ctx: Context) -> None:
    """Do what is due by the clock, or was missed while no worker ran."""
    await ctx["scheduler"].look()


def tasks(ctx: Context) -> tuple[Task, ...]:
    """What is done by the clock, in UTC; what is evaluated every hour knows by its results what is due."""
    return (
        Task("training", DAY, 3 * HOUR, partial(retrain_all, ctx)),
        Task("interest", DAY, 4 * HOUR, partial(sweep_interest, ctx)),
        Task("workflows", DAY, 4 * HOUR, partial(mine_all, ctx)),
        Task("retention", DAY, 4.5 * HOUR, partial(retain_all, ctx)),
        Task("generations", HOUR, HOUR / 3, partial(count_generations, ctx)),
    )


async def retain_all(ctx: Context) -> None:
    """Delete what has become too old, of every tenant."""

    async def retain(tenant: TenantId) -> None:
        services = ctx["parts"].services
        async with services.audit.doing(tenant, WORKER, Deed("runRetention", DOOR)) as doing:
            swept = await services.retention.run(tenant)
            doing.concerned = ",".join((f"rows:{swept.rows.total()}", *map("retired:{}".format, swept.versions)))
        log.info("retention_ran", tenant=tenant, people=swept.people, rows=swept.rows.total())

    await _for_each_tenant(ctx, retain, "retention_delayed")


async def retrain_all(ctx: Context) -> None:
    """Hand in the daily training of every tenant."""
    await _hand_in(ctx, JobKind.RETRAIN)


async def watch_all(ctx: Context) -> None:
    """Look after the model of every tenant; arq starts it on one worker of the fleet."""
    parts = ctx["parts"]
    watch = ModelWatch(parts.training_log, parts.services.models, parts.services.clock)
    await _for_each_tenant(ctx, watch.look, "model_not_watched")


async def mine_all(ctx: Context) -> None:
    """Hand in the daily mining of every tenant's workflows."""
    await _hand_in(ctx, JobKind.WORKFLOWS)


async def count_generations(ctx: Context) -> None:
    """Count what people chose for their videos, every hour and tenant by tenant."""
    await _for_each_tenant(ctx, ctx["parts"].census.count, "generations_not_counted")


async def judge_experiments(ctx: Context) -> None:
    """Count what people in experiments did, and evaluate the hour if nobody has."""
    services = ctx["parts"].services
    await ExperimentWatch(services.outcomes, services.job_store).look()


async def _hand_in(ctx: Context, kind: JobKind) -> None:
    """Hand in a job for every tenant."""
    await _for_each_tenant(ctx, lambda tenant: ctx["parts"].services.jobs.enqueue(tenant, kind), "job_not_handed_in")


async def _for_each_tenant(ctx: Context, act: Callable[[TenantId], Awaitable[object]], failed: str) -> None:
    """Act for every tenant; what fails for one of them is logged as `failed` and keeps it from no other."""
    for tenant in await ctx["parts"].services.job_store.tenants():
        try:
            await act(tenant)
        except DomainError as error:
            log.warning(failed, tenant=tenant, code=error.code, reason=error.message)
        except Exception:
            log.exception(failed, tenant=tenant)


async def _learn(replay: Replay, batches: BatchLoop) -> None:
    """Learn from batches, once nothing is left that an older backup brought back."""
    while True:
        try:
            await replay.run()
            break
        except Unavailable as error:
            log.warning("erasures_not_replayed", reason=error.message)
        except Exception:
            log.exception("erasures_not_replayed")
        await asyncio.sleep(REPLAY_PAUSE_SECONDS)
    await batches.run()


def _queue_url(settings: Settings) -> str:
    return required(settings.queue_url or settings.redis_url, "PERSONALIZATION_REDIS_URL")


async def _has_beaten(settings: Settings) -> bool:
    redis = RedisStore(_queue_url(settings), name="worker-check")
    try:
        return await redis.get(worker_heartbeat(socket.gethostname())) is not None
    except Unavailable:
        return False
    finally:
        await redis.close()


def _handlers(parts: WorkerServices, settings: Settings, aside: Aside) -> dict[JobKind, Handler]:
    services = parts.services
    retraining = Retraining(
        parts.training_log,
        services.catalog,
        services.models,
        services.segments,
        configured(settings.ml_config_file),
        aside,
    )
    mining = WorkflowMining(parts.workflow_log, services.catalog, parts.common_ways, services.clock)
    return {
        JobKind.RETRAIN: retraining.run,
        JobKind.WORKFLOWS: mining.run,
        JobKind.PRIVACY: PrivacyWork(services.rights, services.audit).run,
    }

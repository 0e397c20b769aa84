"""`personalization train`: a new model now, without waiting for the daily one."""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import click

from cli.installation import local_settings
from cli.noting import named_in_log, noted
from cli.options import data_dir_option, json_option, tenant_option
from cli.output import print_result, print_table, say, stages
from cli.servers import prepared
from domain.bootstrap import WorkerServices, open_worker
from domain.ids import JobId, TenantId
from domain.jobs.model import Job, JobKind
from domain.jobs.service import JobRunner
from domain.settings import Settings
from workers.apart import in_a_process
from workers.retrain import Retraining
from workers.training.config import configured, settings_in

POLL_SECONDS: Final = 0.2
MEASURES: Final = {"NDCG@10": "_ndcg_at_10", "recall@10": "_recall_at_10"}


@click.command("train")
@tenant_option
@click.option("--force", is_flag=True, help="Put the new version in service whatever its comparison says.")
@data_dir_option
@json_option
@click.option("--config", metavar="FILE|JSON", help="Model configuration: a JSON file, or the JSON itself.")
def command(tenant: TenantId, force: bool, data_dir: Path | None, as_json: bool, config: str | None) -> None:
    """Train a tenant's model, compare it with the one that serves, and publish it unless it is worse.

    Prints how good it is at finding each user's last item, beside popularity on the same hold-out. Running API
    processes take the new model over within a second.

    \b
    Examples:
      personalization train --tenant demo
      personalization train --tenant demo --force
      personalization train --tenant demo --config '{"collaborativeFiltering": {"algorithm": "svd", "dimensions": 50}}'
    """
    asked = _asked(config)
    with prepared(local_settings(data_dir=data_dir)) as settings:
        result = asyncio.run(_train(settings, tenant, asked, force=force))
    if as_json:
        print_result({"tenant": tenant, **result})
        return
    print_table(f"Model {result['version']} of {tenant}", ("ranking by", *MEASURES), _rows(result["metrics"]))
    say(
        f"{result['status'].capitalize()}; compared with {result['compared']}; at most {result['peak_memory_mib']} MiB."
    )
    for reason in result["reasons"]:
        say(f"  {reason}")


def _rows(metrics: Mapping[str, float]) -> list[tuple[str, ...]]:
    """What was measured, a row for each way of ranking: the model alone, popularity alone, the blend that serves."""
    suffix = next(iter(MEASURES.values()))
    rankings = [name.removesuffix(suffix) for name in metrics if name.endswith(suffix)]
    return [(name, *(f"{metrics[name + measure]:.3f}" for measure in MEASURES.values())) for name in rankings]


def _asked(config: str | None) -> dict[str, Any]:
    """The arguments of the job."""
    if config is None:
        return {}
    return {"config": settings_in(config) if config.lstrip().startswith("{") else configured(Path(config))}


async def _train(settings: Settings, tenant: TenantId, asked: dict[str, Any], *, force: bool) -> dict[str, Any]:
    concerned = "force" if force else None
    async with open_worker(settings) as worker, noted(worker.services, tenant, "retrainModels", concerned=concerned):
        if force:
            asked |= {"force": True, "actor": named_in_log(worker.services, tenant)}
        # Whoever takes the job first trains: a worker that is woken by it, or this process.
        job_id = await worker.services.jobs.enqueue(tenant, JobKind.RETRAIN, asked)
        with stages("Training") as progress:
            running = asyncio.create_task(_run(worker, settings, tenant, job_id))
            while not running.done():
                job = await worker.services.jobs.job(tenant, job_id)
                progress((job.stage or "wait").capitalize(), job.progress)
                await asyncio.wait({running}, timeout=POLL_SECONDS)
        return _result(await running)


async def _run(worker: WorkerServices, settings: Settings, tenant: TenantId, job_id: JobId) -> Job:
    services = worker.services
    retraining = Retraining(
        worker.training_log,
        services.catalog,
        services.models,
        services.segments,
        configured(settings.ml_config_file),
        in_a_process,
    )
    runner = JobRunner(services.job_store, {JobKind.RETRAIN: retraining.run}, services.clock)
    while True:
        await runner.run(job_id)
        job = await services.jobs.job(tenant, job_id)
        if job.finished:
            return job
        await asyncio.sleep(POLL_SECONDS)


def _result(job: Job) -> dict[str, Any]:
    if job.failure is not None:
        raise job.failure
    return dict(job.result or {})

"""Training in the worker: every tenant, once a day, from what those who agreed did; and what the API serves then."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from arq.cron import CronJob

from domain.ids import ModelVersion, TenantId, UserId
from domain.jobs.model import JobKind, JobState
from domain.jobs.service import JobRunner
from domain.jobs.store import PostgresJobStore
from domain.models.model import Verdict
from domain.privacy.model import ConsentPurpose
from domain.settings import Settings
from domain.storage.postgres import Database
from tests.api.graphql_room import caller as graph_caller
from tests.api.rest_room import AGREED, RestRoom
from workers import main
from workers.retrain import Retraining
from workers.snapshot import snapshot_of
from workers.training.config import TrainingConfig
from workers.training.interactions import TrainingSet

PEOPLE = 12


@pytest.fixture
async def worker(room: RestRoom) -> AsyncIterator[dict[str, Any]]:
    """The context that arq keeps for a worker, opened and closed as arq does it."""
    context: dict[str, Any] = {"settings": room.settings}
    await main.start(context)
    yield context
    await room.leave_no_job()
    await main.stop(context)


async def behave(room: RestRoom) -> None:
    """Let a few people use every third template, each with one more."""
    for n in range(PEOPLE):
        user = f"user{n}"
        await room.agree(user)
        actions = [{"type": "template_used", "feature": f"template_{t}"} for t in (*range(n % 3, 12, 3), 12 + n)]
        async with room.caller(user) as caller:
            report = {"userId": user, "behaviorData": {"actions": actions}}
            assert (await caller.post("/learn-preferences", json=report)).is_success


def registered(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> dict[str, CronJob]:
    """What the worker asks arq to do by the clock, by the name of its function."""
    asked: dict[str, Any] = {}

    class Unstarted:
        def __init__(self, options: dict[str, Any]) -> None:
            asked.update(options)

        def run(self) -> None:
            """Nothing is started: what was asked for is enough."""

    monkeypatch.setattr(main, "create_worker", Unstarted)
    main.run(settings)
    return {job.coroutine.__name__: job for job in asked["cron_jobs"]}


NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)


def test_a_worker_looks_at_the_clock_when_it_starts_and_every_minute(
    rest_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    look = registered(rest_settings, monkeypatch)["keep_schedule"]
    assert look.run_at_startup
    look.calculate_next(NOON)
    assert look.next_run is not None
    assert look.next_run - NOON < timedelta(minutes=1, seconds=1)


@pytest.mark.parametrize(
    ("name", "window", "every"),
    [
        ("training", datetime(2026, 3, 10, 3, tzinfo=UTC), timedelta(days=1)),
        ("workflows", datetime(2026, 3, 10, 4, tzinfo=UTC), timedelta(days=1)),
        ("interest", datetime(2026, 3, 10, 4, tzinfo=UTC), timedelta(days=1)),
        ("retention", datetime(2026, 3, 10, 4, 30, tzinfo=UTC), timedelta(days=1)),
        ("generations", datetime(2026, 3, 10, 11, 20, tzinfo=UTC), timedelta(hours=1)),
    ],
)
def test_what_is_done_by_the_clock_has_its_time(name: str, window: datetime, every: timedelta) -> None:
    [task] = [task for task in main.tasks({}) if task.name == name]
    assert task.window(NOON) == task.window(window) == window
    assert task.window(window - timedelta(microseconds=1)) == window - every


async def test_the_daily_training_gives_every_tenant_a_model_that_is_served(
    room: RestRoom, worker: dict[str, Any]
) -> None:
    await behave(room)
    await main.retrain_all(worker)
    waiting = await room.services.job_store.unfinished(room.tenant, JobKind.RETRAIN)
    assert waiting is not None
    await main.run_job(worker, str(waiting.job_id))
    job = await room.services.jobs.job(room.tenant, waiting.job_id)
    assert (job.state, job.error, job.progress) == (JobState.DONE, None, 1)
    assert job.result is not None
    assert "blend_ndcg_at_10" in job.result["metrics"]
    async with room.caller("user0") as caller:
        page = (await caller.post("/recommendations", json={"userId": "user0", "options": {"limit": 5}})).json()
    assert page["modelVersion"] == job.result["version"]
    assert page["personalized"] is True


class WithOneThatIsGone(PostgresJobStore):
    """Names a tenant that was there when tenants were listed and is gone by now, before all others."""

    async def tenants(self) -> list[TenantId]:
        return [TenantId("gone"), *await super().tenants()]


@pytest.mark.parametrize(
    ("daily", "kind"),
    [(main.retrain_all, JobKind.RETRAIN), (main.mine_all, JobKind.WORKFLOWS)],
    ids=["training", "mining"],
)
async def test_what_fails_for_one_tenant_keeps_the_daily_work_from_no_other(
    daily: Callable[[dict[str, Any]], Awaitable[None]],
    kind: JobKind,
    room: RestRoom,
    worker: dict[str, Any],
    worker_database: Database,
) -> None:
    services = replace(worker["parts"].services, job_store=WithOneThatIsGone(worker_database))
    await daily(worker | {"parts": replace(worker["parts"], services=services)})
    assert await room.services.job_store.unfinished(room.tenant, kind) is not None


async def test_a_tenant_without_behaviour_has_a_reason_instead_of_a_model(
    room: RestRoom, worker: dict[str, Any]
) -> None:
    job_id = await room.services.jobs.enqueue(room.tenant, JobKind.RETRAIN)
    await main.run_job(worker, str(job_id))
    job = await room.services.jobs.job(room.tenant, job_id)
    assert job.state is JobState.FAILED
    assert (job.error or "").startswith("VALIDATION:")


async def training_set(room: RestRoom, worker: dict[str, Any]) -> TrainingSet:
    catalog = await room.services.catalog.snapshot(room.tenant)
    return (await snapshot_of(worker["parts"].training_log, catalog, room.tenant)).training_set


async def test_those_who_do_not_agree_to_training_are_not_trained_on(room: RestRoom, worker: dict[str, Any]) -> None:
    await behave(room)
    with_everybody = await training_set(room, worker)
    await room.services.privacy.record_consent(
        room.tenant, UserId("user0"), [ConsentPurpose.TRAINING], granted=False, evidence=AGREED
    )
    without_one = await training_set(room, worker)
    assert len(set(with_everybody.user_index.tolist())) == PEOPLE
    assert len(set(without_one.user_index.tolist())) == PEOPLE - 1


async def test_training_sees_where_lists_were_served(room: RestRoom, worker: dict[str, Any]) -> None:
    await behave(room)
    graph = graph_caller(room.app, room.tenant, "user0")
    answer = await graph.ask(
        "query List($context: RecommendationContextInput) {"
        ' recommendations(userId: "user0", context: $context) { recommendationId edges { node { itemId } } } }',
        context={"device": "Mobile", "surface": "home", "purpose": "social_media"},
    )
    taken = answer["edges"][0]["node"]["itemId"]
    await graph.ask(
        "mutation Take($input: TrackInteractionInput!) { trackInteraction(input: $input) { __typename } }",
        input={"userId": "user0", "itemId": taken, "action": "USED", "recommendationId": answer["recommendationId"]},
    )
    served = (await training_set(room, worker)).served
    assert served is not None
    assert list(served.situations) == [("device=mobile", "surface=home", "purpose=social_media")]


async def trained(room: RestRoom, worker: dict[str, Any], **arguments: Any) -> dict[str, Any]:
    """What a training answers."""
    job_id = await room.services.jobs.enqueue(room.tenant, JobKind.RETRAIN, arguments)
    await main.run_job(worker, str(job_id))
    job = await room.services.jobs.job(room.tenant, job_id)
    assert (job.state, job.error) == (JobState.DONE, None)
    return dict(job.result or {})


async def test_a_version_says_what_it_saw_and_how_it_was_judged(room: RestRoom, worker: dict[str, Any]) -> None:
    await behave(room)
    first = await trained(room, worker)
    assert (first["status"], first["reasons"]) == ("champion", [])
    assert first["peak_memory_mib"] > 0
    second = await trained(room, worker, factors=3)
    newest, older = await room.services.models.versions(room.tenant)
    assert (newest.version, older.version) == (second["version"], first["version"])
    assert newest.trained_from["users"] == PEOPLE
    assert newest.trained_from["events"] == PEOPLE * 5
    assert newest.trained_from["settings"]["factors"] == 3
    assert datetime.fromisoformat(newest.trained_from["until"]) <= newest.trained_at
    assert newest.verdict["champion"] == first["version"]
    assert newest.baseline["event_types"] == {"template_used": PEOPLE * 5}
    assert older.drift["alarm"] is False


async def test_a_worse_version_is_kept_out_unless_an_operator_forces_it(room: RestRoom, worker: dict[str, Any]) -> None:
    await behave(room)
    first = await trained(room, worker)
    refusal = Verdict(
        passed=False, champion=ModelVersion(first["version"]), details={"reasons": ["worse for newcomers"]}
    )
    services, log = worker["parts"].services, worker["parts"].training_log
    strict = Retraining(log, services.catalog, services.models, services.segments, judge=lambda *_: refusal)
    worker["runner"] = JobRunner(services.job_store, {JobKind.RETRAIN: strict.run}, services.clock)
    refused = await trained(room, worker, factors=3)
    assert (refused["status"], refused["reasons"]) == ("rejected", ["worse for newcomers"])
    async with room.caller("user0") as caller:
        page = (await caller.post("/recommendations", json={"userId": "user0"})).json()
    assert page["modelVersion"] == first["version"]
    operator = graph_caller(room.app, room.tenant, "olga")
    shown = (await operator.ask("{ models { version status reasons } }"))[0]
    assert shown == {"version": refused["version"], "status": "REJECTED", "reasons": ["worse for newcomers"]}
    job = await operator.ask(
        "mutation { retrainModels(input: {force: true}) { ... on Job { jobId } ... on Problem { code } } }"
    )
    await main.run_job(worker, job["jobId"])
    changes = await operator.ask("{ modelChanges { action actor reason } }")
    olga = room.services.audit.pseudonym(room.tenant, "olga").hex()
    assert changes[0] == {"action": "PUBLISHED", "actor": olga, "reason": "wanted by an operator"}
    done = await operator.ask("query J($id: ID!) { job(jobId: $id) { state result } }", id=job["jobId"])
    assert (done["state"], done["result"]["status"]) == ("DONE", "champion")


def test_the_documented_number_of_dimensions_is_the_default() -> None:
    assert TrainingConfig().factors == 50

"""The troubleshooting list: each entry is found by planting its fault, and the command says what to do."""

import json
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from redis.asyncio import Redis

from domain.bootstrap import open_services, open_worker
from domain.clock import FixedClock, SystemClock
from domain.diagnosis.model import Check, Finding, Verdict
from domain.ids import TenantId, UserId
from domain.jobs.model import JobKind
from domain.privacy.model import OBSERVED_PURPOSES
from domain.storage.embedded import EmbeddedValkey
from domain.storage.postgres import Databases
from domain.storage.roles import Role
from tests.api.command import personalization, variables_of
from tests.api.experiment_room import expose, started
from tests.api.graphql_room import caller
from tests.api.rest_room import AGREED, LEARNT, RestRoom
from tests.storage.test_model_store import artifact

FIVE = [f"person-{number}" for number in range(5)]
FINE, DOUBTFUL, WRONG = Verdict


async def examined(
    room: RestRoom, *, later: timedelta = timedelta(), tenant: TenantId | None = None, **changes: object
) -> dict[Check, Finding]:
    """What is found by a process of its own, so much later, with other settings."""
    settings = room.settings.model_copy(update={"data_dir": room.settings.data_dir / uuid4().hex, **changes})
    async with open_services(settings, FixedClock(SystemClock().now() + later)) as services:
        return {finding.check: finding for finding in await services.diagnosis.findings(tenant or room.tenant)}


async def published(room: RestRoom, popularity: float = 1.0) -> str:
    async with open_worker(room.settings) as worker:
        return str((await worker.services.models.publish(room.tenant, artifact(popularity))).version)


async def act(room: RestRoom, user: str) -> None:
    await room.agree(user)
    async with room.caller(user) as client:
        assert (await client.post("/learn-preferences", json={"userId": user, "behaviorData": LEARNT})).is_success


@pytest.fixture
async def healthy(room: RestRoom) -> AsyncIterator[RestRoom]:
    """Five people who did something, a model, and an experiment that they came into and that was evaluated."""
    for user in FIVE:
        await act(room, user)
    await published(room)
    olga = caller(room.app, room.tenant, "olga")
    await started(olga)
    for user in FIVE:
        await expose(olga, user)
    await room.learn()
    yield room
    await room.leave_no_job()


async def test_where_all_is_well_nothing_is_wrong(healthy: RestRoom) -> None:
    ran = personalization("doctor", "--tenant", healthy.tenant, "--json", **variables_of(healthy.settings))
    told = json.loads(ran.stdout)
    assert (ran.returncode, told["tenant"], told["healthy"]) == (0, healthy.tenant, True), ran.stdout
    assert [finding["check"] for finding in told["findings"]] == [check.value for check in Check]
    assert {finding["verdict"] for finding in told["findings"]} == {"fine"}
    [events] = [finding for finding in told["findings"] if finding["check"] == "events"]
    assert events["complaint"] == "Recommendations not updating"
    assert "5 of 5 people agreed" in events["found"]
    assert events["remedy"] is None


async def test_a_person_reads_what_is_wrong_and_what_to_do(room: RestRoom) -> None:
    ran = personalization("doctor", "--tenant", room.tenant, **variables_of(room.settings))
    assert ran.returncode == 1
    assert "A/B tests not working\n" in ran.stdout
    assert "  wrong  models: no model serves" in ran.stdout
    assert "         -> train one with: personalization train" in ran.stdout


async def test_what_cannot_be_examined_is_one_line(room: RestRoom) -> None:
    nobody = personalization("doctor", "--tenant", "nobody", **variables_of(room.settings))
    assert (nobody.returncode, nobody.stderr) == (1, "NOT_FOUND: There is no such tenant. (--tenant)\n")
    other = {**variables_of(room.settings), "PERSONALIZATION_SECRET": "another-secret-than-the-database-knows-00"}
    refused = personalization("doctor", "--tenant", room.tenant, **other)
    assert (refused.returncode, refused.stderr.count("\n")) == (1, 1)
    assert refused.stderr.startswith("UNAVAILABLE: the database refuses the login")


def test_the_command_shows_an_example() -> None:
    assert "personalization doctor --tenant" in personalization("doctor", "--help").stdout.partition("Example")[2]


async def test_why_nothing_is_tracked(room: RestRoom) -> None:
    assert (await examined(room))[Check.EVENTS].found == "fewer than five people are known"
    for user in FIVE:
        await room.services.privacy.record_consent(
            room.tenant, UserId(user), OBSERVED_PURPOSES, granted=False, evidence=AGREED
        )
    silent = (await examined(room))[Check.EVENTS]
    assert (silent.verdict, "5 people are known, and fewer than five agreed" in silent.found) == (WRONG, True)
    assert "recordConsent" in silent.remedy
    for user in FIVE:
        await room.agree(user)
    assert (await examined(room))[Check.EVENTS].found == "fewer than five people did anything within a day"
    for user in FIVE[:4]:
        await act(room, user)
    assert (await examined(room))[Check.EVENTS].verdict is WRONG
    await act(room, FIVE[4])
    found = (await examined(room))[Check.EVENTS]
    assert (found.verdict, found.found) == (FINE, "20 events within a day; 5 of 5 people agreed to being observed")
    assert (await examined(room, later=timedelta(days=2)))[Check.EVENTS].verdict is WRONG


async def test_why_no_model_serves(room: RestRoom, databases: Databases) -> None:
    job_id = await room.services.jobs.enqueue(room.tenant, JobKind.RETRAIN)
    now, store = room.services.clock.now(), room.services.job_store
    job = await store.start(job_id, now, now)
    assert job is not None
    await store.fail(job, "there is nothing to learn from", now, final=True)
    missing = (await examined(room))[Check.MODELS]
    assert (missing.verdict, "(there is nothing to learn from)" in missing.found) == (WRONG, True)
    assert "ML_ENABLED=true" in (await examined(room, ml_enabled=False))[Check.MODELS].remedy
    first, second = await published(room), await published(room, 2.0)
    assert (await examined(room))[Check.MODELS] == Finding(Check.MODELS, FINE, f"version {second} serves")
    assert (await examined(room, later=timedelta(days=3)))[Check.MODELS].verdict is DOUBTFUL
    async with databases[Role.WORKER].transaction(room.tenant) as tx:
        await tx.execute("UPDATE ml_models SET artifact = '\\x00' WHERE version = $1", second)
    spoiled = (await examined(room))[Check.MODELS]
    assert (spoiled.verdict, spoiled.found) == (WRONG, f"version {second} cannot be loaded")
    assert first != second


async def test_how_long_answers_are_kept(room: RestRoom) -> None:
    assert "3600 s and lists for 1800 s" in (await examined(room))[Check.CACHE].found
    assert (await examined(room, cache_ttl=0))[Check.CACHE].verdict is DOUBTFUL


async def test_why_experiments_do_not_work(healthy: RestRoom) -> None:
    off = await examined(healthy, ab_testing_enabled=False)
    assert (off[Check.CONFIGURATION].verdict, off[Check.CONFIGURATION].remedy) == (
        WRONG,
        "set PERSONALIZATION_AB_TESTING_ENABLED=true",
    )
    late = (await examined(healthy, later=timedelta(hours=3)))[Check.RESULTS]
    assert (late.verdict, "buttons" in late.found, "personalization worker" in late.remedy) == (WRONG, True, True)
    olga = caller(healthy.app, healthy.tenant, "olga")
    await started(olga, key="closed", coverage=0.0)
    await started(olga, key="picky", condition={"plan": "gold"})
    found = await examined(healthy)
    assert found[Check.CONFIGURATION].found == "nobody is covered by closed"
    assert found[Check.ASSIGNMENT].verdict is DOUBTFUL
    assert "picky 0 / 0" in found[Check.ASSIGNMENT].found


async def test_an_experiment_that_nobody_comes_into_is_named(room: RestRoom) -> None:
    await started(caller(room.app, room.tenant, "olga"), key="forgotten")
    later = timedelta(days=2)
    async with open_worker(room.settings, FixedClock(SystemClock().now() + later)) as worker:
        assert await worker.services.outcomes.evaluate_due(room.tenant) == 1
    assert (await examined(room, later=later))[Check.RESULTS].found == "nobody has come into forgotten"


async def test_how_redis_should_be(room: RestRoom, tmp_path: Path) -> None:
    with EmbeddedValkey(tmp_path) as address:
        assert (await examined(room, redis_url=address.url))[Check.REDIS].verdict is FINE
        async with Redis.from_url(address.url) as redis:
            await redis.config_set("maxmemory-policy", "noeviction")
            assert (await examined(room, redis_url=address.url))[Check.REDIS].verdict is DOUBTFUL
            await redis.config_set("save", "60 1")
        saving = (await examined(room, redis_url=address.url))[Check.REDIS]
        assert (saving.verdict, "writes to the disk" in saving.found) == (WRONG, True)
    assert (await examined(room, redis_url=address.url))[Check.REDIS].verdict is WRONG


async def test_events_that_wait_want_a_worker(room: RestRoom) -> None:
    await act(room, "anna")
    behind = (await examined(room, later=timedelta(minutes=10)))[Check.BATCHES]
    assert (behind.verdict, "personalization worker" in behind.remedy) == (WRONG, True)
    await room.learn()
    assert (await examined(room, later=timedelta(minutes=10)))[Check.BATCHES].verdict is FINE

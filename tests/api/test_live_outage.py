"""Redis dies under open sockets: what happened meanwhile is told once it is back, new models included."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette

from domain.bootstrap import WorkerServices, open_worker
from domain.ids import TenantId
from domain.jobs.model import JobKind, JobState
from domain.jobs.service import JobRunner
from domain.realtime.model import Cursor
from domain.settings import Settings
from domain.storage.embedded import EmbeddedValkey
from tests.api.graphql_room import LEARN, LIST, TRACK, Graph, Socket, begun, caller, served
from tests.api.rest_room import RestRoom, application, token
from workers.retrain import Retraining

ANNA = "anna"
LIVE = f"""subscription {{ recommendationUpdates(userId: "{ANNA}", first: 5) {{
  recommendations {{ modelVersion edges {{ node {{ itemId }} }} }} }} }}"""
FOLLOW = f"""subscription {{ realtimeUpdates(userId: "{ANNA}") {{
  __typename ... on RealtimeUpdate {{ version }} ... on ResyncRequired {{ cursor }} }} }}"""
FOLLOWERS = 5
MODELS = "subscription { modelUpdates { version } }"


@pytest.fixture
def valkey(tmp_path: Path) -> Iterator[EmbeddedValkey]:
    server = EmbeddedValkey(tmp_path)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def settings(rest_settings: Settings, valkey: EmbeddedValkey) -> Settings:
    return rest_settings.model_copy(update={"redis_url": valkey.address.url})


@pytest.fixture
async def app(settings: Settings) -> AsyncIterator[Starlette]:
    async with application(settings) as app:
        yield app


@pytest.fixture
async def anna(room: RestRoom, app: Starlette) -> Graph:
    for user in (ANNA, "bert"):
        await room.agree(user)
        given = [{"type": "template_used", "feature": f"template_{n}"} for n in range(len(user))]
        await caller(app, room.tenant, user).ask(LEARN, input={"userId": user, "actions": given})
    return caller(app, room.tenant, ANNA)


async def outage(valkey: EmbeddedValkey) -> None:
    valkey.kill()
    while valkey.exit_status() is None:  # noqa: ASYNC110 - the process is all there is to look at
        await asyncio.sleep(0.01)


async def retrain(worker: WorkerServices, tenant: TenantId) -> str:
    """Train as a worker does when it finds the job; the new version."""
    services = worker.services
    training = Retraining(worker.training_log, services.catalog, services.models, services.segments)
    runner = JobRunner(services.job_store, {JobKind.RETRAIN: training.run}, services.clock)
    job_id = await services.jobs.enqueue(tenant, JobKind.RETRAIN, {"factors": 4, "evaluation_users": 0})
    assert await runner.run(job_id)
    job = await services.jobs.job(tenant, job_id)
    assert job.state is JobState.DONE, job.error
    assert job.result is not None
    return str(job.result["version"])


async def test_lists_and_models_catch_up_after_an_outage(
    room: RestRoom, app: Starlette, settings: Settings, anna: Graph, valkey: EmbeddedValkey
) -> None:
    async with (
        served(app) as address,
        begun(address, f"Bearer {token(room.tenant, ANNA)}") as live,
        begun(address, f"Bearer {token(room.tenant, ANNA)}") as models,
        open_worker(settings) as worker,
    ):
        first = await retrain(worker, room.tenant)
        await live.subscribe(LIVE)
        await models.subscribe(MODELS)
        shown: dict[str, Any] = (await live.next())["recommendations"]
        assert shown["modelVersion"] == first
        assert await models.next() == {"version": first}
        await outage(valkey)
        top = shown["edges"][0]["node"]["itemId"]
        recorded = await anna.ask(TRACK, input={"userId": ANNA, "itemId": top, "action": "USED"})
        assert recorded["accepted"] == 1
        second = await retrain(worker, room.tenant)
        assert second > first
        await asyncio.to_thread(valkey.start)
        await worker.services.publisher.sweep(age_seconds=0)
        assert await models.next() == {"version": second}
        while top in [edge["node"]["itemId"] for edge in shown["edges"]]:
            shown = (await live.next())["recommendations"]
        assert (await anna.ask(LIST, user=ANNA))["modelVersion"] == second


async def test_updates_of_an_outage_arrive_after_it_without_a_hole(
    room: RestRoom, app: Starlette, settings: Settings, anna: Graph, valkey: EmbeddedValkey
) -> None:
    tracked = {"userId": ANNA, "itemId": "modern", "action": "VIEWED"}
    async with (
        served(app) as address,
        begun(address, f"Bearer {token(room.tenant, ANNA)}") as opened,
        open_worker(settings) as worker,
    ):
        await opened.subscribe(FOLLOW)
        await opened.subscribe("{ __typename }", "2")
        assert await opened.next() == "Query"
        assert (await opened.receive())["type"] == "complete"
        await outage(valkey)
        versions = [(await anna.ask(TRACK, input=tracked))["version"] for _ in range(3)]
        await asyncio.to_thread(valkey.start)
        await worker.services.publisher.sweep(age_seconds=0)
        seen: list[int] = []
        while versions[-1] not in seen:
            update = await opened.next()
            assert update["__typename"] == "RealtimeUpdate"
            seen.append(update["version"])
    assert seen[-3:] == versions
    assert seen == list(range(seen[0], versions[-1] + 1))


async def test_events_that_flow_through_an_outage_reach_every_follower_without_a_silent_gap(
    room: RestRoom, app: Starlette, settings: Settings, anna: Graph, valkey: EmbeddedValkey
) -> None:
    """What a follower is not told one by one it is told to fetch anew, with the version that it then has."""
    told: list[int] = []

    async def flow() -> None:
        while True:
            tracked = {"userId": ANNA, "itemId": "modern", "action": "VIEWED"}
            told.append((await anna.ask(TRACK, input=tracked))["version"])
            await asyncio.sleep(0.02)

    async def until_told(count: int) -> None:
        while len(told) < count:  # noqa: ASYNC110 - nothing else says how far it is
            await asyncio.sleep(0.01)

    async with AsyncExitStack() as stack:
        address = await stack.enter_async_context(served(app))
        worker = await stack.enter_async_context(open_worker(settings))
        entered = [begun(address, f"Bearer {token(room.tenant, ANNA)}") for _ in range(FOLLOWERS)]
        followers = [await stack.enter_async_context(one) for one in entered]
        for follower in followers:
            await follower.subscribe(FOLLOW)
        flowing = asyncio.create_task(flow())
        for stop in (5, 15):
            # Twice: whoever has come back once must be able to do it again.
            await until_told(stop)
            await outage(valkey)
            await until_told(stop + 5)
            await asyncio.to_thread(valkey.start)
        await until_told(30)
        flowing.cancel()
        await asyncio.gather(flowing, return_exceptions=True)
        await worker.services.publisher.sweep(age_seconds=0)
        for heard in await asyncio.gather(*(heard_until(follower, told[-1]) for follower in followers)):
            assert heard == list(range(heard[0], told[-1] + 1))


async def heard_until(follower: Socket, last: int) -> list[int]:
    """The versions that a follower knows of, those that it fetches anew after a stated gap included."""
    heard: list[int] = []
    while not heard or heard[-1] < last:
        update = await follower.next()
        if update["__typename"] == "ResyncRequired":
            now = Cursor.parse(update["cursor"]).version
            heard += range(heard[-1] + 1 if heard else now, now + 1)
        else:
            heard.append(update["version"])
    return heard

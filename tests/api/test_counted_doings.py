"""What of people's doings counts in an experiment: nothing of the time of a withdrawal, nothing after the stop."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import pytest

from domain.experiments.model import TestId
from graphql_api.auth import Scope
from tests.api.experiment_room import act, convert, counted, expose, judging, results, started
from tests.api.graphql_room import CONSENT, LEARN, Graph, caller, consent
from tests.api.rest_room import RestRoom, application

NAMES = [f"person{number}" for number in range(6)]


@pytest.fixture
async def admin(room: RestRoom) -> Graph:
    for name in NAMES:
        await room.agree(name)
    return caller(room.app, room.tenant, "operator", Scope)


@pytest.fixture
async def worker(room: RestRoom) -> AsyncIterator[dict[str, Any]]:
    async with judging(room) as context:
        yield context


async def test_what_is_done_while_withdrawn_does_not_count_after_agreeing_again(
    admin: Graph, worker: dict[str, Any]
) -> None:
    experiment = await started(admin, weights=[0.001, 0.999])
    for name in NAMES:
        await expose(admin, name)
        await convert(admin, name, "paid", 1.0)
        await admin.ask(CONSENT, input=consent(name, granted=False, purposes=["EXPERIMENTS"]))
        await convert(admin, name, "paid", 10.0)
        await admin.ask(CONSENT, input=consent(name, granted=True, purposes=["EXPERIMENTS"]))
        await convert(admin, name, "paid", 100.0)
    await counted(worker)
    [live] = await results(admin, experiment)
    spent = next(metric for metric in live["metrics"] if metric["key"] == "spent")
    assert {arm["value"] for arm in spent["arms"]} - {None} == {101.0}


async def test_what_is_done_after_the_stop_does_not_count_whoever_counts_meanwhile(
    admin: Graph, room: RestRoom, worker: dict[str, Any]
) -> None:
    experiment = await started(admin)
    for name in NAMES:
        await expose(admin, name)
    running = await room.services.experiments.test(room.tenant, TestId(UUID(experiment)))
    await act(admin, "stop", experiment)
    action = {"type": "template_used", "feature": "retro_1"}
    for name in NAMES:
        await admin.ask(LEARN, input={"userId": name, "actions": [action]})
    store = worker["parts"].services.outcomes._store
    assert await store.count_some(running, 100) == 6
    assert not any(total for cell in await store.cells(running) for total in cell.sums)


async def test_what_was_told_before_the_stop_counts_if_it_is_learned_after_it(
    admin: Graph, worker: dict[str, Any]
) -> None:
    experiment = await started(admin, weights=[0.001, 0.999])
    for name in NAMES:
        await expose(admin, name)
    await counted(worker)
    for name in NAMES:
        await convert(admin, name, "paid", 7.0)
    await act(admin, "stop", experiment)
    await counted(worker)
    [kept] = await results(admin, experiment, live=False)
    spent = next(metric for metric in kept["metrics"] if metric["key"] == "spent")
    assert {arm["value"] for arm in spent["arms"]} - {None} == {7.0}


async def gauges(room: RestRoom) -> dict[str, float]:
    """What a process that starts now tells of experiments."""
    async with application(room.settings) as app:
        text = (await Graph(app, None).http.get("/metrics")).text
    lines = [line.split() for line in text.splitlines() if line.startswith("personalization_experiment")]
    return {name.removeprefix("personalization_experiment"): float(value) for name, value in lines}


async def test_experiments_that_run_are_told_to_prometheus(
    admin: Graph, room: RestRoom, worker: dict[str, Any]
) -> None:
    before = await gauges(room)
    experiment = await started(admin)
    begun = room.services.clock.now().timestamp()
    for name in NAMES:
        await expose(admin, name)
    await counted(worker)
    during = await gauges(room)
    assert during["s_running"] == before["s_running"] + 1
    # Six people more, told in steps of five.
    assert during["_units"] - before["_units"] in {5, 10}
    assert 0 < during["_evaluated_timestamp_seconds"] <= begun
    assert during["s_held"] == before["s_held"]
    await act(admin, "stop", experiment)
    after = await gauges(room)
    assert (after["s_running"], after["_units"]) == (before["s_running"], before["_units"])

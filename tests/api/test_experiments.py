"""Experiments from outside: created, assigned, exposed, counted, judged."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from math import ceil
from typing import Any
from uuid import UUID

import pytest

from domain.clock import FixedClock
from domain.experiments.bucketing import bucket_ranges, choose_variation
from domain.experiments.hashing import bucket_of
from domain.experiments.model import TestId
from domain.outcomes.service import OutcomeService
from graphql_api.auth import Scope
from tests.api.experiment_room import (
    ASSIGNMENT,
    CREATE,
    FORCE,
    PLAN,
    RAMP,
    act,
    convert,
    counted,
    create,
    expose,
    judging,
    results,
    started,
)
from tests.api.graphql_room import CONSENT, Graph, caller, consent
from tests.api.rest_room import RestRoom

PEOPLE = 60


@pytest.fixture
async def admin(room: RestRoom) -> Graph:
    return caller(room.app, room.tenant, "operator", Scope)


@pytest.fixture
async def worker(room: RestRoom) -> AsyncIterator[dict[str, Any]]:
    async with judging(room) as context:
        yield context


async def people(room: RestRoom, count: int, prefix: str = "person") -> list[str]:
    names = [f"{prefix}{number}" for number in range(count)]
    for name in names:
        await room.agree(name)
    return names


async def test_an_experiment_lives_from_draft_to_stop(admin: Graph) -> None:
    experiment = await create(admin)
    again = await admin.ask(CREATE, input=PLAN)
    assert (again["code"], again["field"]) == ("CONFLICT", "key")
    assert (await act(admin, "pause", experiment))["code"] == "CONFLICT"
    running = await act(admin, "start", experiment)
    assert (running["status"], running["policy"]) == (
        "RUNNING",
        {"version": "1.0", "weights": [0.5, 0.5], "coverage": 1},
    )
    assert (await act(admin, "pause", experiment))["status"] == "PAUSED"
    assert (await act(admin, "resume", experiment))["status"] == "RUNNING"
    stopped = await act(admin, "stop", experiment)
    assert (stopped["status"], stopped["stoppedAt"] is not None, stopped["revision"]) == ("STOPPED", True, 4)
    assert (await act(admin, "resume", experiment))["code"] == "CONFLICT"
    listed = await admin.ask("{ experiments(status: [STOPPED]) { edges { node { key } } pageInfo { hasNextPage } } }")
    assert listed == {"edges": [{"node": {"key": "buttons"}}], "pageInfo": {"hasNextPage": False}}


async def test_assignment_is_the_documented_hash_of_the_documented_seed(admin: Graph, room: RestRoom) -> None:
    await started(admin, weights=[0.3, 0.7], coverage=0.8)
    [test] = (await room.services.experiments.current(room.tenant)).tests
    assert test.policy is not None
    found = Counter()
    for name in await people(room, PEOPLE):
        has = await admin.ask(ASSIGNMENT, user=name, key="buttons")
        place = choose_variation(bucket_of(test.policy.seed, name, 2), bucket_ranges(2, 0.8, [0.3, 0.7]))
        expected = ("control", False, "NOT_COVERED", None) if place < 0 else (
            ("control", "green")[place], True, "HASHED", (0.3, 0.7)[place],
        )  # fmt: skip
        assert (has["variation"], has["takesPart"], has["reason"], has["propensity"]) == expected
        assert has["exposedAt"] is None
        found[has["reason"], has["variation"]] += 1
    assert len(found) == 3


async def test_who_is_strict_unknown_or_outside_of_the_condition_has_the_control(admin: Graph, room: RestRoom) -> None:
    await started(admin, condition={"plan": "pro"}, weights=[0.0, 0.5, 0.5], variations=[
        {"key": "control"}, {"key": "a", "parameters": {"a": 1}}, {"key": "b", "parameters": {"a": 2}},
    ])  # fmt: skip
    await room.agree("pro")
    await room.agree("free")
    sync = "mutation S($input: SyncUsersInput!) { syncUsers(input: $input) { __typename } }"
    await admin.ask(sync, input={"users": [
        {"userId": "pro", "revision": 1, "attributes": {"plan": "pro"}},
        {"userId": "free", "revision": 1, "attributes": {"plan": "free"}},
    ]})  # fmt: skip
    seen = {user: await expose(admin, user, "buttons") for user in ("pro", "free", "nobody")}
    assert (seen["pro"]["reason"], seen["pro"]["takesPart"]) == ("HASHED", True)
    assert seen["pro"]["variation"] in {"a", "b"}
    assert (seen["free"]["reason"], seen["free"]["variation"], seen["free"]["exposedAt"]) == (
        "NOT_TARGETED",
        "control",
        None,
    )
    assert (seen["nobody"]["reason"], seen["nobody"]["variation"]) == ("NO_CONSENT", "control")
    await admin.ask(CONSENT, input=consent("pro", granted=False, purposes=["EXPERIMENTS"]))
    assert (await admin.ask(ASSIGNMENT, user="pro", key="buttons"))["reason"] == "NO_CONSENT"


async def test_the_first_exposure_is_kept_whatever_changes_after_it(admin: Graph, room: RestRoom) -> None:
    experiment = await started(admin, coverage=0.5)
    names = await people(room, PEOPLE)
    before = {name: await expose(admin, name) for name in names}
    inside = {name for name, has in before.items() if has["takesPart"]}
    assert 0 < len(inside) < PEOPLE
    ramped = await admin.ask(RAMP, input={"experimentId": experiment, "coverage": 1.0})
    assert ramped["policy"]["version"] == "1.1"
    after = {name: await expose(admin, name) for name in names}
    for name in inside:
        kept = ("variation", "policyVersion", "exposedAt", "propensity")
        assert {k: after[name][k] for k in kept} == {k: before[name][k] for k in kept}
        assert after[name]["reason"] == "KEPT"
    assert all(has["takesPart"] for has in after.values())
    split = await admin.ask(RAMP, input={"experimentId": experiment, "weights": [0.1, 0.9]})
    assert split["policy"]["version"] == "2.0"
    anew = Counter([(await expose(admin, name))["variation"] for name in names])
    assert anew["green"] > anew["control"]


async def test_forcing_shows_a_variation_to_one_person_who_does_not_count(
    admin: Graph, room: RestRoom, worker: dict[str, Any]
) -> None:
    experiment = await started(admin, weights=[0.999, 0.001, 0.0], variations=[
        {"key": "control"}, {"key": "a"}, {"key": "b", "parameters": {"x": True}},
    ])  # fmt: skip
    await people(room, 3)
    for name in ("person0", "person1", "person2"):
        await expose(admin, name)
    await counted(worker)
    [live] = await results(admin, experiment)
    assert sum(live["phases"][0]["units"]) == 3
    forced = await admin.ask(FORCE, input={"experimentId": experiment, "userId": "person0", "variation": "b"})
    assert (forced["variation"], forced["reason"], forced["takesPart"]) == ("b", "FORCED", False)
    assert (await expose(admin, "person0"))["variation"] == "b"
    await counted(worker)
    [live] = await results(admin, experiment)
    assert sum(live["phases"][0]["units"]) == 2
    back = await admin.ask(FORCE, input={"experimentId": experiment, "userId": "person0"})
    assert back["reason"] == "HASHED"
    wrong = await admin.ask(FORCE, input={"experimentId": experiment, "userId": "person0", "variation": "c"})
    assert (wrong["code"], wrong["field"]) == ("VALIDATION", "variation")
    stranger = await admin.ask(FORCE, input={"experimentId": experiment, "userId": "nobody", "variation": "b"})
    assert stranger["code"] == "CONSENT_REQUIRED"


async def test_metrics_count_what_people_do_after_their_exposure(
    admin: Graph, room: RestRoom, worker: dict[str, Any]
) -> None:
    experiment = await started(admin)
    names = await people(room, PEOPLE)
    has: dict[str, str] = {}
    await convert(admin, names[0], "signup")
    for name in names:
        has[name] = (await expose(admin, name))["variation"]
    paid = {name: float(number % 7) for number, name in enumerate(names) if number % 3}
    for name, amount in paid.items():
        await convert(admin, name, "paid", amount)
    signed = [name for number, name in enumerate(names) if number % 2]
    for name in signed:
        await convert(admin, name, "signup")
    await counted(worker)
    [live] = await results(admin, experiment)
    arms = Counter(has.values())
    assert live["phases"][0]["units"] == [arms["control"], arms["green"]]
    told = {metric["key"]: {arm["variation"]: arm["value"] for arm in metric["arms"]} for metric in live["metrics"]}
    for key in ("control", "green"):
        inside = [name for name in names if has[name] == key]
        assert told["signup"][key] == pytest.approx(sum(name in signed for name in inside) / len(inside))
        assert told["spent"][key] == pytest.approx(sum(paid.get(name, 0.0) for name in inside) / len(inside))
        in_order = sorted(paid.get(name, 0.0) for name in inside)
        assert told["median_spent"][key] == in_order[ceil(len(in_order) / 2) - 1]
    [compared] = live["metrics"][0]["comparisons"]
    assert compared["difference"] == pytest.approx(told["signup"]["green"] - told["signup"]["control"])
    assert compared["sequential"]["low"] < compared["fixed"]["low"] < compared["fixed"]["high"]
    assert compared["holm"] >= compared["sequential"]["p"]
    assert live["decision"]["verdict"] == "NEEDS_MORE_DATA"


async def test_sums_kept_up_to_date_equal_sums_made_anew(admin: Graph, room: RestRoom, worker: dict[str, Any]) -> None:
    experiment = await started(admin)
    names = await people(room, 12)
    store = worker["parts"].services.outcomes._store
    for round_ in range(3):
        for number, name in enumerate(names):
            if (number + round_) % 2:
                await expose(admin, name)
                await convert(admin, name, "paid", 0.1 * number + round_)
        await counted(worker)
        test = await room.services.experiments.test(room.tenant, TestId(UUID(experiment)))
        assert await store.recomputed(test) == await store.cells(test) != []


async def test_whoever_is_deleted_leaves_the_sums_of_what_runs_and_marks_what_is_over(
    admin: Graph, room: RestRoom, worker: dict[str, Any]
) -> None:
    running, over = await started(admin), await started(admin, key="over")
    names = await people(room, 8)
    for name in names:
        await expose(admin, name)
        await expose(admin, name, "over")
        await convert(admin, name, "paid", 5.0)
    await counted(worker)
    await act(admin, "stop", over)
    await counted(worker)
    sync = "mutation S($input: SyncUsersInput!) { syncUsers(input: $input) { __typename } }"
    await admin.ask(sync, input={"users": [{"userId": names[0], "revision": 1, "deleted": True}]})
    await counted(worker)
    [live] = await results(admin, running)
    assert (sum(live["phases"][0]["units"]), live["erasedUnits"]) == (7, 0)
    [closed] = await results(admin, over, live=False)
    assert (sum(closed["phases"][0]["units"]), closed["erasedUnits"]) == (8, 1)


async def test_two_ids_that_become_one_keep_the_first_variation_and_are_flagged(
    admin: Graph, room: RestRoom, worker: dict[str, Any]
) -> None:
    experiment = await started(admin)
    names = await people(room, 40)
    has = {name: (await expose(admin, name))["variation"] for name in names}
    first = names[0]
    other = next(name for name in names[1:] if has[name] != has[first])
    await counted(worker)
    merge = """mutation M($input: MergeIdentityInput!) { mergeIdentity(input: $input) { __typename
      ... on Problem { message } } }"""
    merged = await admin.ask(merge, input={"userId": other, "anonymousId": first})
    assert merged["__typename"] == "IdentityMerged", merged
    assert (await expose(admin, other))["variation"] == has[first]
    await counted(worker)
    [live] = await results(admin, experiment)
    assert (sum(live["phases"][0]["units"]), live["phases"][0]["multiples"]) == (39, 1)
    assert live["decision"]["verdict"] == "HOLD"
    assert "more than one variation" in live["decision"]["reasons"][0]


async def test_an_hour_is_evaluated_once_and_a_stop_once_more(
    admin: Graph, room: RestRoom, worker: dict[str, Any]
) -> None:
    experiment = await started(admin)
    await people(room, 6)
    for number in range(6):
        await expose(admin, f"person{number}")
    await counted(worker)
    assert await results(admin, experiment, live=False, first=10) == []
    await act(admin, "stop", experiment)
    await counted(worker)
    await counted(worker)
    kept = await results(admin, experiment, live=False, first=10)
    assert len(kept) == 1
    assert sum(kept[0]["phases"][0]["units"]) == 6


async def test_every_hour_has_one_evaluation_and_a_missed_one_is_made_up_for(
    admin: Graph, room: RestRoom, worker: dict[str, Any]
) -> None:
    experiment = await started(admin)
    services, store = worker["parts"].services, worker["parts"].services.outcomes._store
    begun = services.clock.now()

    def at(hours: float) -> OutcomeService:
        return OutcomeService(
            store, services.experiments, services.publisher, FixedClock(begun + timedelta(hours=hours))
        )

    assert sum(await asyncio.gather(*(at(1.5).evaluate_due(room.tenant) for _ in range(4)))) == 1
    assert await at(1.5).evaluate_due(room.tenant) == 0
    # Nobody was there for five hours; the next to come evaluates the hour that has just begun, once.
    assert sum(await asyncio.gather(*(at(6.6).evaluate_due(room.tenant) for _ in range(4)))) == 1
    # The clock was ahead: what it did keeps no hour from its evaluation, and no hour has two.
    assert [await at(3.6).evaluate_due(room.tenant) for _ in range(2)] == [1, 0]
    assert [await at(hour).evaluate_due(room.tenant) for hour in (1.5, 6.6)] == [0, 0]
    kept = await results(admin, experiment, live=False, first=10)
    hours = [datetime.fromisoformat(one["evaluatedAt"]) for one in kept]
    assert all((hour.minute, hour.second) == (0, 0) for hour in hours)
    assert len(set(hours)) == 3

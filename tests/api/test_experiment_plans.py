"""Plans that mean nothing, who may do what, and how many people an experiment needs."""

from typing import Any

import pytest

from domain.ids import TenantId
from graphql_api.auth import Scope
from tests.api.experiment_room import (
    ASSIGNMENT,
    CONVERT,
    CREATE,
    PLAN,
    act,
    convert,
    counted,
    create,
    expose,
    judging,
    results,
    started,
)
from tests.api.graphql_room import CONSENT, OWN, Graph, caller, consent
from tests.api.rest_room import RestRoom

PEOPLE = 60


@pytest.fixture
async def admin(room: RestRoom) -> Graph:
    return caller(room.app, room.tenant, "operator", Scope)


async def people(room: RestRoom, count: int, prefix: str = "person") -> list[str]:
    names = [f"{prefix}{number}" for number in range(count)]
    for name in names:
        await room.agree(name)
    return names


def changing(parameters: dict[str, Any]) -> dict[str, Any]:
    return {"variations": [{"key": "a"}, {"key": "b", "parameters": parameters}]}


def deep(levels: int) -> dict[str, Any]:
    """An object within an object, and so on."""
    found: dict[str, Any] = {"x": 1}
    for _ in range(levels):
        found = {"x": found}
    return found


BAD: list[tuple[dict[str, Any], str]] = [
    ({"weights": [0.5, 0.4]}, "weights"),
    ({"weights": [0.5, 0.3, 0.2]}, "weights"),
    ({"variations": [{"key": "control"}]}, "variations"),
    ({"variations": [{"key": "a"}, {"key": "a"}]}, "variations"),
    (changing({"recommendations.diversty": 1}), "variations.1.parameters"),
    (changing({"recommendations.diversity": 2}), "variations.1.parameters"),
    (changing({"ui.density": "loose"}), "variations.1.parameters"),
    (changing({"generation.lenght": 2}), "variations.1.parameters"),
    ({"metrics": [{"key": "m", "kind": "MEAN", "source": {"events": ["template_usd"]}}]}, "metrics.0.source"),
    ({"metrics": [{"key": "m", "kind": "RATIO", "source": {"events": ["liked"]}}]}, "metrics.0"),
    ({"guardrails": [{"metric": "absent"}]}, "guardrails"),
    ({"condition": {"$what": 1}}, "condition.$what"),
    ({"condition": {"$or": [{"plan": {"$not": {"$inGroup": "pro"}}}]}}, "condition.$or.plan.$not.$inGroup"),
    ({"coverage": 1.5}, "coverage"),
    ({"exclusionGroup": {"name": "g", "start": 0.5, "end": 0.5}}, "exclusionGroup"),
    ({"key": "Not A Key"}, "key"),
    ({"name": "a\x00"}, "name"),
    ({"hypothesis": "a\x00"}, "hypothesis"),
    (changing({"x": "a\x00"}), "variations.1.parameters.x"),
    (changing({"x\x00": 1}), "variations.1.parameters"),
    (changing({"x": 2**53}), "variations.1.parameters.x"),
    (changing({"x": {}}), "variations.1.parameters"),
    (changing({"ui": {"density": "airy"}, "ui.density": "compact"}), "variations"),
    (changing(deep(900)), "variations.1.parameters" + ".x" * 37),
    ({"condition": {"x": "a\x00"}}, "condition.x"),
    ({"condition": deep(900)}, "condition" + ".x" * 32),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "field"), BAD, ids=[str(n) for n in range(len(BAD))])
async def test_a_plan_that_means_nothing_is_refused_and_nothing_is_written(
    admin: Graph, changes: dict[str, Any], field: str
) -> None:
    answer = await admin.ask(CREATE, input={**PLAN, **changes})
    assert (answer["__typename"], answer["field"]) == ("ValidationProblem", field), answer
    assert (await admin.ask("{ experiments { edges { node { key } } } }"))["edges"] == []


async def test_overlapping_ranges_of_a_group_and_unknown_goals_are_refused(admin: Graph, room: RestRoom) -> None:
    await started(admin, exclusionGroup={"name": "page", "start": 0.0, "end": 0.6})
    second = await create(admin, key="second", exclusionGroup={"name": "page", "start": 0.5, "end": 1.0})
    refused = await act(admin, "start", second)
    assert (refused["code"], refused["field"]) == ("CONFLICT", "exclusionGroup")
    third = await create(admin, key="third", exclusionGroup={"name": "page", "start": 0.6, "end": 1.0})
    assert (await act(admin, "start", third))["status"] == "RUNNING"
    for name in await people(room, PEOPLE):
        parts = [(await admin.ask(ASSIGNMENT, user=name, key=key))["takesPart"] for key in ("buttons", "third")]
        assert sum(parts) == 1
    wrong = await admin.ask(CONVERT, input={"userId": "person0", "goal": "unheard"})
    assert (wrong["code"], wrong["field"]) == ("VALIDATION", "goal")


async def test_only_operators_run_experiments_and_people_reach_their_own_assignment(
    room: RestRoom, admin: Graph
) -> None:
    experiment = await started(admin)
    await room.agree("anna")
    own = caller(room.app, room.tenant, "anna", OWN - {Scope.EXPERIMENTS_ADMIN})
    assert (await own.ask(CREATE, input={**PLAN, "key": "mine"}))["code"] == "FORBIDDEN"
    assert (await act(own, "stop", experiment))["code"] == "FORBIDDEN"
    assert await own.code("{ experiments { edges { node { key } } } }") == "FORBIDDEN"
    assert (await own.ask(ASSIGNMENT, user="anna", key="buttons"))["takesPart"]
    assert await own.ask(ASSIGNMENT, user="anna", key="absent") is None
    assert (await own.whole(ASSIGNMENT, user="bert", key="buttons"))["errors"][0]["extensions"]["code"] == "NOT_FOUND"
    elsewhere = caller(room.app, TenantId("another-tenant"), "operator", Scope)
    assert (await act(elsewhere, "stop", experiment))["code"] == "NOT_FOUND"


async def test_a_plan_says_how_many_people_are_needed(admin: Graph) -> None:
    ask = """query P($input: PlanExperimentInput!) {
      planExperiment(input: $input) { fixed sequential fixedDays sequentialDays } }"""
    rate = await admin.ask(ask, input={"mean": 0.1, "effect": 0.1, "peopleADay": 1000.0})
    # 2 (1.96 sqrt(2 p q) + 0.84 sqrt(...))^2 / 0.01^2, by hand: 14,751 in each arm.
    assert 29_400 <= rate["fixed"] <= 29_600
    assert rate["sequential"] > rate["fixed"]
    assert rate["fixedDays"] == pytest.approx(rate["fixed"] / 1000)
    mean = await admin.ask(ask, input={"mean": 10.0, "deviation": 20.0, "effect": 0.05})
    assert mean["fixed"] == pytest.approx(2 * 2 * (1.959964 + 0.841621) ** 2 * 400 / 0.25, rel=1e-3)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"mean": 0}, "mean"),
        ({"mean": 1e-320}, "mean"),
        ({"effect": 1e-4}, "effect"),
        ({"effect": 1e300, "deviation": 1}, "effect"),
        ({"deviation": 1e300}, "deviation"),
        ({"deviation": 1e-320}, "deviation"),
        ({"alpha": 1e-300}, "alpha"),
        ({"power": 1.0 - 1e-16}, "power"),
        ({"peopleADay": 1e-320}, "peopleADay"),
        ({"tightestAt": 0}, "tightestAt"),
        ({"tightestAt": -1e300}, "tightestAt"),
        ({"variations": 21}, "variations"),
    ],
)
async def test_a_forecast_of_what_nobody_could_measure_is_refused(
    admin: Graph, changes: dict[str, Any], field: str
) -> None:
    ask = "query P($input: PlanExperimentInput!) { planExperiment(input: $input) { fixed sequential sequentialDays } }"
    [error] = (await admin.whole(ask, input={"mean": 0.1, "effect": 0.1, **changes}))["errors"]
    assert (error["extensions"]["code"], error["extensions"]["field"]) == ("VALIDATION", field)


async def test_no_figure_is_told_of_fewer_than_five_people(admin: Graph, room: RestRoom) -> None:
    experiment, inside = await started(admin), 0
    async with judging(room) as worker:
        for name in await people(room, PEOPLE):
            if (await expose(admin, name))["variation"] == "green":
                inside += 1
                await convert(admin, name, "paid", 7.0)
                await counted(worker)
                [live] = await results(admin, experiment)
                told = {metric["key"]: metric["arms"][1] for metric in live["metrics"]}
                for key in ("spent", "median_spent"):
                    assert (told[key]["units"], told[key]["value"]) == (inside, None if inside < 5 else 7.0)
            if inside == 5:
                break
    assert inside == 5


async def test_what_somebody_does_after_withdrawing_from_experiments_counts_no_more(
    admin: Graph, room: RestRoom
) -> None:
    experiment = await started(admin)
    async with judging(room) as worker:
        for name in await people(room, 30):
            await expose(admin, name)
            await convert(admin, name, "paid", 10.0)
        await counted(worker)
        before = (await results(admin, experiment))[0]["metrics"][1]
        assert [arm["value"] for arm in before["arms"]] == [10.0, 10.0]
        for number in range(30):
            given = consent(f"person{number}", granted=False, purposes=["EXPERIMENTS"])
            assert (await admin.ask(CONSENT, input=given))["__typename"] == "PrivacySettings"
            await convert(admin, f"person{number}", "paid", 500.0)
        await counted(worker)
        assert (await results(admin, experiment))[0]["metrics"][1] == before

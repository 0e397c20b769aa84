"""Sums of experiments: kept up to date in any order they equal sums made at once, and results follow from them."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any, Final
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.experiments.metrics import Metric
from domain.experiments.model import Policy, Status, Test, TestId
from domain.experiments.plan import Allocation, AllocationPolicy, ExperimentPlan
from domain.ids import TenantId
from domain.outcomes.cells import NUMBERS, Cell, Place, Unit, arm_of, changed, merged, sums_of
from domain.outcomes.evaluating import evaluate
from domain.outcomes.inputs import Inputs
from domain.outcomes.proposing import split_value
from domain.outcomes.reallocation import reallocated

METRICS = 2
BEGUN = datetime(2026, 3, 1, tzinfo=UTC)
PLAN = ExperimentPlan.model_validate(
    {
        "key": "buttons",
        "variations": [{"key": "control"}, {"key": "green"}, {"key": "blue"}],
        "metrics": [
            {"key": "spent", "kind": "mean", "source": {"goals": ["paid"], "measure": "sum"}},
            {"key": "rate", "kind": "ratio", "source": {"goals": ["paid"]}, "per": {"goals": ["seen"]}},
        ],
        "guardrails": [{"metric": "rate", "margin": 0.05}],
        "analysis": {"minimumDays": 0.0},
    }
)

number = st.integers(-(10**15), 10**15)
numbers = st.one_of(st.just(()), st.tuples(*[number] * 4 * METRICS))
places = st.builds(Place, st.integers(1, 2), st.sampled_from(["1.0", "1.1", "2.0"]), st.integers(0, 2))
units = st.builds(Unit, places, numbers, st.booleans())


def at_once(found: Sequence[Unit]) -> dict[Place, Cell]:
    cells: dict[Place, Cell] = {}
    for place in {unit.place for unit in found}:
        here = [unit for unit in found if unit.place == place]
        sums = [sums_of(unit.counted, METRICS) for unit in here]
        totals = tuple(map(sum, zip(*sums, strict=True)))
        cells[place] = Cell(place, len(here), sum(unit.multiple for unit in here), totals)
    return cells


@given(st.lists(units, max_size=12), st.lists(st.tuples(st.integers(0, 11), numbers), max_size=12))
def test_sums_kept_up_to_date_equal_sums_made_at_once(
    begun: list[Unit], changes: list[tuple[int, tuple[int, ...]]]
) -> None:
    cells: dict[Place, Cell] = {}
    now: list[Unit] = []
    for unit in begun:
        cells |= changed(cells, [], [unit], METRICS)
        now.append(unit)
    for place, counted in changes:
        if place < len(now):
            later = Unit(now[place].place, counted, now[place].multiple)
            cells |= changed(cells, [now[place]], [later], METRICS)
            now[place] = later
    assert cells == at_once(now)


@given(st.lists(units, max_size=12))
def test_whoever_leaves_is_as_if_they_had_never_come(people: list[Unit]) -> None:
    cells = changed({}, [], people, METRICS)
    left = changed(cells, people, [], METRICS)
    assert all(cell.units == 0 and cell.multiples == 0 and not any(cell.sums) for cell in left.values())


@given(st.lists(st.tuples(*[st.integers(0, 10**9)] * 4 * METRICS), min_size=2, max_size=30))
def test_an_arm_has_the_moments_of_its_units(values: list[tuple[int, ...]]) -> None:
    place = Place(1, "1.0", 0)
    cells = changed({}, [], [Unit(place, one) for one in values], METRICS)
    cell = merged(list(cells.values()), METRICS)
    assert cell is not None
    arm = arm_of(cell, 0)
    spent = [one[0] / 1e6 for one in values]
    assert arm.n == len(values)
    assert abs(arm.mean("y") - sum(spent) / len(spent)) <= 1e-9 * max(1.0, sum(spent))


@given(
    st.lists(st.tuples(*[st.integers(-(10**7), 10**7)] * 4), min_size=2, max_size=30),
    st.integers(-(10**15), 10**15),
)
def test_variances_are_exact_however_far_from_nothing(values: list[tuple[int, ...]], origin: int) -> None:
    place = Place(1, "1.0", 0)
    told = [Unit(place, tuple(origin + number for number in one)) for one in values]
    [cell] = changed({}, [], told, 1).values()
    arm = arm_of(cell, 0)
    mean = [Fraction(sum(column), len(values)) for column in zip(*values, strict=True)]
    for one, other in ((0, 0), (1, 1), (0, 1), (0, 2), (2, 3)):
        products = sum((each[one] - mean[one]) * (each[other] - mean[other]) for each in values)
        expected = float(products / (len(values) - 1) / 10**12)
        assert arm.covariance(NUMBERS[one], NUMBERS[other]) == pytest.approx(expected, rel=1e-12, abs=1e-300)


FAR: Final = 10**15
"""A billion, in millionths."""


def spent_by(people: int, more: int) -> Iterator[Unit]:
    """A bell of amounts about a billion, for each arm."""
    for arm in range(3):
        for person in range(people):
            yield Unit(Place(1, "1.0", arm), (FAR + arm * more + (person % 11) * 10**6, 0, 0, 0, 0, 10**6, 0, 0))


def test_a_difference_far_from_nothing_is_as_sure_as_one_close_to_it() -> None:
    far = list(changed({}, [], spent_by(400, 10**6), METRICS).values())
    near = [replace(unit, counted=(unit.counted[0] - FAR, *unit.counted[1:])) for unit in spent_by(400, 10**6)]
    weights = {"1.0": [1 / 3, 1 / 3, 1 / 3]}
    told = [
        evaluate(Inputs(PLAN, BEGUN, BEGUN + timedelta(days=9), weights, cells))["metrics"][0]["comparisons"][0]
        for cells in (far, list(changed({}, [], near, METRICS).values()))
    ]
    for name in ("difference", "standardError", "fixed", "sequential"):
        assert told[0][name] == pytest.approx(told[1][name], rel=1e-6)
    assert told[0]["fixed"]["p"] < 1e-4


@pytest.mark.parametrize(("sizes", "alarm"), [((1000, 1160, 1000), False), ((1000, 1350, 1000), True)])
def test_sizes_that_are_looked_at_every_hour_raise_an_alarm_at_any_look(
    sizes: tuple[int, int, int], alarm: bool
) -> None:
    """The first have p = 0.0003 in a single look: one in seventy fair experiments falls below 0.001 in a hundred."""
    cells = [Cell(Place(1, "1.0", arm), units, 0, (0,) * 28) for arm, units in enumerate(sizes)]
    weights = {"1.0": [1 / 3, 1 / 3, 1 / 3]}
    [phase] = evaluate(Inputs(PLAN, BEGUN, BEGUN + timedelta(days=9), weights, cells))["phases"]
    assert phase["sampleRatio"]["p"] < 0.001
    assert (phase["sampleRatio"]["alarm"], bool(phase["alarms"])) == (alarm, alarm)


def test_a_bandit_sees_what_differs_far_from_nothing() -> None:
    bandit = PLAN.model_copy(update={"allocation": Allocation(policy=AllocationPolicy.THOMPSON), "guardrails": ()})
    policy = Policy(1, 0, "seed", (1 / 3, 1 / 3, 1 / 3), 1.0, BEGUN)
    test = Test(TenantId("t"), TestId(uuid4()), Status.RUNNING, bandit, BEGUN, policy, BEGUN)
    found = reallocated(test, list(changed({}, [], spent_by(400, 10**6), METRICS).values()), BEGUN)
    assert found is not None
    assert found.weights[2] > 0.8
    weights = {"1.0": [1 / 3, 1 / 3, 1 / 3]}
    cells = list(changed({}, [], spent_by(400, 10**6), METRICS).values())
    value = split_value(Inputs(bandit, BEGUN, BEGUN + timedelta(days=9), weights, cells), [0.0, 0.0, 1.0])
    assert value.dr_interval.high - value.dr_interval.low == pytest.approx(2 * 1.96 * 3.17 / 400**0.5, rel=0.05)


def inputs_of(people: Sequence[tuple[int, int, int]]) -> Inputs:
    """Arm, spent and bought of each person."""
    told = [Unit(Place(1, "1.0", arm), (spent, 0, 0, 0, bought, 10**6, 0, 0)) for arm, spent, bought in people]
    cells = changed({}, [], told, METRICS)
    weights = {"1.0": [1 / 3, 1 / 3, 1 / 3]}
    return Inputs(PLAN, BEGUN, BEGUN + timedelta(days=9), weights, sorted(cells.values(), key=lambda c: c.place))


person = st.tuples(st.integers(0, 2), st.integers(0, 10**9), st.integers(0, 10**8))


@given(st.lists(person, max_size=60))
def test_a_result_follows_from_its_kept_inputs_again(people: list[tuple[int, int, int]]) -> None:
    inputs = inputs_of(people)
    result: dict[str, Any] = evaluate(inputs)
    assert evaluate(Inputs.from_json(inputs.to_json())) == result
    assert result["units"] == [sum(arm == place for arm, _, _ in people) for place in range(3)]
    for metric in result["metrics"]:
        for arm in metric["arms"]:
            assert (arm["value"] is None) == (arm["units"] < 5)


@given(st.lists(person, min_size=30, max_size=60))
def test_sequential_intervals_hold_the_fixed_ones_and_agree_with_their_p(people: list[tuple[int, int, int]]) -> None:
    for metric in evaluate(inputs_of(people))["metrics"]:
        for one in metric["comparisons"]:
            if one is not None:
                assert one["sequential"]["low"] <= one["fixed"]["low"] <= one["fixed"]["high"]
                outside = one["sequential"]["low"] > 0 or one["sequential"]["high"] < 0
                assert outside == (one["sequential"]["p"] < 0.05)
                assert 0 <= one["bayesian"]["chanceToWin"] <= 1


def test_a_bandit_is_judged_within_its_splits() -> None:
    """The rates of both arms double at noon, when one of them is shown more; plain means would call it better."""
    plan = PLAN.model_copy(
        update={
            "variations": PLAN.variations[:2],
            "metrics": (Metric.model_validate({"key": "did", "kind": "proportion", "source": {"goals": ["paid"]}}),),
            "guardrails": (),
            "allocation": Allocation(policy=AllocationPolicy.THOMPSON),
        }
    )
    shown = [("1.0", 0, 500, 50), ("1.0", 1, 500, 50), ("1.1", 0, 100, 20), ("1.1", 1, 900, 180)]
    cells = [
        Cell(Place(1, version, arm), n, 0, (did * 10**6, 0, 0, 0, did * 10**12, *[0] * 9))
        for version, arm, n, did in shown
    ]
    weights = {"1.0": [0.5, 0.5], "1.1": [0.1, 0.9]}
    judged = evaluate(Inputs(plan, BEGUN, BEGUN + timedelta(days=9), weights, cells))
    [one] = judged["metrics"][0]["comparisons"]
    assert abs(one["difference"]) < 1e-12
    assert (one["fixed"]["p"], judged["adaptive"]) == (1.0, True)
    fixed = evaluate(Inputs(plan.model_copy(update={"allocation": Allocation()}), BEGUN, BEGUN, weights, cells))
    assert fixed["metrics"][0]["comparisons"][0]["difference"] > 0.04

"""From sums to results where a naive formula goes wrong: CUPED, a control that has nothing, arms that are out."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from domain.experiments.plan import ExperimentPlan
from domain.outcomes.cells import Counted, Place, Unit, changed
from domain.outcomes.evaluating import evaluate
from domain.outcomes.inputs import Inputs

BEGUN = datetime(2026, 3, 1, tzinfo=UTC)
ONE = 10**6
EQUAL = {"1.0": [0.5, 0.5]}


def metric(key: str, kind: str = "mean", **changes: Any) -> dict[str, Any]:
    return {"key": key, "kind": kind, "source": {"goals": [key]}, **changes}


def plan(*metrics: Mapping[str, Any], variations: int = 2, **changes: Any) -> ExperimentPlan:
    keys = ["control", "green", "blue"][:variations]
    written = {"key": "buttons", "variations": [{"key": key} for key in keys], "metrics": metrics}
    return ExperimentPlan.model_validate({"analysis": {"minimumDays": 0.0}, **written, **changes})


def judged(
    given: ExperimentPlan, arms: Sequence[Sequence[Counted]], weights: Mapping[str, Sequence[float]] = EQUAL
) -> dict[str, Any]:
    """The result of units, arm by arm; each has four numbers for each metric."""
    told = [Unit(Place(1, "1.0", arm), counted) for arm, people in enumerate(arms) for counted in people]
    cells = list(changed({}, [], told, len(given.metrics)).values())
    return evaluate(Inputs(given, BEGUN, BEGUN + timedelta(days=9), weights, cells))


def spent(*values: int, times: int = 50) -> list[Counted]:
    """People who spent these amounts, some of each."""
    return [(value * ONE, 0, 0, 0) for value in values] * times


def test_a_lift_is_a_share_of_the_control_and_not_of_what_cuped_leaves_of_it() -> None:
    def people(lift: float) -> list[Counted]:
        before = [80, 90, 100, 110, 120] * 100
        return [(round((x + lift + place % 3) * ONE), 0, x * ONE, 0) for place, x in enumerate(before)]

    result = judged(plan(metric("spent")), [people(0.0), people(5.0)])
    [compared] = result["metrics"][0]["comparisons"]
    control = result["metrics"][0]["arms"][0]["value"]
    assert compared["theta"] == pytest.approx(1.0, abs=0.01)
    assert compared["lift"] == pytest.approx(compared["difference"] / control)
    assert compared["relative"]["low"] < compared["lift"] < compared["relative"]["high"] < 0.06
    assert result["stillNeeded"]["fixed"] == 0.0


@pytest.mark.parametrize("better", ["more", "less"])
def test_an_arm_in_which_everybody_is_alike_has_a_chance_to_win(better: str) -> None:
    [compared] = judged(plan(metric("spent", better=better)), [spent(0, 0), spent(0, 3)])["metrics"][0]["comparisons"]
    believed = compared["bayesian"]
    assert (believed["chanceToWin"] > 0.999) == (better == "more")
    assert 0.0 <= believed["chanceToWin"] <= 1.0
    assert believed["expectedLoss"] == pytest.approx(0.0 if better == "more" else compared["difference"], abs=1e-9)


def test_equal_figures_are_not_proof_that_nothing_is_to_be_found() -> None:
    did: list[Counted] = [(ONE, 0, 0, 0)] * 20 + [()] * 1980
    assert judged(plan(metric("did", "proportion")), [did, did])["decision"]["verdict"] == "needs_more_data"


def test_a_guardrail_of_which_the_control_has_nothing_is_broken_by_anything() -> None:
    rails = plan(
        metric("spent"),
        metric("crashed", "proportion", better="less"),
        guardrails=[{"metric": "crashed", "margin": 0.1}],
    )
    control = [(*one, 0, 0, 0, 0) for one in spent(1, 2, times=200)]
    crashing = [(*one, ONE * (place % 4 == 0), 0, 0, 0) for place, one in enumerate(spent(1, 2, times=200))]
    decision = judged(rails, [control, crashing])["decision"]
    assert (decision["verdict"], decision["reasons"]) == ("stop", ["green breaks crashed"])


def test_more_is_better_where_the_control_loses_money() -> None:
    """The control loses four, and a variation that loses two, or six, is not held against the sign of that."""
    given = plan(metric("profit"), guardrails=[{"metric": "profit", "margin": 0.1}])
    worse = judged(given, [spent(-5, -3, times=500), spent(-7, -5, times=500)])
    assert worse["decision"]["reasons"] == ["green breaks profit"]
    three = plan(metric("profit"), variations=3)
    arms = [spent(-5, -3, times=500), spent(-4, -2, times=500), spent(-3, -1, times=500)]
    decision = judged(three, arms, {"1.0": [1 / 3] * 3})["decision"]
    assert (decision["verdict"], decision["variation"]) == ("ship", "blue")


def test_of_variations_that_beat_nothing_the_best_is_shipped() -> None:
    arms = [spent(0, 0, times=500), spent(0, 2, times=500), spent(2, 4, times=500)]
    decision = judged(plan(metric("spent"), variations=3), arms, {"1.0": [1 / 3] * 3})["decision"]
    assert (decision["verdict"], decision["variation"]) == ("ship", "blue")


@pytest.mark.parametrize("allocation", ["fixed", "thompson"])
def test_a_variation_that_has_lost_its_share_is_waited_for_no_more(allocation: str) -> None:
    given = plan(
        metric("spent"),
        variations=3,
        allocation={"policy": allocation},
        analysis={"minimumDays": 0.0, "inference": "fixed", "effect": 0.5},
    )
    arms = [spent(2, 4, times=500), spent(1, 3, times=500), []]
    result = judged(given, arms, {"1.0": [0.5, 0.5, 0.0]})
    assert result["stillNeeded"]["fixed"] == 0.0
    assert result["decision"]["verdict"] == "stop"
    green, blue = result["metrics"][0]["comparisons"]
    assert ("within each split" in green["method"]) == (allocation == "thompson")
    assert blue is None


def test_what_is_still_needed_is_of_all_variations() -> None:
    two = judged(plan(metric("spent")), [spent(0, 9), spent(0, 9)])["stillNeeded"]["fixed"]
    few = plan(metric("spent"), variations=3, analysis={"minimumDays": 0.0, "alpha": 0.1})
    three = judged(few, [spent(0, 9)] * 3, {"1.0": [1 / 3] * 3})["stillNeeded"]["fixed"]
    assert three == pytest.approx(1.5 * two)


def test_of_people_who_are_all_alike_nothing_is_said() -> None:
    did: list[Counted] = [(ONE, 0, 0, 0)] * 6
    result = judged(plan(metric("did", "proportion")), [did, did])
    assert result["stillNeeded"] == {"fixed": None, "sequential": None}

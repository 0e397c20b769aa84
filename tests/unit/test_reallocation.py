"""Bandits that look at segments: each segment has its own split, with a floor for every variation."""

from dataclasses import replace
from datetime import UTC, datetime
from uuid import uuid4

import pytest

from domain.experiments.model import NO_CONTEXT, Policy, Status, Test, TestId
from domain.experiments.plan import ExperimentPlan
from domain.exposures.choosing import choose
from domain.exposures.model import Known, Reason
from domain.ids import TenantId, UserId
from domain.outcomes.cells import Cell, Place, Unit, changed
from domain.outcomes.inputs import Inputs
from domain.outcomes.reallocation import reallocated

AT = datetime(2026, 3, 1, tzinfo=UTC)
RATES = {(0, 0): 0.1, (1, 0): 0.5, (0, 1): 0.5, (1, 1): 0.1, (0, NO_CONTEXT): 0.2, (1, NO_CONTEXT): 0.2}
"""(variation, segment) -> how many of them did it: what pleases one segment displeases the other."""


def running(policy: str) -> Test:
    plan = ExperimentPlan.model_validate(
        {
            "key": "buttons",
            "variations": [{"key": "control"}, {"key": "green"}],
            "metrics": [{"key": "did", "kind": "proportion", "source": {"goals": ["paid"]}}],
            "allocation": {"policy": policy, "floor": 0.1},
        }
    )
    begun = Policy(1, 0, "seed", (0.5, 0.5), 1.0, AT)
    return Test(TenantId("t"), TestId(uuid4()), Status.RUNNING, plan, AT, begun, AT)


def cells(people: int) -> list[Cell]:
    told: list[Unit] = []
    for (arm, segment), rate in RATES.items():
        place = Place(1, "1.0", arm, segment)
        done = round(people * rate)
        told += [Unit(place, (10**6, 0, 0, 0))] * done + [Unit(place, ())] * (people - done)
    return list(changed({}, [], told, 1).values())


@pytest.mark.parametrize("policy", ["linucb", "inverse_gap"])
def test_each_segment_gets_more_of_what_pleases_it(policy: str) -> None:
    test = running(policy)
    found = reallocated(test, cells(400), AT)
    assert found is not None
    assert found.version == "1.1"
    assert found.by_context[0][1] > 0.7 > 0.3 > found.by_context[1][1]
    for split in (found.weights, *found.by_context.values()):
        assert sum(split) == pytest.approx(1.0)
        assert min(split) >= 0.1 - 1e-9
    assert reallocated(test, cells(20), AT) is None


def test_people_are_assigned_by_the_split_of_their_segment_and_its_propensity_is_kept() -> None:
    test = running("linucb")
    policy = reallocated(test, cells(400), AT)
    assert policy is not None
    test = replace(test, policy=policy)
    shown = dict.fromkeys((0, 1), 0)
    for segment in shown:
        for number in range(300):
            has = choose(test, UserId(f"user{number}"), Known(traits={"segment": segment}))
            assert (has.reason, has.context) == (Reason.HASHED, segment)
            assert has.propensity == pytest.approx(policy.by_context[segment][has.variation])
            shown[segment] += has.variation
    assert shown[0] > 240 > 60 > shown[1]
    stranger = choose(test, UserId("nobody"), Known())
    assert stranger.propensity == pytest.approx(policy.weights[stranger.variation])


def test_sizes_are_held_against_the_split_of_each_segment() -> None:
    found = reallocated(running("linucb"), cells(400), AT)
    assert found is not None
    later = [Cell(Place(1, "1.1", arm, segment), 100, 0, (0,) * 14) for arm in (0, 1) for segment in (0, 1)]
    weights, contexts = {"1.0": (0.5, 0.5), "1.1": found.weights}, {"1.1": found.by_context}
    inputs = Inputs(running("linucb").plan, AT, AT, weights, later, contexts=contexts)
    assert inputs.expected(1) == pytest.approx([400 * 0.5, 400 * 0.5])
    assert Inputs.from_json(inputs.to_json()).expected(1) == inputs.expected(1)


@pytest.mark.parametrize("policy", ["thompson", "ucb1"])
def test_an_arm_that_was_shown_more_in_a_good_hour_is_not_the_better_one(policy: str) -> None:
    """The rates of both arms double at noon, when one of them is shown more."""
    test = running(policy)
    shown = [("1.0", 0, 500, 50), ("1.0", 1, 500, 50), ("1.1", 0, 100, 20), ("1.1", 1, 900, 180)]
    told = [Cell(Place(1, v, arm), n, 0, (did * 10**6, 0, 0, 0, did * 10**12, *[0] * 9)) for v, arm, n, did in shown]
    found = reallocated(test, told, AT)
    assert found is not None
    if policy == "thompson":
        assert found.weights == pytest.approx([0.5, 0.5], abs=0.02)
    else:
        # Both means are alike; the one that fewer have seen is the less certain, and so has the higher index.
        assert found.weights == pytest.approx([0.9, 0.1])

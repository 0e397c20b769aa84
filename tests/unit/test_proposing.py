"""What another split would have earned: equal to the estimators over units, and silent where the log cannot know."""

from datetime import UTC, datetime

import numpy as np
import pytest

from domain.errors import ValidationFailed
from domain.experiments.bandits import policy_value
from domain.experiments.plan import ExperimentPlan
from domain.outcomes.cells import Cell, Place, Unit, changed
from domain.outcomes.inputs import Inputs
from domain.outcomes.proposing import split_value

PLAN = ExperimentPlan.model_validate(
    {
        "key": "buttons",
        "variations": [{"key": "control"}, {"key": "green"}, {"key": "blue"}],
        "metrics": [{"key": "spent", "kind": "mean", "source": {"goals": ["paid"]}}],
    }
)
WEIGHTS = {"1.0": [0.5, 0.5, 0.0], "1.1": [0.2, 0.8, 0.0]}
AT = datetime(2026, 3, 1, tzinfo=UTC)


def logged(units: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, list[Cell]]:
    """Arms, rewards and propensities of units under two policies, and the cells of the same units."""
    chance = np.random.default_rng(1)
    versions = chance.choice(["1.0", "1.1"], size=units)
    arms = np.array([chance.choice(2, p=WEIGHTS[version][:2]) for version in versions])
    rewards = np.round(chance.normal(1.0 + arms, 0.5), 6)
    propensities = np.array([WEIGHTS[version][arm] for version, arm in zip(versions, arms, strict=True)])
    told = [
        Unit(Place(1, str(version), int(arm)), (round(reward * 1e6), 0, 0, 0))
        for version, arm, reward in zip(versions, arms, rewards, strict=True)
    ]
    return arms, rewards, propensities, list(changed({}, [], told, 1).values())


def test_it_equals_the_estimators_over_units() -> None:
    arms, rewards, propensities, cells = logged(2000)
    split = [0.1, 0.9, 0.0]
    found = split_value(Inputs(PLAN, AT, AT, WEIGHTS, cells), split)
    means = np.array([rewards[arms == arm].mean() for arm in range(2)])
    model, policy = np.tile(means, (2000, 1)), np.tile(split[:2], (2000, 1))
    expected = policy_value(arms, rewards, propensities, policy, model)
    assert found.units == 2000
    for name in ("ips", "snips", "dm", "dr"):
        assert getattr(found, name) == pytest.approx(getattr(expected, name))
    assert found.effective == pytest.approx(expected.ess)
    half = (found.ips_interval.high - found.ips_interval.low) / 2
    assert half == pytest.approx(1.959964 * expected.ips_se, rel=1e-3)
    assert found.dr_interval.low < 0.1 * 1 + 0.9 * 2 < found.dr_interval.high


@pytest.mark.parametrize(
    ("split", "units"), [([0.5, 0.4, 0.0], 500), ([0.5, 0.5], 500), ([0.0, 0.5, 0.5], 500), ([0.5, 0.5, 0.0], 60)]
)
def test_it_is_silent_where_the_log_cannot_know(split: list[float], units: int) -> None:
    cells = logged(units)[3]
    with pytest.raises(ValidationFailed):
        split_value(Inputs(PLAN, AT, AT, WEIGHTS, cells), split)


def test_shares_that_are_nearly_everything_count_as_everything() -> None:
    inputs = Inputs(PLAN, AT, AT, WEIGHTS, logged(500)[3])
    assert split_value(inputs, [0.4975, 0.4975, 0.0]) == split_value(inputs, [0.5, 0.5, 0.0])

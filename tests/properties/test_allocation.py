"""What a bandit's split promises, whatever its arms earned."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from domain.errors import ValidationFailed
from domain.experiments.allocation import LEAST_EXPOSURES, ArmOutcome, reallocate

policies = st.sampled_from(["thompson", "ucb1"])
floors = st.floats(0.0, 0.3)
rates = st.tuples(st.integers(LEAST_EXPOSURES, 100_000), st.floats(0.0, 1.0)).map(
    lambda r: done(r[0], int(r[0] * r[1]))
)


def done(exposures: int, units: int) -> ArmOutcome:
    return ArmOutcome(exposures, float(units), float(units))


def earned(values: list[float]) -> ArmOutcome:
    return ArmOutcome(len(values), sum(values), sum(value**2 for value in values))


@settings(max_examples=60, deadline=None)
@given(policies, st.lists(rates, min_size=2, max_size=5), floors, st.booleans())
def test_a_split_is_whole_and_leaves_each_arm_its_floor(
    policy: str, arms: list[ArmOutcome], floor: float, less: bool
) -> None:
    split = reallocate(policy, arms, floor, rate=True, less=less)
    if split is None:
        assert len({arm.total / arm.exposures for arm in arms}) == 1
        return
    assert sum(split) == pytest.approx(1.0, abs=1e-12)
    assert min(split) >= min(floor, 1.0 / len(arms)) - 1e-12


@settings(max_examples=40, deadline=None)
@given(policies, st.lists(rates, min_size=2, max_size=4), floors)
def test_less_of_a_rate_is_more_of_its_opposite(policy: str, arms: list[ArmOutcome], floor: float) -> None:
    opposite = [done(arm.exposures, arm.exposures - int(arm.total)) for arm in arms]
    less = reallocate(policy, arms, floor, rate=True, less=True)
    assert less == pytest.approx(reallocate(policy, opposite, floor, rate=True), abs=1e-9)


@pytest.mark.parametrize("policy", ["thompson", "ucb1"])
@pytest.mark.parametrize("rate", [True, False])
def test_nothing_moves_before_every_arm_was_shown_enough(policy: str, rate: bool) -> None:
    arms = [done(10_000, 100), done(LEAST_EXPOSURES - 1, 50)]
    assert reallocate(policy, arms, 0.1, rate=rate) is None
    assert reallocate(policy, [arms[0], done(LEAST_EXPOSURES, 50)], 0.1, rate=rate) is not None


@pytest.mark.parametrize("rate", [True, False])
def test_nothing_moves_where_every_unit_earned_the_same(rate: bool) -> None:
    assert reallocate("thompson", [done(500, 500), done(900, 900)], 0.1, rate=rate) is None
    assert reallocate("ucb1", [done(500, 0), done(900, 0)], 0.1, rate=rate) is None


def test_thompson_gives_each_arm_its_chance_to_be_the_best() -> None:
    split = reallocate("thompson", [done(1000, 100), done(1000, 120)], 0.05, rate=True)
    drawn = np.random.default_rng(1)
    wins = (drawn.beta(121, 881, size=400_000) > drawn.beta(101, 901, size=400_000)).mean()
    assert split == pytest.approx((0.05 + 0.9 * (1 - wins), 0.05 + 0.9 * wins), abs=0.003)


def test_thompson_for_means_agrees_with_the_normal_distribution() -> None:
    rng = np.random.default_rng(3)
    one, other = (list(rng.normal(mean, 2.0, size=400)) for mean in (10.0, 10.1))
    split = reallocate("thompson", [earned(one), earned(other)], 0.0, rate=False)
    se = np.sqrt(np.var(one, ddof=1) / 400 + np.var(other, ddof=1) / 400)
    wins = stats.norm.cdf((np.mean(other) - np.mean(one)) / se)
    assert split == pytest.approx((1 - wins, wins), abs=1e-7)
    less = reallocate("thompson", [earned(one), earned(other)], 0.0, rate=False, less=True)
    assert less == pytest.approx((wins, 1 - wins), abs=1e-7)


def test_an_arm_whose_units_earned_alike_is_as_uncertain_as_all_together() -> None:
    split = reallocate("thompson", [earned([0.0] * 150), earned([0.0] * 148 + [5.0, 3.0])], 0.05, rate=False)
    assert split is not None
    assert 0.05 < split[0] < split[1] < 0.95


def test_ucb1_prefers_an_arm_that_is_good_or_little_known() -> None:
    assert reallocate("ucb1", [done(1000, 100), done(1000, 200)], 0.1, rate=True) == pytest.approx((0.1, 0.9))
    assert reallocate("ucb1", [done(100, 10), done(100_000, 11_000)], 0.1, rate=True) == pytest.approx((0.9, 0.1))
    assert reallocate("ucb1", [done(500, 50), done(500, 50)], 0.1, rate=True) == pytest.approx((0.5, 0.5))
    rich = [earned([9.0, 11.0] * 100), earned([19.0, 21.0] * 100)]
    assert reallocate("ucb1", rich, 0.1, rate=False) == pytest.approx((0.1, 0.9))


@pytest.mark.parametrize(
    ("policy", "arms", "floor"),
    [
        ("linucb", [done(200, 1), done(200, 2)], 0.1),
        ("thompson", [done(200, 1)], 0.1),
        ("thompson", [done(200, 1), done(200, 2)], 1.5),
        ("ucb1", [done(200, 1), done(200, 201)], 0.1),
        ("ucb1", [done(200, 1), ArmOutcome(200, -1.0, 1.0)], 0.1),
    ],
)
def test_what_is_no_split_is_refused(policy: str, arms: list[ArmOutcome], floor: float) -> None:
    with pytest.raises(ValidationFailed):
        reallocate(policy, arms, floor, rate=True)


def test_no_arm_has_less_than_no_exposure() -> None:
    with pytest.raises(ValidationFailed):
        ArmOutcome(-1, 0.0, 0.0)

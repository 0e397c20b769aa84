"""What a contextual bandit keeps of its arms, and how it splits traffic by context."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.errors import ValidationFailed
from domain.experiments.allocation import LEAST_EXPOSURES
from domain.experiments.contextual import LinearArm, split_by_context, upper_bounds

FEATURES = 3
rows = st.lists(
    st.tuples(*(st.integers(-9, 9) for _ in range(FEATURES)), st.integers(-99, 99)), min_size=1, max_size=30
)
policies = st.sampled_from(["linucb", "inverse_gap"])
HALVES = np.array([[1.0, 0.0], [1.0, 1.0]])


def arm(units: list[tuple[int, ...]]) -> LinearArm:
    table = np.array(units, dtype=np.float64)
    return LinearArm.of(table[:, :FEATURES], table[:, FEATURES])


def same(one: LinearArm, other: LinearArm) -> bool:
    parts = zip((one.gram, one.moment), (other.gram, other.moment), strict=True)
    return one.exposures == other.exposures and all(np.array_equal(a, b) for a, b in parts)


def learned(low: float, high: float, exposures: int = 4000) -> LinearArm:
    """An arm that earns `low` without the trait and `high` with it, half of the exposures each."""
    half = np.array([exposures // 2] * 2)
    return LinearArm.of(HALVES, half * np.array([low, high]), half)


@settings(deadline=None)
@given(rows, rows, rows)
def test_sums_of_an_arm_are_those_of_all_its_units_in_any_order(
    a: list[tuple[int, ...]], b: list[tuple[int, ...]], c: list[tuple[int, ...]]
) -> None:
    one, two, three = arm(a), arm(b), arm(c)
    assert same((one + two) + three, one + (two + three))
    assert same(one + two, two + one)
    assert same((one + two) + three, arm(a + b + c))


@settings(deadline=None)
@given(rows)
def test_equal_units_may_be_counted_instead_of_listed(units: list[tuple[int, ...]]) -> None:
    table = np.array(units, dtype=np.float64)
    counted = LinearArm.of(table[:, :FEATURES], 3 * table[:, FEATURES], np.full(len(units), 3))
    assert same(counted, arm(units * 3))


@settings(deadline=None)
@given(rows)
def test_the_expected_reward_is_the_ridge_regression_of_the_units(units: list[tuple[int, ...]]) -> None:
    table = np.array(units, dtype=np.float64)
    padded = np.vstack((table[:, :FEATURES], np.eye(FEATURES)))
    expected = np.linalg.lstsq(padded, np.append(table[:, FEATURES], np.zeros(FEATURES)), rcond=None)[0]
    assert arm(units).expected(np.eye(FEATURES))[0] == pytest.approx(expected, rel=1e-6, abs=1e-6)


@settings(deadline=None)
@given(policies, st.lists(st.tuples(*[st.floats(0, 1)] * 2), min_size=2, max_size=5), st.floats(0, 0.3), st.booleans())
def test_each_context_has_a_whole_split_that_leaves_each_arm_its_floor(
    policy: str, rates: list[tuple[float, float]], floor: float, less: bool
) -> None:
    split = split_by_context(policy, [learned(*pair) for pair in rates], HALVES, floor, less=less)
    assert split is not None
    assert split.sum(axis=1) == pytest.approx(np.ones(2), abs=1e-9)
    assert split.min() >= min(floor, 1.0 / len(rates)) - 1e-9


@pytest.mark.parametrize("policy", ["linucb", "inverse_gap"])
def test_each_context_gets_the_arm_that_is_good_for_it(policy: str) -> None:
    split = split_by_context(policy, [learned(0.5, 0.1), learned(0.1, 0.5)], HALVES, 0.05)
    assert split is not None
    assert list(split.argmax(axis=1)) == [0, 1]
    assert split.max(axis=1).min() > 0.9
    worse = split_by_context(policy, [learned(0.5, 0.1), learned(0.1, 0.5)], HALVES, 0.05, less=True)
    assert worse is not None
    assert list(worse.argmax(axis=1)) == [1, 0]


def test_a_context_that_an_arm_has_not_seen_is_tried() -> None:
    without = np.array([[1.0, 0.0]])
    blind = LinearArm.of(without, np.array([300.0]), np.array([1000]))
    bounds = upper_bounds([blind, learned(0.3, 0.3)], HALVES, 1.0, 1.0)
    assert bounds[1, 0] > bounds[1, 1]
    assert abs(bounds[0, 0] - bounds[0, 1]) < 0.1


def test_nothing_is_split_before_every_arm_was_shown_enough() -> None:
    few = learned(0.5, 0.1, exposures=LEAST_EXPOSURES - 2)
    assert split_by_context("linucb", [few, learned(0.1, 0.5)], HALVES, 0.05) is None


def test_equal_arms_share_alike() -> None:
    split = split_by_context("linucb", [learned(0.2, 0.3)] * 2, HALVES, 0.1)
    assert split is not None
    assert split == pytest.approx(np.full((2, 2), float(Fraction(1, 2))))


@pytest.mark.parametrize(
    ("policy", "arms", "contexts", "floor"),
    [
        ("thompson", 2, HALVES, 0.1),
        ("linucb", 1, HALVES, 0.1),
        ("linucb", 2, HALVES, -0.1),
        ("linucb", 2, np.ones((2, 3)), 0.1),
        ("linucb", 2, np.ones(2), 0.1),
    ],
)
def test_what_is_no_split_is_refused(policy: str, arms: int, contexts: np.ndarray, floor: float) -> None:
    with pytest.raises(ValidationFailed):
        split_by_context(policy, [learned(0.1, 0.2)] * arms, contexts, floor)


def test_sums_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValidationFailed):
        LinearArm(1, np.eye(2), np.ones(3))
    with pytest.raises(ValidationFailed):
        LinearArm(-1, np.eye(2), np.ones(2))

"""Means of arms whose split moved: by the traffic of all arms, whatever each was shown."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.errors import ValidationFailed
from domain.experiments.allocation import ArmOutcome
from domain.experiments.effects import Estimate, difference
from domain.experiments.moments import Moments
from domain.experiments.stratification import LEAST_IN_STRATUM, over_versions

outcomes = st.integers(LEAST_IN_STRATUM, 500).flatmap(lambda n: st.integers(0, n).map(lambda x: done(n, x)))
versions = st.lists(st.tuples(outcomes, outcomes), min_size=1, max_size=8)


def done(n: int, x: int) -> ArmOutcome:
    return ArmOutcome(n, float(x), float(x))


@settings(deadline=None)
@given(outcomes, outcomes)
def test_one_split_has_the_plain_means(one: ArmOutcome, other: ArmOutcome) -> None:
    for arm, found in zip((one, other), over_versions([[one, other]]), strict=True):
        plain = Moments(arm.exposures, arm.total, arm.squares)
        assert (found.mean, found.n) == (pytest.approx(plain.mean), plain.n)
        assert found.squared_error == pytest.approx(plain.variance / plain.n)


@settings(deadline=None)
@given(versions)
def test_a_mean_is_that_of_each_time_by_the_traffic_of_all(parts: list[tuple[ArmOutcome, ArmOutcome]]) -> None:
    found = over_versions(parts)
    traffic = np.array([sum(arm.exposures for arm in part) for part in parts], dtype=np.float64)
    for number, estimate in enumerate(found):
        means = [part[number].total / part[number].exposures for part in parts]
        assert estimate.mean == pytest.approx(float(np.average(means, weights=traffic)))
        assert estimate.n == sum(part[number].exposures for part in parts)


@settings(deadline=None)
@given(versions, st.integers(0, LEAST_IN_STRATUM - 1))
def test_a_time_with_too_little_goes_with_its_neighbour(parts: list[tuple[ArmOutcome, ArmOutcome]], few: int) -> None:
    small = (done(few, 0), done(LEAST_IN_STRATUM, 1))
    first = (parts[0][0] + small[0], parts[0][1] + small[1])
    assert over_versions([small, *parts]) == over_versions([first, *parts[1:]])
    last = (parts[-1][0] + small[0], parts[-1][1] + small[1])
    assert over_versions([*parts, small]) == over_versions([*parts[:-1], last])


def test_hours_that_earn_more_are_no_merit_of_the_arm_that_was_shown_in_them() -> None:
    # Both arms earn the same: 10 % at first and 20 % later, when nearly everybody sees the second.
    parts = [[done(5000, 500), done(5000, 500)], [done(1000, 200), done(9000, 1800)]]
    control, treatment = over_versions(parts)
    assert control.mean == pytest.approx(treatment.mean) == pytest.approx(0.15)
    low, high = difference(control, treatment, 0.05).ci
    assert low < 0 < high
    plain = [Moments(6000, 700.0, 700.0), Moments(14_000, 2300.0, 2300.0)]
    base, changed = (Estimate(one.mean, one.variance, one.n) for one in plain)
    assert difference(base, changed, 0.05).ci.low > 0.03


@pytest.mark.parametrize(
    "parts",
    [
        [],
        [[done(50, 1), done(50, 2)], [done(50, 1)]],
        [[done(500, 1), done(LEAST_IN_STRATUM - 1, 0)]],
        [[done(500, 1), done(9, 0)], [done(500, 1), done(10, 0)]],
    ],
)
def test_arms_that_cannot_be_compared_are_refused(parts: list[list[ArmOutcome]]) -> None:
    with pytest.raises(ValidationFailed):
        over_versions(parts)

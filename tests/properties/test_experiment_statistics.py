"""What the statistics of experiments promise, whatever the numbers."""

from itertools import pairwise
from math import sqrt

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import integrate, stats

from domain.experiments.adjustment import NONE_BEFORE, absolute, adjusted, covariance, linear, pooled_theta
from domain.experiments.bandits import inverse_gap_weights, policy_value, with_floor
from domain.experiments.bayesian import beta_posterior, chance_to_beat, expected_loss, probability_best
from domain.experiments.corrections import benjamini_hochberg, bonferroni, hochberg, holm
from domain.experiments.effects import Counts, Estimate, difference, fieller_lift, newcombe
from domain.experiments.group_sequential import boundaries
from domain.experiments.moments import Arm, Moments
from domain.experiments.planning import fixed_power, normal_power, units_needed
from domain.experiments.sample_ratio import sample_ratio
from domain.experiments.sequential import (
    always_valid_interval,
    always_valid_p,
    exact_one_sided_multiplier,
    multiplier,
    one_sided_multiplier,
)

chances = st.floats(1e-6, 1.0)
levels = st.sampled_from([0.01, 0.05, 0.1])
sizes = st.integers(50, 100_000)
samples = st.lists(st.floats(-50, 50).map(lambda x: round(x, 3)), min_size=5, max_size=30)


def moments(values: list[float]) -> Moments:
    array = np.asarray(values)
    return Moments(len(values), float(array.sum()), float(array @ array))


def arm(**values: list[float]) -> Arm:
    products = {f"{a}*{b}": float(np.dot(values[a], values[b])) for a in values for b in values if a < b}
    return Arm({name: moments(one) for name, one in values.items()}, products)


@settings(deadline=None)
@given(samples, samples)
def test_welch_from_sums_is_welch_from_values(one: list[float], other: list[float]) -> None:
    assume(np.ptp(one) > 0.1)
    assume(np.ptp(other) > 0.1)
    control, treatment = (Estimate(m.mean, m.variance, m.n) for m in (moments(one), moments(other)))
    expected = stats.ttest_ind(other, one, equal_var=False)
    got = difference(control, treatment, 0.05)
    assert (got.t, got.p) == pytest.approx((expected.statistic, expected.pvalue), rel=1e-6, abs=1e-9)
    assert got.ci == pytest.approx(tuple(expected.confidence_interval(0.95)), rel=1e-6, abs=1e-9)


@settings(deadline=None)
@given(st.floats(0.5, 50), st.floats(-50, 50), st.floats(0.01, 400), st.floats(0.01, 400), sizes, sizes, levels)
def test_the_lift_leaves_out_0_exactly_when_the_difference_does(
    base: float, changed: float, spread: float, also: float, n: int, m: int, alpha: float
) -> None:
    control, treatment = Estimate(base, spread, n), Estimate(changed, also, m)
    lift = fieller_lift(control, treatment, alpha)
    assume(lift is not None)
    assert lift is not None
    z = (changed - base) / sqrt(control.squared_error + treatment.squared_error)
    bound = stats.norm.ppf(1 - alpha / 2)
    assume(abs(abs(z) - bound) > 1e-6)
    assert (lift.low > 0 or lift.high < 0) == (abs(z) > bound)


@settings(deadline=None)
@given(st.integers(0, 500), st.integers(0, 500), st.integers(500, 900), st.integers(500, 900), levels)
def test_newcombe_holds_the_difference_and_stays_within_bounds(x: int, y: int, n: int, m: int, alpha: float) -> None:
    control, treatment = Counts(x, n), Counts(y, m)
    low, high = newcombe(control, treatment, alpha)
    assert -1 - 1e-9 <= low <= treatment.rate - control.rate + 1e-12
    assert treatment.rate - control.rate - 1e-12 <= high <= 1 + 1e-9


@settings(deadline=None)
@given(samples)
def test_adjusting_by_the_past_never_makes_a_pooled_variance_larger(past: list[float]) -> None:
    assume(np.ptp(past) > 0.1)
    rng = np.random.default_rng(len(past))
    y = [round(x + noise, 3) for x, noise in zip(past, rng.normal(size=len(past)), strict=True)]
    both = arm(y=y, x=past)
    theta = pooled_theta(both, both, "y", "x")
    plain, less = adjusted(both, "y", NONE_BEFORE, 0.0), adjusted(both, "y", "x", theta)
    assert less.estimate.variance <= plain.estimate.variance * (1 + 1e-9) + 1e-9


def test_a_linear_ratio_has_the_variance_of_the_formula() -> None:
    # Var(R) = (s2m - 2 R s_md + R^2 s2d) / dbar^2, worked out from units.
    m, d = [1.0, 0.0, 2.0, 3.0, 1.0], [2.0, 1.0, 3.0, 5.0, 4.0]
    ratio = linear(arm(m=m, d=d), "m/d")
    cov = np.cov(m, d)
    expected = (cov[0, 0] - 2 * (7 / 15) * cov[0, 1] + (7 / 15) ** 2 * cov[1, 1]) / 3.0**2
    assert ratio.value == pytest.approx(7 / 15)
    assert covariance(arm(m=m, d=d), ratio, ratio) == pytest.approx(expected)


@settings(deadline=None)
@given(st.floats(-5, 5), st.floats(0.01, 2), st.integers(2, 10**6), levels)
def test_the_always_valid_p_and_interval_agree_and_cost_more_than_one_look(
    est: float, se: float, n: int, alpha: float
) -> None:
    low, high = always_valid_interval(est, se, n, 5000, alpha)
    p = always_valid_p(est, se, n, 5000, alpha)
    assume(abs(p - alpha) > 1e-9)
    assert (low > 0 or high < 0) == (p < alpha)
    assert multiplier(n, 5000, alpha) > stats.norm.ppf(1 - alpha / 2)
    assert exact_one_sided_multiplier(n, 5000, alpha) < one_sided_multiplier(n, 5000, alpha)
    assert multiplier(5000, 5000, alpha) / sqrt(5000) <= multiplier(n, 5000, alpha) / sqrt(n) or n > 5000


def test_a_hundred_looks_at_nothing_find_something_no_more_often_than_promised() -> None:
    # 2,000 seeded A/A tests of 20 to 2,000 units an arm; a single look's interval finds something in a third of them.
    rng = np.random.default_rng(11)
    n = np.arange(20, 2001, 20)
    gains = rng.normal(size=(2000, 2, 100, 20)).sum(axis=3).cumsum(axis=2)
    z = (gains[:, 1] - gains[:, 0]) / np.sqrt(2.0 * n)
    bounds = np.array([multiplier(2 * count, 2000, 0.05) for count in n])
    assert (np.abs(z) > bounds).any(axis=1).mean() <= 0.055
    assert (np.abs(z) > 1.96).any(axis=1).mean() > 0.25


def test_planned_looks_agree_with_the_textbook() -> None:
    # Jennison and Turnbull, Group Sequential Methods (2000): error spending, five equal looks, two-sided 5 %.
    fifths = [0.2, 0.4, 0.6, 0.8, 1.0]
    assert boundaries(fifths, 0.05, "obf") == pytest.approx([4.877, 3.357, 2.680, 2.290, 2.031], abs=6e-4)
    assert boundaries(fifths, 0.05, "pocock") == pytest.approx([2.438, 2.427, 2.410, 2.397, 2.386], abs=6e-4)
    assert boundaries([1.0], 0.05, "pocock") == pytest.approx([1.95996398], abs=1e-7)


@settings(deadline=None)
@given(st.lists(chances, min_size=1, max_size=20))
def test_corrections_keep_the_order_and_their_ranks(p: list[float]) -> None:
    methods = [benjamini_hochberg(p), hochberg(p), holm(p), bonferroni(p)]
    for gentler, stricter in pairwise(methods):
        assert all(one <= other + 1e-12 for one, other in zip(gentler, stricter, strict=True))
    for method in methods:
        assert all(raw - 1e-12 <= one <= 1 for raw, one in zip(p, method, strict=True))
        assert all(method[i] <= method[j] for i in range(len(p)) for j in range(len(p)) if p[i] < p[j])
    assert benjamini_hochberg(p) == pytest.approx(list(stats.false_discovery_control(p)))


@settings(deadline=None)
@given(st.lists(st.integers(0, 10_000), min_size=2, max_size=5).filter(any))
def test_an_arm_of_weight_0_adds_no_degree_of_freedom(observed: list[int]) -> None:
    weights = [1.0] * len(observed)
    plain, padded = sample_ratio(observed, weights), sample_ratio([*observed, 0], [*weights, 0.0])
    assert (plain.chi2, plain.df, plain.p) == (padded.chi2, padded.df, padded.p)
    assert plain.p == pytest.approx(stats.chisquare(observed).pvalue, abs=1e-12)
    assert sample_ratio([*observed, 1], [*weights, 0.0]).alarm


def test_the_anytime_sample_ratio_is_rarely_wrong_over_many_looks() -> None:
    rng = np.random.default_rng(5)
    wrong = 0
    for _ in range(200):
        left = rng.binomial(1, 0.5, size=2000).cumsum()
        looks = range(20, 2001, 60)
        wrong += any(
            sample_ratio([int(left[n - 1]), n - int(left[n - 1])], [1, 1]).always_valid_p < 0.05 for n in looks
        )
    assert wrong <= 10 + 9  # 5 % of 200, and three standard deviations


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 400), st.integers(1, 400), st.integers(1, 400), st.integers(1, 400))
def test_chances_and_losses_are_consistent(a: int, b: int, c: int, d: int) -> None:
    one, other = beta_posterior(a, b), beta_posterior(c, d)
    assert chance_to_beat(one, other) + chance_to_beat(other, one) == pytest.approx(1.0, abs=1e-9)
    gain = expected_loss(one, other) - expected_loss(other, one)
    assert gain == pytest.approx(c / (c + d) - a / (a + b), abs=1e-9)
    assert sum(probability_best([one, other, beta_posterior(3, 9)])) == pytest.approx(1.0, abs=1e-8)


def test_the_chance_to_be_the_best_is_that_of_adaptive_quadrature() -> None:
    arms = [beta_posterior(20, 300), beta_posterior(25, 280), beta_posterior(3000, 30_000)]
    edges = [0.0, 0.05, 0.08, 0.09, 0.1, 0.15, 0.3, 1.0]

    def density(x: float) -> float:
        return float(arms[0].pdf(x) * arms[1].cdf(x) * arms[2].cdf(x))

    expected = sum(integrate.quad(density, low, high)[0] for low, high in pairwise(edges))
    assert probability_best(arms)[0] == pytest.approx(expected, rel=1e-8)


@settings(deadline=None)
@given(st.lists(st.floats(0.01, 1), min_size=2, max_size=8), st.floats(0, 0.3), st.floats(0, 100))
def test_allocations_are_splits_that_explore(parts: list[float], floor: float, gamma: float) -> None:
    weights = [part / sum(parts) for part in parts]
    floored = with_floor(weights, floor)
    assert sum(floored) == pytest.approx(1.0)
    assert min(floored) >= min(floor, 1 / len(parts)) - 1e-12
    shares = inverse_gap_weights(parts, gamma, floor)
    assert sum(shares) == pytest.approx(1.0)
    assert min(shares) > 0
    assert max(shares) == pytest.approx(shares[parts.index(max(parts))])


def test_the_value_of_the_policy_that_logged_is_what_it_earned() -> None:
    rng = np.random.default_rng(2)
    policy = rng.dirichlet(np.ones(3), size=50)
    actions = np.array([rng.choice(3, p=row) for row in policy])
    rewards, rounds = rng.random(50), np.arange(50)
    value = policy_value(actions, rewards, policy[rounds, actions], policy, np.zeros((50, 3)))
    assert [value.ips, value.snips, value.dr, value.sndr] == pytest.approx([rewards.mean()] * 4)
    assert (value.dm, value.ess) == pytest.approx((0.0, 50.0))


@settings(deadline=None)
@given(st.floats(0.01, 1), st.sampled_from([0.7, 0.8, 0.9]), st.sampled_from([0.5, 1.0, 2.0]))
def test_the_size_that_is_needed_has_the_power_and_no_more(effect: float, power: float, ratio: float) -> None:
    n = units_needed(lambda size: normal_power(effect, size, ratio, 0.05), power)
    assert normal_power(effect, n, ratio, 0.05) == pytest.approx(power, abs=1e-9)
    assert fixed_power(1.0, effect, (1 + 1 / ratio) / n, 0.05) == pytest.approx(power, abs=1e-9)


def test_difference_of_adjusted_arms_is_what_the_units_say() -> None:
    rng = np.random.default_rng(4)
    x, z = rng.normal(size=40), rng.normal(size=50)
    y, w = 2 * x + rng.normal(size=40), 2 * z + 1 + rng.normal(size=50)
    control, treatment = arm(y=list(y), x=list(x)), arm(y=list(w), x=list(z))
    theta = pooled_theta(control, treatment, "y", "x")
    joint = np.cov(np.concatenate((y, w)), np.concatenate((x, z)))
    assert theta == pytest.approx(joint[0, 1] / joint[1, 1])
    expected = stats.ttest_ind(w - theta * z, y - theta * x, equal_var=False)
    got = absolute(adjusted(control, "y", "x", theta), adjusted(treatment, "y", "x", theta), 0.05)
    assert (got.t, got.p) == pytest.approx((expected.statistic, expected.pvalue))

"""What quantiles and their intervals promise, and that sums of arms may be made in any order."""

import json
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from cli.main import main
from domain.errors import ValidationFailed
from domain.experiments.moments import Arm, Moments
from domain.experiments.quantiles import interval_levels, sample_quantile

values = st.lists(st.floats(-1e6, 1e6), min_size=60, max_size=200).map(np.array)
levels = st.floats(0.3, 0.7)
whole = st.lists(st.tuples(st.integers(-(10**5), 10**5), st.integers(-(10**5), 10**5)), min_size=2, max_size=30)
RNG = np.random.default_rng(7)


def arm(pairs: list[tuple[int, int]]) -> Arm:
    a, b = (np.array(column, dtype=np.float64) for column in zip(*pairs, strict=True))
    moments = {name: Moments(len(x), float(x.sum()), float(x @ x)) for name, x in (("a", a), ("b", b))}
    return Arm(moments, {"a*b": float(a @ b)})


@settings(deadline=None)
@given(whole, whole, whole)
def test_sums_of_parts_are_exactly_those_of_the_whole(
    one: list[tuple[int, int]], two: list[tuple[int, int]], three: list[tuple[int, int]]
) -> None:
    together = arm(one + two + three)
    assert (arm(one) + arm(two)) + arm(three) == together
    assert arm(three) + (arm(two) + arm(one)) == together
    if len(set(one + two)) > 1:
        columns = np.array(one + two, dtype=np.float64).T
        expected = float(np.cov(columns)[0, 1])
        assert (arm(one) + arm(two)).covariance("a", "b") == pytest.approx(expected, rel=1e-6, abs=1e-3)


@settings(deadline=None)
@given(values, levels)
def test_a_quantile_lies_in_its_interval_and_is_that_of_numpy(found: np.ndarray, nu: float) -> None:
    sample = sample_quantile(found, nu)
    assert sample.lo <= sample.q <= sample.hi
    assert sample.q == np.quantile(found, nu)
    assert sample.n == len(found)
    low, high = interval_levels(nu, nu * (1 - nu) / len(found))
    assert (sample.lo, sample.hi) == tuple(np.quantile(found, [low, high]))


@settings(deadline=None)
@given(values, levels, st.floats(0.1, 10), st.floats(-100, 100))
def test_a_quantile_moves_with_its_values(found: np.ndarray, nu: float, scale: float, shift: float) -> None:
    one, other = sample_quantile(found, nu), sample_quantile(scale * found + shift, nu)
    expected = [scale * end + shift for end in (one.q, one.lo, one.hi)]
    assert [other.q, other.lo, other.hi] == pytest.approx(expected, rel=1e-9, abs=1e-6)


def test_clusters_of_one_value_are_no_clusters_but_for_n_less_1() -> None:
    found = RNG.normal(size=500)
    alone, apart = sample_quantile(found, 0.8), sample_quantile(found, 0.8, np.arange(500))
    assert (apart.n, apart.q) == (500, alone.q)
    assert (apart.lo, apart.hi) == pytest.approx((alone.lo, alone.hi), abs=0.01)


def test_values_that_are_said_four_times_are_no_more_certain() -> None:
    found = RNG.normal(size=400)
    told, who = np.repeat(found, 4), np.repeat(np.arange(400), 4)
    once, often, naive = sample_quantile(found, 0.7), sample_quantile(told, 0.7, who), sample_quantile(told, 0.7)
    assert often.n == 400
    assert often.hi - often.lo == pytest.approx(once.hi - once.lo, rel=0.2)
    assert naive.hi - naive.lo < 0.7 * (often.hi - often.lo)


@pytest.mark.parametrize(
    ("found", "nu", "clusters"),
    [
        ([1.0], 0.5, None),
        ([1.0] * 20, 0.9, None),
        ([1.0, 2.0] * 50, 0.5, [0, 1]),
        ([1.0, 2.0, 3.0] * 50, 0.5, [0] * 150),
    ],
)
def test_too_little_is_refused(found: list[float], nu: float, clusters: list[int] | None) -> None:
    with pytest.raises(ValidationFailed):
        sample_quantile(np.array(found), nu, None if clusters is None else np.array(clusters))


def analyzed(**question: Any) -> Any:
    shown = CliRunner().invoke(main, ("analyze",), input=json.dumps({"kind": "quantile", **question}))
    return json.loads(shown.stdout) if shown.exit_code == 0 else shown.stderr


def test_an_analyst_may_give_values_in_place_of_bounds() -> None:
    one, other = RNG.normal(size=300), RNG.normal(0.5, size=300)
    samples = {"control": sample_quantile(one, 0.6), "treatment": sample_quantile(other, 0.6)}
    bounds = {name: {"n": s.n, "q": s.q, "lo": s.lo, "hi": s.hi} for name, s in samples.items()}
    raw = {"control": list(one), "treatment": list(other)}
    assert analyzed(nu=0.6, raw=raw)["absolute"] == analyzed(nu=0.6, **bounds)["absolute"]
    clusters = {"control": list(range(300)), "treatment": [n // 3 for n in range(300)]}
    assert analyzed(nu=0.6, raw=raw, clusters=clusters)["absolute"]["est"] == pytest.approx(
        samples["treatment"].q - samples["control"].q
    )


@pytest.mark.parametrize(
    "question",
    [
        {},
        {"raw": {"control": [1, 2], "treatment": [1, 2]}},
        {"raw": {"control": [1, 2] * 90}},
        {"raw": {"control": [1, 2] * 90, "treatment": [1, 3] * 90}, "clusters": {"control": [1], "treatment": [1]}},
        {
            "raw": {"control": [1, 2] * 90, "treatment": [1, 3] * 90},
            "control": {"n": 9, "q": 1, "lo": 0, "hi": 2},
            "treatment": {"n": 9, "q": 1, "lo": 0, "hi": 2},
        },
        {
            "clusters": {"control": [1], "treatment": [1]},
            "control": {"n": 9, "q": 1, "lo": 0, "hi": 2},
            "treatment": {"n": 9, "q": 1, "lo": 0, "hi": 2},
        },
        {"control": {"n": 9, "q": 3, "lo": 0, "hi": 2}, "treatment": {"n": 9, "q": 1, "lo": 0, "hi": 2}},
    ],
)
def test_an_analyst_gives_one_or_the_other_and_enough_of_it(question: dict[str, Any]) -> None:
    assert analyzed(nu=0.5, **question).startswith("VALIDATION")

"""A device has a taste of its own only if a test says so that chance seldom passes."""

import math
from collections.abc import Mapping

import numpy as np
import pytest
from scipy.stats import chi2, power_divergence

from domain.profiles.devices import (
    ENOUGH,
    MOST_DEVICES,
    SIGNIFICANCE,
    chi_squared_tail,
    differing,
    g_test,
    jensen_shannon,
)

MOBILE, DESKTOP = {"short": 40, "long": 5}, {"short": 8, "long": 45}


def counted(**devices: Mapping[str, int]) -> dict[str, Mapping[str, Mapping[str, int]]]:
    return {"duration": devices}


def test_devices_that_differ_are_told_apart() -> None:
    assert differing(counted(mobile=MOBILE, desktop=DESKTOP)) == {
        "mobile": frozenset({"duration"}),
        "desktop": frozenset({"duration"}),
    }


@pytest.mark.parametrize(
    "devices",
    [
        {"mobile": MOBILE},
        {"mobile": MOBILE, "desktop": MOBILE},
        {"mobile": {"short": ENOUGH - 1}, "desktop": DESKTOP},
        {"mobile": {"short": 5200, "long": 4800}, "desktop": {"short": 4800, "long": 5200}},
    ],
    ids=["one device", "the same", "too little", "significant and of no account"],
)
def test_devices_that_do_not_are_not(devices: Mapping[str, Mapping[str, int]]) -> None:
    assert differing(counted(**devices)) == {}


def test_however_many_devices_a_client_names_only_some_are_compared() -> None:
    devices = {f"seldom {n}": {"short": ENOUGH} for n in range(2 * MOST_DEVICES)}
    devices |= {f"often {n}": {"long": ENOUGH + 1} for n in range(MOST_DEVICES)}
    assert set(differing(counted(**devices))) == {f"often {n}" for n in range(MOST_DEVICES)}


def test_chance_is_seldom_taken_for_a_taste() -> None:
    chance = np.random.default_rng(1)

    def sample(count: int) -> dict[str, int]:
        seen = dict.fromkeys("abcde", 0)
        for name in chance.choice(list("abcde"), count, p=np.array([8, 4, 2, 1, 1]) / 16):
            seen[name] += 1
        return seen

    found = sum(bool(differing(counted(mobile=sample(60), desktop=sample(90)))) for _ in range(2000))
    # Binomial with p = 0.01: more than 40 of 2000 has a probability below 1e-4.
    assert found <= 2000 * SIGNIFICANCE * 2


def test_the_test_agrees_with_scipy() -> None:
    here, there = [30, 22, 18], [20, 41, 29]
    total = sum(here) + sum(there)
    expected = [(a + b) * sum(side) / total for side in (here, there) for a, b in zip(here, there, strict=True)]
    reference = power_divergence([*here, *there], expected, ddof=3, lambda_="log-likelihood")
    assert math.isclose(g_test(here, there), reference.pvalue, rel_tol=1e-9)


@pytest.mark.parametrize("freedom", [1, 2, 3, 8, 25, 400])
@pytest.mark.parametrize("statistic", [0.0, 0.3, 4.0, 30.0, 500.0])
def test_the_tail_agrees_with_scipy(statistic: float, freedom: int) -> None:
    assert math.isclose(chi_squared_tail(statistic, freedom), chi2.sf(statistic, freedom), rel_tol=1e-9, abs_tol=1e-300)


def test_divergence_runs_from_nothing_to_one_bit() -> None:
    assert jensen_shannon([3, 1], [6, 2]) == 0
    assert jensen_shannon([5, 0], [0, 7]) == 1

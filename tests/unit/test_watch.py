"""Bounds that hold however often one looks, and a watch that tells a real loss from bad luck."""

from itertools import pairwise

import numpy as np
import pytest

from domain.models.confidence import lower_bound, upper_bound
from workers.watch import ERROR_RATE, TOLERATED, rates_of

LENGTH = 1500
RUNS = 150


def taken(rng: np.random.Generator, rate: float, count: int) -> list[bool]:
    return [bool(value) for value in rng.random(count) < rate]


@pytest.mark.parametrize("rate", [0.03, 0.3])
def test_bounds_hold_at_every_length_at_once(rate: float) -> None:
    """A mean that is ruled out once stays ruled out, so the bound at the end tells of every look before it."""
    rng = np.random.default_rng(0)
    wrong_above = wrong_below = 0
    for _ in range(RUNS):
        values = (rng.random(LENGTH) < rate).astype(np.float64)
        wrong_above += upper_bound(values, 0.1) < rate
        wrong_below += lower_bound(values, 0.1) > rate
    # A tenth of the runs may fail; 25 of 150 is 2.7 standard deviations above it.
    assert wrong_above <= 25
    assert wrong_below <= 25


def test_bounds_close_in_on_the_rate() -> None:
    values = (np.random.default_rng(1).random(5000) < 0.2).astype(np.float64)
    widths = [upper_bound(values[:n], 0.01) - lower_bound(values[:n], 0.01) for n in (50, 500, 5000)]
    assert widths[0] > widths[1] > widths[2]
    assert widths[2] < 0.07
    assert lower_bound(values, 0.01) < 0.2 < upper_bound(values, 0.01)


def test_a_bound_once_reached_does_not_widen_again() -> None:
    rng = np.random.default_rng(2)
    values = np.concatenate(((rng.random(400) < 0.1), (rng.random(400) < 0.6))).astype(np.float64)
    bounds = [upper_bound(values[:n], 0.05) for n in range(0, 801, 50)]
    assert bounds[0] == 1.0
    assert all(later <= earlier for earlier, later in pairwise(bounds))


def test_nothing_is_said_of_nothing() -> None:
    empty = np.empty(0)
    assert (lower_bound(empty, 0.05), upper_bound(empty, 0.05)) == (0.0, 1.0)
    assert not rates_of([], []).fallen
    assert not rates_of([False] * 500, []).fallen


def test_a_version_as_good_as_the_one_before_is_hardly_ever_doubted() -> None:
    rng = np.random.default_rng(3)
    alarms = sum(rates_of(taken(rng, 0.15, LENGTH), taken(rng, 0.15, LENGTH)).fallen for _ in range(RUNS))
    assert alarms <= RUNS * ERROR_RATE


def test_a_small_loss_is_tolerated() -> None:
    rng = np.random.default_rng(4)
    within = 0.3 * (1 - TOLERATED / 2)
    assert sum(rates_of(taken(rng, within, LENGTH), taken(rng, 0.3, LENGTH)).fallen for _ in range(40)) <= 1


def test_a_real_drop_is_noticed_and_a_large_one_soon() -> None:
    rng = np.random.default_rng(5)
    before = taken(rng, 0.3, LENGTH)
    noticed = sum(rates_of(taken(rng, 0.15, LENGTH), before).fallen for _ in range(20))
    assert noticed == 20
    assert next(n for n in range(10, 400, 10) if rates_of([False] * n, before).fallen) <= 60

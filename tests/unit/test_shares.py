"""Shares and their intervals."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.measurement.model import Satisfaction, Share
from domain.wilson import score_interval


def test_the_interval_is_wilsons() -> None:
    lower, upper = Share(1, 10).interval or (0, 0)
    assert (round(lower, 4), round(upper, 4)) == (0.0179, 0.4042)


def test_its_ends_are_the_published_ones() -> None:
    # Agresti and Coull, The American Statistician 52(2), 1998: 0 of 10 and 10 of 10 give 0 to .2775 and .7225 to 1.
    assert score_interval(0, 10) == (0.0, pytest.approx(0.2775, abs=5e-5))
    assert score_interval(10, 10) == (pytest.approx(0.7225, abs=5e-5), 1.0)


def test_without_trials_nothing_is_said() -> None:
    assert (Share().rate, Share().interval) == (None, None)


@given(st.integers(1, 10**6).flatmap(lambda trials: st.tuples(st.integers(0, trials), st.just(trials))))
def test_the_interval_holds_the_rate_and_narrows_with_more_of_the_same(counted: tuple[int, int]) -> None:
    share, more = Share(*counted), Share(4 * counted[0], 4 * counted[1])
    assert share.rate is not None
    assert share.interval is not None
    assert more.interval is not None
    assert 0 <= share.interval[0] <= share.rate <= share.interval[1] <= 1
    assert more.interval[1] - more.interval[0] < share.interval[1] - share.interval[0]


def test_satisfaction_counts_what_was_said_and_what_was_kept() -> None:
    assert Satisfaction(positive=2, neutral=1, negative=1, kept=3, sent_back=2).score == Share(5, 9)

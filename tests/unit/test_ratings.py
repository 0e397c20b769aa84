"""A rating speaks for its item as far as its person's other ratings let it."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.behavior.ratings import ENOUGH_RATINGS, rating_strengths

RATINGS = st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=40)


@pytest.mark.parametrize(
    ("rating", "strength"), [(5.0, 1.0), (3.5, 0.5), (2.0, 0.0), (0.5, -0.5), (10.0, 1.0), (6.0, 1 / 3), (100.0, 1.0)]
)
def test_a_single_rating_is_read_on_its_scale(rating: float, strength: float) -> None:
    assert rating_strengths([rating]) == pytest.approx([strength])


def test_enough_ratings_are_measured_by_their_own_mean() -> None:
    strict_rater = rating_strengths([1.0, 1.0, 2.0, 2.0, 4.0])
    assert strict_rater[-1] == 1.0
    assert strict_rater[0] < 0.5 < strict_rater[-1]
    assert rating_strengths([4.0] * ENOUGH_RATINGS) == pytest.approx([2 / 3] * ENOUGH_RATINGS)


@given(RATINGS, st.randoms(use_true_random=False))
def test_order_changes_nothing_and_more_never_says_less(ratings: list[float], random: Any) -> None:
    strengths = dict(zip(ratings, rating_strengths(ratings), strict=True))
    shuffled = list(ratings)
    random.shuffle(shuffled)
    assert dict(zip(shuffled, rating_strengths(shuffled), strict=True)) == strengths
    assert all(-1 <= strength <= 1 for strength in strengths.values())
    if len(ratings) >= ENOUGH_RATINGS:
        in_order = [strengths[rating] for rating in sorted(ratings)]
        assert in_order == sorted(in_order)

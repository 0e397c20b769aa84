"""What a rating says: a low one speaks against its item, and what is low depends on who rates.

With enough ratings a person is their own measure: their average rating is a mild yes, since people mostly choose what
they rate (Marlin and Zemel, "Collaborative prediction and ranking with non-random missing data", RecSys 2009), one
standard deviation above it a full one. Before that the number is read on the scale that it seems to be of.
"""

from collections.abc import Sequence
from math import fsum, sqrt
from typing import Final

RATED: Final = "rated"
ENOUGH_RATINGS: Final = 5
SAME_RATINGS: Final = 1e-6
MILD_YES: Final = 0.5

_SCALES: Final = (5.0, 10.0, 100.0)
_NEITHER_NOR_STARS: Final = 2.0


def rating_strengths(ratings: Sequence[float]) -> list[float]:
    """How much each of one person's ratings speaks for its item, -1 to 1; below 0 it speaks against it.

    Args:
        ratings: all of the person's ratings; their order does not matter to any of the answers.
    """
    if len(ratings) >= ENOUGH_RATINGS:
        mean = fsum(ratings) / len(ratings)
        deviation = sqrt(fsum((rating - mean) ** 2 for rating in ratings) / len(ratings))
        if deviation > SAME_RATINGS:
            return [_within(MILD_YES + (rating - mean) / (2 * deviation)) for rating in ratings]
    return [_on_a_scale(rating) for rating in ratings]


def _on_a_scale(rating: float) -> float:
    """Of five, ten or a hundred, the smallest that holds it: two fifths of it say nothing, all of it says yes."""
    scale = next((scale for scale in _SCALES if rating <= scale), rating)
    stars = 5.0 * rating / scale
    return _within((stars - _NEITHER_NOR_STARS) / (5.0 - _NEITHER_NOR_STARS))


def _within(strength: float) -> float:
    return max(-1.0, min(1.0, strength))

"""What may be told of many people, so that nothing of one of them follows: how few are too few, and in which steps.

The rules are those of statistical disclosure control (Willenborg and de Waal, Elements of Statistical Disclosure
Control, 2001; k-anonymity: Sweeney, 2002). They hold for every door that tells of people together.
"""

import math
from bisect import bisect_right
from collections.abc import Sequence
from typing import Final

FEWEST_PEOPLE: Final = 5
"""Nothing is told that fewer people stand behind, and counts are told in steps of so many."""

MULTIPLES: Final = (1.0, 1.5, 2.0, 3.0, 5.0, 10.0, 20.0, 50.0, 100.0)
"""The steps in which it is told how many times more often than usual something happens."""


def in_steps(count: float) -> int:
    """A count of enough people as it is told: rounded down to a multiple of `FEWEST_PEOPLE`, and never less."""
    return max(FEWEST_PEOPLE, FEWEST_PEOPLE * math.floor(count / FEWEST_PEOPLE))


def share_in_steps(part: float, whole: float) -> float:
    """A share as it is told, of two counts in steps; at most 1."""
    return min(1.0, round(in_steps(part) / in_steps(whole), 4))


def multiple_in_steps(times: float) -> float:
    """A multiple as it is told: the largest step that it reaches; below 1 the first."""
    return MULTIPLES[max(0, bisect_right(MULTIPLES, times) - 1)]


def coarse(value: float) -> float:
    """A score or a weight as it is told: to two places, so that a count is not read off its last digits."""
    return round(value, 2)


def hidden_cells(sizes: Sequence[int]) -> frozenset[int]:
    """The cells of a table that are not told, so that nobody finds a small one by taking the others from a known sum.

    Those of too few people; and, if there are any, the smallest others until at least two are hidden that hold enough
    people together (complementary suppression).
    """
    hidden = {place for place, size in enumerate(sizes) if size < FEWEST_PEOPLE}
    others = sorted(set(range(len(sizes))) - hidden, key=lambda place: sizes[place])
    for place in others if hidden else ():
        if len(hidden) > 1 and sum(sizes[one] for one in hidden) >= FEWEST_PEOPLE:
            break
        hidden.add(place)
    return frozenset(hidden)

"""A share of places given to chance, so that what is not yet known to please gets a chance, at a known probability.

The list is first made as if there were no chance, MMR and rules included. Then some of its places, fixed by their
position alone, are drawn from what stands just outside of it. What is drawn changes no other place of the page; so,
given the request and what earlier pages showed, an ordinary place has propensity 1 and a drawn one exactly the
probability of its draw. Several draws of one page are without replacement, each with its probability given those
before it. That is what estimators by inverse propensity need (Horvitz and Thompson, JASA 1952; Li et al., WSDM 2011).

A draw depends on the id of the list alone, so whoever has the exposure can repeat it.
"""

import hashlib
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from itertools import accumulate
from typing import Final
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

DEFAULT_SHARE: Final = 0.1
LARGEST_SHARE: Final = 0.5

POOL: Final = 50
"""Draws are made among so many items."""

OPTIMISM: Final = 1.0
"""An item that nobody has tried yet is thought this many standard deviations better than its score."""

UNIFORM: Final = 0.2
"""This part of a draw ignores the scores, so that no propensity is below `UNIFORM / POOL`."""


SAMPLES: Final = 2048
"""So often Thompson sampling imagines how good every item of a pool is, to tell how likely each is the best."""


class Chooser(StrEnum):
    """How likely each item of a pool is drawn: by its promise, by its chance to be the best, or all alike."""

    OPTIMISTIC = "optimistic"
    THOMPSON = "thompson"
    UNIFORM = "uniform"


@dataclass(frozen=True, slots=True)
class Exploration:
    """The chance in one list.

    Attributes:
        seed: the id of the list.
        share: the part of the list's places that is drawn; 0 for none.
        chooser: how likely each item is drawn.
    """

    seed: UUID
    share: float = DEFAULT_SHARE
    chooser: Chooser = Chooser.OPTIMISTIC

    @property
    def policy(self) -> str:
        """Names the way of drawing."""
        named = "" if self.chooser is Chooser.OPTIMISTIC else f":{self.chooser}"
        return f"explore-1@{self.share:g}{named}"

    def places(self, shown: int, length: int) -> list[int]:
        """The drawn places of a page, from 0: every tenth place of the list at a share of 1/10.

        Args:
            shown: how many places earlier pages had.
            length: of the page.
        """
        if self.share <= 0:
            return []
        every = max(2, round(1 / self.share))
        return [place for place in range(length) if (shown + place + 1) % every == 0]

    def draw(
        self, chances: Iterable[float], count: int, closing: Callable[[int], Iterable[int]] | None = None
    ) -> list[tuple[int, float]]:
        """Up to `count` different indices of `chances`, each with the probability of having been drawn.

        Args:
            chances: m of them, at least 0; they are taken relative to their sum.
            count: how many to draw.
            closing: told of each index drawn, answers with those that may not be drawn any more.
        """
        left, drawn = list(map(float, chances)), []
        for number in range(count):
            upto = list(accumulate(left))
            if not upto or upto[-1] <= 0.0:
                break
            index = bisect_right(upto, self._uniform(number) * upto[-1])
            # Rounding may bring the product up to the sum itself.
            index = min(index, bisect_left(upto, upto[-1]))
            drawn.append((index, left[index] / upto[-1]))
            left[index] = 0.0
            for closed in () if closing is None else closing(index):
                left[closed] = 0.0
        return drawn

    def _uniform(self, number: int) -> float:
        """A number in [0, 1) that only the seed and the number of the draw decide."""
        digest = hashlib.blake2b(self.seed.bytes + number.to_bytes(4, "big"), digest_size=8).digest()
        return int.from_bytes(digest, "big") / 2**64


@dataclass(frozen=True, slots=True)
class Lottery:
    """The chances of the m items of a pool, and the caps that draws use up; it can be kept and drawn from again.

    Attributes:
        chances: of each item, at least 0; they are taken relative to their sum.
        groups: for each cap the group of each item; -1 for items that it is not about.
        left: for each cap how many of each of its groups may be drawn.
    """

    chances: tuple[float, ...] = ()
    groups: tuple[tuple[int, ...], ...] = ()
    left: tuple[tuple[int, ...], ...] = ()

    def draw(self, exploration: Exploration, count: int) -> list[tuple[int, float]]:
        """Up to `count` different items, each with the probability of having been drawn."""
        if not self.groups:
            return exploration.draw(self.chances, count)
        groups, left = [np.array(group) for group in self.groups], [np.array(room) for room in self.left]

        def closing(index: int) -> NDArray[np.int64]:
            shut = np.zeros(len(self.chances), dtype=np.bool_)
            for group, room in zip(groups, left, strict=True):
                if group[index] >= 0:
                    room[group[index]] -= 1
                    shut |= (group >= 0) & (room[group] <= 0)
            return np.flatnonzero(shut)

        return exploration.draw(self.chances, count, closing)


def optimistic(scores: NDArray[np.float32], people: NDArray[np.float32]) -> NDArray[np.float32]:
    """How good items may turn out to be, float32[m]: their score and what few people leave uncertain of it.

    Args:
        scores: float32[m], in standard deviations.
        people: float32[m], who took to the item; uncertainty falls with their square root, as a mean's does.
    """
    return np.asarray(scores + OPTIMISM / np.sqrt(1.0 + people), dtype=np.float32)


def drawing_chances(scores: NDArray[np.float32], people: NDArray[np.float32], chooser: Chooser) -> NDArray[np.float64]:
    """The probability of each item of a pool, float64[m], never below `UNIFORM` / m.

    Args:
        scores: float32[m], in standard deviations.
        people: float32[m], who took to each item.
        chooser: how they are told; Thompson sampling takes a score for the mean of a normal whose deviation falls with
            the square root of the people, as `optimistic` does.
    """
    if chooser is Chooser.UNIFORM:
        return np.full(len(scores), 1.0 / len(scores))
    if chooser is Chooser.OPTIMISTIC:
        return chances(optimistic(scores, people))
    deviations = OPTIMISM / np.sqrt(1.0 + people.astype(np.float64))
    imagined = scores.astype(np.float64) + deviations * _standard_normals(len(scores))
    best = np.bincount(imagined.argmax(axis=1), minlength=len(scores)) / SAMPLES
    return np.asarray((1.0 - UNIFORM) * best + UNIFORM / len(scores), dtype=np.float64)


@cache
def _standard_normals(items: int) -> NDArray[np.float64]:
    """float64[SAMPLES, items], the same in every process, so that equal pools have equal chances."""
    return np.random.default_rng(SAMPLES).standard_normal((SAMPLES, items))


def chances(promise: NDArray[np.float32]) -> NDArray[np.float64]:
    """The probability of each item of a pool, float64[m]: a softmax of its promise, mixed with an equal chance."""
    powers = np.exp(promise.astype(np.float64) - float(promise.max()))
    return np.asarray((1.0 - UNIFORM) * powers / powers.sum() + UNIFORM / len(promise), dtype=np.float64)

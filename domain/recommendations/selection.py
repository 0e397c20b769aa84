"""From scores to a page: the best varied items within their caps, pinned ones at their places, drawn ones at theirs."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from typing import Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from domain.recommendations.diversity import maximal_marginal_relevance
from domain.recommendations.exploration import POOL as DRAWN_FROM
from domain.recommendations.exploration import Chooser, Lottery, drawing_chances, optimistic
from domain.recommendations.retrieval import top
from domain.rules.steering import Cap, Pin

POOL_FACTOR: Final = 5
POOL_FLOOR: Final = 50
"""Re-ranking sees this many candidates per place of the page, and never fewer than the floor."""


NOTHING: Final = np.empty(0, dtype=np.int64)
NO_LOTTERY: Final = Lottery()

T = TypeVar("T")


class TooNarrow(Exception):
    """The candidates at hand do not tell what belongs on the page; more of them are needed."""


Vectors = Callable[[NDArray[np.int64]], NDArray[np.float32]]


class Quotas:
    """How many items of each capped group a page may still take."""

    def __init__(self, caps: Sequence[Cap]) -> None:
        self._caps = caps
        self._left = [np.full(int(cap.groups.max(initial=-1)) + 2, cap.at_most, dtype=np.int64) for cap in caps]

    def copy(self) -> "Quotas":
        """The same quotas, to be used up apart."""
        same = copy(self)
        same._left = [left.copy() for left in self._left]  # noqa: SLF001 - its own
        return same

    def take(self, row: int) -> None:
        """An item has a place; one that a rule pinned may overdraw its group."""
        for cap, left in zip(self._caps, self._left, strict=True):
            left[cap.groups[row]] -= 1

    def closed(self, rows: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Which of `rows` belong to a group that is full, bool[k]."""
        shut = np.zeros(len(rows), dtype=np.bool_)
        for cap, left in zip(self._caps, self._left, strict=True):
            groups = cap.groups[rows]
            shut |= (groups >= 0) & (left[groups] <= 0)
        return shut

    def among(self, rows: NDArray[np.int64]) -> tuple[tuple[tuple[int, ...], ...], tuple[tuple[int, ...], ...]]:
        """For each cap the group of each of `rows`, numbered from 0, -1 for none; and what is left of each group."""
        groups: list[tuple[int, ...]] = []
        lefts: list[tuple[int, ...]] = []
        for cap, left in zip(self._caps, self._left, strict=True):
            names, numbers = np.unique(np.append(cap.groups[rows], -1), return_inverse=True)
            groups.append(tuple((numbers[:-1] - 1).tolist()))
            lefts.append(tuple(left[names[1:]].tolist()))
        return tuple(groups), tuple(lefts)


def ordered(
    ranked: NDArray[np.float32],
    candidates: NDArray[np.int64],
    limit: int,
    diversity: float,
    vectors: Vectors,
    quotas: Quotas | None = None,
    floor: float = -np.inf,
) -> NDArray[np.int64]:
    """The rows to show, best first; fewer than `limit` only where no candidate is left that the quotas let in.

    Args:
        ranked: float32[n], the score of each row.
        candidates: int64[m], rows that may be shown, ascending.
        limit: how many are wanted.
        diversity: of MMR.
        vectors: answers for rows with what their similarity is measured by, float32[k, d].
        quotas: caps; they are drawn from.
        floor: the score down to which no candidate is missing.

    Raises:
        TooNarrow: it cannot be told without candidates below the floor.
    """
    found: list[NDArray[np.int64]] = []
    while limit > 0:
        if quotas is not None:
            candidates = candidates[~quotas.closed(candidates)]
        size = pool_size(limit)
        pool = candidates[top(ranked[candidates], size)]
        _require_whole(ranked[pool], size, floor)
        if len(pool) == 0:
            break
        closing = None if quotas is None else _closing(pool, quotas)
        rows = pool[maximal_marginal_relevance(ranked[pool], vectors(pool), limit, diversity, closing)]
        found.append(rows)
        limit -= len(rows)
        if quotas is None:
            break
        candidates = np.setdiff1d(candidates, rows, assume_unique=True)
    return np.concatenate(found) if found else np.empty(0, dtype=np.int64)


def pool_size(limit: int) -> int:
    """How many candidates re-ranking sees for so many places."""
    return max(POOL_FACTOR * limit, POOL_FLOOR)


def _require_whole(pool: NDArray[np.float32], size: int, floor: float) -> None:
    """Refuse a pool, best first, that may lack something because of the floor."""
    if floor > -np.inf and (len(pool) < size or pool[-1] < floor):
        raise TooNarrow


def _closing(pool: NDArray[np.int64], quotas: Quotas) -> Callable[[int], NDArray[np.int64]]:
    def taken(index: int) -> NDArray[np.int64]:
        quotas.take(int(pool[index]))
        return np.flatnonzero(quotas.closed(pool))

    return taken


@dataclass(frozen=True, slots=True)
class Placed:
    """One place of a page: a row of the catalogue, and how it came there."""

    row: int
    pin: Pin | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """A page before chance.

    Attributes:
        length: of the page.
        ordinary: rows, best first.
        fixed: place -> what a rule put there; places beyond the page are for what a short list leaves room for.
        places: where draws go.
        pool: int64[m], the rows that are drawn from.
        lottery: their chances.
    """

    length: int
    ordinary: NDArray[np.int64]
    fixed: Mapping[int, Placed]
    places: Sequence[int]
    pool: NDArray[np.int64]
    lottery: Lottery

    def page(self) -> list[Placed]:
        """What stands at each place if nothing is drawn."""
        return laid_out(self.length, map(Placed, self.ordinary.tolist()), self.fixed, (), ())


def pool_of(
    ranked: NDArray[np.float32],
    people: NDArray[np.float32],
    candidates: NDArray[np.int64],
    draws: int,
    quotas: Quotas | None = None,
    floor: float = -np.inf,
    chooser: Chooser = Chooser.OPTIMISTIC,
) -> tuple[NDArray[np.int64], Lottery]:
    """The most promising of `candidates`, int64[m], and their chances of being drawn.

    Args:
        ranked: float32[n], the score of each row.
        people: float32[n], who took to it.
        candidates: what is not on the page.
        draws: how many are to be drawn.
        quotas: what caps leave; draws use it up.
        floor: the promise down to which no candidate is missing.
        chooser: how likely each of the most promising is drawn.

    Raises:
        TooNarrow: it cannot be told without candidates below the floor.
    """
    if quotas is not None:
        candidates = candidates[~quotas.closed(candidates)]
    promise = optimistic(ranked[candidates], people[candidates])
    best = top(promise, DRAWN_FROM)
    _require_whole(promise[best], DRAWN_FROM, floor)
    if len(best) == 0:
        return NOTHING, NO_LOTTERY
    if quotas is not None:
        further = _further(promise, candidates, best, draws, quotas)
        if len(further) and floor > -np.inf:
            raise TooNarrow
        best = np.append(best, further)
    pool = candidates[best]
    groups, left = ((), ()) if quotas is None else quotas.among(pool)
    likely = drawing_chances(ranked[pool], people[pool], chooser)
    return pool, Lottery(tuple(likely.tolist()), groups, left)


def _further(
    promise: NDArray[np.float32], candidates: NDArray[np.int64], best: NDArray[np.int64], draws: int, quotas: Quotas
) -> NDArray[np.int64]:
    """What must be drawn from beside the best, int64[k], for caps not to end the draws while others may be shown.

    Args:
        promise: float32[n], of each candidate.
        candidates: int64[n], rows.
        best: int64[m], places of the most promising among the candidates.
        draws: how many are to be drawn.
        quotas: what caps leave; it stays as it is.
    """
    left, inside, further = quotas.copy(), best, list[int]()
    for _ in range(draws):
        free = inside[~left.closed(candidates[inside])]
        if len(free):
            place, inside = int(free[0]), inside[inside != free[0]]
        else:
            outside = np.setdiff1d(np.flatnonzero(~left.closed(candidates)), np.append(best, further))
            if len(outside) == 0:
                break
            place = int(outside[top(promise[outside], 1)[0]])
            further.append(place)
        left.take(int(candidates[place]))
    return np.array(further, dtype=np.int64)


def laid_out(
    length: int, ordinary: Iterable[T], fixed: Mapping[int, T], places: Sequence[int], chosen: Sequence[T]
) -> list[T]:
    """The page: what is fixed at its place, draws at theirs, the ordinary rows in their order on the others.

    Where the ordinary rows end, what is fixed further down moves up, so that the page has no gap.

    Args:
        length: of the page.
        ordinary: best first.
        fixed: place -> what a rule put there; places beyond the page are for what a short list leaves room for.
        places: where draws go.
        chosen: the draws.
    """
    at = {**dict(zip((place for place in places if place not in fixed), chosen, strict=False)), **fixed}
    rest = iter(ordinary)
    page: list[T] = []
    for place in range(length):
        if place in at:
            page.append(at.pop(place))
            continue
        follows = next(rest, None)
        if follows is None:
            break
        page.append(follows)
    late = [at[place] for place in sorted(at)]
    return page + late[: length - len(page)]

"""From scores to a page: the best varied items within their caps, pinned ones at their places, drawn ones at theirs."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from domain.recommendations.diversity import maximal_marginal_relevance
from domain.recommendations.exploration import POOL as DRAWN_FROM
from domain.recommendations.exploration import Exploration, chances, optimistic
from domain.recommendations.retrieval import top
from domain.rules.steering import Cap, Pin

POOL_FACTOR: Final = 5
POOL_FLOOR: Final = 50
"""Re-ranking sees this many candidates per place of the page, and never fewer than the floor."""


class TooNarrow(Exception):
    """The candidates at hand do not tell what belongs on the page; more of them are needed."""


Vectors = Callable[[NDArray[np.int64]], NDArray[np.float32]]


class Quotas:
    """How many items of each capped group a page may still take."""

    def __init__(self, caps: Sequence[Cap]) -> None:
        self._caps = caps
        self._left = [np.full(int(cap.groups.max(initial=-1)) + 2, cap.at_most, dtype=np.int64) for cap in caps]

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
    propensity: float = 1.0
    pin: Pin | None = None
    drawn: bool = False


def drawn(
    ranked: NDArray[np.float32],
    people: NDArray[np.float32],
    candidates: NDArray[np.int64],
    exploration: Exploration,
    count: int,
    quotas: Quotas | None = None,
    floor: float = -np.inf,
) -> list[Placed]:
    """Up to `count` of `candidates`, int64[m], drawn among the most promising.

    Args:
        ranked: float32[n], the score of each row.
        people: float32[n], who took to it.
        candidates: what is not on the page.
        exploration: the chance.
        count: how many draws.
        quotas: caps; they are drawn from.
        floor: the promise down to which no candidate is missing.

    Raises:
        TooNarrow: it cannot be told without candidates below the floor.
    """
    if quotas is not None:
        candidates = candidates[~quotas.closed(candidates)]
    promise = optimistic(ranked[candidates], people[candidates])
    best = top(promise, DRAWN_FROM)
    _require_whole(promise[best], DRAWN_FROM, floor)
    if len(best) == 0:
        return []
    pool = candidates[best]
    draws = exploration.draw(chances(promise[best]), count, None if quotas is None else _closing(pool, quotas))
    return [Placed(int(pool[index]), chance, drawn=True) for index, chance in draws]


def laid_out(
    length: int, ordinary: Iterable[int], fixed: dict[int, Placed], places: Sequence[int], chosen: Sequence[Placed]
) -> list[Placed]:
    """The page: what is fixed at its place, draws at theirs, the ordinary rows in their order on the others.

    Where the ordinary rows end, what is fixed further down moves up, so that the page has no gap.

    Args:
        length: of the page.
        ordinary: rows, best first.
        fixed: place -> what a rule put there; places beyond the page are for what a short list leaves room for.
        places: where draws go.
        chosen: the draws.
    """
    at = dict(zip((place for place in places if place not in fixed), chosen, strict=False)) | fixed
    rest = iter(ordinary)
    page: list[Placed] = []
    for place in range(length):
        if place in at:
            page.append(at.pop(place))
            continue
        row = next(rest, None)
        if row is None:
            break
        page.append(Placed(row))
    late = [at[place] for place in sorted(at)]
    return page + late[: length - len(page)]

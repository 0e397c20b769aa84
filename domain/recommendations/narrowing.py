"""Candidates of a very large catalogue: all items that may belong on a page, found without scoring the others.

Whatever decides about a page has its say before the cut: what may not be shown never counts as found, and what is added
to a score is added to the bound of its block. So a page is the same as if every item had been scored. Where bounds do
not tell enough items apart, and where few items may be shown, scoring all of those is faster; this is left to others.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from domain.recommendations.alignment import Alignment
from domain.recommendations.exploration import POOL as DRAWN_FROM
from domain.recommendations.exploration import optimistic
from domain.recommendations.pruning import BlockScorer, BlockScores
from domain.recommendations.refinement import CANDIDATES
from domain.recommendations.selection import pool_size

FIRST_BLOCKS: Final = 4
JUDGED_FROM: Final = 1 / 16
"""Once so many of the blocks were read, it is asked whether the rest of them is worth it."""

WORTH_READING: Final = 1 / 4
"""Reading more than this part of the blocks costs as much as scoring every item."""

FEW: Final = 32
"""Where at most one of so many items may be shown, those are scored without a search."""

WIDENINGS: Final = (1, 16)
"""How many times as many candidates are found, one after the other, where caps eat them up."""


@dataclass(frozen=True, slots=True, eq=False)
class Wanted:
    """What candidates are for.

    Attributes:
        allowed: bool[n], what may be shown.
        extra: float32[n], what is added to the model's scores; None for nothing.
        pinned: int64[p], rows that rules pin.
        places: places of the page.
        people: float32[n], who took to each item, if some places are drawn; None if none is.
        widening: how many times as many candidates as a page without caps needs.
    """

    allowed: NDArray[np.bool_]
    extra: NDArray[np.float32] | None
    pinned: NDArray[np.int64]
    places: int
    people: NDArray[np.float32] | None
    widening: int = 1


@dataclass(frozen=True, slots=True, eq=False)
class Candidates:
    """Rows of the catalogue, int64[k], ascending; nothing is missing from them down to the two floors."""

    rows: NDArray[np.int64]
    floor: float
    promise_floor: float


class Narrowing:
    """Candidates of one catalogue by one model."""

    def __init__(self, scorer: BlockScorer, alignment: Alignment) -> None:
        self._scorer = scorer
        self._alignment = alignment
        self._places = alignment.places
        self._block_of = _block_of(scorer.blocks, len(self._places))
        trained = np.zeros(len(self._places), dtype=np.float32)
        held = self._places >= 0
        trained[held] = alignment.trained[self._places[held]]
        self._novelty = scorer.tops(optimistic(np.zeros_like(trained), trained))

    def candidates(self, begun: BlockScores, wanted: Wanted) -> Candidates | None:
        """What may belong on a page; None where scoring every item is the faster way to tell."""
        if np.count_nonzero(wanted.allowed) * FEW <= len(wanted.allowed):
            return self._few(begun, wanted)
        count = wanted.widening * (max(CANDIDATES, pool_size(wanted.places)) + len(wanted.pinned))
        best = self._best(begun, wanted, count, draws=False)
        if best is None:
            return None
        pinned = wanted.pinned[wanted.allowed[wanted.pinned]]
        known = self._alignment.rows[pinned]
        if np.any(known < 0):
            return None
        begun.at(known)
        if wanted.people is None:
            return Candidates(np.union1d(best[0], pinned), best[1], -np.inf)
        count = wanted.widening * (DRAWN_FROM + wanted.places + len(wanted.pinned))
        promising = self._best(begun, wanted, count, draws=True)
        if promising is None:
            return None
        return Candidates(np.union1d(np.union1d(best[0], promising[0]), pinned), best[1], promising[1])

    def _few(self, begun: BlockScores, wanted: Wanted) -> Candidates | None:
        rows = np.flatnonzero(wanted.allowed)
        known = self._alignment.rows[rows]
        if np.any(known < 0):
            return None
        begun.at(known)
        return Candidates(rows, -np.inf, -np.inf)

    def _best(
        self, begun: BlockScores, wanted: Wanted, count: int, *, draws: bool
    ) -> tuple[NDArray[np.int64], float] | None:
        """All items down to the score, or the promise, of the count-th best, and that; None where it takes too long."""
        bounds = begun.bounds() + self._extra_tops(wanted.extra)
        if draws:
            bounds += self._novelty
        order = np.argsort(-bounds)
        found = _Best(count)
        start, size = 0, FIRST_BLOCKS
        while start < len(order) and bounds[order[start]] >= found.floor:
            chunk = order[start : start + size]
            found.add(*self._read(begun, chunk[bounds[chunk] >= found.floor], wanted, draws=draws))
            start, size = start + size, 2 * size
            left = int(np.count_nonzero(bounds[order[start:]] >= found.floor))
            if left and start >= JUDGED_FROM * len(order) and start + left > WORTH_READING * len(order):
                return None
        if not found.whole or self._unknown_may_be_among(begun, wanted, found.floor):
            return None
        return found.rows, found.floor

    def _read(
        self, begun: BlockScores, blocks: NDArray[np.int64], wanted: Wanted, *, draws: bool
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """The items of some blocks that may be shown, and their scores or promises."""
        rows, scores = begun.read(blocks)
        places = self._places[rows]
        kept = (places >= 0) & wanted.allowed[places]
        places, values = places[kept], scores[kept]
        if wanted.extra is not None:
            values = values + wanted.extra[places]
        return places, optimistic(values, wanted.people[places]) if draws and wanted.people is not None else values

    def _extra_tops(self, extra: NDArray[np.float32] | None) -> NDArray[np.float32]:
        """The most that is added to any item of each block, float32[b], at least 0."""
        tops = np.zeros(len(self._scorer.blocks), dtype=np.float32)
        if extra is not None:
            gaining = np.flatnonzero(extra > 0)
            rows = self._alignment.rows[gaining]
            np.maximum.at(tops, self._block_of[rows[rows >= 0]], extra[gaining[rows >= 0]])
        return tops

    def _unknown_may_be_among(self, begun: BlockScores, wanted: Wanted, floor: float) -> bool:
        """Whether an item that the model does not know, standing with its last, may be as good as the floor."""
        unknown = self._alignment.unknown
        unknown = unknown[wanted.allowed[unknown]]
        if len(unknown) == 0:
            return False
        _, lowest = begun.read(np.array([len(self._scorer.blocks) - 1]))
        gain = 0.0 if wanted.extra is None else float(wanted.extra[unknown].max())
        # Nobody is known to have used it: its promise is the greatest there is.
        novelty = (
            0.0 if wanted.people is None else float(optimistic(np.zeros(1, np.float32), np.zeros(1, np.float32))[0])
        )
        return float(lowest.min()) + gain + novelty >= floor


class _Best:
    """The best of what was read so far: everything down to the count-th best, ties included."""

    def __init__(self, count: int) -> None:
        self._count = count
        self.rows = np.empty(0, dtype=np.int64)
        self._values = np.empty(0, dtype=np.float32)
        self.floor = -np.inf

    @property
    def whole(self) -> bool:
        """Whether there are as many as asked for."""
        return len(self.rows) >= self._count

    def add(self, rows: NDArray[np.int64], values: NDArray[np.float32]) -> None:
        kept = values >= self.floor
        self.rows = np.concatenate((self.rows, rows[kept]))
        self._values = np.concatenate((self._values, values[kept]))
        if self.whole:
            place = len(self._values) - self._count
            self.floor = float(np.partition(self._values, place)[place])
            kept = self._values >= self.floor
            self.rows, self._values = self.rows[kept], self._values[kept]


def _block_of(blocks: NDArray[np.int32], count: int) -> NDArray[np.int32]:
    """The block of each row, int32[count]."""
    rows = blocks.ravel()[:count]
    block_of = np.empty(count, dtype=np.int32)
    block_of[rows] = np.arange(len(rows)) // blocks.shape[1]
    return block_of

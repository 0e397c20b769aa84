"""One person's scores of an indexed model, block by block, each with a bound known before any of it is read.

What a source says of an item is either a number that is the same for everybody, bounded by the block's largest, or the
product of the item's factors and the person's, bounded by their lengths.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Final

import numpy as np
from numpy.typing import NDArray

from domain.models.blend import POPULARITY
from domain.models.factor_model import FactorModel
from domain.models.norm_index import NormIndex
from domain.recommendations.blending import FACTORS, NO_SPREAD, SEGMENT, TREND, Part, Person, Scorer, Scores, weighted
from domain.recommendations.factors import FoldedUser, Observations

HEAD_SHARE: Final = 8
"""The factors of one of so many items, the longest ones, are held once more, one block after another.

Most searches end among them, and rows that lie together are read several times as fast as scattered ones.
"""

SLACK: Final = np.float32(1e-4)
"""What rounding may put between a bound and what it bounds."""


class BlockScorer:
    """Scores of one model with an index and without neighbours; what depends on the items alone is computed once.

    Args:
        model: what was learned.
        index: of its factors.
        scorer: of the model.
    """

    def __init__(self, model: FactorModel, index: NormIndex, scorer: Scorer) -> None:
        self._model = model
        self._scorer = scorer
        self._index = index
        self.blocks = np.full((len(index.lengths), index.block_rows), -1, dtype=np.int32)
        """The rows of each block, int32[b, block_rows]; -1 behind the last one."""
        self.blocks.ravel()[: len(index.order)] = index.order
        self._head = model.factors[self.blocks[: len(index.order) // index.block_rows // HEAD_SHARE]]
        self._mean = _mean(model.factors)
        self._covariance = scorer.fold_in.gram / max(len(model), 1) - np.outer(self._mean, self._mean)
        self._popular = self.tops(scorer.popularity)
        self._rising = None if scorer.trend is None else self.tops(scorer.trend.raw)
        self._favoured = [None if part is None else self.tops(part.raw) for part in scorer.favourites]

    def tops(self, column: NDArray[np.float32]) -> NDArray[np.float32]:
        """The largest of each block's numbers, float32[b].

        Args:
            column: float32[n], a number for each row of the model.
        """
        starts = np.arange(0, len(column), self._index.block_rows)
        return np.asarray(np.maximum.reduceat(column[self._index.order], starts), dtype=np.float32)

    def popularity_of(self, rows: NDArray[np.int32] | NDArray[np.int64]) -> NDArray[np.float32]:
        """The popularity of some rows, float32[k]."""
        return self._scorer.popularity[rows]

    def begin(self, observations: Observations) -> "BlockScores":
        """The scores of a user before any item is scored."""
        person = self._scorer.person(observations)
        weights = self._scorer.weights(observations.liked)
        parts = weighted(self._parts(person), weights)
        share = weights[POPULARITY] if any(part.weight > 0 for part in parts) else 1.0
        blended = np.full(len(self._model), -np.inf, dtype=np.float32)
        scores = Scores(blended, share, parts, observations.rows, observations.weights > 0, person.segment)
        vector = None if person.folded is None else person.folded.vector.astype(np.float32)
        return BlockScores(self, self._model, self._head, scores, vector, self._offset(person.folded))

    def bounds(self, scores: Scores, vector: NDArray[np.float32] | None, offset: float) -> NDArray[np.float32]:
        """What no item of a block scores more than, float32[b]."""
        bounds = np.float32(scores.popularity_weight) * self._popular
        for part in scores.parts:
            tops = self._tops(part.source, scores, vector, offset)
            if part.weight > 0 and tops is not None:
                bounds += np.float32(part.scale) * tops
        return np.asarray(bounds + SLACK * (1.0 + np.abs(bounds)), dtype=np.float32)

    def _tops(
        self, source: str, scores: Scores, vector: NDArray[np.float32] | None, offset: float
    ) -> NDArray[np.float32] | None:
        if source == FACTORS and vector is not None:
            return self._index.lengths * np.float32(np.linalg.norm(vector)) - np.float32(offset)
        if source == SEGMENT and scores.segment is not None:
            return self._favoured[scores.segment.segment]
        return self._rising if source == TREND else None

    def _parts(self, person: Person) -> Iterator[Part | None]:
        yield self._scorer.trend
        if person.folded is None:
            return
        vector = person.folded.vector
        spread = float(np.sqrt(max(float(vector @ self._covariance @ vector), 0.0)))
        if spread >= NO_SPREAD:
            raw = np.zeros(len(self._model), dtype=np.float32)
            yield Part(FACTORS, raw, partial(self._scorer.fold_in.contributions, person.folded), spread)
        if person.segment is not None:
            yield self._scorer.favourites[person.segment.segment]

    def _offset(self, folded: FoldedUser | None) -> float:
        """The mean of all products with a user's vector."""
        return 0.0 if folded is None else float(self._mean @ folded.vector)


@dataclass(frozen=True, slots=True, eq=False)
class BlockScores:
    """One user's scores while they are computed: `scores` holds those of the rows that were asked for so far."""

    scorer: BlockScorer
    model: FactorModel
    head: NDArray[np.float32]
    scores: Scores
    vector: NDArray[np.float32] | None
    offset: float

    def bounds(self) -> NDArray[np.float32]:
        """What no item of a block scores more than, float32[b]."""
        return self.scorer.bounds(self.scores, self.vector, self.offset)

    def read(self, blocks: NDArray[np.int64]) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        """The rows of some blocks and their blended scores."""
        near, far = blocks[blocks < len(self.head)], blocks[blocks >= len(self.head)]
        rows = self.scorer.blocks[near].ravel()
        products = None
        if self.vector is not None:
            products = self.head[near].reshape(-1, len(self.vector)) @ self.vector
        blended = self._filled(rows, products)
        if len(far) == 0:
            return rows, blended
        others = self.scorer.blocks[far].ravel()
        others = others[others >= 0]
        return np.concatenate((rows, others)), np.concatenate((blended, self.at(others)))

    def at(self, rows: NDArray[np.int32] | NDArray[np.int64]) -> NDArray[np.float32]:
        """The blended scores of some rows, float32[k]."""
        return self._filled(rows, None if self.vector is None else self.model.factors[rows] @ self.vector)

    def _filled(
        self, rows: NDArray[np.int32] | NDArray[np.int64], products: NDArray[np.float32] | None
    ) -> NDArray[np.float32]:
        blended = np.float32(self.scores.popularity_weight) * self.scorer.popularity_of(rows)
        for part in self.scores.parts:
            if part.source == FACTORS and products is not None:
                part.raw[rows] = products - np.float32(self.offset)
            if part.weight > 0:
                blended += np.float32(part.scale) * part.raw[rows]
        self.scores.blended[rows] = blended
        return blended


def _mean(factors: NDArray[np.float32]) -> NDArray[np.float64]:
    return np.asarray(factors.mean(axis=0, dtype=np.float64) if len(factors) else np.zeros(factors.shape[1]))

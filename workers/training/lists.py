"""Lists of candidates with the item that a user took to: what the preference network learns from and is checked on."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from domain.models.factor_model import FactorModel
from domain.recommendations.blending import Scorer
from domain.recommendations.features import Features
from domain.recommendations.refinement import CANDIDATES
from domain.recommendations.retrieval import top
from workers.training.evaluation import HoldOut, newest
from workers.training.impressions import Impression
from workers.training.weighing import HISTORY_BOUNDS

NEGATIVES: Final = 50
"""Candidates that are drawn for each list to learn from."""


@dataclass(frozen=True, slots=True, eq=False)
class Lists:
    """Candidates of k users with the item that each took to.

    Attributes:
        features: float32[k, c, f], the wanted item first; zeros behind the last candidate.
        blended: float32[k, c], the blend's scores; -inf behind the last candidate.
        liked: int64[k], items in each user's history.
        reached: bool[k], whether the wanted item is among the candidates that the network would see.
        names: of the f features.
    """

    features: NDArray[np.float32]
    blended: NDArray[np.float32]
    liked: NDArray[np.int64]
    reached: NDArray[np.bool_]
    names: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.liked)

    def without(self, names: Sequence[str]) -> "Lists":
        """The same lists without some features."""
        kept = [place for place, name in enumerate(self.names) if name not in names]
        return replace(self, features=self.features[:, :, kept], names=tuple(self.names[place] for place in kept))


class _List(NamedTuple):
    """One entry of `Lists`."""

    table: NDArray[np.float32]
    blended: NDArray[np.float32]
    liked: int
    reached: bool


class Source:
    """Lists of one model's candidates with the features of these names."""

    def __init__(self, model: FactorModel, names: tuple[str, ...]) -> None:
        self._scorer = Scorer(model, complete=True)
        self._features = Features(model)
        self._names = names

    def lists(self, hold_out: HoldOut, most: int, rng: np.random.Generator | None) -> Lists:
        """A list for each target, and one as if little of its user were known.

        Args:
            hold_out: whom to list for.
            most: lists at most.
            rng: draws candidates to learn from, of lists that hold the wanted item; None keeps all.
        """
        numbers = np.linspace(0, len(hold_out) - 1, min(len(hold_out), most // 2)).astype(np.int64).tolist()
        found = [entry for number in numbers for entry in self._of(hold_out, number, rng)]
        if rng is not None:
            found = [entry for entry in found if entry.reached] or found[:1]
        return self._padded(found)

    def shown(self, lists: Sequence[Impression]) -> Lists:
        """A list for the first item taken of each that was served, with what was passed over."""
        found = []
        for seen in lists:
            scores = self._scorer.scores(seen.observations)
            rows = np.concatenate((seen.taken[:1], seen.passed))
            table = self._features.table(self._names, scores, seen.observations, rows, seen.at)
            found.append(_List(table, scores.blended[rows], seen.observations.liked, reached=True))
        return self._padded(found)

    def _padded(self, found: Sequence["_List"]) -> Lists:
        width = max(len(entry.blended) for entry in found)
        features = np.zeros((len(found), width, len(self._names)), dtype=np.float32)
        blended = np.full((len(found), width), -np.inf, dtype=np.float32)
        for place, entry in enumerate(found):
            features[place, : len(entry.table)] = entry.table
            blended[place, : len(entry.blended)] = entry.blended
        liked = np.array([entry.liked for entry in found], dtype=np.int64)
        return Lists(features, blended, liked, np.array([entry.reached for entry in found]), self._names)

    def _of(self, hold_out: HoldOut, number: int, rng: np.random.Generator | None) -> Iterator["_List"]:
        whole, target, at = hold_out.observations(number), int(hold_out.targets[number]), hold_out.moment(number)
        for observations in (whole, newest(whole, 1 + number % (HISTORY_BOUNDS[-1] - 1))):
            scores = self._scorer.scores(observations)
            competing = scores.blended.copy()
            competing[whole.rows] = -np.inf
            rows = top(competing, CANDIDATES)
            reached = bool((rows == target).any())
            rows = rows[np.isfinite(competing[rows]) & (rows != target)]
            if rng is not None and len(rows) > NEGATIVES:
                rows = np.sort(rng.choice(rows, NEGATIVES, replace=False))
            rows = np.concatenate(([target], rows))
            table = self._features.table(self._names, scores, observations, rows, at)
            yield _List(table, scores.blended[rows], observations.liked, reached)

"""Why each item of a page is on it: the parts of its score that speak for it, with the evidence behind them.

Computed for the final page only: the contribution of every action to every item would cost more than ranking.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from domain.disclosure import FEWEST_PEOPLE
from domain.ids import ItemId
from domain.models.factor_model import FactorModel
from domain.recommendations.blending import SEGMENT, TREND, Scorer, Scores
from domain.recommendations.model import Reason, ReasonCode, Source
from domain.recommendations.popularity import trending

EVIDENCE: Final = 3

SOURCES: Final[Mapping[ReasonCode, Source]] = {
    ReasonCode.SIMILAR_TO_YOUR_ACTIONS: Source.FACTORS,
    ReasonCode.SIMILAR_CONTENT: Source.CONTENT,
    ReasonCode.MATCHES_PREFERENCE: Source.PREFERENCES,
    ReasonCode.SEGMENT_FAVOURITE: Source.SEGMENT,
    ReasonCode.TRENDING: Source.TREND,
    ReasonCode.POPULAR: Source.POPULARITY,
    ReasonCode.DISCOVERY: Source.CATALOGUE,
    ReasonCode.FITS_YOUR_WORK: Source.FIT,
    ReasonCode.FITS_SITUATION: Source.SITUATION,
    ReasonCode.PINNED: Source.RULES,
    ReasonCode.PROMOTED: Source.RULES,
    ReasonCode.EXPLORATION: Source.EXPLORATION,
}


class Preferred(NamedTuple):
    """What stated preferences add to an item's score, and the facets that it matches."""

    gain: float
    facets: tuple[str, ...]


NOT_PREFERRED: Final = Preferred(0.0, ())


SharedBy = Callable[[ItemId, Sequence[ItemId]], tuple[str, ...]]
"""What an item has in common with others, as people may read it."""


def no_content(_item: ItemId, _others: Sequence[ItemId]) -> tuple[str, ...]:
    """The answer where nothing is said of any item."""
    return ()


class Explainer:
    """Reasons for items of one model.

    Args:
        model: the items.
        scorer: of the model.
        shared_by: names what items have in common.
    """

    def __init__(self, model: FactorModel, scorer: Scorer, shared_by: SharedBy = no_content) -> None:
        self._model = model
        self._shared_by = shared_by
        self._trained = len(model) - model.placed
        self._scorer = scorer
        self._trending = trending(model.popularity, model.trend)

    def explain(
        self,
        rows: NDArray[np.int64],
        scores: Scores,
        preferred: Sequence[Preferred],
        more: Sequence[Sequence[Reason]],
    ) -> list[tuple[Reason, ...]]:
        """At least one reason for each item, the heaviest first.

        Args:
            rows: int64[k], rows of the model; -1 for an item that it does not know.
            scores: what the page was ranked by.
            preferred: k entries, what preferences add to each item.
            more: k entries, what else speaks for each item, with what it adds to its score as its weight.
        """
        personal, shared = self._personal(rows, scores), self._shared(rows, scores)
        learned = [
            list(self._alike(int(row), scores)) if row >= self._trained else [*personal[place], *shared[place]]
            for place, row in enumerate(rows)
        ]
        return [_weighed([*learned[place], *_wanted(preferred[place]), *more[place]]) for place in range(len(rows))]

    def _personal(self, rows: NDArray[np.int64], scores: Scores) -> list[list[Reason]]:
        """The part of the user's own actions, for each item that they speak for more than for the average one."""
        reasons: list[list[Reason]] = [[] for _ in rows]
        known = np.flatnonzero(rows >= 0)
        if not scores.personal or len(known) == 0:
            return reasons
        parts = scores.contributions(rows[known])
        gains = np.sum([part.gains(rows[known]) for part in scores.personal], axis=0)
        for place, gain, evidence in zip(
            known.tolist(), gains.tolist(), self._evidence(parts, scores.history), strict=True
        ):
            if gain > 0 and evidence:
                reasons[place].append(Reason(ReasonCode.SIMILAR_TO_YOUR_ACTIONS, gain, evidence))
        return reasons

    def _alike(self, row: int, scores: Scores) -> Iterator[Reason]:
        """Nobody is known to have used an item that was placed by its content, so its content is the only reason."""
        if scores.blended[row] <= 0 or not scores.liked.any():
            return
        parts = scores.contributions(np.array([row]))
        if not scores.personal:
            alike = self._model.factors[scores.history] @ self._model.factors[row]
            parts = np.where(scores.liked, alike, 0.0)[np.newaxis].astype(np.float64)
        [evidence] = self._evidence(parts, scores.history)
        if evidence:
            features = self._shared_by(self._model.item_ids[row], evidence)
            yield Reason(ReasonCode.SIMILAR_CONTENT, float(scores.blended[row]), evidence, features=features)

    def _evidence(self, contributions: NDArray[np.float64], history: NDArray[np.int64]) -> Iterator[tuple[ItemId, ...]]:
        """For each row of contributions, float64[k, h], the history items that add most, if they add at all."""
        strongest = np.argsort(-contributions, axis=1, kind="stable")[:, :EVIDENCE]
        adds = np.take_along_axis(contributions, strongest, axis=1) > 0
        for rows, positive in zip(history[strongest], adds, strict=True):
            yield tuple(self._model.item_ids[row] for row in rows[positive].tolist())

    def _shared(self, rows: NDArray[np.int64], scores: Scores) -> list[list[Reason]]:
        """The parts of what others do, where enough of them did it: of a segment, lately, and ever."""
        reasons: list[list[Reason]] = [[] for _ in rows]
        known = np.flatnonzero(rows >= 0)
        segment, trend = (scores.gains(source, rows[known]) for source in (SEGMENT, TREND))
        popular = np.float32(scores.popularity_weight) * self._scorer.popularity[rows[known]]
        for place, row, favoured, rising, liked in zip(
            known.tolist(), rows[known].tolist(), segment.tolist(), trend.tolist(), popular.tolist(), strict=True
        ):
            if favoured > 0 and self._favourite(scores, row):
                reasons[place].append(Reason(ReasonCode.SEGMENT_FAVOURITE, favoured))
            if (gain := max(rising, 0.0) + max(liked, 0.0)) > 0 and self._model.popularity[row] >= FEWEST_PEOPLE:
                reasons[place].append(Reason(ReasonCode.TRENDING if self._trending[row] else ReasonCode.POPULAR, gain))
        return reasons

    def _favourite(self, scores: Scores, row: int) -> bool:
        segments, mine = self._model.segments, scores.segment
        if segments is None or mine is None:
            return False
        return bool(segments.favourites[mine.segment, row] >= FEWEST_PEOPLE)


def _wanted(preferred: Preferred) -> Iterator[Reason]:
    if preferred.gain > 0 and preferred.facets:
        yield Reason(ReasonCode.MATCHES_PREFERENCE, preferred.gain, preferences=preferred.facets)


def _weighed(reasons: Sequence[Reason]) -> tuple[Reason, ...]:
    """The reasons, one of each code, with their gains turned into shares, the heaviest first."""
    if not reasons:
        return (Reason(ReasonCode.DISCOVERY, 1.0),)
    total = sum(reason.weight for reason in reasons)
    merged: dict[ReasonCode, Reason] = {}
    for said in reasons:
        weight, evidence, held = said.weight / total, said.evidence, merged.get(said.code)
        if held is not None:
            weight, evidence = held.weight + weight, (*held.evidence, *evidence)
        strongest = tuple(dict.fromkeys(evidence))[:EVIDENCE]
        merged[said.code] = Reason(said.code, weight, strongest, said.preferences, said.features)
    return tuple(sorted(merged.values(), key=lambda reason: -reason.weight))

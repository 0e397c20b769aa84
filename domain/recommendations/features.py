"""What the preference network is told of a candidate: the sources' scores, the user, the item and the moment.

Training and serving call the same code, so a feature means the same in both.
"""

from collections.abc import Callable, Collection, Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from domain.models.factor_model import FactorModel
from domain.models.traits import ItemTraits, parts_of
from domain.recommendations.blending import FACTORS, FOLLOWING, SEGMENT, TOGETHER, TREND, Scores, score_feature
from domain.recommendations.factors import Observations, recency
from domain.recommendations.popularity import log_popularity

USER_ACTIONS: Final = "user_actions"
CONTENT_FEATURES: Final = "content_features"
TEMPORAL_PATTERNS: Final = "temporal_patterns"

SCORED: Final = (FACTORS, TOGETHER, FOLLOWING, SEGMENT, TREND)

GROUPS: Final[Mapping[str, tuple[str, ...]]] = {
    USER_ACTIONS: ("blend", *map(score_feature, SCORED), "history_length"),
    CONTENT_FEATURES: ("facet_match", "kind_match", "popularity"),
    TEMPORAL_PATTERNS: (
        "item_age",
        "trend_lift",
        "idle_time",
        "day_part",
        "week_part",
        "hour_sin",
        "hour_cos",
        "weekday_sin",
        "weekday_cos",
    ),
}
"""The documented groups of features, and what each of them holds."""

CONTEXT: Final = ("day_part", "week_part", "hour_sin", "hour_cos", "weekday_sin", "weekday_cos")
"""Features of the moment alone; left out where they do not help people who are known."""

HISTORY_DECAY: Final = 20.0
"""Positions of the history after which an item counts 1/e in what a user's items are like."""

_DAY_SECONDS: Final = 86_400.0
_WEEK_SECONDS: Final = 7 * _DAY_SECONDS
_TURN: Final = 2.0 * np.pi

Column = NDArray[np.float32]


class Features:
    """The features of candidates of one model; what depends on the items alone is computed once."""

    def __init__(self, model: FactorModel) -> None:
        self._model = model
        self._popularity = log_popularity(model.popularity)
        trend, popularity = model.trend.astype(np.float64), model.popularity.astype(np.float64)
        self._lift = (np.log1p(trend) - np.log1p(popularity)).astype(np.float32)

    def table(
        self,
        names: Collection[str],
        scores: Scores,
        observations: Observations,
        rows: NDArray[np.int64],
        at: float,
    ) -> NDArray[np.float32]:
        """The features of some items for one user, float32[k, len(names)].

        Args:
            names: which, in the order of the columns; names of `GROUPS`.
            scores: what the sources say.
            observations: what the user did.
            rows: int64[k], the candidates.
            at: seconds since the epoch of the request.
        """
        columns = self._columns(scores, observations, rows, at)
        said = {score_feature(part.source): part for part in scores.parts}
        table = np.zeros((len(rows), len(names)), dtype=np.float32)
        for place, name in enumerate(names):
            if name in said:
                table[:, place] = said[name].standardized(rows)
            elif name in columns:
                table[:, place] = columns[name]()
        return table

    def _columns(
        self, scores: Scores, observations: Observations, rows: NDArray[np.int64], at: float
    ) -> Mapping[str, Callable[[], Column | float]]:
        """How each feature is computed; one that is not asked for costs nothing."""
        blend = scores.blended[rows]
        return {
            "blend": lambda: blend - (blend.mean() if len(blend) else np.float32(0.0)),
            "history_length": lambda: float(np.log1p(observations.liked)),
            "popularity": lambda: self._popularity[rows],
            "trend_lift": lambda: self._lift[rows],
            "idle_time": lambda: _idle_time(observations, at),
            "kind_match": lambda: self._kind_match(observations, rows),
            "facet_match": lambda: self._facet_match(observations, rows),
            "item_age": lambda: self._item_age(rows, at),
            "day_part": lambda: self._moment(rows, at, "day"),
            "week_part": lambda: self._moment(rows, at, "week"),
            "hour_sin": lambda: float(np.sin(_TURN * at / _DAY_SECONDS)),
            "hour_cos": lambda: float(np.cos(_TURN * at / _DAY_SECONDS)),
            "weekday_sin": lambda: float(np.sin(_TURN * at / _WEEK_SECONDS)),
            "weekday_cos": lambda: float(np.cos(_TURN * at / _WEEK_SECONDS)),
        }

    def _kind_match(self, observations: Observations, rows: NDArray[np.int64]) -> Column | float:
        """The share of each item's kind in the decayed history."""
        shares = _shares(observations)
        if len(shares) == 0:
            return 0.0
        kinds = self._model.item_kinds
        by_kind = np.bincount(kinds[observations.rows], weights=shares, minlength=int(kinds.max()) + 1)
        return by_kind[kinds[rows]].astype(np.float32)

    def _facet_match(self, observations: Observations, rows: NDArray[np.int64]) -> Column | float:
        """The mean share of each item's category and tags in the decayed history."""
        traits, shares = self._model.traits, _shares(observations)
        if traits is None or len(shares) == 0 or len(traits.facet_codes) == 0:
            return 0.0
        codes, lengths = _facets_of(traits, observations.rows)
        by_facet = np.bincount(codes, weights=np.repeat(shares, lengths), minlength=int(traits.facet_codes.max()) + 1)
        codes, lengths = _facets_of(traits, rows)
        owners = np.repeat(np.arange(len(rows)), lengths)
        total = np.bincount(owners, weights=by_facet[codes], minlength=len(rows))
        return (total / np.maximum(lengths, 1)).astype(np.float32)

    def _item_age(self, rows: NDArray[np.int64], at: float) -> Column | float:
        traits = self._model.traits
        if traits is None:
            return 0.0
        days = np.maximum(at - traits.first_at[rows], 0.0) / _DAY_SECONDS
        return np.log1p(days).astype(np.float32)

    def _moment(self, rows: NDArray[np.int64], at: float, cycle: str) -> Column | float:
        """How much more often than others each item is used in this part of the day or week."""
        traits = self._model.traits
        if traits is None:
            return 0.0
        day_part, week_part = parts_of(np.array([at]))
        return traits.by_day_part[rows, day_part] if cycle == "day" else traits.by_week_part[rows, week_part]


def _shares(observations: Observations) -> NDArray[np.float64]:
    """How much of what the user took to each item of the history is, newest counting most, float64[h]; sums to 1."""
    liked = observations.weights > 0
    faded = recency(len(liked), HISTORY_DECAY, 0.0) * liked
    total = float(faded.sum())
    return faded / total if total > 0 else np.empty(0)


def _facets_of(traits: ItemTraits, rows: NDArray[np.int64]) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """The facet codes of some items one after another, and how many each has."""
    starts = traits.facet_offsets[rows].astype(np.int64)
    lengths = traits.facet_offsets[rows + 1].astype(np.int64) - starts
    within = np.arange(int(lengths.sum())) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    return traits.facet_codes[np.repeat(starts, lengths) + within], lengths


def _idle_time(observations: Observations, at: float) -> float:
    """Days since the last action, as a logarithm; 0 where it is not known."""
    if observations.latest_at is None:
        return 0.0
    return float(np.log1p(max(at - observations.latest_at, 0.0) / _DAY_SECONDS))

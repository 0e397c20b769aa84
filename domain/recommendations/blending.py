"""All sources of a score in one number, weighed by how much is known of the user.

On MovieLens popularity alone beats fold-in for users of whom a few random actions are known, and a blend beats both;
so what each source counts depends on the length of the history. Training learns it; without that, the weight of
popularity starts at 1 for an unknown user and falls as history grows, and the rest is the factors'.

Sources count in standard deviations and popularity in logarithms of people; neither depends on the size of the
catalogue, and popularity falls silent by itself where all items are equally popular.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from domain.models.blend import POPULARITY
from domain.models.factor_model import FactorModel
from domain.models.neighbours import Neighbours
from domain.models.segments import Assignment
from domain.recommendations.factors import FoldedUser, FoldIn, Observations, confidence
from domain.recommendations.popularity import log_popularity

_NOTHING: Final = np.empty(0, dtype=np.float32)
NO_SPREAD: Final = 1e-6
"""Scores closer together than this are rounding noise and say nothing."""

NEIGHBOUR_HISTORY: Final = 200
"""The latest liked items whose neighbours count; older ones have faded to the floor."""

FACTORS: Final = "factors"
TOGETHER: Final = "together"
FOLLOWING: Final = "following"
SEGMENT: Final = "segment"
TREND: Final = "trend"


def popularity_weight(actions: int, popularity_strength: float) -> float:
    """The weight of popularity against the personal score, in (0, 1]: 1 without history, 1/2 at `popularity_strength`.

    This is the posterior weight of a prior worth `popularity_strength` actions (Buhlmann's credibility formula).
    """
    return popularity_strength / (popularity_strength + actions)


Contributions = Callable[[NDArray[np.int64]], NDArray[np.float64]]


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """What one source says of all n items.

    Attributes:
        source: its name.
        raw: float32[n], in its own units, around 0.
        contributions: answers for rows, int64[k], with what each item of the history adds to `raw`, float64[k, h]; None
            if the source does not speak of the history item by item.
        spread: the standard deviation of `raw`.
        weight: its share in the blend, in standard deviations.
    """

    source: str
    raw: NDArray[np.float32]
    contributions: Contributions | None = None
    spread: float = 1.0
    weight: float = 0.0

    @property
    def scale(self) -> float:
        """What `raw` is multiplied by in the blended score."""
        return self.weight / self.spread

    def standardized(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """What it says of some items in standard deviations above the mean, float32[k]."""
        return np.asarray(self.raw[rows] / np.float32(self.spread), dtype=np.float32)

    def gains(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """What it adds to the blended score of some items, against the average item, float32[k]."""
        return np.float32(self.weight) * self.standardized(rows)


@dataclass(frozen=True, slots=True, eq=False)
class Scores:
    """The model's opinion of all its n items for one user.

    Attributes:
        blended: float32[n], around 0 for the average item.
        popularity_weight: share of popularity in it, in [0, 1].
        parts: the other sources that tell items apart, those without weight included.
        history: int64[h], the items behind the personal ones.
        liked: bool[h], which of them the user took to; the others they did not want.
        segment: the segment of the user; None if nothing is known of them or the model has none.
    """

    blended: NDArray[np.float32]
    popularity_weight: float
    parts: tuple[Part, ...]
    history: NDArray[np.int64]
    liked: NDArray[np.bool_]
    segment: Assignment | None = None

    @property
    def personal(self) -> tuple[Part, ...]:
        """The parts that speak of the history and count."""
        return tuple(part for part in self.parts if part.contributions is not None and part.weight > 0)

    @property
    def shared(self) -> float:
        """How much counts what others do: popularity and trend."""
        trends = sum(part.weight for part in self.parts if part.source == TREND)
        return min(1.0, self.popularity_weight + max(trends, 0.0))

    def gains(self, source: str, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """What one source adds to the blended score of some items, against the average item, float32[k]."""
        total = np.zeros(len(rows), dtype=np.float32)
        for part in self.parts:
            if part.source == source and part.weight > 0:
                total += part.gains(rows)
        return total

    def contributions(self, rows: NDArray[np.int64]) -> NDArray[np.float64]:
        """How much each item of the history adds to the blended score of each item in `rows`, float64[k, h]."""
        total = np.zeros((len(rows), len(self.history)))
        for part in self.parts:
            if part.contributions is not None and part.weight > 0:
                total += part.scale * part.contributions(rows)
        return total


class Scorer:
    """Scores every item of one model for a user; what depends on the items alone is computed once.

    Args:
        model: what was learned.
        complete: whether sources that do not count are asked too.
    """

    def __init__(self, model: FactorModel, *, complete: bool = False) -> None:
        self._model = model
        self._complete = complete or model.blend is None
        self._parameters = model.parameters
        self.fold_in = FoldIn(model.factors, model.parameters.regularization)
        self.popularity = log_popularity(model.popularity)
        self.trend = _measured(Part(TREND, log_popularity(model.trend)))
        segments = model.segments
        favourites = [] if segments is None else [log_popularity(liked) for liked in segments.favourites]
        self.favourites = [_measured(Part(SEGMENT, liked)) for liked in favourites]

    def scores(self, observations: Observations) -> Scores:
        """Blend what the sources say of a user with popularity."""
        person = self.person(observations)
        weights = self.weights(observations.liked)
        asked = self._asked(observations.liked, weights)
        parts = weighted(self._parts(person, observations, asked), weights)
        share = weights[POPULARITY] if any(part.weight > 0 for part in parts) else 1.0
        blended = np.float32(share) * self.popularity
        for part in parts:
            if part.weight > 0:
                blended += np.float32(part.scale) * part.raw
        return Scores(blended, share, parts, observations.rows, observations.weights > 0, person.segment)

    def person(self, observations: Observations) -> "Person":
        """What is known of a user before any item is looked at."""
        if not observations.liked:
            return Person(None, None)
        folded = self.fold_in.solve(observations.rows, confidence(observations, self._parameters))
        segments = self._model.segments
        return Person(folded, None if segments is None else segments.assign(folded.vector))

    def weights(self, liked: int) -> Mapping[str, float]:
        """How much each source counts for somebody who took to so many items; popularity is always among them."""
        if self._model.blend is not None:
            return {POPULARITY: 0.0, **self._model.blend.of(liked)}
        popular = popularity_weight(liked, self._parameters.popularity_strength)
        return {POPULARITY: popular, FACTORS: 1.0 - popular}

    def _asked(self, liked: int, weights: Mapping[str, float]) -> Callable[[str], bool]:
        """Whether a source counts in the blend, or the network wants to know what it says."""
        network = self._model.network
        features = network.features if network is not None and network.weight(liked) > 0 else ()
        return lambda source: self._complete or weights.get(source, 0.0) > 0 or score_feature(source) in features

    def _parts(
        self, person: "Person", observations: Observations, asked: Callable[[str], bool]
    ) -> Iterator[Part | None]:
        """What each source that is asked says of a user; None from one that does not tell items apart."""
        if asked(TREND):
            yield self.trend
        if person.folded is None:
            return
        folded, settings, model = person.folded, self._parameters, self._model
        raw = model.factors @ folded.vector.astype(np.float32) if asked(FACTORS) or model.placed else _NOTHING
        if asked(FACTORS):
            yield _measured(Part(FACTORS, raw, lambda rows: self.fold_in.contributions(folded, rows)))
        if model.together is not None and asked(TOGETHER):
            strengths = _strengths(observations, settings.together_decay, settings.together_floor)
            beside = continued(_neighbour_part(TOGETHER, model.together, observations, strengths), raw, model.placed)
            yield _measured(beside)
        if model.following is not None and asked(FOLLOWING):
            strengths = _strengths(observations, settings.following_decay, 0.0)
            behind = continued(_neighbour_part(FOLLOWING, model.following, observations, strengths), raw, model.placed)
            yield _measured(behind)
        if person.segment is not None and asked(SEGMENT):
            yield self.favourites[person.segment.segment]


@dataclass(frozen=True, slots=True, eq=False)
class Person:
    """What is known of a user before any item is looked at; nothing where they took to nothing."""

    folded: FoldedUser | None
    segment: Assignment | None


def weighted(parts: Iterable[Part | None], weights: Mapping[str, float]) -> tuple[Part, ...]:
    """The parts that tell items apart, each with its weight."""
    return tuple(replace(part, weight=weights.get(part.source, 0.0)) for part in parts if part is not None)


def continued(part: Part, factors: NDArray[np.float32], placed: int) -> Part:
    """What a source says of items, the last `placed` of which it cannot know, as far as their factors tell it.

    Without behaviour an item is nobody's neighbour. To leave it at nothing would put it before every item that is
    spoken against, so it gets what a regression on the factors' scores, float32[n], expects of it.
    """
    known = len(part.raw) - placed
    if placed == 0 or known == 0:
        return part
    raw, mean = part.raw.copy(), factors[:known].mean()
    centred = factors[:known] - mean
    slope = float(np.einsum("i,i", centred, raw[:known])) / max(float(np.einsum("i,i", centred, centred)), NO_SPREAD)
    raw[known:] = raw[:known].mean() + np.float32(slope) * (factors[known:] - mean)
    return replace(part, raw=raw)


def score_feature(source: str) -> str:
    """The name under which the network is told what a source says."""
    return f"{source}_score"


def _measured(part: Part) -> Part | None:
    """The part around 0, with its spread; None if it does not tell items apart."""
    if len(part.raw) == 0:
        return None
    centred = part.raw - part.raw.mean()
    # Not the library's dot product: its threads change the last bits of a sum.
    spread = float(np.sqrt(np.einsum("i,i", centred, centred) / np.float32(len(centred))))
    return None if spread < NO_SPREAD else replace(part, raw=centred, spread=spread)


def _strengths(observations: Observations, decay: float, floor: float) -> NDArray[np.float64]:
    """How much each item of a history counts for its neighbours, float64[h]; unwanted and very old items do not."""
    liked = observations.weights > 0
    place = np.cumsum(liked) - 1
    strengths = (floor + np.exp(-place / decay)) / (1.0 + floor)
    return np.where(liked & (place < NEIGHBOUR_HISTORY), strengths, 0.0)


def _neighbour_part(
    source: str, neighbours: Neighbours, observations: Observations, strengths: NDArray[np.float64]
) -> Part:
    counting = np.flatnonzero(strengths)
    history, strong = observations.rows[counting], strengths[counting]

    def contributions(rows: NDArray[np.int64]) -> NDArray[np.float64]:
        total = np.zeros((len(rows), len(strengths)))
        total[:, counting] = neighbours.contributions(history, strong, rows)
        return total

    return Part(source, neighbours.scores(history, strong), contributions)

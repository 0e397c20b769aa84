"""Personal score and popularity in one number, weighed by how much is known of the user.

On MovieLens popularity alone beats fold-in for users of whom a few random actions are known, and a blend beats both;
so the weight of popularity starts at 1 for an unknown user and falls as history grows.
Personal scores count in standard deviations and popularity in logarithms of people; neither depends on the size of the
catalogue, and popularity falls silent by itself where all items are equally popular.

The personal score itself is a weighed sum of standardized parts: the folded-in factors, the items that people take to
together with those of the history, and the items that follow the recent ones. Training learns the weights.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from domain.models.factor_model import FactorModel
from domain.models.neighbours import Neighbours
from domain.recommendations.factors import FoldIn, Observations, confidence
from domain.recommendations.popularity import log_popularity

NO_SPREAD: Final = 1e-6
"""Personal scores closer together than this are rounding noise and say nothing."""

NEIGHBOUR_HISTORY: Final = 200
"""The latest liked items whose neighbours count; older ones have faded to the floor."""


def popularity_weight(actions: int, popularity_strength: float) -> float:
    """The weight of popularity against the personal score, in (0, 1]: 1 without history, 1/2 at `popularity_strength`.

    This is the posterior weight of a prior worth `popularity_strength` actions (Buhlmann's credibility formula).
    """
    return popularity_strength / (popularity_strength + actions)


@dataclass(frozen=True, slots=True, eq=False)
class Scores:
    """The model's opinion of all its n items for one user.

    Attributes:
        blended: float32[n], around 0 for the average item.
        popularity_weight: share of popularity in it, in (0, 1].
        personal: the parts of the personal score that it was blended from; empty where nothing personal was said.
        history: int64[h], the items behind the personal score.
    """

    blended: NDArray[np.float32]
    popularity_weight: float
    personal: tuple["PersonalPart", ...]
    history: NDArray[np.int64]

    def contributions(self, rows: NDArray[np.int64]) -> NDArray[np.float64]:
        """How much each item of the history adds to the blended score of each item in `rows`, float64[k, h]."""
        total = np.zeros((len(rows), len(self.history)))
        for part in self.personal:
            total += part.scale * part.contributions(rows)
        return total


@dataclass(frozen=True, slots=True, eq=False)
class PersonalPart:
    """One source of the personal score.

    Attributes:
        raw: float32[n], what the source says in its own units.
        weight: its share, in standard deviations.
        contributions: answers for rows, int64[k], with what each item of the history adds to `raw`, float64[k, h].
        scale: what `raw` is multiplied by in the blended score.
    """

    raw: NDArray[np.float32]
    weight: float
    contributions: Callable[[NDArray[np.int64]], NDArray[np.float64]]
    scale: float = 0.0


class Scorer:
    """Scores every item of one model for a user; what depends on the items alone is computed once."""

    def __init__(self, model: FactorModel) -> None:
        self._model = model
        self._parameters = model.parameters
        self.fold_in = FoldIn(model.factors, model.parameters.regularization)
        self.popularity = log_popularity(model.popularity)

    def scores(self, observations: Observations) -> Scores:
        """Blend the personal scores of a user with popularity."""
        if observations.liked == 0:
            return self._impersonal(observations)
        parts = [scaled for part in self.parts(observations) if (scaled := _standardized(part)) is not None]
        personal = np.zeros(len(self._model), dtype=np.float32)
        for part in parts:
            personal += np.float32(part.scale) * part.raw
        spread = float(personal.std()) if len(personal) else 0.0
        if spread < NO_SPREAD:
            return self._impersonal(observations)
        weight = popularity_weight(observations.liked, self._parameters.popularity_strength)
        scale = (1.0 - weight) / spread
        blended = np.float32(scale) * (personal - personal.mean()) + np.float32(weight) * self.popularity
        return Scores(
            blended=blended,
            popularity_weight=weight,
            personal=tuple(replace(part, scale=scale * part.scale) for part in parts),
            history=observations.rows,
        )

    def parts(self, observations: Observations) -> Iterator[PersonalPart]:
        """What each source that the model has says of a user, in its own units."""
        user = self.fold_in.solve(observations.rows, confidence(observations, self._parameters))
        yield PersonalPart(
            raw=self._model.factors @ user.vector.astype(np.float32),
            weight=self._parameters.factor_weight,
            contributions=lambda rows: self.fold_in.contributions(user, rows),
        )
        settings = self._parameters
        if self._model.together is not None:
            strengths = _strengths(observations, settings.together_decay, settings.together_floor)
            yield _neighbour_part(self._model.together, observations, strengths, settings.together_weight)
        if self._model.following is not None:
            strengths = _strengths(observations, settings.following_decay, 0.0)
            yield _neighbour_part(self._model.following, observations, strengths, settings.following_weight)

    def _impersonal(self, observations: Observations) -> Scores:
        return Scores(self.popularity.copy(), 1.0, (), observations.rows)


def _standardized(part: PersonalPart) -> PersonalPart | None:
    """The part with its weight as a multiple of its standard deviation; None if it has no weight or says nothing."""
    spread = float(part.raw.std()) if len(part.raw) else 0.0
    if part.weight == 0 or spread < NO_SPREAD:
        return None
    return replace(part, scale=part.weight / spread)


def _strengths(observations: Observations, decay: float, floor: float) -> NDArray[np.float64]:
    """How much each item of a history counts for its neighbours, float64[h]; unwanted and very old items do not."""
    liked = observations.weights > 0
    place = np.cumsum(liked) - 1
    strengths = (floor + np.exp(-place / decay)) / (1.0 + floor)
    return np.where(liked & (place < NEIGHBOUR_HISTORY), strengths, 0.0)


def _neighbour_part(
    neighbours: Neighbours, observations: Observations, strengths: NDArray[np.float64], weight: float
) -> PersonalPart:
    counting = np.flatnonzero(strengths)
    history, strong = observations.rows[counting], strengths[counting]

    def contributions(rows: NDArray[np.int64]) -> NDArray[np.float64]:
        total = np.zeros((len(rows), len(strengths)))
        total[:, counting] = neighbours.contributions(history, strong, rows)
        return total

    return PersonalPart(neighbours.scores(history, strong), weight, contributions)

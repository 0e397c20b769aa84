"""Personal score and popularity in one number, weighed by how much is known of the user.

On MovieLens popularity alone beats fold-in for users of whom a few random actions are known, and a blend beats both;
so the weight of popularity starts at 1 for an unknown user and falls as history grows.
Personal scores count in standard deviations and popularity in logarithms of people; neither depends on the size of the
catalogue, and popularity falls silent by itself where all items are equally popular.
"""

from dataclasses import dataclass
from math import sqrt
from typing import Final

import numpy as np
from numpy.typing import NDArray

from domain.models.factor_model import FactorModel
from domain.recommendations.factors import FoldedUser, FoldIn, Observations, confidence, gram
from domain.recommendations.popularity import log_popularity

NO_SPREAD: Final = 1e-6
"""Personal scores closer together than this are rounding noise and say nothing."""


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
        personal_scale: what a raw personal score is multiplied by before it is added; 0 where it says nothing.
        user: the folded-in user; None without usable history.
    """

    blended: NDArray[np.float32]
    popularity_weight: float
    personal_scale: float
    user: FoldedUser | None


class Scorer:
    """Scores every item of one model for a user; what depends on the items alone is computed once."""

    def __init__(self, model: FactorModel) -> None:
        self._factors = model.factors
        self._parameters = model.parameters
        self.fold_in = FoldIn(model.factors, model.parameters.regularization)
        self.popularity = log_popularity(model.popularity)
        count = max(len(model), 1)
        self._mean = model.factors.sum(axis=0, dtype=np.float64) / count
        self._covariance = gram(model.factors) / count - np.outer(self._mean, self._mean)

    def scores(self, observations: Observations) -> Scores:
        """Blend the personal scores of a user with popularity."""
        if observations.liked == 0:
            return Scores(self.popularity.copy(), 1.0, 0.0, None)
        user = self.fold_in.solve(observations.rows, confidence(observations, self._parameters))
        spread = self._spread(user.vector)
        if spread < NO_SPREAD:
            return Scores(self.popularity.copy(), 1.0, 0.0, None)
        weight = popularity_weight(observations.liked, self._parameters.popularity_strength)
        scale = (1.0 - weight) / spread
        blended = self._factors @ (scale * user.vector).astype(np.float32)
        blended += np.float32(weight) * self.popularity
        blended -= np.float32(scale * float(self._mean @ user.vector))
        return Scores(blended, weight, scale, user)

    def _spread(self, vector: NDArray[np.float64]) -> float:
        """The standard deviation of `factors @ vector`, from the covariance of the factors instead of all scores."""
        return sqrt(max(float(vector @ self._covariance @ vector), 0.0))

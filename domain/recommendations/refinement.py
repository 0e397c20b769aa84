"""The last word on the best candidates: the preference network looks at what a sum of sources cannot see.

Only candidates are lifted, never lowered, so that what was cut before cannot come out ahead of them.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from domain.models.factor_model import FactorModel
from domain.recommendations.blending import NO_SPREAD, Scores
from domain.recommendations.factors import Observations
from domain.recommendations.features import Features

CANDIDATES: Final = 200
"""How many of the best items the network looks at."""


class Refinement:
    """The network of one model over its candidates."""

    def __init__(self, model: FactorModel) -> None:
        self._model = model
        self._features = Features(model)

    def helps(self, observations: Observations) -> bool:
        """Whether the model has a network that counts for such a user."""
        network = self._model.network
        return network is not None and network.weight(observations.liked) > 0

    def lifts(
        self, scores: Scores, observations: Observations, rows: NDArray[np.int64], at: float
    ) -> NDArray[np.float32]:
        """What the network adds to the score of each candidate, float32[k], at least 0.

        Args:
            scores: what the sources say.
            observations: what the user did.
            rows: int64[k], rows of the model.
            at: seconds since the epoch of the request.
        """
        network = self._model.network
        if network is None or len(rows) == 0:
            return np.zeros(len(rows), dtype=np.float32)
        table = self._features.table(network.features, scores, observations, rows, at)
        return lifted(network.logits(table), network.weight(observations.liked))


def lifted(logits: NDArray[np.float32], weight: float) -> NDArray[np.float32]:
    """Logits of one user's candidates as what they add, float32[k]: in standard deviations above the lowest."""
    spread = float(logits.std())
    if weight == 0 or spread < NO_SPREAD:
        return np.zeros(len(logits), dtype=np.float32)
    return np.asarray((logits - logits.min()) * np.float32(weight / spread), dtype=np.float32)

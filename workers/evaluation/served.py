"""What the service itself would show: a model from the training that production runs, scored as a request is.

Rules, live counts, exploration and diversity, which change a page after scoring, are left out: they have other aims
than to foretell what somebody does.
"""

import numpy as np

from domain.ids import ItemId
from domain.models.factor_model import FactorModel
from domain.recommendations.blending import Scorer
from domain.recommendations.factors import Observations
from domain.recommendations.refinement import CANDIDATES, Refinement
from domain.recommendations.retrieval import top
from workers.evaluation.histories import Histories, Past, Pasts
from workers.evaluation.weights import Scores
from workers.training.config import TrainingConfig
from workers.training.interactions import TrainingSet
from workers.training.trainer import train


class Served:
    """A trained model as the service asks it.

    Args:
        model: whose row of each item is the item's number.
    """

    def __init__(self, model: FactorModel) -> None:
        self._scorer = Scorer(model)
        self._refinement = Refinement(model)

    def scores(self, pasts: Pasts) -> Scores:
        """The score of every item."""
        return np.array([self._row(past) for past in pasts], dtype=np.float32)

    def _row(self, past: Past) -> Scores:
        latest_at = float(past.times[-1]) if len(past) else None
        observations = Observations(past.items[::-1], np.ones(len(past)), latest_at)
        scores = self._scorer.scores(observations)
        if not self._refinement.helps(observations):
            return scores.blended
        row = scores.blended.copy()
        competing = row.copy()
        competing[past.items] = -np.inf
        best = top(competing, min(CANDIDATES, len(row) - len(past)))
        row[best] += self._refinement.lifts(scores, observations, best, past.at)
        return row


def train_served(training: Histories, seed: int) -> Served:
    """The model that `personalization train` makes of some histories with its default settings.

    Args:
        training: what to learn from.
        seed: of the training.
    """
    data = TrainingSet(
        item_ids=[ItemId(f"{number:08d}") for number in range(training.item_count)],
        item_kinds=np.zeros(training.item_count, dtype=np.int8),
        user_index=training.users,
        item_index=training.items,
        weight=np.ones(len(training)),
        occurred_at=training.times,
    )
    artifact = train(data, TrainingConfig(seed=seed), lambda _stage, _done: None)
    return Served(FactorModel.from_artifact(artifact))

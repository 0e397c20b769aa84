"""How much each source of the personal score counts, learned from what it was not trained on."""

from dataclasses import asdict, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from domain.models.factor_model import FactorModel
from domain.recommendations.blending import NO_SPREAD, Scorer
from workers.training.evaluation import HoldOut, observations_of

STEPS: Final = (0.0, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0, 1.5, 2.0)
ROUNDS: Final = 2
LEAST_USERS: Final = 30
"""Weights learned from fewer users would be noise; the factors alone then count."""

MOST_USERS: Final = 500
CUTOFF: Final = 10
WEIGHTS: Final = ("factor_weight", "together_weight", "following_weight")


def weighed(model: FactorModel, hold_out: HoldOut) -> FactorModel:
    """The model with the weights that rank the held-out items best, by coordinate ascent on NDCG@10.

    Args:
        model: trained on `hold_out.training`.
        hold_out: users that the result must not be measured on afterwards.
    """
    if model.together is None or model.following is None or len(hold_out.users) < LEAST_USERS:
        return model
    sources, targets = _table(model, hold_out)
    # The factors come first, so that among equals the simplest blend stays.
    best, value = np.eye(len(WEIGHTS))[0], -1.0
    for single in np.eye(len(WEIGHTS)):
        if (reached := _ndcg(sources, single, targets)) > value:
            best, value = single, reached
    for _ in range(ROUNDS):
        before = value
        for source in range(len(WEIGHTS)):
            for step in STEPS:
                tried = best.copy()
                tried[source] = step
                if tried.any() and (reached := _ndcg(sources, tried, targets)) > value:
                    best, value = tried, reached
        if value == before:
            break
    return replace(model, parameters=replace(model.parameters, **dict(zip(WEIGHTS, best.tolist(), strict=True))))


def weights_of(model: FactorModel) -> dict[str, float]:
    """The weights by name."""
    parameters = asdict(model.parameters)
    return {name: parameters[name] for name in WEIGHTS}


def _table(model: FactorModel, hold_out: HoldOut) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Standardized scores, float32[users, sources, items] with -inf for what a user has seen, and their targets."""
    scorer = Scorer(model)
    count = min(len(hold_out.users), MOST_USERS)
    table = np.zeros((count, len(WEIGHTS), len(model)), dtype=np.float32)
    for place, user in enumerate(hold_out.users[:count].tolist()):
        observations = observations_of(hold_out.training, user)
        for source, part in enumerate(scorer.parts(observations)):
            spread = float(part.raw.std())
            if spread >= NO_SPREAD:
                table[place, source] = (part.raw - part.raw.mean()) / np.float32(spread)
        table[place, :, observations.rows] = np.nan
    return table, hold_out.targets[:count]


def _ndcg(table: NDArray[np.float32], weights: NDArray[np.float64], targets: NDArray[np.int64]) -> float:
    scores = np.einsum("usi,s->ui", table, weights.astype(np.float32))
    wanted = scores[np.arange(len(targets)), targets]
    better = scores > wanted[:, np.newaxis]
    rank = better.sum(axis=1)
    return float(np.where(rank < CUTOFF, 1.0 / np.log2(rank + 2.0), 0.0).mean())

"""The number of dimensions, chosen by what it finds: more are not better where a catalogue or its public is small."""

import numpy as np
from numpy.typing import NDArray

from domain.recommendations.factors import FoldIn, confidence
from workers.training.config import TrainingConfig
from workers.training.evaluation import HoldOut
from workers.training.factorization import item_factors
from workers.training.interactions import Interactions
from workers.training.serving import serving_parameters
from workers.training.weighing import gain


def best_factors(training: Interactions, learning: HoldOut, config: TrainingConfig) -> int:
    """Of the numbers of dimensions in `config`, the one whose factors alone find the held-out items best.

    Args:
        training: what to compute factors from.
        learning: users that the result must not be measured on afterwards.
        config: with the numbers to try; the first is the one that is taken if none is better.
    """
    numbers = list(dict.fromkeys((config.factors, *config.factors_tried)))
    if len(numbers) == 1 or len(learning) == 0:
        return config.factors
    values = [_value(training, learning, config.model_copy(update={"factors": number})) for number in numbers]
    return numbers[int(np.argmax(values))]


def _value(training: Interactions, learning: HoldOut, config: TrainingConfig) -> float:
    parameters = serving_parameters(training, config)
    factors = item_factors(training, config, parameters.weight_scale, lambda _done: None)
    fold_in = FoldIn(factors, config.regularization)
    ranks = np.zeros(len(learning), dtype=np.int64)
    for number, target in enumerate(learning.targets.tolist()):
        known = learning.observations(number)
        user = fold_in.solve(known.rows, confidence(known, parameters))
        scores: NDArray[np.float32] = factors @ user.vector.astype(np.float32)
        wanted = scores[target]
        scores[known.rows] = -np.inf
        ranks[number] = np.count_nonzero(scores > wanted)
    return float(gain(ranks).mean())

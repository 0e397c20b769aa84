"""The scalars that serving needs to turn live history into scores, from data and configuration."""

from domain.models.factor_model import ServingParameters
from workers.training.config import TrainingConfig
from workers.training.interactions import Interactions


def serving_parameters(interactions: Interactions, config: TrainingConfig) -> ServingParameters:
    """What a model trained on `interactions` by `config` is served with."""
    return ServingParameters(
        alpha=config.alpha,
        regularization=config.regularization,
        weight_scale=interactions.weight_scale,
        recency_decay=config.recency_decay,
        recency_floor=config.recency_floor,
        popularity_strength=config.popularity_strength,
    )

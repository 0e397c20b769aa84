"""Arrays in, Artifact out: one training from canonical data to a measured model, a pure function of data and config."""

from collections.abc import Callable
from dataclasses import replace
from typing import Final, Protocol

import numpy as np

from domain.errors import ValidationFailed
from domain.models.artifact import Artifact
from domain.models.factor_model import FactorModel, ServingParameters
from workers.training.config import TrainingConfig
from workers.training.evaluation import leave_last, measure
from workers.training.factorization import item_factors
from workers.training.interactions import Interactions, TrainingSet, canonical, item_order
from workers.training.neighbours import neighbours
from workers.training.popularity import popularity, trend
from workers.training.weighing import weighed, weights_of

SERVING_PARAMETERS: Final = {"alpha", "regularization", "recency_decay", "recency_floor", "popularity_strength"}
NOT_PART_OF_THE_MODEL: Final = {"algorithm", "threads"}


class ReportProgress(Protocol):
    """Called from the thread that trains: the stage, and how much of the whole is done, 0 to 1, never falling."""

    def __call__(self, stage: str, done: float, /) -> None:
        """Note that `done` of the training is behind, and that `stage` is next."""
        ...


def train(training_set: TrainingSet, config: TrainingConfig, report_progress: ReportProgress) -> Artifact:
    """Train a model on all the data, measured on a second one that had the last item of each user held out.

    Equal data, config and seed give equal bytes, whatever the order of the rows and the numbering of users and items.

    Raises:
        ValidationFailed: no user took to any item.
    """
    report_progress("prepare", 0.0)
    interactions = canonical(training_set, config.half_life_days)
    if not np.any(interactions.weights > 0):
        raise ValidationFailed("there is nothing to learn from yet: nobody took to any item")
    hold_out = leave_last(interactions, config.evaluation_users, config.seed)
    metrics: dict[str, float] = {}
    weights: dict[str, float] = {}
    if len(hold_out.users):
        learning, measuring = hold_out.halves()
        report = _share(report_progress, "evaluate", 0.02, 0.40)
        part = _model(training_set, hold_out.training, config, _first_half(report), _second_half(report))
        part = weighed(part, learning)
        weights = weights_of(part)
        metrics.update(measure(part, measuring if len(measuring.users) else learning))
    factorizing = _share(report_progress, "factorize", 0.50, 0.75)
    relating = _share(report_progress, "relate items", 0.75, 0.98)
    model = _model(training_set, interactions, config, factorizing, relating)
    model = replace(model, parameters=replace(model.parameters, **weights))
    report_progress("finish", 1.0)
    return model.to_artifact(
        hyper_parameters=config.model_dump(exclude=SERVING_PARAMETERS | NOT_PART_OF_THE_MODEL),
        counts={"users": interactions.user_count, "items": interactions.item_count, "pairs": len(interactions)},
        metrics=metrics,
    )


def _model(
    training_set: TrainingSet,
    interactions: Interactions,
    config: TrainingConfig,
    factorizing: Callable[[float], None],
    relating: Callable[[float], None],
) -> FactorModel:
    order = item_order(training_set)
    scale = interactions.weight_scale
    factors = item_factors(interactions, config, scale, lambda done: factorizing(done / config.iterations))
    together, following = neighbours(interactions, config, relating)
    return FactorModel(
        algorithm=config.algorithm,
        item_ids=tuple(training_set.item_ids[place] for place in order.tolist()),
        item_kinds=training_set.item_kinds[order],
        factors=factors,
        popularity=popularity(interactions),
        trend=trend(interactions, config.trend_half_life_days),
        parameters=ServingParameters(
            alpha=config.alpha,
            regularization=config.regularization,
            weight_scale=scale,
            recency_decay=config.recency_decay,
            recency_floor=config.recency_floor,
            popularity_strength=config.popularity_strength,
        ),
        together=together,
        following=following,
    )


def _share(report_progress: ReportProgress, stage: str, start: float, stop: float) -> Callable[[float], None]:
    """A report of 0 to 1 as the part from `start` to `stop` of the whole."""
    return lambda done: report_progress(stage, start + (stop - start) * done)


def _first_half(report: Callable[[float], None]) -> Callable[[float], None]:
    return lambda done: report(0.5 * done)


def _second_half(report: Callable[[float], None]) -> Callable[[float], None]:
    return lambda done: report(0.5 + 0.5 * done)

"""Arrays in, Artifact out: one training from canonical data to a measured model, a pure function of data and config."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final, Protocol

import numpy as np

from domain.errors import ValidationFailed
from domain.models.artifact import Artifact
from domain.models.blend import BlendWeights
from domain.models.factor_model import FactorModel
from domain.models.item_terms import ItemTerms
from domain.models.network import PreferenceNetwork
from domain.models.norm_index import norm_index
from domain.models.situations import Situations
from workers.training.config import TrainingConfig
from workers.training.content import content_settings, learn_content
from workers.training.dimensions import best_factors
from workers.training.evaluation import HoldOut, leave_last, measure
from workers.training.factorization import item_factors
from workers.training.guard import guarded
from workers.training.impressions import impressions
from workers.training.interactions import Interactions, TrainingSet, canonical, item_order
from workers.training.neighbours import neighbours
from workers.training.network import preference_network
from workers.training.popularity import popularity, trend
from workers.training.segmentation import segmentation
from workers.training.serving import serving_parameters
from workers.training.situations import learn_situations
from workers.training.traits import traits
from workers.training.weighing import weighed

SERVING_PARAMETERS: Final = {"alpha", "regularization", "recency_decay", "recency_floor", "popularity_strength"}
NOT_PART_OF_THE_MODEL: Final = {"algorithm", "threads", "factors_tried", "network_features"}

HELD_OUT_DEPTH: Final = 3
"""Items held out of each user at most: one to measure with, and more to learn weights from."""

Share = Callable[[float], None]


class ReportProgress(Protocol):
    """Called from the thread that trains: the stage, and how much of the whole is done, 0 to 1, never falling."""

    def __call__(self, stage: str, done: float, /) -> None:
        """Note that `done` of the training is behind, and that `stage` is next."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class _Learned:
    """What held-out items taught, and how the model did on those that taught nothing."""

    config: TrainingConfig
    metrics: dict[str, float]
    blend: BlendWeights | None = None
    network: PreferenceNetwork | None = None
    situations: Situations | None = None


def train(training_set: TrainingSet, config: TrainingConfig, report_progress: ReportProgress) -> Artifact:
    """Train a model on all the data, measured on a second one that had the last items of some users held out.

    Equal data, config and seed give equal bytes, whatever the order of the rows and the numbering of users and items.

    Raises:
        ValidationFailed: no user took to any item.
    """
    report_progress("prepare", 0.0)
    interactions = canonical(training_set, config.half_life_days)
    if not np.any(interactions.weights > 0):
        raise ValidationFailed("there is nothing to learn from yet: nobody took to any item")
    hold_out = leave_last(interactions, config.evaluation_users, config.seed, HELD_OUT_DEPTH)
    learned = _Learned(config, {})
    if len(hold_out):
        learned = _learned(training_set, hold_out, config, _share(report_progress, "evaluate", 0.02, 0.45))
    model, silhouette = _model(
        training_set,
        interactions,
        learned.config,
        _share(report_progress, "factorize", 0.50, 0.75),
        _share(report_progress, "relate items", 0.75, 0.98),
    )
    content = learn_content(_terms(training_set), model, content_settings(learned.config))
    index = norm_index(model.factors) if len(model) > config.index_items else None
    model = replace(
        model,
        blend=learned.blend,
        network=learned.network,
        situations=learned.situations,
        content=content,
        index=index,
    )
    report_progress("finish", 1.0)
    return model.to_artifact(
        hyper_parameters=learned.config.model_dump(exclude=SERVING_PARAMETERS | NOT_PART_OF_THE_MODEL),
        counts={"users": interactions.user_count, "items": interactions.item_count, "pairs": len(interactions)},
        metrics=learned.metrics | ({} if silhouette is None else {"segments_silhouette": silhouette}),
    )


def _learned(training_set: TrainingSet, hold_out: HoldOut, config: TrainingConfig, report: Share) -> _Learned:
    """Choose on one half of the held-out users, measure on the other."""
    learning, measuring = hold_out.halves()
    config = config.model_copy(update={"factors": best_factors(hold_out.training, learning, config)})
    part, _ = _model(training_set, hold_out.training, config, _between(report, 0.0, 0.4), _between(report, 0.4, 0.7))
    part = replace(part, blend=weighed(part, learning))
    report(0.8)
    shown = impressions(training_set)
    outcome = preference_network(part, learning, config, shown)
    part = replace(part, network=outcome.network)
    situated = learn_situations(part, shown)
    report(0.9)
    measured_on = measuring if len(measuring) else learning
    part, measured = guarded(part, lambda model: measure(model, measured_on))
    metrics = dict(measured)
    metrics["network_weight"] = 0.0 if part.network is None else float(part.network.weights.max())
    metrics["network_lists_served"] = float(len(shown))
    metrics["network_context"] = float(outcome.context and part.network is not None)
    metrics |= {f"network_gain_history_{bound}": gained for bound, gained in outcome.gains.items()}
    metrics |= {f"situations_gain_history_{bound}": gained for bound, gained in situated.gains.items()}
    return _Learned(config, metrics, part.blend, part.network, situated.situations)


def _model(
    training_set: TrainingSet, interactions: Interactions, config: TrainingConfig, factorizing: Share, relating: Share
) -> tuple[FactorModel, float | None]:
    """A model without what is learned from held-out items, and how well its segments part people."""
    order = item_order(training_set)
    scale = interactions.weight_scale
    factors = item_factors(interactions, config, scale, lambda done: factorizing(done / config.iterations))
    together, following = neighbours(interactions, config, relating)
    model = FactorModel(
        algorithm=config.algorithm,
        item_ids=tuple(training_set.item_ids[place] for place in order.tolist()),
        item_kinds=training_set.item_kinds[order],
        factors=factors,
        popularity=popularity(interactions),
        trend=trend(interactions, config.trend_half_life_days),
        parameters=serving_parameters(interactions, config),
        together=together,
        following=following,
        traits=traits(training_set, interactions),
    )
    found = segmentation(model, interactions, config.clusters, config.seed)
    return (model, None) if found is None else (replace(model, segments=found.segments), found.silhouette)


def _terms(training_set: TrainingSet) -> list[ItemTerms]:
    """What is said of each item, in the order of their ids."""
    return [training_set.item_terms[place] for place in item_order(training_set).tolist() if training_set.item_terms]


def _share(report_progress: ReportProgress, stage: str, start: float, stop: float) -> Share:
    """A report of 0 to 1 as the part from `start` to `stop` of the whole."""
    return lambda done: report_progress(stage, start + (stop - start) * done)


def _between(report: Share, start: float, stop: float) -> Share:
    return lambda done: report(start + (stop - start) * done)

"""The floor under every model: no length of history is served worse than by popularity alone."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from typing import Final

import numpy as np

from domain.models.blend import POPULARITY, BlendWeights
from domain.models.factor_model import FactorModel
from workers.training.evaluation import CUTOFF, LENGTHS
from workers.training.weighing import HISTORY_BOUNDS, LEAST_EXAMPLES

EVERYBODY: Final = HISTORY_BOUNDS[-1]


def below_popularity(metrics: Mapping[str, float]) -> set[int]:
    """The lower bounds of the history's length at which a measured model ranks worse than popularity.

    Args:
        metrics: as `measure` answers them; nothing is concluded from fewer than 30 users.
    """
    if metrics.get("held_out_users", 0.0) < LEAST_EXAMPLES:
        return set()
    floor = metrics[f"popularity_ndcg_at_{CUTOFF}"]
    measured = {length: metrics[f"blend_history_{length}_ndcg_at_{CUTOFF}"] for length in LENGTHS}
    measured[EVERYBODY] = metrics[f"blend_ndcg_at_{CUTOFF}"]
    return {bound_of(length) for length, value in measured.items() if value < floor}


def bound_of(length: int) -> int:
    """The lower bound of the range that a history of this length is in."""
    return max(bound for bound in HISTORY_BOUNDS if bound <= length)


def by_popularity(model: FactorModel, bounds: Collection[int]) -> FactorModel:
    """The model with popularity alone for histories of these ranges."""
    affected = np.isin(HISTORY_BOUNDS, list(bounds))
    blend = model.blend or _unlearned(model)
    table = blend.table.copy()
    table[affected] = [float(source == POPULARITY) for source in blend.sources]
    network = model.network
    if network is not None:
        weights = np.where(affected, np.float32(0.0), network.weights)
        network = replace(network, weights=weights) if weights.any() else None
    return replace(model, blend=replace(blend, table=table), network=network)


def guarded(
    model: FactorModel, measured: Callable[[FactorModel], Mapping[str, float]]
) -> tuple[FactorModel, Mapping[str, float]]:
    """The model with popularity alone wherever it is worse, and what was measured of that.

    The figure of everybody is over histories of every length; where it stays below popularity although the longest
    histories get popularity, others are to blame, and all get it.

    Args:
        model: as it was learned.
        measured: answers as `measure` does, for a model on one hold-out.
    """
    metrics = measured(model)
    if bounds := below_popularity(metrics):
        model = by_popularity(model, bounds)
        metrics = measured(model)
    if below_popularity(metrics):
        model = by_popularity(model, HISTORY_BOUNDS)
        metrics = measured(model)
    return model, metrics


def _unlearned(model: FactorModel) -> BlendWeights:
    """What is served without learned weights, as a table."""
    strength = model.parameters.popularity_strength
    popular = [strength / (strength + bound) for bound in HISTORY_BOUNDS]
    table = np.array([[1.0 - share, share] for share in popular], dtype=np.float32)
    return BlendWeights(("factors", POPULARITY), np.array(HISTORY_BOUNDS, dtype=np.int32), table)

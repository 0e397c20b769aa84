"""What an evaluation says: means with intervals, the hybrid beside the strongest single model, newcomers apart."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from workers.evaluation.grids import POPULARITY
from workers.evaluation.metrics import KNOWN_BOUNDS, NDCG, Interval, Measured, interval, paired_difference
from workers.evaluation.mixture import Mixture
from workers.evaluation.runner import HYBRID, Result

SLICES: Final = (0, 1, 3, 10, 1_000_000_000)
"""Lengths of history at which a slice begins."""


@dataclass(frozen=True, slots=True)
class ModelReport:
    """One kind of model.

    Attributes:
        kind: which.
        metrics: by name.
        coverage: share of all items that are on some user's first ten places.
        settings: the different ones that were chosen, at most one a split.
        difference: NDCG@10 of the hybrid less this kind's, paired.
    """

    kind: str
    metrics: Mapping[str, Interval]
    coverage: float
    settings: Sequence[str]
    difference: Interval


@dataclass(frozen=True, slots=True)
class SliceReport:
    """NDCG@10 of some users.

    Attributes:
        name: which ones, such as `3-9`.
        users: how many; 0 leaves the rest None.
        hybrid: of the blend.
        popularity: of popularity.
        difference: of the two, paired.
    """

    name: str
    users: int
    hybrid: Interval | None = None
    popularity: Interval | None = None
    difference: Interval | None = None


@dataclass(frozen=True, slots=True)
class ItemReport:
    """Recall@20 of items that so many people took to in training.

    Attributes:
        name: how many, such as `1-4`; `0` are new items.
        wanted: how often one of them was to be found.
        recall: model kind -> the share that was on the first twenty places; empty where none was to be found.
    """

    name: str
    wanted: int
    recall: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Report:
    """Everything that an evaluation says.

    Attributes:
        models: best NDCG@10 first.
        strongest_single: the kind that the hybrid has to beat.
        slices: by the length of the training history.
        segments: by taste, the largest group first.
        rarity: what was to be found, by how many people took to it in training.
        shortened: everybody, as if only so many of their newest actions were known.
        circumstances: what sources that look at the circumstances of a list add where they looked promising, one a
            split, by the length of history from which on it holds; they take part where that is surely above 0.
        blends: what the hybrid's order is made of, one a split, by the length of history from which on it holds.
    """

    models: Sequence[ModelReport]
    strongest_single: str
    slices: Sequence[SliceReport]
    segments: Sequence[SliceReport]
    rarity: Sequence[ItemReport]
    shortened: Sequence[SliceReport]
    circumstances: Sequence[Mapping[str, Interval]]
    blends: Sequence[Mapping[str, Any]]

    @property
    def difference(self) -> Interval:
        """NDCG@10 of the hybrid less that of the strongest single model, paired."""
        return next(model.difference for model in self.models if model.kind == self.strongest_single)

    @property
    def hybrid_is_better(self) -> bool:
        """Whether the hybrid beats the strongest single model with 95 % confidence."""
        return self.difference.low > 0

    @property
    def below_popularity(self) -> Mapping[str, float]:
        """Slice -> by how much newcomers (0 to 10 actions) get less than popularity, where they do."""
        newcomers = [part for part in self.slices if part.name != f"{SLICES[-2]}+"]
        found = {f"history {part.name}": part.difference for part in newcomers}
        found |= {f"{part.name} known": part.difference for part in self.shortened}
        return {name: gap.mean for name, gap in found.items() if gap is not None and gap.mean < 0}


def summarize(result: Result, seed: int) -> Report:
    """The report of a result.

    Args:
        result: what was measured.
        seed: of the bootstrap.
    """
    models = [_model(kind, result, seed) for kind in result.measured]
    return Report(
        models=sorted(models, key=lambda model: -model.metrics[NDCG].mean),
        strongest_single=result.strongest_single,
        slices=_slices(result, seed),
        segments=_segments(result, seed),
        rarity=_items(result),
        shortened=[
            _slice(str(length), parts[HYBRID], parts[POPULARITY], seed) for length, parts in result.shortened.items()
        ],
        circumstances=[{f"from {low}": gain for low, gain in blend.gains.items()} for blend in result.blends],
        blends=[
            {f"from {low}": _described_mixture(blend.names, mixture) for low, mixture in blend.mixtures.items()}
            for blend in result.blends
        ],
    )


def described(report: Report) -> dict[str, Any]:
    """A report as commands print it in JSON."""
    return {
        "models": [_described_model(model) for model in report.models],
        "strongest_single": report.strongest_single,
        "difference": asdict(report.difference),
        "hybrid_is_better": report.hybrid_is_better,
        "slices": [asdict(part) for part in report.slices],
        "segments": [asdict(part) for part in report.segments],
        "rarity": [asdict(part) for part in report.rarity],
        "shortened": [asdict(part) for part in report.shortened],
        "never_below_popularity": not report.below_popularity,
        "below_popularity": dict(report.below_popularity),
        "circumstances": [{low: asdict(gain) for low, gain in split.items()} for split in report.circumstances],
        "blends": list(report.blends),
    }


def _described_model(model: ModelReport) -> dict[str, Any]:
    return {
        "kind": model.kind,
        **{name: asdict(value) for name, value in model.metrics.items()},
        "coverage": model.coverage,
        "settings": list(model.settings),
        "hybrid_less_this": asdict(model.difference),
    }


def _model(kind: str, result: Result, seed: int) -> ModelReport:
    measured, hybrid = result.measured[kind], result.measured[HYBRID]
    return ModelReport(
        kind,
        {name: interval(values, seed, measured.users) for name, values in measured.values.items()},
        measured.coverage,
        list(dict.fromkeys(result.settings.get(kind, ()))),
        paired_difference(hybrid.values[NDCG], measured.values[NDCG], seed, hybrid.users),
    )


def _slices(result: Result, seed: int) -> list[SliceReport]:
    found = []
    for low, high in pairwise(SLICES):
        mask = (result.lengths >= low) & (result.lengths < high)
        found.append(_slice(_range(low, high), result.measured[HYBRID], result.measured[POPULARITY], seed, mask))
    return found


def _segments(result: Result, seed: int) -> list[SliceReport]:
    hybrid, popularity = result.measured[HYBRID], result.measured[POPULARITY]
    numbers = range(int(result.segments.max(initial=-1)) + 1)
    return [_slice(f"segment {number + 1}", hybrid, popularity, seed, result.segments == number) for number in numbers]


def _items(result: Result) -> list[ItemReport]:
    found = []
    for place, (low, high) in enumerate(pairwise((*KNOWN_BOUNDS, SLICES[-1]))):
        wanted = int(result.measured[HYBRID].items[0, place])
        recall = {kind: float(part.items[1, place]) / wanted for kind, part in result.measured.items() if wanted}
        found.append(ItemReport(_range(low, high), wanted, recall))
    return found


def _range(low: int, high: int) -> str:
    return f"{low}+" if high == SLICES[-1] else str(low) if high == low + 1 else f"{low}-{high - 1}"


def _slice(
    name: str, hybrid: Measured, popularity: Measured, seed: int, mask: NDArray[np.bool_] | None = None
) -> SliceReport:
    chosen = slice(None) if mask is None else mask
    users, ours, theirs = hybrid.users[chosen], hybrid.values[NDCG][chosen], popularity.values[NDCG][chosen]
    if len(users) == 0:
        return SliceReport(name, 0)
    return SliceReport(
        name,
        len(np.unique(users)),
        interval(ours, seed, users),
        interval(theirs, seed, users),
        paired_difference(ours, theirs, seed, users),
    )


def _described_mixture(names: Sequence[str], mixture: Mixture) -> dict[str, Any]:
    weights = {name: round(float(weight), 4) for name, weight in zip(names, mixture.weights, strict=True) if weight}
    return {"weights": weights, "network": mixture.share, "validated": mixture.value}

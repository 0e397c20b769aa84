"""One evaluation: tune every kind of model on validation, refit the best, blend them, and measure all on the test."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from workers.evaluation.features import Features
from workers.evaluation.grids import POPULARITY, candidates
from workers.evaluation.histories import Histories
from workers.evaluation.hybrid import Blend, Hybrid, learn_blend, newest
from workers.evaluation.metrics import NDCG, Measured, Tally
from workers.evaluation.protocols import Protocol, Split, splits, validation
from workers.evaluation.sources import Candidate, Model, OrPopular

HYBRID: Final = "hybrid"
SHORTENED: Final = (0, 1, 2, 3, 5, 10)
"""Lengths to which histories are cut, to see what newcomers would get."""

TABLE_BYTES: Final = 100_000_000
"""Memory for the scores of users who are measured together."""

ReportProgress = Callable[[str, float], None]


@dataclass(frozen=True, slots=True)
class Result:
    """What came of one protocol.

    Attributes:
        measured: model kind -> its metrics on the test users, folds joined.
        settings: model kind -> the setting chosen on validation, one a split.
        blends: the hybrid's weights, one a split.
        lengths: int64[k], the length of each measured user's training history.
        shortened: length -> hybrid's and popularity's metrics when only so many of the newest actions are known.
    """

    measured: Mapping[str, Measured]
    settings: Mapping[str, list[str]]
    blends: Sequence[Blend]
    lengths: NDArray[np.int64]
    shortened: Mapping[int, Mapping[str, Measured]]

    @property
    def strongest_single(self) -> str:
        """The best single model on the test, which the hybrid has to beat."""
        singles = [kind for kind in self.measured if kind != HYBRID]
        return max(singles, key=lambda kind: float(self.measured[kind].values[NDCG].mean()))


@dataclass(slots=True)
class _Collected:
    features: Features | None
    measured: dict[str, list[Measured]] = field(default_factory=dict)
    settings: dict[str, list[str]] = field(default_factory=dict)
    blends: list[Blend] = field(default_factory=list)
    lengths: list[NDArray[np.int64]] = field(default_factory=list)
    shortened: dict[int, dict[str, list[Measured]]] = field(default_factory=dict)


def evaluate(
    histories: Histories, protocol: Protocol, seed: int, report: ReportProgress, features: Features | None = None
) -> Result:
    """Measure every kind of model and their blend by one protocol.

    Nothing is chosen on the test: settings and weights come from a validation split of each training part.

    Args:
        histories: the data.
        protocol: how it is held out.
        seed: of the splits, the factors and the bootstrap.
        report: told what is under way, and how much of the whole is done, 0 to 1.
        features: what items are about, for the metrics that need it.

    Raises:
        ValidationFailed: there is too little data for the protocol, or there are too many items.
    """
    collected = _Collected(features)
    outer = list(splits(histories, protocol, seed))
    for number, split in enumerate(outer):
        _run_split(split, protocol, seed, collected, _part(report, number, len(outer)))
    return Result(
        measured=_joined(collected.measured),
        settings=collected.settings,
        blends=collected.blends,
        lengths=np.concatenate(collected.lengths),
        shortened={length: _joined(parts) for length, parts in collected.shortened.items()},
    )


def measure(model: Model, split: Split, features: Features | None = None, known: int | None = None) -> Measured:
    """A model's metrics on the users of a split; what they did in training does not compete.

    Args:
        model: fitted on `split.training`.
        split: who is measured.
        features: what items are about, for the metrics that need it.
        known: how many of each user's newest actions the model is told of; None for all.
    """
    training = split.training
    counts = np.bincount(training.items, minlength=training.item_count).astype(np.float64)
    tally = Tally(counts, training.user_count, features)
    together = max(1, TABLE_BYTES // (4 * training.item_count))
    users = split.measured.tolist()
    for first in range(0, len(users), together):
        some = users[first : first + together]
        histories = [training.of(user) for user in some]
        told = histories if known is None else [newest(history, known) for history in histories]
        for user, scores, history in zip(some, model.scores(told), histories, strict=True):
            scores[history] = -np.inf
            tally.add(user, scores, history, split.held_out.of(user))
    return tally.measured()


def _run_split(split: Split, protocol: Protocol, seed: int, collected: _Collected, report: ReportProgress) -> None:
    inner = validation(split, protocol, seed + 1)
    chosen: dict[str, Candidate] = {}
    fitted: dict[str, Model] = {}
    kinds = candidates(seed)
    for number, (kind, tried) in enumerate(kinds.items()):
        report(f"tuning {kind}", 0.6 * number / len(kinds))
        chosen[kind], fitted[kind] = _best(tried, inner)
        collected.settings.setdefault(kind, []).append(chosen[kind].setting)
    report("weighing", 0.6)
    blend = learn_blend(list(fitted), list(fitted.values()), inner)
    collected.blends.append(blend)
    fitted.clear()
    for number, (kind, candidate) in enumerate(chosen.items()):
        report(f"refitting {kind}", 0.7 + 0.2 * number / len(chosen))
        fitted[kind] = candidate.serve(candidate.learn(split.training))
    report("measuring", 0.9)
    _measure_all({**fitted, HYBRID: Hybrid(list(fitted.values()), blend)}, split, collected)


def _measure_all(models: Mapping[str, Model], split: Split, collected: _Collected) -> None:
    for kind, model in models.items():
        served = OrPopular(model, models[POPULARITY])
        collected.measured.setdefault(kind, []).append(measure(served, split, collected.features))
    for length in SHORTENED:
        parts = collected.shortened.setdefault(length, {HYBRID: [], POPULARITY: []})
        for kind, measured in parts.items():
            measured.append(measure(models[kind], split, known=length))
    collected.lengths.append(np.diff(split.training.offsets)[split.measured])


def _best(tried: Sequence[Candidate], inner: Split) -> tuple[Candidate, Model]:
    """The candidate with the highest NDCG@10 on validation; candidates with equal keys stand together."""
    learned, key = tried[0].learn(inner.training), tried[0].key
    best, best_model, best_value = tried[0], tried[0].serve(learned), -1.0
    for candidate in tried:
        if candidate.key != key:
            learned, key = candidate.learn(inner.training), candidate.key
        model = candidate.serve(learned)
        value = float(measure(model, inner).values[NDCG].mean())
        if value > best_value:
            best, best_model, best_value = candidate, model, value
    return best, best_model


def _joined(parts: Mapping[str, Sequence[Measured]]) -> dict[str, Measured]:
    return {
        kind: Measured(
            users=np.concatenate([part.users for part in measured]),
            values={name: np.concatenate([part.values[name] for part in measured]) for name in measured[0].values},
            coverage=float(np.mean([part.coverage for part in measured])),
        )
        for kind, measured in parts.items()
    }


def _part(report: ReportProgress, number: int, count: int) -> ReportProgress:
    return lambda what, done: report(f"split {number + 1} of {count}: {what}", (number + done) / count)

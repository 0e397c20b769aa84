"""One evaluation: tune every kind of model on validation, refit the best, blend them, and measure all on the test."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from domain.recommendations.retrieval import top
from workers.evaluation.asked import Protocol
from workers.evaluation.features import Features
from workers.evaluation.grids import POPULARITY, TREND, candidates
from workers.evaluation.histories import Histories
from workers.evaluation.hybrid import Blend, Hybrid, learn_blend
from workers.evaluation.known import Known
from workers.evaluation.metrics import CUTOFF, NDCG, Measured, Tally, ndcg
from workers.evaluation.popularity import OrPopular
from workers.evaluation.protocols import Case, Split, splits, validation
from workers.evaluation.segments import segments
from workers.evaluation.served import train_served
from workers.evaluation.situational import SITUATIONAL
from workers.evaluation.sources import Candidate, Model
from workers.evaluation.weights import Scores

HYBRID: Final = "hybrid"
SERVED: Final = "served"
NEED_NO_HISTORY: Final = frozenset({POPULARITY, TREND, SERVED, HYBRID})
"""Kinds that have an answer for whoever did nothing; in place of the others, popularity answers."""

SHORTENED: Final = (0, 1, 2, 3, 5, 10)
"""Lengths to which histories are cut, to see what newcomers would get."""

TABLE_BYTES: Final = 100_000_000
"""Memory for the scores of users who are measured together."""

TUNING_LISTS: Final = 3_000
"""At most so many lists decide on a setting."""

ReportProgress = Callable[[str, float], None]


@dataclass(frozen=True, slots=True)
class Result:
    """What came of one protocol.

    Attributes:
        measured: model kind -> its metrics on the test users, folds joined.
        settings: model kind -> the setting chosen on validation, one a split.
        blends: how the hybrid's scores become one, one a split.
        lengths: int64[k], the length of each measured user's training history.
        segments: int64[k], the segment of each measured user; -1 for who did nothing at all.
        shortened: length -> hybrid's and popularity's metrics when only so many of the newest actions are known.
    """

    measured: Mapping[str, Measured]
    settings: Mapping[str, list[str]]
    blends: Sequence[Blend]
    lengths: NDArray[np.int64]
    segments: NDArray[np.int64]
    shortened: Mapping[int, Mapping[str, Measured]]

    @property
    def strongest_single(self) -> str:
        """The best single model on the test, which the hybrid has to beat."""
        singles = [kind for kind in self.measured if kind not in (HYBRID, SERVED)]
        return max(singles, key=lambda kind: float(self.measured[kind].values[NDCG].mean()))


@dataclass(slots=True)
class _Collected:
    known: Known
    measured: dict[str, list[Measured]] = field(default_factory=dict)
    settings: dict[str, list[str]] = field(default_factory=dict)
    blends: list[Blend] = field(default_factory=list)
    lengths: list[NDArray[np.int64]] = field(default_factory=list)
    shortened: dict[int, dict[str, list[Measured]]] = field(default_factory=dict)


def evaluate(
    histories: Histories, protocol: Protocol, seed: int, report: ReportProgress, known: Known | None = None
) -> Result:
    """Measure every kind of model and their blend by one protocol.

    Nothing is chosen on the test: settings and weights come from a validation split of each training part.

    Args:
        histories: the data.
        protocol: how it is held out.
        seed: of the splits, the factors and the bootstrap.
        report: told what is under way, and how much of the whole is done, 0 to 1.
        known: what else the data set knows.

    Raises:
        ValidationFailed: there is too little data for the protocol, or there are too many items.
    """
    collected = _Collected(known or Known())
    outer = list(splits(histories, protocol, seed))
    for number, split in enumerate(outer):
        _run_split(split, protocol, seed, collected, _part(report, number, len(outer)))
    measured = _joined(collected.measured)
    return Result(
        measured=measured,
        settings=collected.settings,
        blends=collected.blends,
        lengths=np.concatenate(collected.lengths),
        segments=segments(histories, seed)[measured[HYBRID].users],
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
    cases = split.cases()
    for case, scores in _scored(model, cases, training.item_count, known):
        tally.add(case.user, scores, case.past.items, case.wanted)
    return tally.measured()


def _scored(
    model: Model, cases: Sequence[Case], item_count: int, known: int | None = None
) -> Iterator[tuple[Case, Scores]]:
    """What a model says in each case, float32[n] with -inf for what does not compete."""
    together = max(1, TABLE_BYTES // (4 * item_count))
    for first in range(0, len(cases), together):
        some = cases[first : first + together]
        told = [case.past if known is None else case.past.newest(known) for case in some]
        for case, scores in zip(some, model.scores(told), strict=True):
            scores[case.past.items] = -np.inf
            yield case, scores


def fitted_sources(inner: Split, seed: int) -> dict[str, Model]:
    """The sources of the hybrid, tuned and fitted on a validation split, popularity first.

    Args:
        inner: the validation split.
        seed: of the factors.
    """
    return {name: tuned.model for name, tuned in _tuned_sources(inner, seed, Known(), _quiet).items()}


def _run_split(split: Split, protocol: Protocol, seed: int, collected: _Collected, report: ReportProgress) -> None:
    inner = validation(split, protocol, seed + 1)
    tuned = _tuned_sources(inner, seed, collected.known, lambda kind, done: report(f"tuning {kind}", 0.5 * done))
    report("weighing", 0.5)
    situational = [name for name in tuned if _kind(name) in SITUATIONAL]
    blend = learn_blend(list(tuned), [found.model for found in tuned.values()], inner, seed, situational)
    collected.blends.append(blend)
    best = _best_of_kinds(tuned)
    for kind, name in best.items():
        collected.settings.setdefault(kind, []).append(tuned[name].candidate.setting)
    chosen = {name: found.candidate for name, found in tuned.items()}
    tuned.clear()
    fitted: dict[str, Model] = {}
    learned: dict[tuple[str, object], Any] = {}
    for number, (name, candidate) in enumerate(chosen.items()):
        report(f"refitting {name}", 0.7 + 0.15 * number / len(chosen))
        key = (_kind(name), candidate.key)
        if key not in learned:
            learned[key] = candidate.learn(split.training)
        fitted[name] = candidate.serve(learned[key])
    report(f"training as {SERVED}", 0.85)
    served = train_served(split.training, seed)
    report("measuring", 0.9)
    models = {kind: fitted[name] for kind, name in best.items()}
    _measure_all({**models, SERVED: served, HYBRID: Hybrid(list(fitted.values()), blend)}, split, collected)


def _tuned_sources(inner: Split, seed: int, known: Known, report: ReportProgress) -> dict[str, "_Tuned"]:
    """The best of each family of each kind."""
    cases, kinds = inner.cases(TUNING_LISTS), candidates(seed, known)
    found = {}
    for number, (kind, tried) in enumerate(kinds.items()):
        report(kind, number / len(kinds))
        for family, tuned in _tuned(tried, inner.training, cases).items():
            found[_name(kind, family)] = tuned
    return found


def _best_of_kinds(tuned: Mapping[str, "_Tuned"]) -> dict[str, str]:
    """Kind -> the name of its best source."""
    best: dict[str, str] = {}
    for name, found in tuned.items():
        kind = _kind(name)
        if kind not in best or found.value > tuned[best[kind]].value:
            best[kind] = name
    return best


def _measure_all(models: Mapping[str, Model], split: Split, collected: _Collected) -> None:
    for kind, model in models.items():
        served = model if kind in NEED_NO_HISTORY else OrPopular(model, models[POPULARITY])
        collected.measured.setdefault(kind, []).append(measure(served, split, collected.known.features))
    for length in SHORTENED:
        parts = collected.shortened.setdefault(length, {HYBRID: [], POPULARITY: []})
        for kind, measured in parts.items():
            measured.append(measure(models[kind], split, known=length))
    collected.lengths.append(np.array([len(case.past) for case in split.cases()]))


class _Tuned(NamedTuple):
    """The best of a family on validation."""

    candidate: Candidate
    model: Model
    value: float


def _tuned(tried: Sequence[Candidate], training: Histories, cases: Sequence[Case]) -> dict[str, _Tuned]:
    """The candidate of each family with the highest NDCG@10; candidates with equal keys stand together."""
    learned, key = tried[0].learn(training), tried[0].key
    best: dict[str, _Tuned] = {}
    for candidate in tried:
        if candidate.key != key:
            learned, key = candidate.learn(training), candidate.key
        model = candidate.serve(learned)
        value = _value(model, cases, training.item_count)
        if candidate.family not in best or value > best[candidate.family].value:
            best[candidate.family] = _Tuned(candidate, model, value)
    return best


def _value(model: Model, cases: Sequence[Case], item_count: int) -> float:
    """Mean NDCG@10."""
    found = (
        ndcg(np.isin(top(scores, CUTOFF), case.wanted), len(case.wanted))
        for case, scores in _scored(model, cases, item_count)
    )
    return float(np.mean(list(found)))


def _name(kind: str, family: str) -> str:
    return f"{kind}, {family}" if family else kind


def _kind(name: str) -> str:
    return name.partition(", ")[0]


def _quiet(_what: str, _done: float) -> None:
    """Tell nobody."""


def _joined(parts: Mapping[str, Sequence[Measured]]) -> dict[str, Measured]:
    return {
        kind: Measured(
            users=np.concatenate([part.users for part in measured]),
            values={name: np.concatenate([part.values[name] for part in measured]) for name in measured[0].values},
            coverage=float(np.mean([part.coverage for part in measured])),
            items=np.sum([part.items for part in measured], axis=0),
        )
        for kind, measured in parts.items()
    }


def _part(report: ReportProgress, number: int, count: int) -> ReportProgress:
    return lambda what, done: report(f"split {number + 1} of {count}: {what}", (number + done) / count)

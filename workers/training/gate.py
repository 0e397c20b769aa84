"""Whether a new version may serve: compared with the champion on actions that neither of them saw.

The new version was trained on everything, so another one is trained for the comparison by the same settings on what
happened until a moment. What it is compared with depends on what the champion has seen:

- If the champion's data ends before that moment, it is measured as it serves. It then lacks what happened between its
  own training and that moment, and that is no unfairness: newer data is what a retraining is for.
- If the champion has seen the actions to be predicted, measuring it on them would measure its memory. Then a version is
  trained by the champion's settings on the same rows, and the settings are compared. Equal settings need no comparison.

Either way the new version may not be below popularity, overall and at any length of history.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from domain.errors import ValidationFailed
from domain.ids import ModelVersion
from domain.models.artifact import Artifact
from domain.models.factor_model import FactorModel
from domain.models.model import Verdict
from workers.training.clicks import ExploredPlaces, clicks_lost, earned
from workers.training.comparison import LEAST_USERS, MARGIN, SliceResult, compared, values
from workers.training.config import TrainingConfig
from workers.training.guard import below_popularity
from workers.training.interactions import TrainingSet
from workers.training.temporal import cases, split_moment, until, users_after
from workers.training.trainer import train

SHARE_AFTER: Final = 0.2
"""Share of the rows that the comparison predicts, unless the champion has seen them."""

MOST_USERS: Final = 1000

AS_SERVED: Final = "the champion as it serves"
BY_SETTINGS: Final = "the champion's settings, trained on the same rows"

Report = Callable[[str, float], None]


@dataclass(frozen=True, slots=True, eq=False)
class Champion:
    """The version that serves.

    Attributes:
        version: its name.
        model: what it serves with.
        seen_until: seconds since the epoch of the latest event that it saw; None if that is not known.
        settings: how it was trained; empty if that is not known.
    """

    version: ModelVersion
    model: FactorModel
    seen_until: float | None
    settings: Mapping[str, Any]


@dataclass(frozen=True, slots=True, eq=False)
class Candidate:
    """The version to be judged, trained on all of `training_set`."""

    artifact: Artifact
    training_set: TrainingSet
    config: TrainingConfig


def judged(candidate: Candidate, champion: Champion | None, explored: ExploredPlaces, report: Report) -> Verdict:
    """The verdict and all that was measured for it.

    Args:
        candidate: the new version.
        champion: who serves; None before the first version.
        explored: places of served lists that chance had a part in.
        report: told what is under way.
    """
    if champion is None:
        return _first(candidate)
    moment, as_served = _moment(candidate.training_set, champion)
    people = users_after(candidate.training_set, moment)[: min(MOST_USERS, candidate.config.evaluation_users)]
    if len(people) < LEAST_USERS:
        return _verdict(champion, "nothing: too few people acted since")
    try:
        return _compared(candidate, champion, explored, _Split(moment, as_served, people), report)
    except ValidationFailed:
        return _verdict(champion, "nothing: too little happened before")


@dataclass(frozen=True, slots=True, eq=False)
class _Split:
    """Until when a comparison may learn, whether the champion kept to that, and whose actions it predicts."""

    moment: float
    as_served: bool
    people: NDArray[np.int64]


def _compared(
    candidate: Candidate, champion: Champion, explored: ExploredPlaces, split: _Split, report: Report
) -> Verdict:
    training_set, seed = candidate.training_set, candidate.config.seed
    earlier = until(training_set, split.moment)
    challenger = _trained(earlier, candidate.config, report)
    as_served: tuple[FactorModel | None, str] = (champion.model, AS_SERVED)
    rival, basis = as_served if split.as_served else _by_settings(candidate, champion, earlier, report)
    report("compare", 0.9)
    found = cases(training_set, split.moment, split.people)
    of_rival = None if rival is None else values(rival, training_set, found)
    slices = compared(training_set, found, values(challenger, training_set, found), of_rival, seed)
    clicks = earned(training_set, explored.since(split.moment), challenger, rival, seed)
    return _verdict(champion, basis, slices, clicks, split.moment)


def _by_settings(
    candidate: Candidate, champion: Champion, earlier: TrainingSet, report: Report
) -> tuple[FactorModel | None, str]:
    """A version by the champion's settings on the same rows; None if it would be the same or they are not known."""
    try:
        settings = TrainingConfig.parse(dict(champion.settings)) if champion.settings else None
    except ValidationFailed:
        settings = None
    if settings is None:
        return None, "popularity alone: the champion's settings are not known"
    if settings == candidate.config:
        return None, "popularity alone: the champion has seen everything, and its settings are the same"
    return _trained(earlier, settings, report), BY_SETTINGS


def _trained(training_set: TrainingSet, config: TrainingConfig, report: Report) -> FactorModel:
    return FactorModel.from_artifact(train(training_set, config, lambda _stage, done: report("compare", 0.4 * done)))


def _moment(training_set: TrainingSet, champion: Champion) -> tuple[float, bool]:
    """When the comparison splits, and whether the champion has seen nothing from then on."""
    wanted = split_moment(training_set, SHARE_AFTER)
    if champion.seen_until is None:
        return wanted, False
    if champion.seen_until <= wanted:
        return wanted, True
    if len(users_after(training_set, champion.seen_until)) >= LEAST_USERS:
        return champion.seen_until, True
    return wanted, False


def _first(candidate: Candidate) -> Verdict:
    metrics = candidate.artifact.metrics
    faults = [f"history from {bound}: below popularity" for bound in sorted(below_popularity(metrics))]
    return Verdict(
        passed=not faults,
        champion=None,
        details={"basis": "popularity alone: nothing served before", "reasons": faults},
    )


def _verdict(
    champion: Champion,
    basis: str,
    slices: Sequence[SliceResult] = (),
    clicks: Mapping[str, Any] | None = None,
    moment: float | None = None,
) -> Verdict:
    reasons = [fault for result in slices for fault in result.faults()] + clicks_lost(clicks or {})
    details: dict[str, Any] = {"basis": basis, "champion": champion.version, "reasons": reasons}
    if slices:
        details["slices"] = [result.to_json() for result in slices]
        details["margin"] = MARGIN
    if clicks is not None:
        details["off_policy"] = clicks
    if moment is not None:
        details["split_at"] = datetime.fromtimestamp(moment, UTC).isoformat()
    return Verdict(passed=not reasons, champion=champion.version, details=details)

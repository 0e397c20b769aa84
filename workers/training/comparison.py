"""Two models beside each other on the same cases, overall and by slice, with intervals that hold for all of them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from domain.catalog.model import ItemKind
from domain.models.factor_model import FactorModel
from workers.training.evaluation import CUTOFF, Ranking
from workers.training.interactions import TrainingSet
from workers.training.temporal import Case, rows_of

OVERALL: Final = "overall"
HISTORY_SLICES: Final[Mapping[str, tuple[int, float]]] = {
    "history 0": (0, 0),
    "history 1-2": (1, 2),
    "history 3-10": (3, 10),
    "history 11+": (11, np.inf),
}
"""Slices by the number of items that a user had taken to."""

LEAST_USERS: Final = 30
"""Nothing is concluded from a slice with fewer."""

RESAMPLES: Final = 2000
ERROR_RATE: Final = 0.05
"""Chance that a version which is as good as the champion everywhere is found worse somewhere."""

MARGIN: Final = 0.02
"""Share of the champion's value that a version may lose in a slice."""


@dataclass(frozen=True, slots=True)
class Difference:
    """A mean difference with its simultaneous interval."""

    difference: float
    low: float
    high: float

    def to_json(self) -> dict[str, float]:
        """As the registry keeps it."""
        return {"difference": self.difference, "low": self.low, "high": self.high}


@dataclass(frozen=True, slots=True)
class SliceResult:
    """NDCG@10 of one slice.

    Attributes:
        name: which cases.
        cases: how many.
        users: how many people they are of.
        challenger: mean value.
        popularity: mean value of ranking by popularity alone.
        champion: mean value; None if there was none to compare with.
        against_popularity: challenger less popularity; None where too few people are in the slice.
        against_champion: challenger less champion; the same.
    """

    name: str
    cases: int
    users: int
    challenger: float
    popularity: float
    champion: float | None
    against_popularity: Difference | None
    against_champion: Difference | None

    def faults(self) -> list[str]:
        """Why the challenger may not serve, as far as this slice says."""
        found = []
        lost = self.against_champion
        if lost is not None and self.champion is not None and lost.high < -MARGIN * self.champion:
            found.append(f"{self.name}: worse than the champion by {-lost.difference:.4f} NDCG@10")
        from_the_start = self.name == OVERALL or self.name in HISTORY_SLICES
        if from_the_start and self.against_popularity is not None and self.against_popularity.high < 0:
            found.append(f"{self.name}: below popularity by {-self.against_popularity.difference:.4f} NDCG@10")
        return found

    def to_json(self) -> dict[str, Any]:
        """As the registry keeps it."""
        told = {"slice": self.name, "cases": self.cases, "users": self.users, "champion": self.champion}
        told |= {"challenger": self.challenger, "popularity": self.popularity}
        for name in ("against_champion", "against_popularity"):
            value: Difference | None = getattr(self, name)
            told[name] = None if value is None else value.to_json()
        return told


@dataclass(frozen=True, slots=True, eq=False)
class Values:
    """How a model did on c cases.

    Attributes:
        served: float64[c], NDCG@10 of what it serves.
        popularity: float64[c], of ranking by popularity alone.
        segments: int64[c], the segment that the user was in; -1 for none.
    """

    served: NDArray[np.float64]
    popularity: NDArray[np.float64]
    segments: NDArray[np.int64]


def values(model: FactorModel, training_set: TrainingSet, cases: Sequence[Case]) -> Values:
    """How well a model would have served each case, by the path that serves; an item that it does not know counts 0."""
    ranking, rows = Ranking(model), rows_of(training_set, model)
    gone = np.setdiff1d(np.arange(len(model)), rows[rows >= 0])
    served, popular, segments = np.zeros(len(cases)), np.zeros(len(cases)), np.full(len(cases), -1)
    for number, case in enumerate(cases):
        target, observations = int(rows[case.item]), case.observations(rows)
        segments[number] = ranking.segment(observations)
        if target >= 0:
            seen = np.concatenate((observations.rows, gone))
            ranks = ranking.ranks(observations, target, case.at, seen)
            served[number], popular[number] = _gain(ranks["blend"]), _gain(ranks["popularity"])
    return Values(served, popular, segments)


def compared(
    training_set: TrainingSet,
    cases: Sequence[Case],
    challenger: Values,
    champion: Values | None,
    seed: int,
) -> list[SliceResult]:
    """Every slice that has a case.

    Args:
        training_set: what the places of the cases' items refer to.
        cases: c first uses.
        challenger: values of the new version, whose segments are looked at.
        champion: values of the version that serves; None without one.
        seed: of the resampling.
    """
    masks = {name: mask for name, mask in _slices(training_set, cases, challenger.segments).items() if mask.any()}
    users = np.unique([case.user for case in cases], return_inverse=True)[1]
    tests = len(masks) + sum(name == OVERALL or name in HISTORY_SLICES for name in masks)
    bootstrap = _PairedBootstrap(users, ERROR_RATE / tests, seed)
    return [_slice(name, mask, challenger, champion, bootstrap) for name, mask in masks.items()]


def _slice(
    name: str, mask: NDArray[np.bool_], challenger: Values, champion: Values | None, bootstrap: "_PairedBootstrap"
) -> SliceResult:
    users = bootstrap.people(mask)
    interval: Callable[[NDArray[np.float64]], Difference | None] = (
        (lambda difference: bootstrap.difference(difference, mask)) if users >= LEAST_USERS else (lambda _: None)
    )
    return SliceResult(
        name=name,
        cases=int(mask.sum()),
        users=users,
        challenger=float(challenger.served[mask].mean()),
        popularity=float(challenger.popularity[mask].mean()),
        champion=None if champion is None else float(champion.served[mask].mean()),
        against_popularity=interval(challenger.served - challenger.popularity),
        against_champion=None if champion is None else interval(challenger.served - champion.served),
    )


class _PairedBootstrap:
    """Resamples people, not cases: what one person does is not independent (Field and Welsh, JRSS B 69, 2007)."""

    def __init__(self, users: NDArray[np.int64], error_rate: float, seed: int) -> None:
        self._users = users
        self._count = int(users.max()) + 1
        self._error_rate = error_rate
        share = np.full(self._count, 1.0 / self._count)
        self._drawn = np.random.default_rng(seed).multinomial(self._count, share, RESAMPLES).astype(np.float64)

    def people(self, mask: NDArray[np.bool_]) -> int:
        """The number of people in a slice."""
        return len(np.unique(self._users[mask]))

    def difference(self, values: NDArray[np.float64], mask: NDArray[np.bool_]) -> Difference:
        """The mean of `values` over a slice, and an interval whose either end fails at the error rate."""
        sums = np.bincount(self._users[mask], weights=values[mask], minlength=self._count)
        counts = np.bincount(self._users[mask], minlength=self._count).astype(np.float64)
        drawn = self._drawn @ counts
        means = (self._drawn @ sums)[drawn > 0] / drawn[drawn > 0]
        low, high = np.quantile(means, (self._error_rate, 1.0 - self._error_rate))
        return Difference(float(sums.sum() / counts.sum()), float(low), float(high))


def _slices(
    training_set: TrainingSet, cases: Sequence[Case], segments: NDArray[np.int64]
) -> dict[str, NDArray[np.bool_]]:
    known = np.array([case.known for case in cases])
    kinds = training_set.item_kinds[[case.item for case in cases]]
    found = {OVERALL: np.ones(len(cases), dtype=np.bool_)}
    found |= {name: (known >= low) & (known <= high) for name, (low, high) in HISTORY_SLICES.items()}
    found["new items"] = np.array([case.new_item for case in cases])
    found |= {f"kind {kind.value}": kinds == kind.code for kind in ItemKind}
    found |= {f"segment {number}": segments == number for number in np.unique(segments[segments >= 0]).tolist()}
    return found


def _gain(rank: int) -> float:
    """NDCG@10 with one item to find."""
    return float(1.0 / np.log2(rank + 2.0)) if rank < CUTOFF else 0.0

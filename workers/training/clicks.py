"""What two versions would have earned in the places of served lists that chance had a part in."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from domain.models.factor_model import FactorModel
from workers.training.comparison import MARGIN
from workers.training.evaluation import CUTOFF, Ranking
from workers.training.interactions import TrainingSet
from workers.training.off_policy import Estimate, Estimates, Exposures, difference, estimates
from workers.training.temporal import Case, history, rows_of

MOST_PLACES: Final = 2000
LEAST_EFFECTIVE: Final = 50.0
"""Nothing is concluded from fewer exposures that speak of a version."""

PRIOR_STRENGTH: Final = 10.0
"""Exposures of an item at which its own rate and the general one weigh the same."""

NOT_ENOUGH: Final = "not enough"


@dataclass(frozen=True, slots=True, eq=False)
class ExploredPlaces:
    """n places of served lists.

    Attributes:
        users: int64[n], numbered as in the training set; -1 for people who are not in it.
        items: int64[n], places in the training set; -1 for items that left the catalogue.
        served_at: float64[n], seconds since the epoch.
        propensities: float64[n], in (0, 1).
        rewards: float64[n], 1 where the item was taken.
    """

    users: NDArray[np.int64]
    items: NDArray[np.int64]
    served_at: NDArray[np.float64]
    propensities: NDArray[np.float64]
    rewards: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.users)

    def since(self, moment: float) -> "ExploredPlaces":
        """Those after `moment`, of known people and items; the first ones if there are too many."""
        kept = np.flatnonzero((self.served_at > moment) & (self.users >= 0) & (self.items >= 0))
        kept = kept[np.lexsort((self.items[kept], self.users[kept], self.served_at[kept]))][:MOST_PLACES]
        return ExploredPlaces(
            self.users[kept], self.items[kept], self.served_at[kept], self.propensities[kept], self.rewards[kept]
        )


def earned(
    training_set: TrainingSet,
    explored: ExploredPlaces,
    challenger: FactorModel,
    champion: FactorModel | None,
    seed: int,
) -> dict[str, Any]:
    """Estimated successes a place, had each version filled it from its own best ten; `not enough` where that is so.

    Each version stands for the policy that draws one of its ten best items for the person at that moment, each equally
    likely. Neither may have been trained on what happened since the first place.
    """
    told: dict[str, Any] = {"places": len(explored), "conclusion": NOT_ENOUGH}
    if len(explored) < LEAST_EFFECTIVE:
        return told
    situations = list(_situations(training_set, explored))
    one = _exposures(training_set, explored, situations, challenger)
    other = None if champion is None else _exposures(training_set, explored, situations, champion)
    if min(policy.effective_size() for policy in (one, other or one)) < LEAST_EFFECTIVE:
        return told
    told |= {"conclusion": "estimated", "challenger": _estimates(estimates(one, seed))}
    if other is not None:
        told["champion"] = _estimates(estimates(other, seed))
        told["difference"] = _estimate(difference(one, other, seed))
    return told


def clicks_lost(told: Mapping[str, Any]) -> list[str]:
    """Why the challenger may not serve, as far as explored places say."""
    if "difference" not in told:
        return []
    lost, champion = told["difference"], told["champion"]["doubly_robust"]["value"]
    if lost["high"] >= -MARGIN * champion:
        return []
    return [f"off-policy: would earn {-lost['value']:.4f} successes a place less than the champion"]


def _situations(training_set: TrainingSet, explored: ExploredPlaces) -> Iterator[Case]:
    """What was known of each person when their list was served."""
    order = np.lexsort((training_set.item_index, training_set.occurred_at, training_set.user_index))
    numbers = training_set.user_index[order]
    for user, item, at in zip(
        explored.users.tolist(), explored.items.tolist(), explored.served_at.tolist(), strict=True
    ):
        start, stop = np.searchsorted(numbers, (user, user + 1))
        rows = order[start:stop]
        yield history(training_set, rows[training_set.occurred_at[rows] < at], user, item, at)


def _exposures(
    training_set: TrainingSet, explored: ExploredPlaces, situations: list[Case], model: FactorModel
) -> Exposures:
    ranking, rows = Ranking(model), rows_of(training_set, model)
    gone = np.setdiff1d(np.arange(len(model)), rows[rows >= 0])
    places = np.full(len(model), -1)
    places[rows[rows >= 0]] = np.flatnonzero(rows >= 0)
    target, expected = np.zeros(len(explored)), np.zeros(len(explored))
    rates, fold = _rates(explored, len(training_set.item_ids))
    for number, case in enumerate(situations):
        observations = case.observations(rows)
        seen = np.concatenate((observations.rows, gone))
        page = places[ranking.page(observations, case.at, CUTOFF, seen)]
        target[number] = np.mean(page == case.item) if len(page) else 0.0
        expected[number] = rates[fold[number], page].mean() if len(page) else 0.0
    predicted = rates[fold, explored.items]
    return Exposures(explored.rewards, explored.propensities, target, predicted, expected, explored.users)


def _rates(explored: ExploredPlaces, items: int) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """The rate of each item among the other half of the people, float64[2, items], and the half of each place."""
    fold = np.unique(explored.users, return_inverse=True)[1] % 2
    rates = np.zeros((2, items))
    for half in (0, 1):
        others = fold != half
        shown = np.bincount(explored.items[others], minlength=items)
        taken = np.bincount(explored.items[others], weights=explored.rewards[others], minlength=items)
        general = float(explored.rewards[others].mean()) if others.any() else 0.0
        rates[half] = (taken + PRIOR_STRENGTH * general) / (shown + PRIOR_STRENGTH)
    return rates, fold


def _estimates(found: Estimates) -> dict[str, Any]:
    named = {"ips": found.ips, "snips": found.snips, "doubly_robust": found.doubly_robust}
    return {name: _estimate(value) for name, value in named.items()} | {"effective_size": found.effective_size}


def _estimate(found: Estimate) -> dict[str, float]:
    return {"value": found.value, "low": found.low, "high": found.high}

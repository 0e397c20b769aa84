"""Learns from lists that were served what is taken more often in some situation than elsewhere, where that helps.

Items are compared by how often they are taken where they are shown, so that what a surface shows more often does not
look better liked there. What is learned is judged on people whom it was not learned from, beside the same lists in the
blend's own order; a length of history that it does not help for certain goes without.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from domain.disclosure import FEWEST_PEOPLE
from domain.models.factor_model import FactorModel
from domain.models.situations import Situations
from domain.recommendations.blending import Scorer
from workers.training.impressions import Impression

BOUNDS: Final = (0, 3, 11)
"""Lengths of history from which on a strength of its own holds."""

STRENGTHS: Final = (0.25, 0.5, 1.0, 2.0)
PRIOR_VIEWS: Final = 20.0
"""An item shown so often in a situation is believed half as far as its own average about that situation."""

LEAST_LISTS: Final = 50
"""Nothing is told of situations that fewer lists, or fewer than `FEWEST_PEOPLE` people, were in."""

JUDGED_LISTS: Final = 3_000
"""At most so many lists judge; the newest."""

FOLDS: Final = 5
STANDARD_ERRORS: Final = 2.5
"""What a strength has to gain, to be kept."""


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """What was learned of situations.

    Attributes:
        situations: None where they help nobody.
        gains: lower bound of the history's length -> share of pairs of a taken and a passed item that stand right,
            gained on people whom it was not learned from.
    """

    situations: Situations | None
    gains: dict[int, float]


def learn_situations(model: FactorModel, shown: Sequence[Impression]) -> Outcome:
    """The situations of lists, and how far to follow them.

    Args:
        model: what lists are otherwise ranked by.
        shown: lists with something taken and something passed over, the oldest first.
    """
    names = _common(shown)
    if not names:
        return Outcome(None, {})
    fold = np.array([reader % FOLDS for reader in _readers(shown)])
    by_fold = [
        _lifts(names, [shown[place] for place in np.flatnonzero(fold != number).tolist()], len(model))
        for number in range(FOLDS)
    ]
    places = [place for place in range(len(shown)) if set(names) & set(shown[place].situations)][-JUDGED_LISTS:]
    gained = _gained(model, shown, places, names, [by_fold[number] for number in fold])
    strengths, gains = _kept(gained, shown, places)
    if not strengths.any():
        return Outcome(None, gains)
    lifts = _lifts(names, shown, len(model))
    return Outcome(Situations(names, lifts, np.array(BOUNDS, dtype=np.int32), strengths), gains)


def _common(shown: Sequence[Impression]) -> tuple[str, ...]:
    """Situations of enough people and lists, in the order of their names."""
    people: dict[str, set[int]] = {}
    lists: dict[str, int] = {}
    for one in shown:
        for name in one.situations:
            people.setdefault(name, set()).add(one.reader)
            lists[name] = lists.get(name, 0) + 1
    return tuple(name for name in sorted(people) if len(people[name]) >= FEWEST_PEOPLE and lists[name] >= LEAST_LISTS)


def _readers(shown: Sequence[Impression]) -> list[int]:
    """Readers numbered by their first list, which does not depend on how the training set numbers people."""
    numbers: dict[int, int] = {}
    return [numbers.setdefault(one.reader, len(numbers)) for one in shown]


def _lifts(names: tuple[str, ...], shown: Sequence[Impression], items: int) -> NDArray[np.float32]:
    """log of how often an item is taken in each situation over how often anywhere, float32[s, items]."""
    taken, views = np.zeros((len(names) + 1, items)), np.zeros((len(names) + 1, items))
    for one in shown:
        rows = [number for number, name in enumerate(names) if name in one.situations]
        for row in (*rows, len(names)):
            views[row, one.taken] += 1.0
            views[row, one.passed] += 1.0
            taken[row, one.taken] += 1.0
    general = taken[-1].sum() / max(views[-1].sum(), 1.0)
    usual = (taken[-1] + PRIOR_VIEWS * general) / (views[-1] + PRIOR_VIEWS)
    rates = (taken[:-1] + PRIOR_VIEWS * usual) / (views[:-1] + PRIOR_VIEWS)
    return np.asarray(np.log(rates / usual), dtype=np.float32)


def _gained(
    model: FactorModel,
    shown: Sequence[Impression],
    places: Sequence[int],
    names: tuple[str, ...],
    lifts: Sequence[NDArray[np.float32]],
) -> NDArray[np.float64]:
    """What each strength adds to the share of pairs that stand right, float64[places, strengths]."""
    scorer = Scorer(model)
    found = np.zeros((len(places), len(STRENGTHS)))
    for row, place in enumerate(places):
        one = shown[place]
        known = [number for number, name in enumerate(names) if name in one.situations]
        scores = scorer.scores(one.observations).blended
        lift = lifts[place][known].sum(axis=0)
        before = _right(scores, one)
        for column, strength in enumerate(STRENGTHS):
            found[row, column] = _right(scores + np.float32(strength) * lift, one) - before
    return found


def _right(scores: NDArray[np.float32], shown: Impression) -> float:
    """The share of pairs in which the taken item stands before the passed one; equal scores count half."""
    ahead = scores[shown.taken][:, np.newaxis] - scores[shown.passed]
    return float((ahead > 0).mean() + 0.5 * (ahead == 0).mean())


def _kept(
    gained: NDArray[np.float64], shown: Sequence[Impression], places: Sequence[int]
) -> tuple[NDArray[np.float32], dict[int, float]]:
    """The strength for each length of history, float32[b], 0 where none helps for certain, and what each gains."""
    liked = np.array([shown[place].observations.liked for place in places], dtype=np.int64)
    readers = np.array([shown[place].reader for place in places], dtype=np.int64)
    bucket = np.searchsorted(BOUNDS, liked, side="right") - 1
    strengths, gains = np.zeros(len(BOUNDS), dtype=np.float32), {}
    for number, bound in enumerate(BOUNDS):
        rows = np.flatnonzero(bucket == number)
        if len(rows) < LEAST_LISTS:
            continue
        best = int(gained[rows].mean(axis=0).argmax())
        gains[bound] = float(gained[rows, best].mean())
        if gains[bound] > STANDARD_ERRORS * _standard_error(gained[rows, best], readers[rows]):
            strengths[number] = STRENGTHS[best]
    return strengths, gains


def _standard_error(values: NDArray[np.float64], people: NDArray[np.int64]) -> float:
    """Of the mean of values that come in clusters, one a person."""
    _, numbers = np.unique(people, return_inverse=True)
    residuals = np.bincount(numbers, weights=values - values.mean())
    if len(residuals) < 2:
        return float("inf")
    correction = len(residuals) / (len(residuals) - 1)
    return float(np.sqrt(correction * np.square(residuals).sum()) / len(values))

"""The blend of several models: standardized scores, put in one order by what a validation split says.

Scores are compared in standard deviations over the items that compete, which depend on no model's units. How they are
put together is learned for each length of history on users who have it; short histories also on others as if they had
done no more than that, since few data sets hold enough newcomers to learn from. Whoever did little gets what is
popular, unless something else is better for others like them with 95 % confidence; sources that look at the
circumstances of a list take part only under the same condition.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from workers.evaluation.examples import Examples, build_examples, said
from workers.evaluation.histories import Past, Pasts
from workers.evaluation.metrics import Interval
from workers.evaluation.mixture import Mixture, gained, learn_mixture, reached
from workers.evaluation.protocols import Case, Split, spread
from workers.evaluation.sources import Model
from workers.evaluation.weights import Scores

HISTORY_BOUNDS: Final = (0, 1, 3, 11)
ENDLESS: Final = 1_000_000_000
"""Lengths of history from which on another mixture holds."""

EXAMPLES: Final = 2_000
TRIED: Final = (0.1, 0.3, 1.0)
"""Weights at which a source is looked at before it is learned with."""

NEWCOMERS: Final = 1_000
"""So many lists at least for each length; where too few users have it, others are cut to it."""


@dataclass(frozen=True, slots=True, eq=False)
class Blend:
    """How several models make one.

    Attributes:
        names: of the s models; the first one is popularity.
        mixtures: lower bound of the history's length -> how scores become one.
        gains: lower bound -> what sources that look at the circumstances add, where they looked promising.
    """

    names: tuple[str, ...]
    mixtures: Mapping[int, Mixture]
    gains: Mapping[int, Interval] = field(default_factory=dict)

    def mixture(self, length: int) -> Mixture:
        """What holds for a history of this length."""
        return self.mixtures[max(bound for bound in self.mixtures if bound <= length)]


class Hybrid:
    """A blend of fitted models."""

    def __init__(self, models: Sequence[Model], blend: Blend) -> None:
        self._models = models
        self._blend = blend

    def scores(self, pasts: Pasts) -> Scores:
        """The score of every item, float32[k, n]."""
        table = said(self._models, pasts)
        rows = [self._blend.mixture(len(past)).scores(table[:, place], past.items) for place, past in enumerate(pasts)]
        return np.array(rows, dtype=np.float32)


def learn_blend(
    names: Sequence[str], models: Sequence[Model], split: Split, seed: int, situational: Collection[str] = ()
) -> Blend:
    """How to rank the held-out items of `split` best.

    Args:
        names: of the models, popularity first.
        models: fitted on `split.training`.
        split: the validation split.
        seed: of folds and networks.
        situational: models that take part only where they help for certain.
    """
    cases = split.cases()
    ordinary = np.array([place for place, name in enumerate(names) if name not in situational], dtype=np.int64)
    mixtures: dict[int, Mixture] = {}
    gains: dict[int, Interval] = {}
    for low, high in pairwise((*HISTORY_BOUNDS, ENDLESS)):
        chosen, told, real = _told(cases, low, high)
        examples = build_examples(models, chosen, told)
        mixture = learn_mixture(examples, seed, deep=real, among=ordinary)
        if _promising(examples, mixture, ordinary):
            richer = learn_mixture(examples, seed, deep=real)
            gains[low] = gained(richer, reached(mixture, examples), examples, seed)
            mixture = richer if gains[low].low > 0 else mixture
        popular = np.eye(len(models))[0]
        if high != ENDLESS and gained(mixture, examples.values(examples.blended(popular)), examples, seed).low <= 0:
            mixture = Mixture(popular)
        mixtures[low] = mixture
    return Blend(tuple(names), mixtures, gains)


def _promising(examples: Examples, mixture: Mixture, ordinary: NDArray[np.int64]) -> bool:
    """Whether some source that takes no part yet would better the sum by more than a standard error."""
    summed = examples.blended(mixture.weights)
    before = examples.values(summed)
    for source in np.setdiff1d(np.flatnonzero(examples.speaking), ordinary):
        for step in TRIED:
            change = examples.values(summed + np.float32(step) * examples.table[source]) - before
            if change.mean() > change.std() / max(len(change), 1) ** 0.5:
                return True
    return False


def _told(cases: Sequence[Case], low: int, high: int) -> tuple[list[Case], list[Past], bool]:
    """Lists for histories of `low` to `high` - 1 actions, and whether enough users really have one.

    Those who have such a history come first, then others as if they had; if there is nobody, whoever there is.
    """
    there = [case for case in cases if low <= len(case.past) < high]
    chosen = [there[place] for place in spread(len(there), EXAMPLES)]
    told = [case.past for case in chosen]
    missing = NEWCOMERS - len(chosen)
    if missing > 0:
        longer = [case for case in cases if len(case.past) >= high]
        for number, place in enumerate(spread(len(longer), missing).tolist()):
            chosen.append(longer[place])
            told.append(longer[place].past.newest(low + number % (high - low)))
    if not chosen:
        chosen = [cases[place] for place in spread(len(cases), EXAMPLES)]
        return chosen, [case.past for case in chosen], False
    return chosen, told, missing <= 0 or high == ENDLESS

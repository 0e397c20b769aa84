"""How much each source of a score counts, learned from what it was not trained on, for each length of history.

Short histories get weights of their own, learned on those who have one and on others as if they had done no more than
that. They are drawn towards those of everybody, and no length of history is served worse than by popularity.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from domain.models.blend import POPULARITY, BlendWeights
from domain.models.factor_model import FactorModel
from domain.recommendations.blending import FACTORS, FOLLOWING, SEGMENT, TOGETHER, TREND, Scorer
from domain.recommendations.factors import Observations
from domain.recommendations.retrieval import top
from workers.training.evaluation import HoldOut, newest

STEPS: Final = (0.0, 0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0)
ROUNDS: Final = 3
LEAST_EXAMPLES: Final = 30
"""Weights learned from fewer would be noise; factors and popularity alone then count."""

MOST_EXAMPLES: Final = 1_500
NEWCOMERS: Final = 500
PRIOR_EXAMPLES: Final = 200.0
"""Weights learned from so many examples count as much as those of everybody."""

HISTORY_BOUNDS: Final = (0, 1, 3, 11)
"""Numbers of liked items from which on other weights hold."""

DEPTH: Final = 100
"""How many of its first items each source brings into the search; what none has there never comes first."""

CUTOFF: Final = 10
ABSENT: Final = np.float32(-1e30)
RETREATS: Final = (0.25, 0.5, 0.75)
"""How far weights are drawn to popularity, step by step, where it alone is better; in the end it is served alone."""


@dataclass(frozen=True, slots=True, eq=False)
class Examples:
    """What to search weights on: for each of k targets, c items that may come first.

    Attributes:
        sources: the s names.
        table: float32[s, k, c], what each source says, the target's in column 0; `ABSENT` for what does not compete.
    """

    sources: tuple[str, ...]
    table: NDArray[np.float32]

    def __len__(self) -> int:
        return int(self.table.shape[1])

    def ranks(self, weights: NDArray[np.float64]) -> NDArray[np.int64]:
        """The place of each target from 0, int64[k]."""
        blended = np.zeros(self.table.shape[1:], dtype=np.float32)
        for part, weight in zip(self.table, weights.astype(np.float32), strict=True):
            if weight:
                blended += weight * part
        return np.asarray((blended[:, 1:] > blended[:, :1]).sum(axis=1), dtype=np.int64)

    def value(self, weights: NDArray[np.float64]) -> float:
        """NDCG@10, and a tenth of what NDCG@100 adds, which tells weights apart where few targets come near the top."""
        return float(gain(self.ranks(weights)).mean())


def gain(ranks: NDArray[np.int64]) -> NDArray[np.float64]:
    """What each rank is worth in the search, float64[k]."""
    discounts = 1.0 / np.log2(ranks + 2.0)
    reached = np.where(ranks < CUTOFF, 1.0, np.where(ranks < CUTOFF**2, 0.1, 0.0))
    return np.asarray(reached * discounts, dtype=np.float64)


def weighed(model: FactorModel, hold_out: HoldOut) -> BlendWeights | None:
    """The weights that rank the held-out items best; None if there are too few to learn from.

    Args:
        model: trained on `hold_out.training`.
        hold_out: users that the result must not be measured on afterwards.
    """
    if len(hold_out) < LEAST_EXAMPLES:
        return None
    scorer, some = Scorer(model, complete=True), _spread(len(hold_out), MOST_EXAMPLES)
    known = {number: hold_out.observations(number) for number in some}
    everybody = examples(scorer, [(known[n], known[n].rows, int(hold_out.targets[n])) for n in some])
    overall = ascend(everybody)
    rows = []
    for low, high in pairwise((*HISTORY_BOUNDS, None)):
        few = list(_cut(known, hold_out, low or 0, high))
        if len(few) < LEAST_EXAMPLES:
            rows.append(overall)
            continue
        rows.append(_row(examples(scorer, few, everybody.sources), overall, alone=low == 0))
    table = np.stack([row / row.sum() for row in rows]).astype(np.float32)
    return BlendWeights(everybody.sources, np.array(HISTORY_BOUNDS, dtype=np.int32), table)


def _row(found: Examples, overall: NDArray[np.float64], *, alone: bool) -> NDArray[np.float64]:
    """Weights for one range of history, float64[s].

    Args:
        found: of that range.
        overall: the weights of everybody.
        alone: whether those of everybody have nothing to say here.
    """
    best = ascend(found) if alone else ascend(found, overall)
    share = 1.0 if alone else len(found) / (len(found) + PRIOR_EXAMPLES)
    return never_below_popularity(found, share * best / best.sum() + (1.0 - share) * overall / overall.sum())


def never_below_popularity(found: Examples, weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """The weights, drawn to popularity until they rank no worse than it does, float64[s]."""
    popular: NDArray[np.float64] = _single(found.sources, POPULARITY)
    floor = found.value(popular)
    for retreat in (0.0, *RETREATS):
        tried = (1.0 - retreat) * weights / weights.sum() + retreat * popular
        if found.value(tried) >= floor:
            return np.asarray(tried, dtype=np.float64)
    return popular


def ascend(found: Examples, start: NDArray[np.float64] | None = None) -> NDArray[np.float64]:
    """Coordinate ascent from the best single source, or from `start` if that is better, float64[s]."""
    speaking = [place for place, part in enumerate(found.table) if np.ptp(np.maximum(part, part[:, :1])) > 0]
    starts = [_single(found.sources, name) for name in (POPULARITY, *(found.sources[place] for place in speaking))]
    if start is not None:
        starts.append(start)
    values = [found.value(weights) for weights in starts]
    weights: NDArray[np.float64] = starts[int(np.argmax(values))].copy()
    best = max(values)
    for _ in range(ROUNDS):
        before = best
        for place in speaking:
            for step in STEPS:
                tried = weights.copy()
                tried[place] = step
                if step != weights[place] and tried.any() and (value := found.value(tried)) > best:
                    weights, best = tried, value
        if best == before:
            break
    return np.asarray(weights, dtype=np.float64)


def examples(
    scorer: Scorer,
    users: Sequence[tuple[Observations, NDArray[np.int64], int]],
    sources: tuple[str, ...] | None = None,
) -> Examples:
    """What the sources say of the items that may come first for some users.

    Args:
        scorer: of the model.
        users: what is known of each, the items that do not compete, and the target.
        sources: whom to ask; None for all who say something of anybody.
    """
    said: list[tuple[dict[str, NDArray[np.float32]], NDArray[np.int64]]] = []
    for observations, seen, target in users:
        rows = np.arange(len(scorer.popularity))
        columns = {part.source: part.standardized(rows) for part in scorer.scores(observations).parts}
        columns[POPULARITY] = scorer.popularity.copy()
        for column in columns.values():
            column[seen] = ABSENT
        best = np.unique(np.concatenate([top(column, DEPTH) for column in columns.values()]))
        best = np.concatenate(([target], best[best != target]))
        said.append(({name: column[best] for name, column in columns.items()}, best))
    sources = sources or _in_order({name for columns, _ in said for name in columns})
    width = max(len(best) for _, best in said)
    table = np.full((len(sources), len(said), width), ABSENT, dtype=np.float32)
    for place, (columns, best) in enumerate(said):
        for number, source in enumerate(sources):
            table[number, place, : len(best)] = columns.get(source, np.float32(0.0))
    return Examples(sources, table)


def _in_order(names: set[str]) -> tuple[str, ...]:
    """Sources from the simplest on, since among equals the first is taken; popularity is last."""
    known = (FACTORS, TOGETHER, FOLLOWING, SEGMENT, TREND)
    return (
        *(name for name in known if name in names),
        *sorted(names.difference(known, (POPULARITY,))),
        POPULARITY,
    )


def _single(sources: Sequence[str], name: str) -> NDArray[np.float64]:
    weights = np.zeros(len(sources))
    weights[list(sources).index(name)] = 1.0
    return weights


def _cut(
    known: dict[int, Observations], hold_out: HoldOut, low: int, high: int | None
) -> Iterator[tuple[Observations, NDArray[np.int64], int]]:
    """Users with `low` to `high - 1` liked items, and others with no more than so many of their newest known."""
    numbers = list(known)
    for place in _spread(len(numbers), NEWCOMERS if high is not None else MOST_EXAMPLES):
        number = numbers[place]
        observations = known[number]
        length = observations.liked if high is None else low + place % (high - low)
        if observations.liked >= max(low, length):
            shown = newest(observations, length) if observations.liked > length else observations
            yield shown, observations.rows, int(hold_out.targets[number])


def _spread(count: int, most: int) -> list[int]:
    """At most `most` of the numbers below `count`, spread evenly."""
    if count <= most:
        return list(range(count))
    return [int(place) for place in np.linspace(0, count - 1, most)]

"""How far a model's input and scores have moved since its training, told before people notice.

Distributions of the latest week are compared by the population stability index, the sum of (p - q) ln(p / q) over the
cells. For two samples of the same distribution it is about chi-squared times (1/n + 1/m) (Yurdakul, 2018), so that the
alarm can tell a move from the noise of few people.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtri

from domain.models.factor_model import FactorModel
from workers.training.evaluation import CUTOFF, Ranking
from workers.training.interactions import DAY_SECONDS, TrainingSet
from workers.training.temporal import history, rows_of

WINDOW_DAYS: Final = 7.0
ALARM: Final = 0.2
"""A population stability index above this is a considerable move, by convention."""

NOISE_RATE: Final = 0.001
"""How often noise alone may look like this much or more."""

TOP_ITEMS: Final = 20
SCORED_PEOPLE: Final = 300
SCORE_CELLS: Final = 10
LENGTH_BOUNDS: Final = (0, 1, 3, 11, 31)
_SMOOTHING: Final = 0.5


@dataclass(frozen=True, slots=True, eq=False)
class Behaviour:
    """Rows to look at.

    Attributes:
        training_set: m rows.
        types: int8[m], the type of event of each.
        names: the name of each type.
    """

    training_set: TrainingSet
    types: NDArray[np.int8]
    names: Sequence[str]


def baseline(behaviour: Behaviour, model: FactorModel, against: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Counts of the latest week by distribution and cell, as the registry keeps them.

    Args:
        behaviour: at least one row.
        model: what scores.
        against: an earlier baseline whose items and score cells are to be used, so that both can be compared.
    """
    data = behaviour.training_set
    window = np.flatnonzero(data.occurred_at > data.occurred_at.max() - WINDOW_DAYS * DAY_SECONDS)
    people = np.unique(data.user_index[window])
    counts = np.bincount(behaviour.types[window], minlength=len(behaviour.names)).tolist()
    scores = _best_scores(data, model, people)
    edges = (against or {}).get("score_edges") or _edges(scores)
    return {
        "event_types": {name: count for name, count in zip(behaviour.names, counts, strict=True) if count},
        "items": _items(data, window, (against or {}).get("items")),
        "history_lengths": _lengths(data, people),
        "scores": _histogram(scores, edges),
        "score_edges": edges,
    }


def drift(then: Mapping[str, Any], now: Mapping[str, Any]) -> dict[str, Any]:
    """How far each distribution has moved, and whether that calls for attention."""
    distributions = {}
    for name in ("event_types", "items", "history_lengths", "scores"):
        psi, noise = stability(then[name], now[name])
        distributions[name] = {"psi": psi, "noise": noise, "alarm": psi > max(ALARM, noise)}
    return {"distributions": distributions, "alarm": any(moved["alarm"] for moved in distributions.values())}


def stability(then: Mapping[str, float], now: Mapping[str, float]) -> tuple[float, float]:
    """The population stability index of two tables of counts, and what noise alone reaches once in a thousand times."""
    cells = sorted(then.keys() | now.keys())
    p, q = (np.array([table.get(cell, 0) for cell in cells], dtype=np.float64) for table in (then, now))
    if len(cells) < 2 or not p.sum() or not q.sum():
        return 0.0, 0.0
    noise = float(chdtri(len(cells) - 1, NOISE_RATE) * (1.0 / p.sum() + 1.0 / q.sum()))
    p, q = ((table + _SMOOTHING) / (table + _SMOOTHING).sum() for table in (p, q))
    return float(((p - q) * np.log(p / q)).sum()), noise


def _items(data: TrainingSet, window: NDArray[np.int64], named: Mapping[str, int] | None) -> dict[str, int]:
    """Rows about the most frequent items, or about those that are named, and about all others."""
    counts = np.bincount(data.item_index[window], minlength=len(data.item_ids))
    if named is None:
        chosen = sorted(np.flatnonzero(counts).tolist(), key=lambda place: (-counts[place], data.item_ids[place]))
        chosen = chosen[:TOP_ITEMS]
    else:
        chosen = [place for place, item_id in enumerate(data.item_ids) if item_id in named]
    found: dict[str, int] = {data.item_ids[place]: int(counts[place]) for place in chosen}
    return found | {"": int(counts.sum()) - sum(found.values())}


def _lengths(data: TrainingSet, people: NDArray[np.int64]) -> dict[str, int]:
    """How many of these people have taken to so many items, by the lower bound of the cell."""
    liked = np.flatnonzero(data.weight > 0)
    pairs = np.unique(np.stack((data.user_index[liked], data.item_index[liked])), axis=1)
    lengths = np.bincount(pairs[0], minlength=int(people.max()) + 1 if len(people) else 0)[people]
    cells = np.searchsorted(LENGTH_BOUNDS, lengths, side="right") - 1
    counts = np.bincount(cells, minlength=len(LENGTH_BOUNDS))
    return {str(bound): int(count) for bound, count in zip(LENGTH_BOUNDS, counts.tolist(), strict=True)}


def _best_scores(data: TrainingSet, model: FactorModel, people: NDArray[np.int64]) -> NDArray[np.float64]:
    """The score of the tenth place of some people's lists, float64[people]."""
    ranking, rows = Ranking(model), rows_of(data, model)
    order = np.lexsort((data.item_index, data.occurred_at, data.user_index))
    numbers = data.user_index[order]
    latest = {int(user): float(data.occurred_at[order[np.searchsorted(numbers, user + 1) - 1]]) for user in people}
    chosen = sorted(latest, key=lambda user: -latest[user])[:SCORED_PEOPLE]
    found = []
    for user in chosen:
        start, stop = np.searchsorted(numbers, (user, user + 1))
        observations = history(data, order[start:stop], user, 0, latest[user]).observations(rows)
        scores = np.delete(ranking.scores(observations, latest[user]), observations.rows)
        if len(scores) >= CUTOFF:
            found.append(float(np.partition(scores, -CUTOFF)[-CUTOFF]))
    return np.array(found, dtype=np.float64)


def _edges(scores: NDArray[np.float64]) -> list[float]:
    """Where the cells of a histogram with about equally many in each meet."""
    if len(scores) == 0:
        return []
    return sorted(set(np.quantile(scores, np.arange(1, SCORE_CELLS) / SCORE_CELLS).tolist()))


def _histogram(scores: NDArray[np.float64], edges: Sequence[float]) -> dict[str, int]:
    counts = np.bincount(np.searchsorted(edges, scores), minlength=len(edges) + 1)
    return {str(cell): int(count) for cell, count in enumerate(counts.tolist())}

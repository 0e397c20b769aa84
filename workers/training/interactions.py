"""From rows of behaviour to one canonical matrix, so that equal data trains an equal model.

A training must not depend on the order in which rows were read, nor on how users are named or numbered. Items are
ordered by id; users, who have no place in a model, are ordered by a hash of what they did.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from domain.errors import ValidationFailed
from domain.ids import ItemId
from domain.models.item_terms import ItemTerms

DAY_SECONDS: Final = 86_400.0
_GOLDEN: Final = np.uint64(0x9E3779B97F4A7C15)


@dataclass(frozen=True, slots=True, eq=False)
class ServedLists:
    """Lists that were served and of which something was taken: k of them with m places.

    Attributes:
        users: int64[k], in the numbering of the training set; -1 for somebody it does not hold.
        served_at: float64[k], seconds since the epoch.
        offsets: int64[k + 1], where the places of each list begin.
        items: int64[m], places in the training set's `item_ids`.
        taken: bool[m].
        situations: where each list was served, k entries; empty where that is not known of any.
    """

    users: NDArray[np.int64]
    served_at: NDArray[np.float64]
    offsets: NDArray[np.int64]
    items: NDArray[np.int64]
    taken: NDArray[np.bool_]
    situations: Sequence[tuple[str, ...]] = ()

    def __len__(self) -> int:
        return len(self.users)

    def until(self, moment: float) -> "ServedLists":
        """Those that were served up to and including `moment`."""
        kept = self.served_at <= moment
        lengths = np.diff(self.offsets)
        places = np.repeat(kept, lengths)
        offsets = np.concatenate(([0], np.cumsum(lengths[kept])))
        situations = [self.situations[place] for place in np.flatnonzero(kept).tolist()] if self.situations else ()
        return ServedLists(
            self.users[kept], self.served_at[kept], offsets, self.items[places], self.taken[places], situations
        )


@dataclass(frozen=True, slots=True, eq=False)
class TrainingSet:
    """What to learn from: m rows of behaviour over n items.

    Attributes:
        item_ids: the n ids of the whole catalogue, distinct, in any order.
        item_kinds: int8[n], the kind code of each.
        user_index: int64[m], any numbering of users from 0.
        item_index: int64[m], places in `item_ids`.
        weight: float64[m], force of the action; below 0 for what was not wanted.
        occurred_at: float64[m], seconds since the epoch.
        item_facets: category and tags of each item, n entries; empty where nothing is known of any.
        item_terms: what the catalogue says of each item, n entries; empty where nothing is known of any.
        served: lists that were served; None where none were kept.

    Raises:
        ValidationFailed: the columns differ in length, an index is out of range or a number is not finite.
    """

    item_ids: Sequence[ItemId]
    item_kinds: NDArray[np.int8]
    user_index: NDArray[np.int64]
    item_index: NDArray[np.int64]
    weight: NDArray[np.float64]
    occurred_at: NDArray[np.float64]
    item_facets: Sequence[Sequence[str]] = ()
    item_terms: Sequence[ItemTerms] = ()
    served: ServedLists | None = None

    def __post_init__(self) -> None:
        columns = (self.user_index, self.item_index, self.weight, self.occurred_at)
        _require(len({column.shape for column in columns}) == 1 and self.weight.ndim == 1, "columns differ in length")
        _require(self.item_kinds.shape == (len(self.item_ids),), "each item needs one kind")
        _require(len(self.item_facets) in (0, len(self.item_ids)), "each item needs its facets")
        _require(len(self.item_terms) in (0, len(self.item_ids)), "each item needs its terms")
        _require(len(set(self.item_ids)) == len(self.item_ids), "an item is named twice")
        _require(bool(np.isfinite(self.weight).all()), "a weight is not finite")
        _require(bool(np.isfinite(self.occurred_at).all()), "a time is not finite")
        if len(self.weight):
            _require(int(self.user_index.min()) >= 0, "a user index is negative")
            _require(int(self.item_index.min()) >= 0, "an item index is negative")
            _require(int(self.item_index.max()) < len(self.item_ids), "an item index is out of range")


@dataclass(frozen=True, slots=True, eq=False)
class Interactions:
    """A canonical sparse matrix of p (user, item) pairs; the pairs of a user lie together, in the order of items.

    Attributes:
        users: int64[p], ascending; users are in canonical order.
        items: int64[p], rows of the items in the order of their ids.
        weights: float64[p], summed and faded weights, never 0.
        last_at: int64[p], microseconds since the epoch of the latest action on the pair.
        user_count: number of users.
        item_count: number of items, those without a pair included.
    """

    users: NDArray[np.int64]
    items: NDArray[np.int64]
    weights: NDArray[np.float64]
    last_at: NDArray[np.int64]
    user_count: int
    item_count: int

    def __len__(self) -> int:
        return len(self.users)

    @property
    def weight_scale(self) -> float:
        """The mean weight of positive pairs; 1 if there are none."""
        liked = self.weights[self.weights > 0]
        return float(liked.mean()) if len(liked) else 1.0

    def select(self, mask: NDArray[np.bool_]) -> "Interactions":
        """The same matrix with only the pairs in `mask`, bool[p]; users keep their rows."""
        return Interactions(
            self.users[mask], self.items[mask], self.weights[mask], self.last_at[mask], self.user_count, self.item_count
        )


def item_order(training_set: TrainingSet) -> NDArray[np.int64]:
    """The places of the items in the order of their ids, int64[n]."""
    ids = training_set.item_ids
    return np.array(sorted(range(len(ids)), key=ids.__getitem__), dtype=np.int64)


def canonical(training_set: TrainingSet, half_life_days: float | None = None) -> Interactions:
    """Sum the rows of each pair and order users by what they did.

    Args:
        training_set: rows in any order.
        half_life_days: age, counted from the latest row, at which an action weighs half; None for no fading.
    """
    item_count = len(training_set.item_ids)
    row_of_item = np.empty(item_count, dtype=np.int64)
    row_of_item[item_order(training_set)] = np.arange(item_count)
    users, items = training_set.user_index, row_of_item[training_set.item_index]
    moments = np.rint(training_set.occurred_at * 1e6).astype(np.int64)
    # Sums of floats depend on their order, so the rows of a pair are put in one before they are added.
    order = np.lexsort((training_set.weight, moments, items, users))
    users, items, moments = users[order], items[order], moments[order]
    faded = training_set.weight[order] * fading(moments, half_life_days)
    starts = _group_starts(users, items)
    sums = np.add.reduceat(faded, starts) if len(starts) else faded
    kept = starts[sums != 0]
    ends = np.append(starts[1:], len(users))[sums != 0] - 1
    renumbered, user_count = _by_behaviour(users[kept], items[kept], sums[sums != 0], moments[ends])
    final = np.lexsort((items[kept], renumbered))
    return Interactions(
        users=renumbered[final],
        items=items[kept][final],
        weights=sums[sums != 0][final],
        last_at=moments[ends][final],
        user_count=user_count,
        item_count=item_count,
    )


def fading(moments: NDArray[np.int64], half_life_days: float | None) -> NDArray[np.float64]:
    """What is left of each moment's weight at the latest of them, float64[m], in (0, 1].

    The latest row stands for "now": the same data then trains the same model on any day.
    """
    if half_life_days is None or len(moments) == 0:
        return np.ones(len(moments))
    age_days = (moments.max() - moments) / (1e6 * DAY_SECONDS)
    return np.asarray(np.exp2(-age_days / half_life_days), dtype=np.float64)


def _group_starts(users: NDArray[np.int64], items: NDArray[np.int64]) -> NDArray[np.int64]:
    """Where each (user, item) pair begins in rows sorted by both."""
    changes = (users[1:] != users[:-1]) | (items[1:] != items[:-1])
    return np.flatnonzero(np.concatenate(([True], changes))) if len(users) else np.empty(0, dtype=np.int64)


def _by_behaviour(
    users: NDArray[np.int64], items: NDArray[np.int64], weights: NDArray[np.float64], last_at: NDArray[np.int64]
) -> tuple[NDArray[np.int64], int]:
    """Number users by a 128-bit hash of their pairs; users who did exactly the same are interchangeable."""
    _, dense = np.unique(users, return_inverse=True)
    count = int(dense.max()) + 1 if len(dense) else 0
    pair = _mixed(_mixed(_mixed(items.view(np.uint64)) ^ weights.view(np.uint64)) ^ last_at.view(np.uint64))
    hashes = np.zeros((2, count), dtype=np.uint64)
    # Addition makes the hash of a user independent of the order of their pairs.
    np.add.at(hashes[0], dense, pair)
    np.add.at(hashes[1], dense, _mixed(pair ^ _GOLDEN))
    place = np.empty(count, dtype=np.int64)
    place[np.lexsort((hashes[1], hashes[0]))] = np.arange(count)
    return place[dense], count


def _mixed(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """SplitMix64's finalizer (Steele, Lea and Flood, OOPSLA 2014): every bit of the input moves every bit out."""
    z = values + _GOLDEN
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


def _require(valid: bool, message: str) -> None:
    if not valid:
        raise ValidationFailed(f"the training set is not valid: {message}")

"""How well items are placed that nobody has used: a fifth of all items is held out whole and ranked among itself.

Nothing but what is said of an item can tell it from the others. Ridges from the same features to factors stand beside,
and labels and numbers alone; all are tuned on fifths of the other items, held out in the same way.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Final

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from domain.errors import ValidationFailed
from domain.models.content_features import ContentFeatures, is_word
from domain.models.item_terms import ItemTerms
from workers.evaluation.asked import NEW_ITEMS
from workers.evaluation.histories import Histories
from workers.evaluation.metrics import CUTOFF, DISCOUNTS
from workers.evaluation.new_item_behaviour import Behaviour, behaviour_of
from workers.training.content import ContentRidge, ContentSettings, learn_features

OURS: Final = "content"
LABELS: Final = "labels, cosine"
NUMBERS: Final = "numbers, ridge to factors"
LABELS_AND_NUMBERS: Final = "labels and numbers, ridge to factors"
RIDGE: Final = "all terms, ridge to factors"

SHARE: Final = 5
"""One item of so many is held out."""

FOLDS: Final = 3
"""So many times a fifth of the other items is held out to choose settings: much hangs on which items are hits."""

SETTINGS: Final = ContentSettings(landmarks=800, terms=3000)
PENALTIES: Final = tuple((ridge, plain) for ridge in (1.0, 3.0, 10.0) for plain in (0.1, 0.3, 1.0))
"""Ridge, and how freely plain columns speak."""

RIDGES: Final = (1.0, 3.0, 10.0, 30.0, 100.0)
STEPS: Final = (0.0, 0.1, 0.3, 0.5, 1.0, 2.0)
ROUNDS: Final = 2

Scores = NDArray[np.float32]
ReportProgress = Callable[[str, float], None]


@dataclass(frozen=True, slots=True, eq=False)
class Ranked:
    """NDCG@10 of one way to rank new items.

    Attributes:
        values: float64[k], of each measured user.
        setting: what was chosen on validation.
    """

    values: NDArray[np.float64]
    setting: str


@dataclass(frozen=True, slots=True)
class NewItemsResult:
    """What came of it: kind -> how it ranks; how many users were measured, on how many new items."""

    ranked: Mapping[str, Ranked]
    users: int
    items: int


def evaluate_new_items(
    histories: Histories, terms: Sequence[ItemTerms], seed: int, report: ReportProgress
) -> NewItemsResult:
    """Rank a random fifth of the items among itself, for everybody who took to one of it.

    Args:
        histories: the data.
        terms: what is said of each item.
        seed: of the items held out, and of the factors.
        report: told what is under way, and how much is done, 0 to 1.

    Raises:
        ValidationFailed: no item is described, or there is too little data.
    """
    random = np.random.default_rng(seed)
    known, new = _parted(random.permutation(histories.item_count), 0)
    shuffled = random.permutation(known)
    # One thread: how a library splits a product changes the last bits of its sums.
    with threadpool_limits(limits=1, user_api="blas"):
        report("preparing validation", 0.0)
        inner = [_room(histories, terms, *_parted(shuffled, fold), seed) for fold in range(FOLDS)]
        report("tuning", 0.3)
        chosen = {kind: tune(inner) for kind, tune in _kinds(inner[0].features).items()}
        inner.clear()
        report("preparing the test", 0.8)
        outer = _room(histories, terms, known, new, seed)
        report("measuring", 0.9)
        ranked = {kind: Ranked(outer.values(scores(outer)), setting) for kind, (scores, setting) in chosen.items()}
    return NewItemsResult(ranked, len(outer.behaviour.measured), len(new))


class _Room:
    """Known items, new ones, and the features and equations that lead from one to the other."""

    def __init__(
        self, behaviour: Behaviour, terms: Sequence[ItemTerms], known: NDArray[np.int64], new: NDArray[np.int64]
    ) -> None:
        described, arrived = ([terms[item] for item in items.tolist()] for items in (known, new))
        self.behaviour = behaviour
        self.features = learn_features(described, behaviour.people, SETTINGS)
        if not self.features.vocabulary and not self.features.numbers.names:
            raise ValidationFailed("new items can only be ranked where items are described", field="--protocol")
        self._ridge = ContentRidge(self.features, described, behaviour.targets())
        self._rows = np.concatenate(list(self.features.blocks(arrived)))
        self._terms = [self.features.term_rows(items) for items in (described, arrived)]

    def values(self, scores: Scores) -> NDArray[np.float64]:
        """NDCG@10 of each measured user."""
        listed = np.argsort(-scores, axis=1, kind="stable")[:, :CUTOFF]
        found = np.take_along_axis(self.behaviour.wanted, listed, axis=1)
        wanted = np.minimum(self.behaviour.wanted.sum(axis=1), CUTOFF)
        ideal = np.cumsum(DISCOUNTS)[wanted - 1]
        return np.asarray((found * DISCOUNTS[: found.shape[1]]).sum(axis=1) / ideal, dtype=np.float64)

    def continued(self, ridge: float, plain: float) -> dict[str, Scores]:
        """What each kind of behaviour says of the new items by their content, in standard deviations, float32[k, c]."""
        said = self._rows @ self._ridge.solve(ridge, plain)
        return {name: _standardized(scores) for name, scores in self.behaviour.scores(said).items()}

    def plain(self, columns: NDArray[np.int64], ridge: float) -> Scores:
        """What a ridge from some of the plain columns to factors says of the new items."""
        return self.behaviour.by_factors(self._rows @ self._ridge.plain(columns, ridge))

    def by_labels(self) -> Scores:
        """The cosine of new items with the mean of what a user took to, by labels alone."""
        labels = np.array([not is_word(term) for term in self.features.vocabulary], dtype=np.bool_)
        described, arrived = (_unit(rows[:, labels]) for rows in self._terms)
        return np.asarray(_unit(np.asarray(self.behaviour.taken @ described)) @ arrived.T, dtype=np.float32)


Tuned = tuple[Callable[[_Room], Scores], str]


Rooms = Sequence[_Room]
Tune = Callable[[Rooms], Tuned]


def _room(
    histories: Histories, terms: Sequence[ItemTerms], known: NDArray[np.int64], new: NDArray[np.int64], seed: int
) -> _Room:
    return _Room(behaviour_of(histories, known, new, seed), terms, known, new)


def _kinds(features: ContentFeatures) -> dict[str, Tune]:
    """Ways to rank, each with how it is tuned, those that the data allows."""
    labels = [term for term in features.vocabulary if not is_word(term)]
    kinds: dict[str, Tune] = {OURS: _tuned_content}
    if labels:
        kinds[LABELS] = lambda _inner: (_Room.by_labels, "")
    if features.numbers.names:
        kinds[NUMBERS] = lambda inner: _tuned_ridge(inner, _numbers)
    if labels and features.numbers.names:
        kinds[LABELS_AND_NUMBERS] = lambda inner: _tuned_ridge(inner, _labels_and_numbers)
    kinds[RIDGE] = lambda inner: _tuned_ridge(inner, _all_plain)
    return kinds


def _tuned_ridge(inner: Rooms, columns: Callable[[ContentFeatures], NDArray[np.int64]]) -> Tuned:
    values = [_mean(inner, [room.plain(columns(room.features), ridge) for room in inner]) for ridge in RIDGES]
    best = RIDGES[int(np.argmax(values))]
    return (lambda room: room.plain(columns(room.features), best)), f"lambda {best:g}"


def _tuned_content(inner: Rooms) -> Tuned:
    best, value = (PENALTIES[0], dict[str, float]()), -1.0
    for penalty in PENALTIES:
        weights, reached = _weighed(inner, [room.continued(*penalty) for room in inner])
        if reached > value:
            best, value = (penalty, weights), reached
    (ridge, plain), weights = best
    shares = ", ".join(f"{name} {weight:g}" for name, weight in weights.items() if weight)
    return (
        lambda room: _blended(room.continued(ridge, plain), weights)
    ), f"lambda {ridge:g}, plain {plain:g}, {shares}"


def _weighed(inner: Rooms, parts: Sequence[Mapping[str, Scores]]) -> tuple[dict[str, float], float]:
    """Weights of what continues behaviour, by coordinate ascent on NDCG@10 from the best single one on."""
    names = list(parts[0])
    best, value = dict.fromkeys(names, 0.0), -1.0
    for name in names:
        single = {other: float(other == name) for other in names}
        if (reached := _mean(inner, [_blended(part, single) for part in parts])) > value:
            best, value = single, reached
    for _ in range(ROUNDS):
        before = value
        for name, step in product(names, STEPS):
            tried = {**best, name: step}
            if any(tried.values()) and (reached := _mean(inner, [_blended(part, tried) for part in parts])) > value:
                best, value = tried, reached
        if value == before:
            break
    return best, value


def _mean(rooms: Rooms, scores: Sequence[Scores]) -> float:
    return float(np.mean([room.values(said).mean() for room, said in zip(rooms, scores, strict=True)]))


def _blended(parts: Mapping[str, Scores], weights: Mapping[str, float]) -> Scores:
    total = [np.float32(weight) * parts[name] for name, weight in weights.items() if weight]
    return np.asarray(np.sum(total, axis=0), dtype=np.float32)


def _numbers(features: ContentFeatures) -> NDArray[np.int64]:
    return np.arange(len(features.landmarks) + len(features.vocabulary), features.width)


def _labels_and_numbers(features: ContentFeatures) -> NDArray[np.int64]:
    words = np.array([is_word(term) for term in features.vocabulary], dtype=np.bool_)
    return np.setdiff1d(_all_plain(features), len(features.landmarks) + np.flatnonzero(words))


def _all_plain(features: ContentFeatures) -> NDArray[np.int64]:
    return np.arange(len(features.landmarks), features.width)


def _parted(shuffled: NDArray[np.int64], fold: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """All items but one fifth, and that fifth."""
    count = len(shuffled) // SHARE
    if count == 0:
        raise ValidationFailed(f"there is too little data for the protocol {NEW_ITEMS}")
    new = shuffled[fold * count : (fold + 1) * count]
    return np.setdiff1d(shuffled, new), np.sort(new)


def _standardized(scores: Scores) -> Scores:
    centred = scores - scores.mean(axis=1, keepdims=True)
    return np.asarray(centred / np.maximum(centred.std(axis=1, keepdims=True), 1e-9), dtype=np.float32)


def _unit(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9), dtype=np.float32)

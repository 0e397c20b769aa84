"""What an item's content says of it: features learned from a catalogue, and a ridge from them to what behaviour says.

Whatever behaviour says of known items, as factors, popularity or whole columns of scores, can so be said of items that
nobody has used yet. The penalty is that of a kernel ridge on the landmarks plus one on the plain columns.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve
from threadpoolctl import threadpool_limits

from domain.models.content import ContentModel
from domain.models.content_features import ContentFeatures, Landmarks, Numbers, is_word
from domain.models.factor_model import FactorModel
from domain.models.item_terms import ItemTerms
from workers.training.config import TrainingConfig

KNOTS: Final = 12
NUMBERS: Final = 16
"""At most so many attributes are read as numbers, those that most items have."""

NUMBER_SHARE: Final = 0.05
"""A number that fewer items have says too little of too few."""

JITTER: Final = 1e-4


@dataclass(frozen=True, slots=True)
class ContentSettings:
    """What is learned, and how freely.

    Attributes:
        landmarks: items that others are compared with, the best-known ones.
        terms: words and labels that count, the most frequent ones.
        label_support: items that a label must have.
        word_support: items that a word must stand in.
        regularization: ridge of the whole.
        plain_weight: how freely the plain columns may speak, relative to resemblance.
    """

    landmarks: int = 512
    terms: int = 2048
    label_support: int = 2
    word_support: int = 3
    regularization: float = 3.0
    plain_weight: float = 0.3


def content_settings(config: TrainingConfig) -> ContentSettings:
    """The part of a training's settings that is about content."""
    return ContentSettings(
        landmarks=config.content_landmarks,
        terms=config.content_terms,
        regularization=config.content_regularization,
    )


def learn_features(
    items: Sequence[ItemTerms], support: NDArray[np.float32], settings: ContentSettings
) -> ContentFeatures:
    """The features of a catalogue.

    Args:
        items: the n items, in an order that does not depend on chance.
        support: float32[n], how well known each is.
        settings: what to learn.
    """
    vocabulary, weights = _vocabulary(items, settings)
    numbers = _numbers(items)
    nobody = Landmarks(np.zeros(1, np.int64), np.empty(0, np.int32), np.empty(0, np.float32), _no_numbers(numbers))
    known = np.sort(np.argsort(-support, kind="stable")[: settings.landmarks])
    chosen = [items[place] for place in known.tolist()]
    rows = ContentFeatures(vocabulary, weights, numbers, nobody).term_rows(chosen)
    places = [np.flatnonzero(row) for row in rows]
    landmarks = Landmarks(
        offsets=np.concatenate(([0], np.cumsum([len(place) for place in places]))).astype(np.int64),
        columns=np.concatenate([np.empty(0, np.int64), *places]).astype(np.int32),
        values=rows[rows > 0],
        numbers=np.nan_to_num(numbers.scaled(chosen)),
    )
    return ContentFeatures(vocabulary, weights, numbers, landmarks)


class ContentRidge:
    """The normal equations of one set of items and targets, to be solved with any penalty.

    Args:
        features: of the items.
        items: the n items.
        targets: float[n, t], what behaviour says of each.
    """

    def __init__(
        self,
        features: ContentFeatures,
        items: Sequence[ItemTerms],
        targets: NDArray[np.float32] | NDArray[np.float64],
    ) -> None:
        self._landmarks = len(features.landmarks)
        self._gram = np.zeros((features.width, features.width))
        self._right = np.zeros((features.width, targets.shape[1]))
        start = 0
        for block in features.blocks(items):
            self._gram += block.T @ block
            self._right += block.T @ np.asarray(targets[start : start + len(block)], dtype=np.float32)
            start += len(block)
        self._kernel = _landmark_kernel(features)

    def solve(self, regularization: float, plain_weight: float) -> NDArray[np.float32]:
        """The map from features to targets, float32[g, t]."""
        system = self._gram.copy()
        count = self._landmarks
        system[:count, :count] += regularization * self._kernel
        plain = np.arange(count, len(system))
        system[plain, plain] += regularization / plain_weight
        factor = cho_factor(system, lower=True, overwrite_a=True, check_finite=False)
        return np.asarray(cho_solve(factor, self._right, check_finite=False), dtype=np.float32)

    def plain(self, columns: NDArray[np.int64], regularization: float) -> NDArray[np.float32]:
        """An ordinary ridge on some of the columns, float32[g, t], zeros for the others."""
        system = self._gram[np.ix_(columns, columns)]
        system[np.diag_indices_from(system)] += regularization
        solved = np.zeros_like(self._right, dtype=np.float32)
        factor = cho_factor(system, lower=True, overwrite_a=True, check_finite=False)
        solved[columns] = cho_solve(factor, self._right[columns], check_finite=False)
        return solved


def learn_content(items: Sequence[ItemTerms], model: FactorModel, settings: ContentSettings) -> ContentModel | None:
    """What serving needs to place new items; None where nothing is said of any item.

    Args:
        items: what is said of the items of the model.
        model: factors and popularity.
        settings: what to learn.
    """
    if settings.landmarks == 0 or not any(item.words or item.labels or item.numbers for item in items):
        return None
    # One thread: how a library splits a product changes the last bits of its sums.
    with threadpool_limits(limits=1, user_api="blas"):
        features = learn_features(items, model.popularity, settings)
        targets = np.hstack((model.factors, np.log1p(model.popularity)[:, np.newaxis]))
        solved = ContentRidge(features, items, targets).solve(settings.regularization, settings.plain_weight)
    return ContentModel(features, np.ascontiguousarray(solved[:, :-1]), np.ascontiguousarray(solved[:, -1]))


def _landmark_kernel(features: ContentFeatures) -> NDArray[np.float64]:
    landmarks = features.landmarks
    rows = landmarks.dense(len(features.vocabulary))
    kernel = features.alike(rows @ rows.T, landmarks.numbers).astype(np.float64)
    kernel[np.diag_indices_from(kernel)] += JITTER * max(float(np.trace(kernel)), 1.0) / max(len(kernel), 1)
    return np.asarray((kernel + kernel.T) / 2.0)


def _vocabulary(items: Sequence[ItemTerms], settings: ContentSettings) -> tuple[tuple[str, ...], NDArray[np.float32]]:
    """The terms that enough items have, but not all of them, with their weights."""
    frequency = Counter(term for item in items for term in {*item.words, *item.labels})
    least = {True: settings.word_support, False: settings.label_support}
    telling = [term for term, count in frequency.items() if least[is_word(term)] <= count < len(items)]
    kept = sorted(sorted(telling, key=lambda term: (-frequency[term], term))[: settings.terms])
    weights = [np.log((1 + len(items)) / (1 + frequency[term])) + 1.0 if is_word(term) else 1.0 for term in kept]
    return tuple(kept), np.array(weights, dtype=np.float32)


def _numbers(items: Sequence[ItemTerms]) -> Numbers:
    frequency = Counter(name for item in items for name in item.numbers)
    often = [name for name, count in frequency.items() if count >= NUMBER_SHARE * len(items)]
    columns = {name: _values(items, name) for name in sorted(often, key=lambda name: (-frequency[name], name))}
    names = sorted(name for name, values in columns.items() if float(np.ptp(values)) > 0)[:NUMBERS]
    centre = np.array([columns[name].mean() for name in names], dtype=np.float32)
    scale = np.array([max(columns[name].std(), 1e-9) for name in names], dtype=np.float32)
    plain = Numbers(tuple(names), centre, scale, np.empty(0, np.float32), np.zeros(len(names) + 1, np.int64))
    knots = [_knots(column[np.isfinite(column)]) for column in plain.scaled(items).T]
    offsets = np.concatenate(([0], np.cumsum([len(places) for places in knots]))).astype(np.int64)
    return Numbers(tuple(names), centre, scale, np.concatenate([np.empty(0, np.float32), *knots]), offsets)


def _values(items: Iterable[ItemTerms], name: str) -> NDArray[np.float64]:
    return np.array([item.numbers[name] for item in items if name in item.numbers], dtype=np.float64)


def _knots(values: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.unique(np.quantile(values, np.linspace(0.0, 1.0, KNOTS))).astype(np.float32)


def _no_numbers(numbers: Numbers) -> NDArray[np.float32]:
    return np.empty((0, len(numbers.names)), dtype=np.float32)

"""Single models behind one contract: learn from histories, then score every item for other histories.

Each is both a baseline, tuned on the validation split, and a source that the hybrid blends.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Protocol

import numpy as np
from implicit.cpu.als import AlternatingLeastSquares
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from threadpoolctl import threadpool_limits

from workers.evaluation.histories import Histories, Pasts, items_of
from workers.evaluation.weights import Dense, Factored, Scores, Weights, weighed
from workers.training.linear import (
    ContextSettings,
    TransitionSettings,
    context,
    ease,
    ease_factors,
    has_dual,
    transitions,
)

ALS_ITERATIONS: Final = 15
GAPS_AT_ONCE: Final = 512
FAST: Final = 5.0
"""Histories that fade within so many positions are a source of their own."""


class Model(Protocol):
    """A fitted model."""

    def scores(self, pasts: Pasts) -> Scores:
        """The score of every item for each of k users: float32[k, n], finite."""
        ...


@dataclass(frozen=True, slots=True)
class Candidate:
    """One setting of one kind of model.

    Attributes:
        setting: its hyper-parameters, as reported.
        key: candidates of a kind with equal keys share what is learned, by far the dearest part.
        learn: learns from histories.
        serve: makes a model of what was learned.
        family: the best of each family of a kind is a source of the hybrid.
    """

    setting: str
    key: object
    learn: Callable[[Histories], Any]
    serve: Callable[[Any], Model]
    family: str = ""


class ItemToItem:
    """Sums the rows of a history, each weighing by its place.

    Args:
        weights: what each item says about each.
        decay: positions after which an item weighs 1/e of the newest; None for equal weights.
        floor: the part of the weight that never fades.
    """

    def __init__(self, weights: Weights, decay: float | None = None, floor: float = 0.0) -> None:
        self._weights = weights
        self._decay = decay
        self._floor = floor

    def scores(self, pasts: Pasts) -> Scores:
        """The score of every item."""
        return self._weights.applied(weighed(items_of(pasts), self._weights.item_count, self._decay, self._floor))


class Gaps:
    """What fits between the items of a history: the positive scores of all its gaps, summed.

    Args:
        weights: float32[n, n], of `context`.
        settings: of the window.
    """

    def __init__(self, weights: NDArray[np.float32], settings: ContextSettings) -> None:
        self._item_count = len(weights)
        self._known = np.flatnonzero(weights.any(axis=0))
        self._weights = np.ascontiguousarray(weights[:, self._known])
        self._settings = settings

    def scores(self, pasts: Pasts) -> Scores:
        """The score of every item."""
        table = np.zeros((len(pasts), self._item_count), dtype=np.float32)
        for row, history in zip(table, items_of(pasts), strict=True):
            if len(history):
                row[self._known] = self._between(history)
        return table

    def _between(self, history: NDArray[np.int64]) -> Scores:
        window = self._window(len(history))
        rows = csr_matrix((window.data, history[window.indices], window.indptr), (window.shape[0], self._item_count))
        total = np.zeros(len(self._known), dtype=np.float32)
        for first in range(0, rows.shape[0], GAPS_AT_ONCE):
            total += np.maximum(rows[first : first + GAPS_AT_ONCE] @ self._weights, 0.0).sum(axis=0)
        return total

    def _window(self, length: int) -> csr_matrix:
        """How much each place of a history weighs in each gap, float32 CSR[length + 1, length]."""
        steps = np.arange(self._settings.width)
        gaps = np.arange(length + 1)[:, np.newaxis]
        places = np.concatenate((gaps - 1 - steps, gaps + steps), axis=1)
        values = np.broadcast_to(np.exp(-np.tile(steps, 2) / self._settings.decay), places.shape)
        inside = (places >= 0) & (places < length)
        rows = np.nonzero(inside)[0]
        return csr_matrix((values[inside].astype(np.float32), (rows, places[inside])), (length + 1, length))


class FoldedIn:
    """Item factors by ALS; each user is folded in from their history (Hu, Koren and Volinsky 2008, equation 4)."""

    def __init__(self, factors: NDArray[np.float32], regularization: float, alpha: float) -> None:
        self._factors = factors
        self._gram = factors.T @ factors + regularization * np.eye(factors.shape[1], dtype=np.float32)
        self._alpha = alpha

    def scores(self, pasts: Pasts) -> Scores:
        """The score of every item."""
        vectors = np.array([self._vector(history) for history in items_of(pasts)], dtype=np.float32)
        return np.asarray(vectors @ self._factors.T, dtype=np.float32)

    def _vector(self, history: NDArray[np.int64]) -> NDArray[np.float32]:
        liked = self._factors[history]
        system = self._gram + (self._alpha - 1.0) * (liked.T @ liked)
        return np.asarray(np.linalg.solve(system, self._alpha * liked.sum(axis=0)), dtype=np.float32)


def als(factors: int, regularization: float, alpha: float, seed: int) -> Candidate:
    """Matrix factorization with fold-in."""

    def learn(training: Histories) -> NDArray[np.float32]:
        # One thread: how a product is split changes the last bits of its sum.
        with threadpool_limits(limits=1, user_api="blas"):
            model = AlternatingLeastSquares(
                factors, regularization, alpha, iterations=ALS_ITERATIONS, num_threads=1, random_state=seed
            )
            model.fit(training.matrix(), show_progress=False)
        return np.ascontiguousarray(model.item_factors, dtype=np.float32)

    setting = f"{factors} factors, reg {regularization:g}, alpha {alpha:g}"
    return Candidate(
        setting, setting, learn, lambda learned: FoldedIn(learned, regularization, alpha), f"{factors} factors"
    )


def shallow_weights(training: Histories, regularization: float) -> Weights:
    """EASE's weights, in the form that takes less memory."""
    matrix = training.matrix()
    if has_dual(matrix):
        return Factored(*ease_factors(matrix, regularization))
    return Dense(ease(matrix, regularization))


def shallow_autoencoder(regularization: float, decay: float | None, floor: float) -> Candidate:
    """EASE; the history's weights fade with `decay` towards `floor`."""

    shape = "no decay" if decay is None else f"decay {decay:g}, floor {floor:g}"
    return Candidate(
        f"lambda {regularization:g}, {shape}",
        regularization,
        lambda training: shallow_weights(training, regularization),
        lambda weights: ItemToItem(weights, decay, floor),
        "even" if decay is None else "fast" if decay <= FAST else "slow",
    )


def next_items(settings: TransitionSettings, decay: float) -> Candidate:
    """What came next after the recent past."""
    return Candidate(
        f"past {settings.past}, future {settings.future}, lambda {settings.regularization:g}, decay {decay:g}",
        settings,
        lambda training: Dense(transitions(training.lists(), training.item_count, settings)),
        lambda weights: ItemToItem(weights, decay),
        f"decay {decay:g}",
    )


def between(settings: ContextSettings) -> Candidate:
    """What fits between neighbours."""
    return Candidate(
        f"width {settings.width}, decay {settings.decay:g}, lambda {settings.regularization:g}",
        settings,
        lambda training: context(training.lists(), training.item_count, settings),
        lambda weights: Gaps(weights, settings),
    )

"""Item-to-item models in closed form: ridge regressions that differ in what predicts what.

* `ease`: the rest of a history predicts each of its items (Steck, "Embarrassingly Shallow Autoencoders for Sparse
  Data", WWW 2019).
* `transitions`: the recent past predicts what came next (the transition half of SLIST: Choi et al., "Session-aware
  Linear Item-Item Models", WWW 2021).
* `context`: the neighbours on both sides predict the item between them; the same regression over a window, for items
  whose place in a history is unknown.

All answer float32[n, n]: row i says how much item i speaks for each item.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve, lapack
from scipy.sparse import csr_matrix, spmatrix

from domain.errors import ValidationFailed

Matrix = NDArray[np.float32]
Lists = Sequence[NDArray[np.int64]]

MAX_ITEMS: Final = 30_000
"""An n x n matrix of this many items takes 3.6 GB, and its inversion another."""

DUAL_USERS: Final = 8_000
"""Beyond so many users the system over users is no longer the small one."""

BLOCK_ITEMS: Final = 2_048


@dataclass(frozen=True, slots=True)
class TransitionSettings:
    """What is past, what is next, and how fast either fades.

    Attributes:
        past: positions before a step that predict.
        future: positions from it on that are predicted.
        past_decay: positions after which the past weighs 1/e.
        future_decay: the same for the future.
        regularization: the ridge.
        support: items with fewer interactions get no row and no column, which costs little and saves most of the work.
    """

    past: int = 20
    future: int = 5
    past_decay: float = 5.0
    future_decay: float = 2.0
    regularization: float = 20.0
    support: int = 5


@dataclass(frozen=True, slots=True)
class ContextSettings:
    """The window around an item.

    Attributes:
        width: positions on either side.
        decay: positions after which a neighbour weighs 1/e.
        regularization: the ridge.
        support: as for transitions.
    """

    width: int = 5
    decay: float = 2.0
    regularization: float = 10.0
    support: int = 3


def ease(histories: csr_matrix, regularization: float) -> Matrix:
    """Weights of a linear autoencoder whose diagonal is zero.

    Args:
        histories: CSR[users, n] of ones.
        regularization: the ridge, above 0.

    Raises:
        ValidationFailed: there are more than `MAX_ITEMS` items.
    """
    require_room(histories.shape[1])
    if has_dual(histories):
        left, right = ease_factors(histories, regularization)
        weights = np.asarray(left @ right, dtype=np.float32)
    else:
        weights = _ease_primal(histories, regularization)
    np.fill_diagonal(weights, 0.0)
    return weights


def has_dual(histories: csr_matrix) -> bool:
    """Whether `ease_factors` is the cheaper form: users are few, and fewer than items."""
    users, items = histories.shape
    return bool(users < items and users <= DUAL_USERS)


def ease_factors(histories: csr_matrix, regularization: float) -> tuple[csr_matrix, Matrix]:
    """The same weights, off the diagonal, as a product of CSR[n, users] and float32[users, n].

    With P = (X'X + aI)^-1 = (I - X'(XX' + aI)^-1 X) / a (Woodbury), only a system as large as the number of users is
    solved, and a weight is -P_ij / P_jj.

    Args:
        histories: CSR[users, n] of ones.
        regularization: a, above 0.
    """
    wide = histories.astype(np.float64)
    system = np.asarray((wide @ wide.T).todense())
    system[np.diag_indices_from(system)] += regularization
    factor = cho_factor(system, lower=True, overwrite_a=True, check_finite=False)
    columns = wide.tocsc()
    right = np.empty(histories.shape, dtype=np.float32)
    for first in range(0, histories.shape[1], BLOCK_ITEMS):
        block = columns[:, first : first + BLOCK_ITEMS].toarray()
        solved = cho_solve(factor, block, check_finite=False)
        right[:, first : first + BLOCK_ITEMS] = solved / (1.0 - (block * solved).sum(axis=0))
    return csr_matrix(histories.T, dtype=np.float32), right


def require_room(items: int) -> None:
    """Refuse what would not fit into memory.

    Raises:
        ValidationFailed: there are more than `MAX_ITEMS` items.
    """
    if items > MAX_ITEMS:
        raise ValidationFailed(f"{items:,} items are more than the {MAX_ITEMS:,} that a dense item-to-item model holds")


def _ease_primal(histories: csr_matrix, regularization: float) -> Matrix:
    gram = _dense(histories.T @ histories)
    gram[np.diag_indices_from(gram)] += np.float32(regularization)
    factor, _ = lapack.spotrf(gram, lower=1, overwrite_a=1)
    inverse, _ = lapack.spotri(factor, lower=1, overwrite_c=1)
    lower = np.tril(inverse)
    inverse = lower + np.tril(lower, -1).T
    return np.asarray(inverse / -np.diag(inverse)[np.newaxis, :], dtype=np.float32)


def transitions(lists: Lists, item_count: int, settings: TransitionSettings) -> Matrix:
    """How much each item speaks for each next item.

    Args:
        lists: every user's items, oldest first.
        item_count: n.
        settings: see there.

    Raises:
        ValidationFailed: there are more than `MAX_ITEMS` items.
    """
    require_room(item_count)
    past, future = _Rows(), _Rows()
    for items in lists:
        for step in range(1, len(items)):
            before = items[max(0, step - settings.past) : step][::-1]
            after = items[step : step + settings.future]
            past.add(before, np.exp(-np.arange(len(before)) / settings.past_decay))
            future.add(after, np.exp(-np.arange(len(after)) / settings.future_decay))
    return _regress(past, future, _often(lists, item_count, settings.support), settings.regularization)


def context(lists: Lists, item_count: int, settings: ContextSettings) -> Matrix:
    """How much each item speaks for an item between it and its neighbours; the diagonal is zero.

    Args:
        lists: every user's items, oldest first.
        item_count: n.
        settings: see there.

    Raises:
        ValidationFailed: there are more than `MAX_ITEMS` items.
    """
    require_room(item_count)
    around, centre = _Rows(), _Rows()
    one = np.ones(1)
    for items in lists:
        for place in range(len(items)):
            before = items[max(0, place - settings.width) : place][::-1]
            after = items[place + 1 : place + 1 + settings.width]
            distances = np.concatenate((np.arange(len(before)), np.arange(len(after))))
            around.add(np.concatenate((before, after)), np.exp(-distances / settings.decay))
            centre.add(items[place : place + 1], one)
    weights = _regress(around, centre, _often(lists, item_count, settings.support), settings.regularization)
    np.fill_diagonal(weights, 0.0)
    return weights


class _Rows:
    """A sparse matrix that grows by rows."""

    def __init__(self) -> None:
        self._items: list[NDArray[np.int64]] = []
        self._weights: list[NDArray[np.float64]] = []

    def add(self, items: NDArray[np.int64], weights: NDArray[np.float64]) -> None:
        self._items.append(items)
        self._weights.append(weights)

    def matrix(self, item_count: int) -> csr_matrix:
        lengths = np.fromiter(map(len, self._items), dtype=np.int64, count=len(self._items))
        items = np.concatenate(self._items) if self._items else np.empty(0, dtype=np.int64)
        weights = np.concatenate(self._weights) if self._weights else np.empty(0)
        bounds = np.concatenate(([0], np.cumsum(lengths)))
        return csr_matrix((weights, items, bounds), shape=(len(lengths), item_count))


def _often(lists: Lists, item_count: int, support: int) -> NDArray[np.bool_]:
    """The items with at least so many interactions, bool[n]."""
    taken = np.concatenate([*lists, np.empty(0, dtype=np.int64)])
    return np.asarray(np.bincount(taken, minlength=item_count) >= max(support, 1))


def _regress(source: _Rows, target: _Rows, often: NDArray[np.bool_], regularization: float) -> Matrix:
    """Ridge regression of `target` on `source` among the items in `often`, bool[n]; zeros for the others."""
    kept = np.flatnonzero(often)
    weights = np.zeros((len(often), len(often)), dtype=np.float32)
    if len(kept):
        inputs, outputs = source.matrix(len(often))[:, kept], target.matrix(len(often))[:, kept]
        gram = _dense(inputs.T @ inputs)
        gram[np.diag_indices_from(gram)] += np.float32(regularization)
        factor = cho_factor(gram, lower=True, overwrite_a=True, check_finite=False)
        solved = cho_solve(factor, _dense(inputs.T @ outputs), overwrite_b=True, check_finite=False)
        weights[np.ix_(kept, kept)] = solved
    return weights


def _dense(product: spmatrix) -> Matrix:
    return np.asarray(product.todense(), dtype=np.float32, order="F")

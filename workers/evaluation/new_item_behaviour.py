"""What behaviour says of known items, in the forms that content can continue to new ones."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from domain.errors import ValidationFailed
from workers.evaluation.histories import Histories
from workers.evaluation.sources import als
from workers.training.linear import ease

FACTORS: Final = (64, 30.0, 6.0)
"""Factors, regularization, alpha."""

EASE_RIDGE: Final = 200.0
MEASURED: Final = 2_000
"""At most so many users are measured: what behaviour says is kept for each."""

Matrix = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Behaviour:
    """k measured users, n known and c new items.

    Attributes:
        measured: int64[k], the users.
        taken: float32 CSR[k, n], which known items each took to.
        expected: float32[k, n], how much EASE expects each user to take to each known item.
        factors: float32[n, d], of known items.
        users: float32[k, d], the users folded in.
        people: float32[n], who took to each known item.
        wanted: bool[k, c], the new items to find, at least one each.
    """

    measured: NDArray[np.int64]
    taken: csr_matrix
    expected: Matrix
    factors: Matrix
    users: Matrix
    people: Matrix
    wanted: NDArray[np.bool_]

    def targets(self) -> Matrix:
        """What is to be continued, a row for each known item: factors, popularity, what users did, what is expected."""
        popularity = np.log1p(self.people)[:, np.newaxis]
        return np.hstack((self.factors, popularity, self.taken.toarray().T, self.expected.T)).astype(np.float32)

    def scores(self, said: Matrix) -> dict[str, Matrix]:
        """The rows of new items, float32[c, t], as scores for each user, float32[k, c] each."""
        width, count = self.factors.shape[1], len(self.measured)
        popular = np.tile(said[:, width], (count, 1))
        done, expected = said[:, width + 1 : width + 1 + count], said[:, width + 1 + count :]
        return {"EASE": expected.T, "taken": done.T, "ALS": self.by_factors(said), "popularity": popular}

    def by_factors(self, said: Matrix) -> Matrix:
        """The same for their factors alone."""
        return np.asarray(self.users @ said[:, : self.factors.shape[1]].T, dtype=np.float32)


def behaviour_of(histories: Histories, known: NDArray[np.int64], new: NDArray[np.int64], seed: int) -> Behaviour:
    """What is known without the new items, and which of them are to be found.

    Raises:
        ValidationFailed: nobody took to both known and new items, or there are too many items.
    """
    matrix = histories.matrix().tocsc()
    seen, held = matrix[:, known].tocsr(), matrix[:, new].tocsr()
    measured = np.flatnonzero((np.diff(seen.indptr) > 0) & (np.diff(held.indptr) > 0))
    if len(measured) == 0:
        raise ValidationFailed("there is too little data for the protocol new-items")
    if len(measured) > MEASURED:
        measured = measured[np.linspace(0, len(measured) - 1, MEASURED).astype(np.int64)]
    taken = seen[measured]
    factors = als(*FACTORS, seed).learn(_only(histories, known))
    return Behaviour(
        measured=measured,
        taken=taken,
        expected=np.asarray(taken @ ease(seen, EASE_RIDGE), dtype=np.float32),
        factors=factors,
        users=_folded_in(taken, factors),
        people=np.asarray(seen.sum(axis=0), dtype=np.float32).ravel(),
        wanted=held[measured].toarray() > 0,
    )


def _only(histories: Histories, items: NDArray[np.int64]) -> Histories:
    """The same users with these items alone, which are numbered anew."""
    place = np.full(histories.item_count, -1)
    place[items] = np.arange(len(items))
    kept = place[histories.items] >= 0
    return Histories(
        histories.users[kept], place[histories.items[kept]], histories.times[kept], histories.user_count, len(items)
    )


def _folded_in(taken: csr_matrix, factors: Matrix) -> Matrix:
    """Users by Hu, Koren and Volinsky (2008), equation 4, float32[k, d]."""
    _, regularization, alpha = FACTORS
    ground = factors.T @ factors + np.float32(regularization) * np.eye(factors.shape[1], dtype=np.float32)
    users = np.empty((taken.shape[0], factors.shape[1]), dtype=np.float32)
    for row in range(len(users)):
        liked = factors[taken.indices[taken.indptr[row] : taken.indptr[row + 1]]]
        users[row] = np.linalg.solve(ground + (alpha - 1.0) * (liked.T @ liked), alpha * liked.sum(axis=0))
    return users

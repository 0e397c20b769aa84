"""Items like those of a history by what is said of them: the source that knows items which nobody took to yet."""

from typing import Final

import numpy as np
from scipy.sparse import csr_matrix

from workers.evaluation.features import Features
from workers.evaluation.histories import Histories, Pasts, items_of
from workers.evaluation.sources import Candidate
from workers.evaluation.weights import Scores, weighed

CONTENT: Final = "content"


class Described:
    """The cosine of each item's words with those of a history, rare words counting more.

    Args:
        rows: CSR[n, f], of length 1, weighed by inverse document frequency.
        decay: positions after which an item weighs 1/e of the newest; None for equal weights.
    """

    def __init__(self, rows: csr_matrix, decay: float | None) -> None:
        self._rows = rows
        self._decay = decay

    def scores(self, pasts: Pasts) -> Scores:
        """The score of every item."""
        wanted = weighed(items_of(pasts), self._rows.shape[0], self._decay, 0.0) @ self._rows
        return np.asarray((wanted @ self._rows.T).toarray(), dtype=np.float32)


def described(features: Features, decay: float | None) -> Candidate:
    """What is said of items; nothing is learned of who took to them."""

    def learn(training: Histories) -> csr_matrix:
        present = csr_matrix(features.rows)
        frequency = np.maximum(np.bincount(present.indices, minlength=present.shape[1]), 1)
        present.data = np.log1p(training.item_count / frequency[present.indices]).astype(np.float32)
        lengths = np.sqrt(np.asarray(present.multiply(present).sum(axis=1)).ravel())
        present.data /= np.repeat(np.maximum(lengths, 1e-9), np.diff(present.indptr)).astype(np.float32)
        return present

    family = "even" if decay is None else "fading"
    setting = "no decay" if decay is None else f"decay {decay:g}"
    return Candidate(setting, CONTENT, learn, lambda rows: Described(rows, decay), family)

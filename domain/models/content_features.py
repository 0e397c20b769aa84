"""Items as rows of numbers: how much they resemble well-known ones, and which terms and numbers they have.

Resemblance is a product of likeness in words and labels (the squared cosine of TF-IDF rows) and in numbers (a Laplace
kernel), with each of the two alone beside it, taken to the items that most people know (the Nystrom method: Williams
and Seeger, NIPS 2001). What it leaves out, that a single word or year is peculiar, the plain columns add.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from math import log1p
from typing import Final

import numpy as np
from numpy.typing import NDArray

from domain.models.item_terms import WORD_PREFIX, ItemTerms

BANDWIDTH: Final = 0.66
"""Standard deviations at which likeness in numbers has fallen to 1/e."""

ALONE: Final = 0.5
"""What likeness in words, and in numbers, counts by itself beside their product."""

FAR: Final = 4.0
"""Standard deviations beyond which a number is not further away."""

BLOCK_ROWS: Final = 1024


@dataclass(frozen=True, slots=True, eq=False)
class Numbers:
    """The k attributes that are read as numbers.

    Attributes:
        names: of the attributes, ascending.
        centre: float32[k], subtracted from a value.
        scale: float32[k], then divided by; above 0.
        knots: float32[t], places of the scaled values between which their plain columns are interpolated.
        offsets: int64[k + 1], where the knots of each attribute begin; each has at least one.
    """

    names: tuple[str, ...]
    centre: NDArray[np.float32]
    scale: NDArray[np.float32]
    knots: NDArray[np.float32]
    offsets: NDArray[np.int64]

    def scaled(self, items: Sequence[ItemTerms]) -> NDArray[np.float32]:
        """The values of items in standard deviations, float32[c, k]; NaN where an item has none."""
        if not self.names:
            return np.empty((len(items), 0), dtype=np.float32)
        values = np.array([[item.numbers.get(name, np.nan) for name in self.names] for item in items], dtype=np.float64)
        scaled = (values.reshape(len(items), len(self.names)) - self.centre) / self.scale
        return np.clip(scaled, -FAR, FAR).astype(np.float32)

    def hats(self, scaled: NDArray[np.float32]) -> NDArray[np.float32]:
        """Piecewise linear columns of scaled values, float32[c, t]; zeros where an item has none."""
        columns = np.zeros((len(scaled), len(self.knots)), dtype=np.float32)
        for number, (first, last) in enumerate(zip(self.offsets[:-1], self.offsets[1:], strict=True)):
            knots, there = self.knots[first:last], np.isfinite(scaled[:, number])
            for place in range(len(knots)):
                peak = np.eye(len(knots))[place]
                columns[there, first + place] = np.interp(scaled[there, number], knots, peak)
        return columns


@dataclass(frozen=True, slots=True, eq=False)
class Landmarks:
    """The m well-known items that others are compared with.

    Attributes:
        offsets: int64[m + 1], where the terms of each begin.
        columns: int32[t], their places in the vocabulary.
        values: float32[t], their weights; a landmark's have the length 1.
        numbers: float32[m, k], scaled; 0 for none.
    """

    offsets: NDArray[np.int64]
    columns: NDArray[np.int32]
    values: NDArray[np.float32]
    numbers: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def dense(self, width: int) -> NDArray[np.float32]:
        """The terms as rows, float32[m, width]."""
        rows = np.zeros((len(self), width), dtype=np.float32)
        rows[np.repeat(np.arange(len(self)), np.diff(self.offsets)), self.columns] = self.values
        return rows


@dataclass(frozen=True, slots=True, eq=False)
class ContentFeatures:
    """What is compared, learned from one catalogue.

    Attributes:
        vocabulary: the f terms that count, ascending.
        weights: float32[f], how telling each is: the inverse document frequency of words, 1 of labels.
        numbers: the attributes that are numbers.
        landmarks: the items that others are compared with.
        columns: term -> place in the vocabulary.
    """

    vocabulary: tuple[str, ...]
    weights: NDArray[np.float32]
    numbers: Numbers
    landmarks: Landmarks
    columns: dict[str, int] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "columns", {term: place for place, term in enumerate(self.vocabulary)})

    @property
    def width(self) -> int:
        """g: a column a landmark, a term and a knot, and a constant one."""
        return len(self.landmarks) + len(self.vocabulary) + len(self.numbers.knots) + 1

    def blocks(self, items: Sequence[ItemTerms]) -> Iterator[NDArray[np.float32]]:
        """The rows of all items, float32[b, g], some at a time."""
        landmarks = self.landmarks.dense(len(self.vocabulary))
        for start in range(0, len(items), BLOCK_ROWS):
            some = items[start : start + BLOCK_ROWS]
            terms, scaled = self.term_rows(some), self.numbers.scaled(some)
            alike = self.alike(terms @ landmarks.T, np.nan_to_num(scaled))
            one = np.ones((len(some), 1), dtype=np.float32)
            yield np.hstack((alike, (terms > 0).astype(np.float32), self.numbers.hats(scaled), one))

    def term_rows(self, items: Sequence[ItemTerms]) -> NDArray[np.float32]:
        """TF-IDF rows of length 1, float32[c, f], words and labels with equal shares; zeros where nothing is known."""
        rows = np.zeros((len(items), len(self.vocabulary)), dtype=np.float32)
        for row, item in zip(rows, items, strict=True):
            for terms in (Counter(item.labels), Counter(item.words)):
                known = [(self.columns[term], count) for term, count in terms.items() if term in self.columns]
                if known:
                    places = np.array([place for place, _ in known])
                    values = self.weights[places] * np.array([1.0 + log1p(count - 1) for _, count in known])
                    row[places] = values / np.sqrt(np.square(values).sum())
        lengths = np.sqrt(np.square(rows).sum(axis=1, keepdims=True))
        return np.asarray(rows / np.maximum(lengths, 1e-12), dtype=np.float32)

    def alike(self, cosine: NDArray[np.float32], scaled: NDArray[np.float32]) -> NDArray[np.float32]:
        """The kernel of items with every landmark, float32[c, m]."""
        terms = np.square(np.clip(cosine, 0.0, 1.0))
        distance = np.zeros_like(terms)
        for here, there in zip(scaled.T, self.landmarks.numbers.T, strict=True):
            distance += np.abs(here[:, np.newaxis] - there[np.newaxis, :])
        near = np.exp(-distance / np.float32(BANDWIDTH * max(scaled.shape[1], 1) ** 0.5))
        return np.asarray(terms * near + np.float32(ALONE) * (terms + near), dtype=np.float32)


def is_word(term: str) -> bool:
    """Whether a term is a word rather than a label."""
    return term.startswith(WORD_PREFIX)

"""Where items stand that behaviour says nothing of yet: a map from their content to factors and popularity."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from domain.models.checks import require_array
from domain.models.content_features import ContentFeatures, Landmarks, Numbers
from domain.models.item_terms import ItemTerms
from domain.models.layout import CorruptArtifact

_ARRAYS: Final = (
    "term_bytes", "term_offsets", "term_weights", "number_bytes", "number_offsets", "number_centre", "number_scale",
    "knots", "knot_offsets", "landmark_offsets", "landmark_columns", "landmark_values", "landmark_numbers",
    "to_factors", "to_popularity",
)  # fmt: skip
_PREFIX: Final = "content_"


@dataclass(frozen=True, slots=True, eq=False)
class ContentModel:
    """The map.

    Attributes:
        features: of items.
        to_factors: float32[g, d], from features to item factors.
        to_popularity: float32[g], to the logarithm of one more than the people who took to an item.
    """

    features: ContentFeatures
    to_factors: NDArray[np.float32]
    to_popularity: NDArray[np.float32]

    def placed(self, items: Sequence[ItemTerms]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """The factors of c items, float32[c, d], and the people who may take to each, float32[c]."""
        factors = np.zeros((len(items), self.to_factors.shape[1]), dtype=np.float32)
        people = np.zeros(len(items), dtype=np.float32)
        start = 0
        for block in self.features.blocks(items):
            factors[start : start + len(block)] = block @ self.to_factors
            people[start : start + len(block)] = np.expm1(np.clip(block @ self.to_popularity, 0.0, 20.0))
            start += len(block)
        return factors, people

    def arrays(self) -> dict[str, NDArray[Any]]:
        """What the artifact keeps."""
        numbers, landmarks = self.features.numbers, self.features.landmarks
        values: tuple[NDArray[Any], ...] = (
            *packed(self.features.vocabulary), self.features.weights,
            *packed(numbers.names), numbers.centre, numbers.scale, numbers.knots, numbers.offsets,
            landmarks.offsets, landmarks.columns, landmarks.values, landmarks.numbers,
            self.to_factors, self.to_popularity,
        )  # fmt: skip
        return {_PREFIX + name: array for name, array in zip(_ARRAYS, values, strict=True)}

    @classmethod
    def restored(cls, arrays: Mapping[str, NDArray[Any]], dimensions: int) -> "ContentModel | None":
        """What `arrays` wrote; None if nothing was written.

        Args:
            arrays: all of the artifact.
            dimensions: d of the item factors.

        Raises:
            CorruptArtifact: an array is missing, has the wrong type or shape, or does not fit the others.
        """
        if not any(name.startswith(_PREFIX) for name in arrays):
            return None
        found = {name: arrays.get(_PREFIX + name) for name in _ARRAYS}
        parts = {name: array for name, array in found.items() if array is not None}
        _require(len(parts) == len(_ARRAYS), "lack one")
        vocabulary = unpacked(parts["term_bytes"], parts["term_offsets"])
        numbers = _numbers(parts)
        landmarks = _landmarks(parts, len(vocabulary), len(numbers.names))
        require_array("content_term_weights", parts["term_weights"], np.float32, (len(vocabulary),))
        features = ContentFeatures(vocabulary, parts["term_weights"], numbers, landmarks)
        _require(len(features.columns) == len(vocabulary), "name a term twice")
        require_array("content_to_factors", parts["to_factors"], np.float32, (features.width, dimensions))
        require_array("content_to_popularity", parts["to_popularity"], np.float32, (features.width,))
        return cls(features, parts["to_factors"], parts["to_popularity"])


def _numbers(parts: Mapping[str, NDArray[Any]]) -> Numbers:
    names = unpacked(parts["number_bytes"], parts["number_offsets"])
    knots = parts["knots"]
    require_array("content_number_centre", parts["number_centre"], np.float32, (len(names),))
    require_array("content_number_scale", parts["number_scale"], np.float32, (len(names),))
    require_array("content_knots", knots, np.float32, (knots.size,))
    _require(bool((parts["number_scale"] > 0).all()), "have a scale that is not above 0")
    offsets = _bounds(parts["knot_offsets"], len(names), knots.size)
    return Numbers(names, parts["number_centre"], parts["number_scale"], knots, offsets)


def _landmarks(parts: Mapping[str, NDArray[Any]], terms: int, numbers: int) -> Landmarks:
    columns, values = parts["landmark_columns"], parts["landmark_values"]
    count = max(parts["landmark_offsets"].size - 1, 0)
    require_array("content_landmark_columns", columns, np.int32, (columns.size,))
    require_array("content_landmark_values", values, np.float32, (columns.size,))
    require_array("content_landmark_numbers", parts["landmark_numbers"], np.float32, (count, numbers))
    _require(not columns.size or bool(columns.min() >= 0 and columns.max() < terms), "name a term that is not there")
    return Landmarks(
        _bounds(parts["landmark_offsets"], count, columns.size), columns, values, parts["landmark_numbers"]
    )


def packed(texts: Sequence[str]) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Texts as their bytes, one after the other, and where each begins, int64[n + 1]."""
    encoded = [text.encode() for text in texts]
    offsets = np.concatenate(([0], np.cumsum([len(text) for text in encoded]))).astype(np.int64)
    return np.frombuffer(b"".join(encoded), dtype=np.uint8), offsets


def unpacked(blob: NDArray[Any], offsets: NDArray[Any]) -> tuple[str, ...]:
    """The texts that `packed` made into arrays.

    Raises:
        CorruptArtifact: the arrays are not of that form.
    """
    require_array("content bytes", blob, np.uint8, (blob.size,))
    _bounds(offsets, max(offsets.size - 1, 0), blob.size)
    text = blob.tobytes()
    try:
        return tuple(text[first:last].decode() for first, last in pairwise(offsets.tolist()))
    except UnicodeDecodeError as error:
        raise CorruptArtifact("a model's terms are not text") from error


def _bounds(offsets: NDArray[Any], count: int, size: int) -> NDArray[np.int64]:
    require_array("content offsets", offsets, np.int64, (count + 1,))
    rising = bool((np.diff(offsets) >= 0).all())
    _require(int(offsets[0]) == 0 and int(offsets[-1]) == size and rising, "do not fill each other")
    return offsets


def _require(valid: bool, message: str) -> None:
    if not valid:
        raise CorruptArtifact(f"a model's arrays of content {message}")

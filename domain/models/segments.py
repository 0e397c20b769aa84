"""Segments of people with like taste: centroids in the space of folded-in vectors, and what each segment took to.

Vectors are compared by direction alone (spherical k-means, Dhillon and Modha, Machine Learning 42, 2001): their length
says how much a person did, not what they like. No person is stored; a segment is computed from live history.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from domain.models.checks import require_array


class Assignment(NamedTuple):
    """The segment that a person is in.

    Attributes:
        segment: its number, from 0.
        confidence: how much nearer its centroid is than the next one, 0 to 1: the simplified silhouette (Hruschka, de
            Castro and Campello, 2004).
    """

    segment: int
    confidence: float


@dataclass(frozen=True, slots=True, eq=False)
class Segments:
    """k segments of the people that a model was trained on.

    Attributes:
        centroids: float32[k, d], of length 1.
        favourites: float32[k, n], people of each segment who took to each item.
        sizes: int64[k], people in each segment at training; the largest is first.
    """

    centroids: NDArray[np.float32]
    favourites: NDArray[np.float32]
    sizes: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.centroids)

    def assign(self, vector: NDArray[np.float64]) -> Assignment | None:
        """The segment of a folded-in vector, float64[d]; None for one without direction."""
        length = float(np.linalg.norm(vector))
        if length == 0.0 or len(self) == 0:
            return None
        distances = np.linalg.norm(self.centroids - vector / length, axis=1)
        nearest = int(distances.argmin())
        if len(distances) == 1:
            return Assignment(nearest, 1.0)
        others = float(np.delete(distances, nearest).min())
        return Assignment(nearest, 1.0 - float(distances[nearest]) / others if others > 0 else 0.0)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """What the artifact keeps."""
        return {
            "segment_centroids": self.centroids,
            "segment_favourites": self.favourites,
            "segment_sizes": self.sizes,
        }

    @classmethod
    def restored(cls, arrays: Mapping[str, NDArray[Any]], items: int, dimensions: int) -> "Segments | None":
        """What `arrays` wrote; None if nothing was written.

        Raises:
            CorruptArtifact: an array is not what it should be.
        """
        sizes = arrays.get("segment_sizes")
        centroids, favourites = arrays.get("segment_centroids"), arrays.get("segment_favourites")
        if sizes is None or centroids is None or favourites is None:
            return None
        require_array("segment_sizes", sizes, np.int64, (sizes.size,))
        require_array("segment_centroids", centroids, np.float32, (sizes.size, dimensions))
        require_array("segment_favourites", favourites, np.float32, (sizes.size, items))
        return cls(centroids, favourites, sizes)

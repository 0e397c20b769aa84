"""How much each source of a score counts, by how much is known of the person; learned in training."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from domain.models.checks import require_array, require_bounds
from domain.models.layout import CorruptArtifact

SOURCES_PARAMETER: Final = "blend_sources"
POPULARITY: Final = "popularity"


@dataclass(frozen=True, slots=True, eq=False)
class BlendWeights:
    """Weights of s sources for b ranges of history.

    Attributes:
        sources: the s names; a source that is not among them has no weight.
        bounds: int32[b], ascending from 0: the number of liked items from which on each row holds.
        table: float32[b, s], at least 0; each row sums to 1.
    """

    sources: tuple[str, ...]
    bounds: NDArray[np.int32]
    table: NDArray[np.float32]

    def of(self, liked: int) -> Mapping[str, float]:
        """The weight of each source for somebody who took to `liked` items."""
        row = int(np.searchsorted(self.bounds, liked, side="right")) - 1
        return dict(zip(self.sources, self.table[row].tolist(), strict=True))

    @classmethod
    def same_for_all(cls, weights: Mapping[str, float]) -> "BlendWeights":
        """These weights, in the sum 1, whatever the length of the history."""
        total = sum(weights.values())
        table = np.array([[weight / total for weight in weights.values()]], dtype=np.float32)
        return cls(tuple(weights), np.zeros(1, dtype=np.int32), table)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """What the artifact keeps."""
        return {"blend_bounds": self.bounds, "blend_weights": self.table}

    @classmethod
    def restored(cls, arrays: Mapping[str, NDArray[Any]], sources: object) -> "BlendWeights | None":
        """What `arrays` wrote; None if nothing was written.

        Raises:
            CorruptArtifact: the weights are not usable.
        """
        bounds, table = arrays.get("blend_bounds"), arrays.get("blend_weights")
        if bounds is None or table is None:
            return None
        names = tuple(str(sources).split(","))
        require_bounds("blend_bounds", bounds, bounds.size)
        require_array("blend_weights", table, np.float32, (bounds.size, len(names)))
        if np.any(table < 0):
            raise CorruptArtifact("a model's blend is damaged")
        return cls(names, bounds, table)

"""What people take more often than elsewhere: on a device, at a place of the product, or for a purpose."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from domain.models.checks import require_array, require_bounds
from domain.models.layout import CorruptArtifact

SITUATIONS_PARAMETER: Final = "situations"


@dataclass(frozen=True, slots=True, eq=False)
class Situations:
    """How s situations change what n items are worth.

    Attributes:
        names: the s names, as `situation_names` gives them.
        lifts: float32[s, n], how much more often than elsewhere an item is taken where it is shown, as a logarithm.
        bounds: int32[b], ascending from 0: the number of liked items from which on each strength holds.
        strengths: float32[b], at least 0: what a lift of 1 adds to a score; 0 where it was not shown to help.
    """

    names: tuple[str, ...]
    lifts: NDArray[np.float32]
    bounds: NDArray[np.int32]
    strengths: NDArray[np.float32]

    def gain(self, names: Sequence[str], liked: int) -> NDArray[np.float32] | None:
        """What a list's situations add to each score, float32[n]; None for nothing.

        Args:
            names: the situations of the list; what is not known adds nothing.
            liked: how many items the person took to.
        """
        strength = self.strengths[int(np.searchsorted(self.bounds, liked, side="right")) - 1]
        rows = [row for row, name in enumerate(self.names) if name in names]
        if not rows or strength == 0:
            return None
        return np.asarray(strength * self.lifts[rows].sum(axis=0), dtype=np.float32)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """What the artifact keeps."""
        return {
            "situation_lifts": self.lifts,
            "situation_bounds": self.bounds,
            "situation_strengths": self.strengths,
        }

    def written_names(self) -> str:
        """The names as one text, for the artifact's parameters."""
        return json.dumps(self.names, ensure_ascii=False)

    @classmethod
    def restored(cls, arrays: Mapping[str, NDArray[Any]], names: object, items: int) -> "Situations | None":
        """What `arrays` and `written_names` wrote; None if nothing was written.

        Raises:
            CorruptArtifact: an array or the names are not what they should be.
        """
        lifts, bounds, strengths = (arrays.get(f"situation_{part}") for part in ("lifts", "bounds", "strengths"))
        if lifts is None or bounds is None or strengths is None:
            return None
        read = _names(names)
        require_array("situation_lifts", lifts, np.float32, (len(read), items))
        require_bounds("situation_bounds", bounds, bounds.size)
        require_array("situation_strengths", strengths, np.float32, (bounds.size,))
        if np.any(strengths < 0):
            raise CorruptArtifact("a model's situations are damaged")
        return cls(read, lifts, bounds, strengths)


def situation_names(
    device: str | None = None, surface: str | None = None, purpose: str | None = None
) -> tuple[str, ...]:
    """The situations that a list is made in, such as `device=mobile`; case does not matter."""
    told = (("device", device), ("surface", surface), ("purpose", purpose))
    return tuple(f"{name}={value.casefold()}" for name, value in told if value)


def _names(written: object) -> tuple[str, ...]:
    try:
        names = json.loads(str(written))
    except ValueError as error:
        raise CorruptArtifact("the names of a model's situations cannot be read") from error
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise CorruptArtifact("the names of a model's situations cannot be read")
    return tuple(names)

"""The checks that every array of a model passes before it is used."""

import numpy as np
from numpy.typing import NDArray

from domain.models.layout import CorruptArtifact


def require_array(name: str, array: NDArray[np.generic], dtype: type[np.generic], shape: tuple[int, ...]) -> None:
    """Refuse an array of another type or shape, or one of floats that are not all finite.

    Raises:
        CorruptArtifact: it is not what it should be.
    """
    if array.dtype != dtype or array.shape != shape:
        raise CorruptArtifact(f"a model's array {name} has the wrong type or shape")
    if issubclass(dtype, np.floating) and not np.isfinite(array).all():
        raise CorruptArtifact(f"a model's array {name} holds a value that is not finite")


def require_bounds(name: str, bounds: NDArray[np.generic], count: int) -> None:
    """Refuse bounds of ranges, int32[count], that do not ascend from 0.

    Raises:
        CorruptArtifact: they are not what they should be.
    """
    require_array(name, bounds, np.int32, (count,))
    if count == 0 or bounds[0] != 0 or np.any(np.diff(bounds) <= 0):
        raise CorruptArtifact(f"a model's array {name} does not ascend from 0")

"""The check that every array of a model passes before it is used."""

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

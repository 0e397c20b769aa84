"""The preference network as serving knows it: a few dense layers applied with numpy, so that no request needs torch."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from domain.models.checks import require_array, require_bounds
from domain.models.layout import CorruptArtifact

FEATURES_PARAMETER: Final = "network_features"
FEATURE_LIMIT: Final = np.float32(6.0)
"""Standardized features are cut at this many standard deviations: what training never saw must not decide alone."""

MAX_LAYERS: Final = 8


class Layer(NamedTuple):
    """One dense layer.

    Attributes:
        weights: float32[i, o].
        bias: float32[o].
    """

    weights: NDArray[np.float32]
    bias: NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class PreferenceNetwork:
    """A multi-layer perceptron over f features with rectified units; its answer is a logit.

    Attributes:
        features: the f names, in the order of the columns.
        means: float32[f], subtracted from the features.
        scales: float32[f], above 0, what they are divided by then.
        layers: from the features to one number.
        bounds: int32[b], ascending from 0: the number of liked items from which on each weight holds.
        weights: float32[b], what the standardized logit adds to the blend of such a person; 0 where it does not help.
    """

    features: tuple[str, ...]
    means: NDArray[np.float32]
    scales: NDArray[np.float32]
    layers: tuple[Layer, ...]
    bounds: NDArray[np.int32]
    weights: NDArray[np.float32]

    def logits(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """log P / (1 - P) that each candidate is taken to, float32[k].

        Args:
            features: float32[k, f].
        """
        values = np.clip((features - self.means) / self.scales, -FEATURE_LIMIT, FEATURE_LIMIT)
        for layer in self.layers[:-1]:
            values = np.maximum(values @ layer.weights + layer.bias, np.float32(0.0))
        last = self.layers[-1]
        return np.asarray((values @ last.weights + last.bias)[:, 0], dtype=np.float32)

    def weight(self, liked: int) -> float:
        """How much the network counts for somebody who took to `liked` items."""
        return float(self.weights[int(np.searchsorted(self.bounds, liked, side="right")) - 1])

    def arrays(self) -> dict[str, NDArray[Any]]:
        """What the artifact keeps."""
        kept: dict[str, NDArray[Any]] = {
            "network_means": self.means,
            "network_scales": self.scales,
            "network_bounds": self.bounds,
            "network_gains": self.weights,
        }
        for number, layer in enumerate(self.layers):
            kept |= {f"network_weights_{number}": layer.weights, f"network_bias_{number}": layer.bias}
        return kept

    @classmethod
    def restored(cls, arrays: Mapping[str, NDArray[Any]], features: object) -> "PreferenceNetwork | None":
        """What `arrays` wrote; None if nothing was written.

        Raises:
            CorruptArtifact: an array is missing or not what it should be.
        """
        if "network_means" not in arrays:
            return None
        names = tuple(str(features).split(","))
        try:
            means, scales = arrays["network_means"], arrays["network_scales"]
            bounds, weights = arrays["network_bounds"], arrays["network_gains"]
            layers = tuple(_layers(arrays))
        except KeyError as error:
            raise CorruptArtifact(f"a model lacks the array {error.args[0]}") from error
        require_array("network_means", means, np.float32, (len(names),))
        require_array("network_scales", scales, np.float32, (len(names),))
        require_bounds("network_bounds", bounds, weights.size)
        require_array("network_gains", weights, np.float32, (weights.size,))
        widths = [len(names), *(layer.bias.size for layer in layers)]
        for number, (layer, (wide, narrow)) in enumerate(zip(layers, pairwise(widths), strict=True)):
            require_array(f"network_weights_{number}", layer.weights, np.float32, (wide, narrow))
            require_array(f"network_bias_{number}", layer.bias, np.float32, (narrow,))
        if widths[-1] != 1 or np.any(scales <= 0) or np.any(weights < 0):
            raise CorruptArtifact("a model's network is damaged")
        return cls(names, means, scales, layers, bounds, weights)


def _layers(arrays: Mapping[str, NDArray[Any]]) -> list[Layer]:
    count = sum(f"network_bias_{number}" in arrays for number in range(MAX_LAYERS))
    return [Layer(arrays[f"network_weights_{number}"], arrays[f"network_bias_{number}"]) for number in range(count)]

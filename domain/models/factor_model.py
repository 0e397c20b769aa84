"""The arrays that recommending needs, by name and checked: the one place where training and serving agree on them."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from itertools import pairwise
from types import MappingProxyType
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from domain.ids import ItemId
from domain.models.artifact import Artifact
from domain.models.blend import SOURCES_PARAMETER, BlendWeights
from domain.models.checks import require_array
from domain.models.content import ContentModel
from domain.models.layout import CorruptArtifact
from domain.models.neighbours import Neighbours
from domain.models.network import FEATURES_PARAMETER, PreferenceNetwork
from domain.models.norm_index import NormIndex
from domain.models.segments import Segments
from domain.models.situations import SITUATIONS_PARAMETER, Situations
from domain.models.traits import ItemTraits

_ABOVE_ZERO: Final = (
    "alpha",
    "regularization",
    "weight_scale",
    "recency_decay",
    "popularity_strength",
    "together_decay",
    "following_decay",
)
_ARRAYS: Final = ("item_id_bytes", "item_id_offsets", "item_kinds", "item_factors", "popularity", "trend")


@dataclass(frozen=True, slots=True)
class ServingParameters:
    """The scalars by which live history is turned into a user's vector and blended with popularity.

    Attributes:
        alpha: confidence of an average action, relative to the 1 of "never seen".
        regularization: the ridge of every solved system.
        weight_scale: mean weight of a positive (user, item) pair in training; live weights are divided by it.
        recency_decay: positions after which an action counts 1/e of the newest one.
        recency_floor: share of that decay which never fades.
        popularity_strength: number of actions at which popularity and personal score weigh the same.
        together_decay: positions of live history after which an item counts 1/e in `together`.
        together_floor: share of that decay which never fades.
        following_decay: positions after which an item counts 1/e in `following`.
    """

    alpha: float
    regularization: float
    weight_scale: float
    recency_decay: float
    recency_floor: float
    popularity_strength: float
    together_decay: float = 5.0
    together_floor: float = 0.15
    following_decay: float = 5.0


@dataclass(frozen=True, slots=True, eq=False)
class FactorModel:
    """n items in d dimensions; row i of every array is the same item, rows are in the order of the ids.

    Attributes:
        algorithm: what computed the factors.
        item_ids: the n ids.
        item_kinds: int8[n], codes of `ItemKind`.
        factors: float32[n, d].
        popularity: float32[n], people who took to the item, ever.
        trend: float32[n], the same people, each fading with time since their last action on the item.
        parameters: the scalars of serving.
        together: how much each item speaks for others of the same history; None if it was not computed.
        following: how much each item speaks for what comes next; None if it was not computed.
        blend: how much each source counts; None for factors and popularity alone.
        segments: segments of people; None if they were not computed.
        traits: what items are and when they are used; None if that was not computed.
        network: what reorders the best candidates; None if it does not help.
        content: where items stand by what is said of them; None if nothing is said of any.
        situations: what is taken more often on a device, at a place or for a purpose; None if that does not help.
        index: finds the best items without scoring all; None for few items.
        placed: how many items, the last ones, have no behaviour and stand where their content puts them.
        rows: id -> row.
    """

    algorithm: str
    item_ids: tuple[ItemId, ...]
    item_kinds: NDArray[np.int8]
    factors: NDArray[np.float32]
    popularity: NDArray[np.float32]
    trend: NDArray[np.float32]
    parameters: ServingParameters
    together: Neighbours | None = None
    following: Neighbours | None = None
    blend: BlendWeights | None = None
    segments: Segments | None = None
    traits: ItemTraits | None = None
    network: PreferenceNetwork | None = None
    content: ContentModel | None = None
    situations: Situations | None = None
    index: NormIndex | None = None
    placed: int = 0
    rows: Mapping[ItemId, int] = field(init=False)

    def __post_init__(self) -> None:
        rows = {item_id: row for row, item_id in enumerate(self.item_ids)}
        object.__setattr__(self, "rows", MappingProxyType(rows))

    def __len__(self) -> int:
        return len(self.item_ids)

    def to_artifact(
        self,
        hyper_parameters: Mapping[str, str | int | float | None],
        counts: Mapping[str, int],
        metrics: Mapping[str, float],
    ) -> Artifact:
        """The model as an artifact; `hyper_parameters` are kept beside the scalars of serving."""
        blob, offsets = _packed(self.item_ids)
        values = (blob, offsets, self.item_kinds, self.factors, self.popularity, self.trend)
        arrays: dict[str, NDArray[Any]] = dict(zip(_ARRAYS, values, strict=True))
        return Artifact(
            algorithm=self.algorithm,
            arrays=arrays
            | _neighbour_arrays("together", self.together)
            | _neighbour_arrays("following", self.following)
            | self._learned_arrays(),
            parameters={**hyper_parameters, **asdict(self.parameters), **self._names()},
            counts=counts,
            metrics=metrics,
        )

    def _learned_arrays(self) -> dict[str, NDArray[Any]]:
        parts = (self.blend, self.segments, self.traits, self.network, self.content, self.situations, self.index)
        return {name: array for part in parts if part is not None for name, array in part.arrays().items()}

    def _names(self) -> dict[str, str]:
        names: dict[str, tuple[str, ...]] = {}
        if self.blend is not None:
            names[SOURCES_PARAMETER] = self.blend.sources
        if self.network is not None:
            names[FEATURES_PARAMETER] = self.network.features
        joined = {parameter: ",".join(values) for parameter, values in names.items()}
        if self.situations is not None:
            joined[SITUATIONS_PARAMETER] = self.situations.written_names()
        return joined

    @classmethod
    def from_artifact(cls, artifact: Artifact) -> "FactorModel":
        """The model in an artifact; its arrays stay mapped.

        Raises:
            CorruptArtifact: an array or scalar is missing, has the wrong type or shape, or is not finite.
        """
        missing = [name for name in _ARRAYS if name not in artifact.arrays]
        if missing:
            raise CorruptArtifact(f"a model lacks the array {missing[0]}")
        blob, offsets, kinds, factors, popularity, trend = (artifact.arrays[name] for name in _ARRAYS)
        item_ids = _unpacked(blob, offsets)
        count = len(item_ids)
        require_array("item_kinds", kinds, np.int8, (count,))
        require_array("item_factors", factors, np.float32, (count, factors.shape[-1] if factors.ndim else 0))
        require_array("popularity", popularity, np.float32, (count,))
        require_array("trend", trend, np.float32, (count,))
        parameters = _serving_parameters(artifact.parameters)
        model = cls(
            algorithm=artifact.algorithm,
            item_ids=item_ids,
            item_kinds=kinds,
            factors=factors,
            popularity=popularity,
            trend=trend,
            parameters=parameters,
            together=_neighbours(artifact, "together", count),
            following=_neighbours(artifact, "following", count),
            blend=BlendWeights.restored(artifact.arrays, artifact.parameters.get(SOURCES_PARAMETER)),
            segments=Segments.restored(artifact.arrays, count, factors.shape[1]),
            traits=ItemTraits.restored(artifact.arrays, count),
            network=PreferenceNetwork.restored(artifact.arrays, artifact.parameters.get(FEATURES_PARAMETER)),
            content=ContentModel.restored(artifact.arrays, factors.shape[1]),
            situations=Situations.restored(artifact.arrays, artifact.parameters.get(SITUATIONS_PARAMETER), count),
            index=NormIndex.restored(artifact.arrays, count),
        )
        if len(model.rows) != count:
            raise CorruptArtifact("a model names an item twice")
        return model


def _neighbour_arrays(name: str, neighbours: Neighbours | None) -> dict[str, NDArray[Any]]:
    if neighbours is None:
        return {}
    return {f"{name}_rows": neighbours.rows, f"{name}_weights": neighbours.weights}


def _neighbours(artifact: Artifact, name: str, count: int) -> Neighbours | None:
    rows, weights = (artifact.arrays.get(f"{name}_{part}") for part in ("rows", "weights"))
    if rows is None or weights is None:
        return None
    shape = (count, rows.shape[-1] if rows.ndim else 0)
    require_array(f"{name}_rows", rows, np.int32, shape)
    require_array(f"{name}_weights", weights, np.float32, shape)
    if rows.size and not (int(rows.min()) >= 0 and int(rows.max()) < count):
        raise CorruptArtifact(f"a model's array {name}_rows names an item that it does not have")
    return Neighbours(rows, weights)


def _packed(item_ids: Sequence[ItemId]) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    encoded = [item_id.encode() for item_id in item_ids]
    offsets = np.zeros(len(encoded) + 1, dtype=np.int64)
    np.cumsum([len(text) for text in encoded], out=offsets[1:])
    return np.frombuffer(b"".join(encoded), dtype=np.uint8), offsets


def _unpacked(blob: NDArray[Any], offsets: NDArray[Any]) -> tuple[ItemId, ...]:
    require_array("item_id_bytes", blob, np.uint8, (blob.size,))
    require_array("item_id_offsets", offsets, np.int64, (max(offsets.size, 1),))
    if offsets[0] != 0 or offsets[-1] != blob.size or np.any(offsets[1:] <= offsets[:-1]):
        raise CorruptArtifact("a model's item ids do not fill their bytes")
    text, bounds = blob.tobytes(), offsets.tolist()
    try:
        return tuple(ItemId(text[a:b].decode()) for a, b in pairwise(bounds))
    except UnicodeDecodeError as error:
        raise CorruptArtifact("a model's item ids are not text") from error


def _serving_parameters(parameters: Mapping[str, str | int | float | None]) -> ServingParameters:
    values: dict[str, float] = {}
    for name in (entry.name for entry in fields(ServingParameters)):
        value = parameters.get(name)
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < float("inf"):
            raise CorruptArtifact(f"a model's parameter {name} is not a number within range")
        values[name] = float(value)
    for name in _ABOVE_ZERO:
        if values[name] == 0:
            raise CorruptArtifact(f"a model's parameter {name} must be above 0")
    return ServingParameters(**values)

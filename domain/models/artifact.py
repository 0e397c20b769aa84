"""What training hands to serving: named arrays and how they came about, in one file without code in it.

The bytes are a function of the content alone, so two trainings on the same data with the same seed can be compared by
their SHA-256. That is why no time of training is in them: it belongs to the registry's record.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from domain.models.layout import CorruptArtifact, decode, encode

FORMAT: Final = "personalization-model/1"

Parameter = str | int | float | None


@dataclass(frozen=True, slots=True, eq=False)
class Artifact:
    """A trained model that holds no user.

    Attributes:
        algorithm: what computed the arrays, such as `als`.
        arrays: name -> array of float64, float32, int64, int32, int8 or uint8.
        parameters: hyper-parameters, and the scalars that were learned with the arrays.
        counts: how much was learned from.
        metrics: name -> value on a hold-out that training did not see.
    """

    algorithm: str
    arrays: Mapping[str, NDArray[Any]]
    parameters: Mapping[str, Parameter]
    counts: Mapping[str, int]
    metrics: Mapping[str, float]


def write(artifact: Artifact) -> bytes:
    """The artifact as one safetensors file; equal content gives equal bytes.

    Raises:
        CorruptArtifact: an array has a type that cannot be stored, a number is not finite or the file grows too large.
    """
    return encode(
        artifact.arrays,
        {
            "format": FORMAT,
            "algorithm": artifact.algorithm,
            "parameters": _canonical(artifact.parameters),
            "counts": _canonical(artifact.counts),
            "metrics": _canonical(artifact.metrics),
        },
    )


def read(path: Path, sha256: str | None = None) -> Artifact:
    """The artifact in a file, its arrays mapped read-only and not copied.

    Args:
        path: a file that is replaced, never changed in place, while it is mapped.
        sha256: lower-case hexadecimal digest that the file must have; not compared if None.

    Raises:
        CorruptArtifact: the file is missing, damaged or not the one that was meant.
    """
    buffer = _mapped(path)
    if sha256 is not None and hashlib.sha256(buffer.data).hexdigest() != sha256:
        raise CorruptArtifact("a model file does not have the checksum of its version")
    arrays, metadata = decode(buffer)
    if metadata.get("format") != FORMAT or not metadata.get("algorithm"):
        raise CorruptArtifact("a file is not a model of this service")
    return Artifact(
        algorithm=metadata["algorithm"],
        arrays=arrays,
        parameters=_parsed(metadata, "parameters", (str, int, float, type(None))),
        counts=_parsed(metadata, "counts", (int,)),
        metrics=_parsed(metadata, "metrics", (int, float)),
    )


def _mapped(path: Path) -> NDArray[np.uint8]:
    try:
        if path.stat().st_size == 0:
            raise CorruptArtifact("a model file is empty")
        # A plain array over the map: memmap's own class makes every slice of it slower.
        return np.memmap(path, dtype=np.uint8, mode="r").view(np.ndarray)
    except OSError as error:
        raise CorruptArtifact("a model file cannot be read") from error


def _canonical(entries: Mapping[str, Parameter] | Mapping[str, int] | Mapping[str, float]) -> str:
    try:
        return json.dumps(dict(entries), sort_keys=True, separators=(",", ":"), allow_nan=False)
    except ValueError as error:
        raise CorruptArtifact("a model's parameters, counts and metrics must be finite numbers") from error


def _parsed(metadata: Mapping[str, str], key: str, types: tuple[type, ...]) -> dict[str, Any]:
    try:
        entries = json.loads(metadata.get(key, ""))
    except (ValueError, RecursionError) as error:
        raise CorruptArtifact(f"a model file is damaged: its {key} cannot be read") from error
    if not isinstance(entries, dict) or not all(isinstance(value, types) for value in entries.values()):
        raise CorruptArtifact(f"a model file is damaged: its {key} are not of the expected types")
    return entries

"""The safetensors layout, read strictly: a header that is not exactly right must never become a view on wrong bytes.

A file is an 8-byte little-endian length, a JSON header of that length and one buffer that the arrays fill without a gap
(https://github.com/huggingface/safetensors). The public numpy loader copies every array; knowing the offsets lets the
file be mapped instead, so that the processes of a machine share one copy.
"""

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from domain.errors import Unavailable

PREFIX_BYTES: Final = 8
ALIGNMENT_BYTES: Final = 64
HEADER_LIMIT_BYTES: Final = 1 << 20
FILE_LIMIT_BYTES: Final = 1 << 30
"""What one `bytea` value of Postgres can hold."""
DIMENSIONS_LIMIT: Final = 8
METADATA_KEY: Final = "__metadata__"

DTYPES: Final[Mapping[str, np.dtype[Any]]] = {
    "F64": np.dtype("<f8"),
    "F32": np.dtype("<f4"),
    "I64": np.dtype("<i8"),
    "I32": np.dtype("<i4"),
    "I8": np.dtype("i1"),
    "U8": np.dtype("u1"),
}
_NAMES: Final[Mapping[np.dtype[Any], str]] = {dtype: name for name, dtype in DTYPES.items()}


class CorruptArtifact(Unavailable):
    """A model file is not what it claims to be; it must not be served."""


@dataclass(frozen=True, slots=True)
class Placement:
    """Where one array lies in the buffer: bytes [start, stop)."""

    name: str
    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    start: int
    stop: int


def encode(arrays: Mapping[str, NDArray[Any]], metadata: Mapping[str, str]) -> bytes:
    """The file's bytes; equal arrays and metadata give equal bytes, whatever order they were put together in.

    Raises:
        CorruptArtifact: an array has a type that the layout does not allow, or a file would grow beyond the limits.
    """
    stored = [(name, _storable(name, array)) for name, array in arrays.items()]
    # Wide types first keeps every array on a multiple of its own width without a gap, which the format forbids.
    stored.sort(key=lambda entry: (-entry[1].itemsize, entry[0]))
    header: dict[str, object] = {METADATA_KEY: dict(metadata)} if metadata else {}
    offset = 0
    for name, array in stored:
        stop = offset + array.nbytes
        header[name] = {"dtype": _NAMES[array.dtype], "shape": list(array.shape), "data_offsets": [offset, stop]}
        offset = stop
    text = json.dumps(header, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()
    text += b" " * (-(PREFIX_BYTES + len(text)) % ALIGNMENT_BYTES)
    _require(len(text) <= HEADER_LIMIT_BYTES, "the header is too large")
    _require(PREFIX_BYTES + len(text) + offset <= FILE_LIMIT_BYTES, "the model is too large")
    return b"".join((len(text).to_bytes(PREFIX_BYTES, "little"), text, *(array.tobytes() for _, array in stored)))


def decode(buffer: NDArray[np.uint8]) -> tuple[dict[str, NDArray[Any]], dict[str, str]]:
    """Views on the arrays of a file and its metadata; nothing is copied.

    Args:
        buffer: uint8[size], the whole file, usually a memory map.

    Raises:
        CorruptArtifact: any part of the layout is not exactly right.
    """
    _require(PREFIX_BYTES < buffer.size <= FILE_LIMIT_BYTES, "the size is out of range")
    length = int.from_bytes(buffer[:PREFIX_BYTES].tobytes(), "little")
    _require(length <= min(HEADER_LIMIT_BYTES, buffer.size - PREFIX_BYTES), "the header's length is out of range")
    header = _parsed(buffer[PREFIX_BYTES : PREFIX_BYTES + length].tobytes())
    metadata = _metadata(header.pop(METADATA_KEY, {}))
    data = buffer[PREFIX_BYTES + length :]
    placements = [_placement(name, entry) for name, entry in header.items()]
    _require_gapless(placements, data.size)
    return {p.name: data[p.start : p.stop].view(p.dtype).reshape(p.shape) for p in placements}, metadata


def _storable(name: str, array: NDArray[Any]) -> NDArray[Any]:
    dtype = array.dtype.newbyteorder("<")
    _require(dtype in _NAMES and name != METADATA_KEY, f"the array {name} has a type that cannot be stored")
    return np.ascontiguousarray(array, dtype=dtype).reshape(array.shape)


def _parsed(text: bytes) -> dict[str, object]:
    try:
        header = json.loads(text.decode(), object_pairs_hook=_distinct)
    except (ValueError, RecursionError) as error:
        raise CorruptArtifact("a model file is damaged: its header cannot be read") from error
    _require(isinstance(header, dict), "the header is not an object")
    return dict(header)


def _distinct(pairs: Iterable[tuple[str, object]]) -> dict[str, object]:
    entries = list(pairs)
    parsed = dict(entries)
    _require(len(parsed) == len(entries), "the header names something twice")
    return parsed


def _metadata(value: object) -> dict[str, str]:
    if not isinstance(value, dict) or not all(isinstance(text, str) for text in value.values()):
        raise CorruptArtifact("a model file is damaged: its metadata is not text")
    return dict(value)


def _placement(name: str, entry: object) -> Placement:
    if not isinstance(entry, dict) or entry.keys() != {"dtype", "shape", "data_offsets"}:
        raise CorruptArtifact(f"a model file is damaged: the array {name} is not described")
    shape, offsets = _naturals(name, entry["shape"]), _naturals(name, entry["data_offsets"])
    dtype = DTYPES.get(entry["dtype"]) if isinstance(entry["dtype"], str) else None
    if dtype is None or len(offsets) != 2 or len(shape) > DIMENSIONS_LIMIT:
        raise CorruptArtifact(f"a model file is damaged: the array {name} has a type or shape that is not allowed")
    start, stop = offsets
    _require(stop - start == math.prod(shape) * dtype.itemsize, f"the array {name} has the wrong size")
    return Placement(name, dtype, shape, start, stop)


def _naturals(name: str, value: object) -> tuple[int, ...]:
    if not isinstance(value, list) or not all(type(number) is int and number >= 0 for number in value):
        raise CorruptArtifact(f"a model file is damaged: the array {name} has a size that is no number")
    return tuple(value)


def _require_gapless(placements: Iterable[Placement], size: int) -> None:
    """The arrays must fill the buffer exactly: no overlap, no gap, nothing behind the last one."""
    end = 0
    for placement in sorted(placements, key=lambda p: (p.start, p.stop)):
        _require(placement.start == end, f"the array {placement.name} overlaps another or leaves a gap")
        end = placement.stop
    _require(end == size, "the arrays do not fill the file")


def _require(valid: bool, message: str) -> None:
    if not valid:
        raise CorruptArtifact(f"a model file is damaged: {message}")

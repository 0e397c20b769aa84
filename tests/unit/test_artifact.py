"""A model file is read exactly as it was written, or not at all."""

import hashlib
import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import load as official_load

from domain.errors import Unavailable
from domain.ids import ItemId
from domain.models.artifact import Artifact, read, write
from domain.models.factor_model import FactorModel, ServingParameters
from domain.models.layout import CorruptArtifact, decode

ARRAYS: dict[str, Any] = {
    "counts": np.arange(5, dtype=np.int64),
    "factors": np.arange(12, dtype=np.float32).reshape(3, 4),
    "flags": np.array([1, 2, 3], dtype=np.uint8),
    "nothing": np.empty((0, 4), dtype=np.float32),
    "scale": np.array(2.5),
}


def artifact(arrays: dict[str, Any] | None = None, **changes: Any) -> Artifact:
    parts: dict[str, Any] = {
        "algorithm": "als",
        "arrays": ARRAYS if arrays is None else arrays,
        "parameters": {"alpha": 6.0, "half_life_days": None, "seed": 0},
        "counts": {"users": 3},
        "metrics": {"ndcg": 0.25},
    }
    return Artifact(**{**parts, **changes})


def saved(tmp_path: Path, content: bytes) -> Path:
    path = tmp_path / "model.safetensors"
    path.write_bytes(content)
    return path


def file_of(header: Any, data: bytes = b"", length: int | None = None) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + data


def entry(start: int, stop: int, dtype: Any = "U8", shape: Any = None) -> dict[str, Any]:
    return {"dtype": dtype, "shape": [stop - start] if shape is None else shape, "data_offsets": [start, stop]}


def test_what_was_written_is_read(tmp_path: Path) -> None:
    written = artifact()
    found = read(saved(tmp_path, write(written)))
    assert (found.algorithm, found.parameters, found.counts, found.metrics) == (
        written.algorithm,
        written.parameters,
        written.counts,
        written.metrics,
    )
    assert found.arrays.keys() == ARRAYS.keys()
    for name, array in ARRAYS.items():
        np.testing.assert_array_equal(found.arrays[name], array)
        assert found.arrays[name].dtype == array.dtype


def test_the_bytes_depend_on_the_content_alone() -> None:
    backwards = artifact(dict(reversed(ARRAYS.items())), parameters={"seed": 0, "half_life_days": None, "alpha": 6.0})
    strided = artifact({**ARRAYS, "factors": np.asfortranarray(ARRAYS["factors"])})
    assert write(artifact()) == write(backwards) == write(strided)


def test_the_official_library_reads_the_file() -> None:
    found = official_load(write(artifact()))
    for name, array in ARRAYS.items():
        np.testing.assert_array_equal(found[name], array)


def test_arrays_are_mapped_aligned_and_read_only(tmp_path: Path) -> None:
    for array in read(saved(tmp_path, write(artifact()))).arrays.values():
        assert not array.flags.owndata
        assert not array.flags.writeable
        assert array.flags.aligned


def test_another_checksum_is_refused(tmp_path: Path) -> None:
    content = write(artifact())
    path = saved(tmp_path, content)
    assert read(path, hashlib.sha256(content).hexdigest()).algorithm == "als"
    with pytest.raises(CorruptArtifact, match="checksum"):
        read(path, "0" * 64)


def test_damage_is_an_expected_failure() -> None:
    assert issubclass(CorruptArtifact, Unavailable)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\0" * 7,
        b"\0" * 8,
        file_of({}, length=1 << 62),
        file_of(b"[]"),
        file_of(b"{"),
        file_of(b"\xff\xff"),
        file_of(b"[" * 100_000),
        file_of(b'{"a":' * 50_000),
        file_of({"a": entry(0, 4)}, b"123"),
        file_of({"a": entry(0, 4)}, b"12345"),
        file_of({"a": entry(0, 4), "b": entry(2, 6)}, b"123456"),
        file_of({"a": entry(0, 2), "b": entry(4, 6)}, b"123456"),
        file_of({"a": entry(0, 4, shape=[5])}, b"1234"),
        file_of({"a": entry(0, 4, shape=[-2, -2])}, b"1234"),
        file_of({"a": entry(0, 4, shape=[4.0])}, b"1234"),
        file_of({"a": entry(0, 4, shape=[True, 4])}, b"1234"),
        file_of({"a": entry(0, 4, shape=[1] * 9 + [4])}, b"1234"),
        file_of({"a": entry(0, 4, dtype="BF16", shape=[2])}, b"1234"),
        file_of({"a": entry(0, 4, dtype=["U8"])}, b"1234"),
        file_of({"a": {**entry(0, 4), "data_offsets": [0, 4, 4]}}, b"1234"),
        file_of({"a": {**entry(0, 4), "more": 1}}, b"1234"),
        file_of({"a": 3}),
        file_of(
            b'{"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}}'
        ),
        file_of({"__metadata__": {"format": 1}}),
        file_of({"__metadata__": {"format": "another"}}),
        file_of({"__metadata__": {"format": "personalization-model/1", "algorithm": "als", "parameters": "["}}),
    ],
)
def test_a_damaged_file_is_refused(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(CorruptArtifact):
        read(saved(tmp_path, content))


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CorruptArtifact):
        read(tmp_path / "absent.safetensors")


@given(data=st.data())
def test_any_changed_byte_is_refused_or_leaves_arrays_within_the_file(data: st.DataObject) -> None:
    content = bytearray(write(artifact()))
    place = data.draw(st.integers(0, len(content) - 1))
    content[place] ^= data.draw(st.integers(1, 255))
    content = content[: data.draw(st.integers(place, len(content)))]
    try:
        arrays, _ = decode(np.frombuffer(bytes(content), dtype=np.uint8))
    except CorruptArtifact:
        return
    assert sum(array.nbytes for array in arrays.values()) < len(content)


@pytest.mark.parametrize(
    "broken",
    [
        artifact({"text": np.array(["a"])}),
        artifact({"objects": np.array([None])}),
        artifact({"__metadata__": np.zeros(1)}),
        artifact(metrics={"ndcg": float("nan")}),
    ],
)
def test_what_cannot_be_stored_is_refused(broken: Artifact) -> None:
    with pytest.raises(CorruptArtifact):
        write(broken)


def factor_model() -> FactorModel:
    return FactorModel(
        algorithm="als",
        item_ids=(ItemId("a"), ItemId("bücher"), ItemId("c:1")),
        item_kinds=np.array([0, 1, 2], dtype=np.int8),
        factors=np.ones((3, 2), dtype=np.float32),
        popularity=np.array([3, 2, 1], dtype=np.float32),
        trend=np.zeros(3, dtype=np.float32),
        parameters=ServingParameters(6.0, 30.0, 1.0, 5.0, 0.2, 5.0),
    )


def test_a_factor_model_survives_the_file(tmp_path: Path) -> None:
    model = factor_model()
    content = write(model.to_artifact({"factors": 2}, {"users": 1}, {}))
    found = FactorModel.from_artifact(read(saved(tmp_path, content)))
    assert found.item_ids == model.item_ids
    assert found.rows == {"a": 0, "bücher": 1, "c:1": 2}
    assert found.parameters == model.parameters
    np.testing.assert_array_equal(found.factors, model.factors)


@pytest.mark.parametrize(
    "change",
    [
        {"item_factors": np.ones((2, 2), dtype=np.float32)},
        {"item_factors": np.ones((3, 2))},
        {"item_factors": np.full((3, 2), np.nan, dtype=np.float32)},
        {"popularity": np.ones(3, dtype=np.float32).reshape(3, 1)},
        {"item_kinds": np.zeros(3, dtype=np.uint8)},
        {"item_id_offsets": np.array([0, 1, 1, 11], dtype=np.int64)},
        {"item_id_offsets": np.array([0, 9, 1, 11], dtype=np.int64)},
        {"item_id_offsets": np.array([], dtype=np.int64)},
        {"item_id_bytes": np.frombuffer(b"a\xff\xff\xffxxxxc:1", dtype=np.uint8)},
        {"item_id_bytes": np.frombuffer(b"aaaaaaaaa:1", dtype=np.uint8), "item_id_offsets": np.array([0, 1, 2, 11])},
    ],
)
def test_arrays_that_do_not_fit_together_are_refused(change: dict[str, Any]) -> None:
    good = factor_model().to_artifact({}, {}, {})
    with pytest.raises(CorruptArtifact):
        FactorModel.from_artifact(artifact({**good.arrays, **change}, parameters=good.parameters))


@pytest.mark.parametrize("value", [None, "1", True, 0.0, -1.0])
def test_serving_parameters_out_of_range_are_refused(value: Any) -> None:
    good = factor_model().to_artifact({}, {}, {})
    with pytest.raises(CorruptArtifact, match="alpha"):
        FactorModel.from_artifact(artifact(dict(good.arrays), parameters={**good.parameters, "alpha": value}))

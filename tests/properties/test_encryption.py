from uuid import UUID

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from domain.ids import SubjectId
from domain.privacy.encryption import SealBroken, SubjectKey

SUBJECTS = st.uuids().map(SubjectId)
KEYS = st.binary(min_size=32, max_size=32)
NAMES = st.text(st.characters(codec="utf-8"), max_size=20)
PLACES = st.tuples(NAMES, NAMES)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False) | NAMES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=10,
)


@given(SUBJECTS, KEYS, PLACES, st.binary(max_size=400))
def test_what_is_sealed_opens_in_its_own_place(
    subject: SubjectId, key: bytes, place: tuple[str, str], value: bytes
) -> None:
    sealed = SubjectKey(subject, key).seal(*place, value)
    assert SubjectKey(subject, key).open(*place, sealed) == value


@given(PLACES, JSON)
def test_json_survives(place: tuple[str, str], value: object) -> None:
    key = SubjectKey(SubjectId(UUID(int=1)), bytes(32))
    assert key.open_json(*place, key.seal_json(*place, value)) == value


@given(st.binary(max_size=60), st.data())
def test_no_altered_byte_goes_unnoticed(value: bytes, data: st.DataObject) -> None:
    key = SubjectKey(SubjectId(UUID(int=1)), bytes(32))
    sealed = bytearray(key.seal("t", "c", value))
    sealed[data.draw(st.integers(0, len(sealed) - 1))] ^= data.draw(st.integers(1, 255))
    with pytest.raises(SealBroken):
        key.open("t", "c", bytes(sealed))


@given(st.binary(max_size=120))
def test_arbitrary_bytes_never_open(noise: bytes) -> None:
    with pytest.raises(SealBroken):
        SubjectKey(SubjectId(UUID(int=1)), bytes(32)).open("t", "c", noise)


@given(SUBJECTS, SUBJECTS, PLACES, PLACES)
def test_no_value_opens_in_another_place(
    owner: SubjectId, thief: SubjectId, place: tuple[str, str], target: tuple[str, str]
) -> None:
    assume((owner, place) != (thief, target))
    sealed = SubjectKey(owner, bytes(32)).seal(*place, b"value")
    with pytest.raises(SealBroken):
        SubjectKey(thief, bytes(32)).open(*target, sealed)

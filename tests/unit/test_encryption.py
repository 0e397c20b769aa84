import os
import stat
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import UUID

import pytest

from domain.errors import DomainError, ValidationFailed
from domain.ids import SubjectId
from domain.privacy.encryption import SealBroken, SubjectKey
from domain.privacy.key_file import new_key_line
from domain.privacy.key_management import KeysUnusable, WrappedKey
from domain.privacy.keys import LocalKeyManagement, derive

ANNA, BERT = SubjectId(UUID(int=1)), SubjectId(UUID(int=2))
DATA_KEY = bytes(range(32))


@pytest.fixture
def key() -> SubjectKey:
    return SubjectKey(ANNA, DATA_KEY)


def test_a_sealed_value_opens_again_and_is_unreadable(key: SubjectKey) -> None:
    sealed = key.seal("user_feedback", "payload_sealed", b"I love trains")
    assert b"trains" not in sealed
    assert key.open("user_feedback", "payload_sealed", sealed) == b"I love trains"


def test_a_sealed_value_is_version_nonce_and_ciphertext_with_tag(key: SubjectKey) -> None:
    sealed = key.seal("t", "c", b"12345")
    assert sealed[0] == 1
    assert len(sealed) == 1 + 12 + 5 + 16


def test_sealing_twice_gives_different_bytes(key: SubjectKey) -> None:
    assert key.seal("t", "c", b"same") != key.seal("t", "c", b"same")


def test_json_values_survive(key: SubjectKey) -> None:
    value = {"aspect": "style", "rating": 4.5, "tags": ["ä", None, True]}
    assert key.open_json("t", "c", key.seal_json("t", "c", value)) == value


def test_a_value_without_json_form_is_refused_by_name(key: SubjectKey) -> None:
    with pytest.raises(ValidationFailed) as refusal:
        key.seal_json("t", "payload_sealed", {"o": object()})
    assert refusal.value.field == "payload_sealed"


def another_person(sealed: bytes) -> bytes:
    return SubjectKey(BERT, DATA_KEY).open("t", "c", sealed)


def another_key(sealed: bytes) -> bytes:
    return SubjectKey(ANNA, bytes(32)).open("t", "c", sealed)


def another_table(sealed: bytes) -> bytes:
    return SubjectKey(ANNA, DATA_KEY).open("u", "c", sealed)


def another_column(sealed: bytes) -> bytes:
    return SubjectKey(ANNA, DATA_KEY).open("t", "d", sealed)


def another_split_of_the_same_letters(sealed: bytes) -> bytes:
    return SubjectKey(ANNA, DATA_KEY).open("tc", "", sealed)


def another_version(sealed: bytes) -> bytes:
    return SubjectKey(ANNA, DATA_KEY).open("t", "c", b"\x02" + sealed[1:])


def nothing_at_all(sealed: bytes) -> bytes:
    return SubjectKey(ANNA, DATA_KEY).open("t", "c", b"")


@pytest.mark.parametrize(
    "opening",
    [
        another_person,
        another_key,
        another_table,
        another_column,
        another_split_of_the_same_letters,
        another_version,
        nothing_at_all,
    ],
)
def test_a_moved_value_is_refused_and_the_refusal_tells_nothing(
    key: SubjectKey, opening: Callable[[bytes], bytes]
) -> None:
    with pytest.raises(SealBroken) as refusal:
        opening(key.seal("t", "c", b"secret"))
    assert isinstance(refusal.value, DomainError)
    assert refusal.value.message == SealBroken().message
    assert refusal.value.__suppress_context__ or refusal.value.__context__ is None


def test_a_key_of_another_length_is_refused() -> None:
    with pytest.raises(ValidationFailed):
        SubjectKey(ANNA, bytes(16))


def test_a_sealer_shows_no_key() -> None:
    assert "\\x" not in repr(SubjectKey(ANNA, DATA_KEY))


async def test_a_wrapped_key_unwraps_for_its_person_only() -> None:
    keys = LocalKeyManagement.from_text(new_key_line())
    wrapped = await keys.wrap(ANNA, DATA_KEY)
    assert await keys.unwrap(ANNA, wrapped) == DATA_KEY
    assert DATA_KEY not in wrapped.wrapped
    with pytest.raises(SealBroken):
        await keys.unwrap(BERT, wrapped)


async def test_the_newest_key_wraps_and_every_key_unwraps() -> None:
    old, new = new_key_line(), new_key_line()
    wrapped_before = await LocalKeyManagement.from_text(old).wrap(ANNA, DATA_KEY)
    rotated = LocalKeyManagement.from_text(f"{old},{new}")
    assert (await rotated.wrap(ANNA, DATA_KEY)).kek_id == new.split()[0]
    assert await rotated.unwrap(ANNA, wrapped_before) == DATA_KEY


async def test_a_key_wrapped_by_an_absent_key_says_so() -> None:
    with pytest.raises(KeysUnusable, match="not configured"):
        await LocalKeyManagement.from_text(new_key_line()).unwrap(ANNA, WrappedKey("kek-gone", b""))


@pytest.mark.parametrize(
    "text", ["", "# nothing but a comment", "kek-1", "kek-1 !!!!", "kek-1 AAAA", f"kek-1 {'A' * 43}=\nkek-2 c2hvcnQ="]
)
def test_malformed_keys_are_refused_without_being_quoted(text: str) -> None:
    with pytest.raises(KeysUnusable) as refusal:
        LocalKeyManagement.from_text(text)
    assert "AAAA" not in refusal.value.message


def test_one_id_for_two_keys_is_refused() -> None:
    line = new_key_line()
    with pytest.raises(KeysUnusable, match="earlier"):
        LocalKeyManagement.from_text(f"{line}\n{line}")


async def test_a_missing_key_file_is_made_for_its_owner_alone_and_read_again(tmp_path: Path) -> None:
    path = tmp_path / "secrets" / "kek"
    wrapped = await LocalKeyManagement.from_file(path).wrap(ANNA, DATA_KEY)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [entry.name for entry in path.parent.iterdir()] == ["kek"]
    assert await LocalKeyManagement.from_file(path).unwrap(ANNA, wrapped) == DATA_KEY


def test_processes_that_start_together_share_one_key(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as threads:
        keys = list(threads.map(lambda _: LocalKeyManagement.from_file(tmp_path / "kek").newest_id, range(32)))
    assert len(set(keys)) == 1


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o644])
def test_a_key_file_that_others_can_use_is_refused_with_the_remedy(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "kek"
    path.write_text(new_key_line())
    path.chmod(mode)
    with pytest.raises(KeysUnusable, match=f"{mode:04o}.*chmod 600"):
        LocalKeyManagement.from_file(path)


def test_a_key_file_that_is_no_text_or_no_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "kek"
    path.write_bytes(os.urandom(16) + b"\xff\xfe")
    path.chmod(0o600)
    with pytest.raises(KeysUnusable):
        LocalKeyManagement.from_file(path)
    with pytest.raises(KeysUnusable, match="cannot be used"):
        LocalKeyManagement.from_file(tmp_path)


def test_derived_secrets_differ_by_purpose_and_by_master_secret() -> None:
    secrets = {derive(master * 32, purpose) for master in "ab" for purpose in ("identity hash", "database role")}
    assert len(secrets) == 4
    assert {len(secret) for secret in secrets} == {32}
    assert derive("a" * 32, "identity hash") == derive(b"a" * 32, "identity hash")


def test_a_derived_secret_stays_the_same_in_every_release() -> None:
    # RFC 5869 with the published salt; a change here would lock every installation out of its data.
    assert derive("m" * 32, "identity hash").hex() == "f2905cc589158c970963b007da0ccfe5d9fc8ff5e3dc523da68543c6d039b0bb"


@pytest.mark.parametrize(("secret", "purpose"), [("short", "identity hash"), ("m" * 32, "")])
def test_a_weak_secret_or_an_unnamed_purpose_is_refused(secret: str, purpose: str) -> None:
    with pytest.raises(ValidationFailed):
        derive(secret, purpose)

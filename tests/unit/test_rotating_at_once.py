"""Rotations at the same moment, and what else may stand in a key file: no key that wraps something is lost."""

import asyncio
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import UUID

import pytest

from domain.ids import SubjectId, TenantId
from domain.keyring.service import AT_A_TIME, KeyRotation, Person
from domain.privacy.encryption import KEY_BYTES
from domain.privacy.key_file import add_key, new_key_line, read_private
from domain.privacy.key_management import KeysUnusable, WrappedKey
from domain.privacy.keys import LocalKeyManagement

TENANT = TenantId("rotated")
DATA_KEY = bytes(range(KEY_BYTES))
PATIENCE_SECONDS = 10


class Held:
    """A `RotatingVault` in memory."""

    def __init__(self, keys: dict[SubjectId, WrappedKey]) -> None:
        self.keys = keys
        self.meanwhile: list[KeyRotation] = []

    async def wrapped_otherwise(self, kek_id: str, limit: int) -> list[Person]:
        while self.meanwhile:
            await self.meanwhile.pop().rotate(lambda _more: None)
        await asyncio.sleep(0)
        return [(TENANT, subject) for subject, key in self.keys.items() if key.kek_id != kek_id][:limit]

    async def fetch(self, _tenant: TenantId, subjects: Sequence[SubjectId]) -> dict[SubjectId, WrappedKey]:
        return {subject: self.keys[subject] for subject in subjects}

    async def rewrap(
        self, _tenant: TenantId, before: Mapping[SubjectId, WrappedKey], after: Mapping[SubjectId, WrappedKey]
    ) -> int:
        same = [subject for subject, key in before.items() if self.keys[subject] == key]
        self.keys |= {subject: after[subject] for subject in same}
        return len(same)


async def vault_of(keys: LocalKeyManagement, people: int) -> Held:
    subjects = [SubjectId(UUID(int=n)) for n in range(people)]
    return Held({subject: await keys.wrap(subject, DATA_KEY) for subject in subjects})


async def test_a_rotation_within_another_one_ends_both_with_the_newest_key(tmp_path: Path) -> None:
    place = tmp_path / "kek"
    vault = await vault_of(LocalKeyManagement.from_file(place), AT_A_TIME + 1)
    first, second = (KeyRotation(vault, LocalKeyManagement.from_file(place)) for _ in range(2))
    vault.meanwhile.append(second)
    async with asyncio.timeout(PATIENCE_SECONDS):
        done = await first.rotate(lambda _more: None)
    keys = LocalKeyManagement.from_file(place)
    assert {key.kek_id for key in vault.keys.values()} == {(await keys.key_ids())[-1]} == {done.newest}
    for subject, key in vault.keys.items():
        assert await keys.unwrap(subject, key) == DATA_KEY


async def test_a_key_that_came_since_keeps_the_one_that_is_not_older_than_the_rotation(tmp_path: Path) -> None:
    keys = LocalKeyManagement.from_file(tmp_path / "kek")
    mine = await keys.renew()
    wrapped = await keys.wrap(SubjectId(UUID(int=1)), DATA_KEY)
    since = await LocalKeyManagement.from_file(tmp_path / "kek").renew()
    await keys.retire_older(mine)
    assert await keys.key_ids() == [mine, since]
    assert await keys.unwrap(SubjectId(UUID(int=1)), wrapped) == DATA_KEY
    await keys.retire_older("kek-of-nobody")
    assert await keys.key_ids() == [mine, since]


def test_keys_that_are_added_at_once_are_all_there(tmp_path: Path) -> None:
    place = tmp_path / "kek"
    LocalKeyManagement.from_file(place)
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(add_key, [place] * 40))
    assert len([line for line in read_private(place).splitlines() if not line.startswith("#")]) == 41


async def test_a_comment_after_the_newest_key_is_not_taken_for_it(tmp_path: Path) -> None:
    place = tmp_path / "kek"
    LocalKeyManagement.from_file(place)
    place.write_text(f"{place.read_text()}{new_key_line()}\n  # rotated in May\n")
    keys = LocalKeyManagement.from_file(place)
    newest = (await keys.key_ids())[-1]
    await keys.retire_older(newest)
    assert await LocalKeyManagement.from_file(place).key_ids() == [newest]
    assert "rotated in May" in place.read_text()


def test_a_file_that_is_too_long_is_refused_and_not_cut(tmp_path: Path) -> None:
    place = tmp_path / "kek"
    LocalKeyManagement.from_file(place)
    long = f"# {'x' * 65_536}\n{place.read_text()}"
    place.write_text(long)
    with pytest.raises(KeysUnusable, match="more than 65536 bytes"):
        add_key(place)
    assert place.read_text() == long

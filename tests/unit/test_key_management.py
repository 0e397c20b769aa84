"""What every implementation of `KeyManagement` must fulfil; a new one is added to `PLACES`."""

from collections.abc import Callable
from pathlib import Path
from uuid import UUID

import pytest

from domain.ids import SubjectId
from domain.privacy.encryption import KEY_BYTES, SealBroken
from domain.privacy.key_file import new_key_line
from domain.privacy.key_management import KeyManagement, KeysFixed, KeysUnusable, WrappedKey
from domain.privacy.keys import LocalKeyManagement

ANNA, BERT = SubjectId(UUID(int=1)), SubjectId(UUID(int=2))
DATA_KEY = bytes(range(KEY_BYTES))

Process = Callable[[], KeyManagement]
"""Opens the keys of one place as another process does."""


def file(folder: Path) -> Process:
    return lambda: LocalKeyManagement.from_file(folder / "kek")


def environment(_folder: Path) -> Process:
    text = f"{new_key_line()},{new_key_line()}"
    return lambda: LocalKeyManagement.from_text(text)


PLACES = {"file": file, "environment": environment}


@pytest.fixture(params=PLACES)
def process(request: pytest.FixtureRequest, tmp_path: Path) -> Process:
    return PLACES[request.param](tmp_path)


async def test_the_last_id_wraps_and_ids_stay_the_same_in_every_process(process: Process) -> None:
    keys = process()
    ids = list(await keys.key_ids())
    assert len(set(ids)) == len(ids) >= 1
    assert list(await process().key_ids()) == ids
    wrapped = await keys.wrap(ANNA, DATA_KEY)
    assert wrapped.kek_id == ids[-1]
    assert DATA_KEY not in wrapped.wrapped
    assert await keys.wrap(ANNA, DATA_KEY) != wrapped


async def test_what_one_process_wrapped_another_opens_for_its_own_person_alone(process: Process) -> None:
    wrapped = await process().wrap(ANNA, DATA_KEY)
    assert await process().unwrap(ANNA, wrapped) == DATA_KEY
    with pytest.raises(SealBroken):
        await process().unwrap(BERT, wrapped)


async def test_what_was_altered_does_not_open(process: Process) -> None:
    keys = process()
    wrapped = await keys.wrap(ANNA, DATA_KEY)
    for place in (0, len(wrapped.wrapped) // 2, len(wrapped.wrapped) - 1):
        altered = bytearray(wrapped.wrapped)
        altered[place] ^= 1
        with pytest.raises(SealBroken):
            await keys.unwrap(ANNA, WrappedKey(wrapped.kek_id, bytes(altered)))
    with pytest.raises(KeysUnusable):
        await keys.unwrap(ANNA, WrappedKey("kek-of-somebody-else", wrapped.wrapped))


async def test_a_new_key_wraps_at_once_and_everywhere_while_older_ones_open(process: Process) -> None:
    keys, other = process(), process()
    before, ids = await keys.wrap(ANNA, DATA_KEY), list(await keys.key_ids())
    if not keys.renewable:
        with pytest.raises(KeysFixed, match="personalization keys new"):
            await keys.renew()
        assert list(await keys.key_ids()) == ids
        return
    renewed = await keys.renew()
    assert list(await keys.key_ids()) == [*ids, renewed] == list(await other.key_ids())
    after = await keys.wrap(ANNA, DATA_KEY)
    assert after.kek_id == (await other.wrap(BERT, DATA_KEY)).kek_id == renewed
    for one in (keys, other, process()):
        assert await one.unwrap(ANNA, before) == await one.unwrap(ANNA, after) == DATA_KEY


async def test_retired_keys_open_nothing_any_more(process: Process) -> None:
    keys, before = process(), await process().wrap(ANNA, DATA_KEY)
    if not keys.renewable:
        with pytest.raises(KeysFixed, match="PERSONALIZATION_KEK"):
            await keys.retire_older((await keys.key_ids())[-1])
        assert await keys.unwrap(ANNA, before) == DATA_KEY
        return
    renewed = await keys.renew()
    after = await keys.wrap(ANNA, DATA_KEY)
    await keys.retire_older(renewed)
    for one in (keys, process()):
        assert list(await one.key_ids()) == [renewed]
        assert await one.unwrap(ANNA, after) == DATA_KEY
        with pytest.raises(KeysUnusable):
            await one.unwrap(ANNA, before)

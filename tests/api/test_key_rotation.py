"""Rotation of the key-encryption key while two processes read and write: no read fails, none needs the old key."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from domain.ids import TenantId, UserId
from domain.privacy.keys import LocalKeyManagement, new_key_line
from domain.storage.postgres import Databases
from domain.storage.roles import Role
from tests.api.command import personalization
from tests.api.rest_room import RestRoom, application, settings_of
from tests.conftest import TEST_SECRET, copied_database

PEOPLE = 40


@pytest.fixture
def own_url() -> Iterator[str]:
    """A database whose vault no other test uses."""
    with copied_database() as url:
        yield url


async def read(room: RestRoom, user: str) -> bool:
    """Whether a person's id can be opened by a process that remembers no key."""
    subject = await room.services.directory.resolve(room.tenant, UserId(user))
    assert subject is not None
    room.services.imports._keys.forget(subject.subject_id)  # type: ignore[attr-defined]  # what a new process lacks
    return await room.services.directory.external_id(room.tenant, subject.subject_id) == user


async def wrapped_by(room: RestRoom) -> set[str]:
    """Which keys wrap the people's keys of the whole vault."""
    vault = room.services.rotation._vault
    people = await vault.wrapped_otherwise("none of them", 10_000)
    keys = await vault.fetch(room.tenant, [subject for tenant, subject in people if tenant == room.tenant])
    return {key.kek_id for key in keys.values()}


async def test_no_read_fails_while_keys_are_rotated_and_none_needs_the_old_one(
    own_url: str, redis_url: str, tmp_path: Path
) -> None:
    settings = settings_of(own_url, redis_url, tmp_path, TEST_SECRET)
    old = (tmp_path / "kek.txt").read_text()
    async with application(settings) as app, application(settings) as other_app:
        room, other = (RestRoom(one, settings, TenantId("rotated")) for one in (app, other_app))
        await room.services.catalog.ensure_tenant(room.tenant, "Rotated")
        await asyncio.gather(*(room.agree(f"user_{n}") for n in range(PEOPLE)))
        finished, reads = asyncio.Event(), [0, 0]

        async def reading(at: int) -> None:
            while not finished.is_set():
                assert all([await read((room, other)[at], f"user_{n}") for n in range(0, PEOPLE, 7)])
                reads[at] += 1

        async def arriving() -> None:
            for n in range(PEOPLE):
                await other.agree(f"newcomer_{n}")

        busy = [asyncio.create_task(reading(0)), asyncio.create_task(reading(1)), asyncio.create_task(arriving())]
        done = await room.services.rotation.rotate(lambda _done: None, retire=True)
        await busy[2]
        finished.set()
        await asyncio.gather(*busy)
        assert done >= PEOPLE
        assert min(reads) > 0
        lines = [line for line in (tmp_path / "kek.txt").read_text().splitlines() if not line.startswith("#")]
        assert len(lines) == 1
        assert lines[0] not in old
        assert await wrapped_by(room) == {lines[0].split()[0]}
        assert (tmp_path / "kek.txt").stat().st_mode & 0o777 == 0o600
    async with application(settings) as restarted:
        room = RestRoom(restarted, settings, TenantId("rotated"))
        assert all([await read(room, user) for user in ("user_0", f"newcomer_{PEOPLE - 1}")])


async def test_the_command_rotates_and_keeps_the_older_key_unless_told(
    own_url: str, redis_url: str, tmp_path: Path
) -> None:
    settings = settings_of(own_url, redis_url, tmp_path, TEST_SECRET)
    async with application(settings) as app:
        room = RestRoom(app, settings, TenantId("commanded"))
        await room.services.catalog.ensure_tenant(room.tenant, "Commanded")
        await room.agree("anna")
        variables = {
            f"PERSONALIZATION_{name.upper()}": str(getattr(settings, name))
            for name in ("database_url", "redis_url", "data_dir", "kek_file")
        } | {"PERSONALIZATION_SECRET": TEST_SECRET}
        ran = await asyncio.to_thread(personalization, "keys", "rotate", "--json", **variables)
        assert (ran.returncode, ran.stdout) == (0, '{"wrapped":1,"retired":false}\n'), ran.stderr
        assert len((tmp_path / "kek.txt").read_text().splitlines()) == 2
        assert await read(room, "anna")
        noted = (await room.services.audit.page(room.tenant, first=10)).entries
        assert [(entry.act.action, entry.act.door) for entry in noted] == [("rotateKeys", "command")]


async def test_no_key_is_told_by_the_question_what_to_rotate(databases: Databases) -> None:
    for role in (Role.SERVICE, Role.WORKER, Role.TRAINER):
        with pytest.raises(Exception, match="permission denied"):
            async with databases[role].dispatch() as tx:
                await tx.rows("SELECT * FROM keys_wrapped_otherwise('', 1)")


def test_keys_without_a_file_follow_nothing() -> None:
    keys = LocalKeyManagement.from_text(new_key_line())
    keys.follow()
    assert keys.path is None

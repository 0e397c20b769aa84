"""Rotation of the key-encryption key while two processes read and write: no read fails, none needs the old key."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from pydantic import SecretStr

from domain.ids import TenantId, UserId
from domain.privacy.key_file import new_key_line
from domain.privacy.keys import LocalKeyManagement
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
        assert (dict(done.remaining), done.removable) == ({}, [])
        await busy[2]
        finished.set()
        await asyncio.gather(*busy)
        assert done.wrapped >= PEOPLE
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
        assert ran.returncode == 0, ran.stderr
        old, new = [line.split()[0] for line in (tmp_path / "kek.txt").read_text().splitlines()]
        told = {"wrapped": 1, "retired": False, "newest": new, "remaining": {}, "removable": [old]}
        assert json.loads(ran.stdout) == told
        assert await read(room, "anna")
        noted = (await room.services.audit.page(room.tenant, first=10)).entries
        assert [(entry.act.action, entry.act.door, entry.act.outcome) for entry in noted] == [
            ("rotateKeys", "command", "OK"),
            ("rotateKeys", "command", "ATTEMPTED"),
        ]


def kek_of(line: str) -> str:
    return line.split()[0]


class Fixed:
    """A service and commands whose keys come from the environment, and a person whose key the first one wrapped."""

    def __init__(self, url: str, redis_url: str, folder: Path) -> None:
        self.settings = settings_of(url, redis_url, folder, TEST_SECRET).model_copy(update={"kek_file": None})
        self._variables = {
            "PERSONALIZATION_DATABASE_URL": url,
            "PERSONALIZATION_REDIS_URL": redis_url,
            "PERSONALIZATION_DATA_DIR": str(folder),
            "PERSONALIZATION_SECRET": TEST_SECRET,
        }

    @asynccontextmanager
    async def serving(self, *keks: str) -> AsyncIterator[RestRoom]:
        settings = self.settings.model_copy(update={"kek": SecretStr(",".join(keks))})
        async with application(settings) as app:
            yield RestRoom(app, settings, TenantId("fixed"))

    async def found(self, kek: str) -> None:
        async with self.serving(kek) as room:
            await room.services.catalog.ensure_tenant(room.tenant, "Fixed")
            await room.agree("anna")

    async def rotate(self, *arguments: str, keks: Sequence[str], **more: str) -> tuple[int, str, str]:
        """Exit status, standard output, and the last line of standard error."""
        variables = self._variables | {"PERSONALIZATION_KEK": ",".join(keks)} | more
        done = await asyncio.to_thread(personalization, "keys", "rotate", *arguments, **variables)
        return done.returncode, done.stdout, (done.stderr.splitlines() or [""])[-1]


@pytest.fixture
def fixed(own_url: str, redis_url: str, tmp_path: Path) -> Fixed:
    return Fixed(own_url, redis_url, tmp_path)


async def test_keys_from_the_environment_are_rotated_while_the_service_runs(fixed: Fixed, tmp_path: Path) -> None:
    old, new = new_key_line(), new_key_line()
    await fixed.found(old)
    async with fixed.serving(old, new) as room:
        assert await read(room, "anna")
        status, told, said = await fixed.rotate("--json", keks=(old, new))
        assert status == 0, said
        assert json.loads(told) == {
            "wrapped": 1, "retired": False, "newest": kek_of(new), "remaining": {}, "removable": [kek_of(old)],
        }  # fmt: skip
        assert await read(room, "anna")
        assert await wrapped_by(room) == {kek_of(new)}
    _, told, _ = await fixed.rotate(keks=(old, new))
    assert f"no key in the vault needs {kek_of(old)} any more: to be taken out of PERSONALIZATION_KEK" in told
    async with fixed.serving(new) as room:
        assert await read(room, "anna")
    assert not (tmp_path / "keys").exists()


async def test_what_a_command_cannot_do_with_keys_from_the_environment_is_refused(fixed: Fixed, tmp_path: Path) -> None:
    old, new, stranger = new_key_line(), new_key_line(), new_key_line()
    await fixed.found(old)
    status, told, said = await fixed.rotate(keks=(old,))
    assert (status, told) == (1, "")
    assert said.startswith("CONFLICT: Nothing can be added to keys from the environment. Make one with")
    status, _, said = await fixed.rotate("--retire", keks=(old, new))
    assert (status, said.partition(":")[0]) == (1, "CONFLICT")
    status, _, said = await fixed.rotate(keks=(old,), PERSONALIZATION_KEK_FILE=str(tmp_path / "kek.txt"))
    assert status == 2
    assert "not from both" in said
    assert old.split()[1] not in said
    # Without the key that wrapped them nothing is lost, and what remains is counted.
    status, told, said = await fixed.rotate("--json", keks=(stranger,))
    assert status == 1, said
    assert json.loads(told) == {
        "wrapped": 0, "retired": False, "newest": kek_of(stranger), "remaining": {kek_of(old): 1}, "removable": [],
    }  # fmt: skip
    async with fixed.serving(old) as room:
        assert await read(room, "anna")


def test_a_new_key_is_printed_and_nothing_else_happens() -> None:
    ran = personalization("keys", "new")
    assert (ran.returncode, ran.stderr) == (0, "")
    assert LocalKeyManagement.from_text(ran.stdout).newest_id == kek_of(ran.stdout)


async def test_no_key_is_told_by_the_question_what_to_rotate(databases: Databases) -> None:
    for role in (Role.SERVICE, Role.WORKER, Role.TRAINER):
        with pytest.raises(Exception, match="permission denied"):
            async with databases[role].dispatch() as tx:
                await tx.rows("SELECT * FROM keys_wrapped_otherwise('', 1)")


def test_keys_without_a_file_follow_nothing() -> None:
    keys = LocalKeyManagement.from_text(new_key_line())
    keys.follow()
    assert keys.path is None

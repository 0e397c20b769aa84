"""The physical step: after it, no byte of an erased person is in the database's files, the logs or the models."""

import asyncio
import json
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

import asyncpg
import pytest

from domain.bootstrap import migrate_database
from domain.ids import TenantId, UserId
from domain.privacy.data_map import Store
from domain.privacy.inventory import DATA_MAP
from domain.rights.signing import require_chained
from domain.settings import Settings
from domain.storage.embedded import EmbeddedPostgres, EmbeddedValkey
from domain.storage.embedded.postgres import repair_url
from domain.storage.postgres import Databases
from domain.storage.roles import Role, url_as
from domain.storage.scrub import scrub
from tests.api.canary import CANARY, MARK, through_every_door
from tests.api.command import personalization
from tests.api.rest_room import JWT_SECRET, RestRoom, application
from tests.conftest import TEST_SECRET, role_passwords

TENANT = TenantId("scrubbed")


@pytest.fixture
def data_dir() -> Iterator[Path]:
    """A short, empty data folder that every user may pass."""
    made = Path(tempfile.mkdtemp(prefix="scrub-", dir="/tmp"))
    made.chmod(0o711)
    yield made
    for link in made.rglob("data"):
        if link.is_symlink():
            shutil.rmtree(link.readlink().parent)
    shutil.rmtree(made)


def files_with(folder: Path, words: Iterable[bytes]) -> set[str]:
    """The files below a folder that hold one of these, links followed."""
    places = [folder, *(link.resolve() for link in folder.rglob("data") if link.is_symlink())]
    found = set()
    for path in (path for place in places for path in place.rglob("*") if path.is_file()):
        content = path.read_bytes()
        found |= {str(path)} if any(word in content for word in words) else set()
    return found


async def traces(databases: Databases, room: RestRoom) -> tuple[list[bytes], list[bytes]]:
    """What must not be found again: the canary's wrapped keys, and what is sealed with them."""
    people = await through_every_door(room)
    async with databases[Role.KEYS].transaction(room.tenant, people) as tx:
        keys = [bytes(row[0]) for row in await tx.rows("SELECT wrapped FROM vault.data_keys")]
    async with databases[Role.SERVICE].transaction(room.tenant, people) as tx:
        sealed = [bytes(row[0]) for row in await tx.rows("SELECT external_id_sealed FROM subjects")]
        sealed += [bytes(row[0]) for row in await tx.rows("SELECT attributes_sealed FROM user_accounts")]
    return [key for key in keys if key], [value for value in sealed if value]


async def lived_and_erased(settings: Settings) -> tuple[list[bytes], list[bytes]]:
    await migrate_database(settings)
    urls = {role: url_as(role, str(settings.database_url), p) for role, p in role_passwords().items()}
    databases = Databases(urls, pool_size=2)
    await databases.open()
    async with application(settings) as app:
        room = RestRoom(app, settings, TENANT)
        await room.services.catalog.ensure_tenant(TENANT, "Scrubbed")
        found = await traces(databases, await room.furnish())
        await room.services.rights.erase(TENANT, UserId(CANARY))
    await databases.close()
    return found


@pytest.mark.drill
def test_after_the_physical_step_no_byte_is_left_anywhere(data_dir: Path) -> None:
    with EmbeddedPostgres(data_dir) as postgres, EmbeddedValkey(data_dir) as valkey:
        settings = Settings(
            database_url=postgres.owner_url, redis_url=valkey.url, data_dir=data_dir, secret=TEST_SECRET,
            jwt_secret=JWT_SECRET, pool_size=3,
        )  # fmt: skip
        keys, sealed = asyncio.run(lived_and_erased(settings))
        assert keys
        assert len(sealed) >= 2
        assert files_with(data_dir, [MARK.encode()]) == set()
        assert files_with(data_dir, keys) != set()
        assert files_with(data_dir, sealed) != set()
        variables = {"PERSONALIZATION_SECRET": TEST_SECRET, "PERSONALIZATION_JWT_SECRET": JWT_SECRET}
        ran = personalization("privacy", "scrub", "--data-dir", str(data_dir), "--json", **variables)
        assert ran.returncode == 0, ran.stderr
        assert json.loads(ran.stdout) == {"done": ["tables", "statistics", "write-ahead log"], "refused": {}}
        assert files_with(data_dir, [*keys, *sealed, MARK.encode()]) == set()
        assert {path.name for path in data_dir.iterdir()} <= {entry.name for entry in DATA_MAP.of(Store.FILES)}
        lines = asyncio.run(receipts(settings))
        assert [receipt["kind"] for receipt in require_chained(lines)] == ["erasure", "physical"]
        assert {entry["level"] for entry in require_chained(lines)[1]["reached"]} == {"physical"}


async def receipts(settings: Settings) -> list[bytes]:
    async with application(settings) as app:
        room = RestRoom(app, settings, TENANT)
        return [line.encode() + b"\n" for line in await room.services.rights.receipts(TENANT)]


async def test_an_owner_is_told_what_only_a_superuser_may(owner_url: str) -> None:
    said: list[str] = []
    done = {
        part.part: part.refused for part in await scrub(owner_url, ["user_profiles", "vault.data_keys"], said.append)
    }
    assert done["tables"] == done["statistics"] == ""
    assert "the database refuses it to this login" in done["write-ahead log"]
    assert said[0] == "VACUUM (FULL, ANALYZE) user_profiles"


def test_the_login_for_repair_is_found_beside_the_running_server(data_dir: Path) -> None:
    async def may_do_everything() -> bool:
        connection = await asyncpg.connect(repair_url(data_dir))
        try:
            return bool(await connection.fetchval("SELECT rolsuper FROM pg_roles WHERE rolname = current_user"))
        finally:
            await connection.close()

    with EmbeddedPostgres(data_dir):
        assert asyncio.run(may_do_everything())

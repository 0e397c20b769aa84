"""The embedded servers: they start fast, keep what was committed, let nobody in, and never outlive their owner."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import asyncpg
import pytest
from arq.connections import RedisSettings, create_pool
from redis import Redis
from redis.exceptions import AuthenticationError

from domain.errors import Conflict, Unavailable
from domain.storage.embedded import EmbeddedPostgres, EmbeddedValkey, running_postgres, running_valkey
from domain.storage.embedded.account import service_account
from domain.storage.embedded.binaries import postgres_programs
from tests.storage.embedded_room import LINUX, OWNER, REPOSITORY, end, eventually, processes_on, start_owner, value


async def test_first_start_makes_the_owner_and_its_database(postgres: EmbeddedPostgres) -> None:
    address = postgres.start()

    connection = await asyncpg.connect(address.owner_url)
    role = await connection.fetchrow("SELECT * FROM pg_roles WHERE rolname = current_user")
    database = await connection.fetchrow(
        "SELECT current_database() AS name, pg_get_userbyid(datdba) AS owner, pg_encoding_to_char(encoding) AS encoding"
        " FROM pg_database WHERE datname = current_database()"
    )
    await connection.close()

    assert role is not None
    assert (role["rolname"], role["rolsuper"], role["rolcreaterole"], role["rolcreatedb"], role["rolbypassrls"]) == (
        "personalization_owner", False, True, True, False
    )  # fmt: skip
    assert dict(database or {}) == {"name": "personalization", "owner": "personalization_owner", "encoding": "UTF8"}


async def test_safe_settings_are_in_force(postgres: EmbeddedPostgres) -> None:
    postgres.start()
    url = postgres.superuser_url()

    assert await value(url, "SHOW fsync") == "on"
    assert await value(url, "SHOW listen_addresses") == ""
    assert await value(url, "SHOW password_encryption") == "scram-sha-256"
    assert await value(url, "SELECT array_agg(DISTINCT auth_method) FROM pg_hba_file_rules") == ["scram-sha-256"]


async def test_a_restart_keeps_data_and_address(folder: Path, postgres: EmbeddedPostgres) -> None:
    url = postgres.start().owner_url
    await value(url, "CREATE TABLE kept AS SELECT 42 AS answer")
    postgres.stop()

    with EmbeddedPostgres(folder) as address:
        assert address.owner_url == url
        assert await value(url, "SELECT answer FROM kept") == 42


async def test_nobody_gets_in_without_the_password(folder: Path, postgres: EmbeddedPostgres) -> None:
    address = postgres.start()
    empty = folder / "no-passwords"
    empty.touch(mode=0o600)

    for role in ("postgres", "personalization_owner"):
        with pytest.raises(asyncpg.InvalidPasswordError):
            await asyncpg.connect(address.url(role, "wrong"))
        with pytest.raises((asyncpg.InvalidPasswordError, asyncpg.InterfaceError)):
            await asyncpg.connect(host=address.host, user=role, database="postgres", passfile=str(empty))


def test_secrets_and_sockets_are_private(folder: Path, postgres: EmbeddedPostgres, valkey: EmbeddedValkey) -> None:
    address, cache = postgres.start(), valkey.start()

    for private in (folder / "postgres" / "passwords.json", folder / "valkey" / "passwords.json", Path(address.host)):
        assert private.stat().st_mode & 0o077 == 0
    secret = cache.url.split(":")[2].partition("@")[0]
    assert secret not in repr(cache)
    assert address.owner_password not in repr(address)
    for log in (folder / "logs").iterdir():
        assert log.stat().st_mode & 0o077 == 0


async def test_the_log_holds_no_values(folder: Path, postgres: EmbeddedPostgres) -> None:
    url = postgres.start().owner_url
    await value(url, "CREATE TABLE people (email text PRIMARY KEY)")
    await value(url, "INSERT INTO people VALUES ('ada@secret.example')")
    connection = await asyncpg.connect(url)
    with pytest.raises(asyncpg.UniqueViolationError):
        await connection.execute("INSERT INTO people VALUES ($1)", "ada@secret.example")
    with pytest.raises(asyncpg.InvalidTextRepresentationError):
        await connection.execute("SELECT 'ada@secret.example'::uuid")
    await connection.close()
    postgres.stop()

    assert "secret" not in (folder / "logs" / "postgres.log").read_text()


def test_a_second_owner_is_told_who_the_first_is(folder: Path, postgres: EmbeddedPostgres) -> None:
    postgres.start()

    with pytest.raises(Conflict, match=rf"another service is running on this data folder \(pid {os.getpid()}\)"):
        EmbeddedPostgres(folder).start()

    assert postgres.exit_status() is None


def test_another_process_finds_the_running_servers(folder: Path) -> None:
    assert running_postgres(folder) is None
    owner, urls = start_owner(folder)
    found = running_postgres(folder), running_valkey(folder)

    assert [found[0] and found[0].owner_url, found[1] and found[1].url] == urls
    with pytest.raises(Conflict, match=str(owner.pid)):
        EmbeddedValkey(folder).start()
    assert end(owner) == 0
    assert (running_postgres(folder), running_valkey(folder)) == (None, None)


@LINUX
async def test_a_killed_owner_leaves_nothing_behind(folder: Path, postgres: EmbeddedPostgres) -> None:
    owner, (url, _) = start_owner(folder)
    await value(url, "CREATE TABLE kept AS SELECT 42 AS answer")
    assert len(processes_on(folder)) > 2

    owner.kill()
    end(owner)

    eventually(lambda: not processes_on(folder))
    assert await value(postgres.start().owner_url, "SELECT answer FROM kept") == 42


@LINUX
def test_an_owner_killed_during_its_first_start_leaves_nothing_in_the_way(
    folder: Path, postgres: EmbeddedPostgres
) -> None:
    owner = subprocess.Popen(
        [sys.executable, "-c", OWNER, str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        cwd=REPOSITORY,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
    )
    eventually(lambda: any(folder.glob("postgres/initdb-*/base")))
    owner.kill()
    owner.communicate()

    eventually(lambda: not processes_on(folder))
    postgres.start()
    assert not list(folder.glob("postgres/initdb-*"))


async def test_a_server_that_outlived_its_owner_is_replaced(folder: Path, postgres: EmbeddedPostgres) -> None:
    url = postgres.start().owner_url
    await value(url, "CREATE TABLE kept AS SELECT 42 AS answer")
    postgres.stop()
    account = service_account(folder / "postgres" / "data")
    data = folder / "postgres" / "data"
    orphan = subprocess.Popen(
        [postgres_programs(account) / "postgres", "-D", data, f"--unix_socket_directories={folder}/postgres/run",
         "--listen_addresses="],
        stderr=subprocess.DEVNULL,
        cwd="/",
        **({"user": account.uid, "group": account.gid} if account else {}),
    )  # fmt: skip
    eventually((data / "postmaster.pid").exists)

    assert await value(postgres.start().owner_url, "SELECT answer FROM kept") == 42
    assert orphan.wait() == 0


def test_a_stale_pid_file_is_ignored(folder: Path, postgres: EmbeddedPostgres) -> None:
    postgres.start()
    postgres.stop()
    bystander = subprocess.Popen(["/bin/sleep", "60"])
    (folder / "postgres" / "data" / "postmaster.pid").write_text(f"{bystander.pid}\n{folder}/postgres/data\n")

    postgres.start()

    assert bystander.poll() is None
    bystander.kill()
    bystander.wait()


async def test_a_crashed_server_starts_again_with_all_that_was_committed(postgres: EmbeddedPostgres) -> None:
    address = postgres.start()
    await value(address.owner_url, "CREATE TABLE kept AS SELECT 42 AS answer")
    child = postgres._child
    assert child is not None
    child.signal(signal.SIGKILL)
    child.wait()
    assert postgres.exit_status() == -signal.SIGKILL

    assert postgres.start() == address
    assert await value(address.owner_url, "SELECT answer FROM kept") == 42


def test_kill_ends_the_server_at_once(postgres: EmbeddedPostgres) -> None:
    postgres.start()
    postgres.kill()
    eventually(lambda: postgres.exit_status() is not None)


def test_a_server_lives_on_when_the_thread_that_started_it_ends(
    postgres: EmbeddedPostgres, valkey: EmbeddedValkey
) -> None:
    for server in (postgres, valkey):
        starter = threading.Thread(target=server.start)
        starter.start()
        starter.join()
    time.sleep(0.2)

    assert (postgres.exit_status(), valkey.exit_status()) == (None, None)


@pytest.mark.parametrize("name", ["deep/" + "x" * 60 + "/" + "y" * 60, "with space, comma & 100%"])
async def test_any_path_serves_as_data_folder(folder: Path, name: str) -> None:
    chosen = folder / name
    for part in (chosen, *chosen.parents):
        if part != folder and part.is_relative_to(folder):
            part.mkdir(parents=True, exist_ok=True)
            part.chmod(0o711)
    postgres, valkey = EmbeddedPostgres(chosen), EmbeddedValkey(chosen)
    try:
        address = postgres.start()
        assert await value(address.owner_url, "SELECT 1") == 1
        assert Redis.from_url(valkey.start().url).ping()
    finally:
        valkey.stop()
        postgres.stop()

    assert not Path(address.host).exists(), "the temporary folder of the socket is removed"


def test_passwords_that_do_not_fit_are_explained(folder: Path, postgres: EmbeddedPostgres) -> None:
    postgres.start()
    postgres.stop()
    (folder / "postgres" / "passwords.json").unlink()

    with pytest.raises(Unavailable, match=r"passwords\.json"):
        EmbeddedPostgres(folder).start()


def test_a_server_that_cannot_start_says_why(folder: Path, postgres: EmbeddedPostgres) -> None:
    postgres.start()
    postgres.stop()
    (folder / "postgres" / "data" / "PG_VERSION").write_text("9\n")

    with pytest.raises(Unavailable, match="incompatible with server"):
        EmbeddedPostgres(folder).start()


def test_valkey_demands_its_password_and_writes_nothing(folder: Path, valkey: EmbeddedValkey) -> None:
    address = valkey.start()
    with pytest.raises(AuthenticationError), Redis(unix_socket_path=address.path) as stranger:
        stranger.ping()
    with Redis.from_url(address.url, decode_responses=True) as client:
        client.set("key", "value", ex=60)
        settings = client.config_get("*")
    valkey.stop()

    assert (settings["appendonly"], settings["save"], settings["port"]) == ("no", "", "0")
    assert settings["maxmemory-policy"] == "volatile-lru"
    assert int(settings["maxmemory"]) > 0
    assert [path.name for path in (folder / "valkey" / "run").iterdir()] == []
    with EmbeddedValkey(folder) as again, Redis.from_url(again.url) as client:
        assert again == address
        assert client.get("key") is None


async def test_the_queue_accepts_the_address(valkey: EmbeddedValkey) -> None:
    pool = await create_pool(RedisSettings.from_dsn(valkey.start().url))
    try:
        job = await pool.enqueue_job("anything")
        assert job is not None
        assert len(await pool.queued_jobs()) == 1
    finally:
        await pool.aclose()

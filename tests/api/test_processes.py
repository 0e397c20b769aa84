"""The commands that containers run: migrate, api and worker, configured by nothing but their environment."""

import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import httpx
import pytest

from domain.storage.embedded import EmbeddedPostgres, EmbeddedValkey
from tests.api.command import COMMAND, environment, personalization, taken_port

SECRET = "a-master-secret-for-tests-only-0123456789"


@pytest.fixture(scope="module")
def variables(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """A production environment on servers that somebody else runs."""
    folder = tmp_path_factory.mktemp("servers")
    with EmbeddedPostgres(folder) as postgres, EmbeddedValkey(folder) as valkey:
        yield {
            "PERSONALIZATION_ENVIRONMENT": "production",
            "PERSONALIZATION_DATABASE_URL": postgres.owner_url,
            "PERSONALIZATION_REDIS_URL": valkey.url,
            "PERSONALIZATION_SECRET": SECRET,
            "PERSONALIZATION_JWT_SECRET": SECRET,
            "PERSONALIZATION_DATA_DIR": str(folder / "data"),
        }


@contextmanager
def process(*arguments: str, **variables: str) -> Iterator[subprocess.Popen[bytes]]:
    started = subprocess.Popen([*COMMAND, *arguments], env=environment(**variables), stderr=subprocess.DEVNULL)
    try:
        yield started
    finally:
        started.send_signal(signal.SIGTERM)
        assert started.wait(30) in {0, -signal.SIGTERM}


def eventually(condition: Callable[[], bool], seconds: float = 30.0) -> bool:
    deadline = time.monotonic() + seconds
    while not (met := condition()) and time.monotonic() < deadline:
        time.sleep(0.1)
    return met


def answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=5).status_code == 200
    except httpx.TransportError:
        return False


def test_migrating_goes_forth_and_back(variables: dict[str, str]) -> None:
    forth = personalization("migrate", **variables)
    assert forth.returncode == 0, forth.stderr
    assert "nothing to do" in personalization("migrate", **variables).stdout
    assert personalization("migrate", "--plan", "--json", **variables).stdout == '{"waiting":[]}\n'
    assert personalization("migrate", "--to", "zero", **variables).returncode == 0
    assert "0001" in personalization("migrate", "--plan", "--json", **variables).stdout
    assert personalization("migrate", **variables).returncode == 0


def test_a_database_that_is_away_is_said_in_one_line(variables: dict[str, str]) -> None:
    away = {**variables, "PERSONALIZATION_DATABASE_URL": "postgresql://nobody:x@127.0.0.1:1/none"}
    shown = personalization("migrate", **away)
    assert shown.returncode == 1
    assert shown.stderr.startswith("UNAVAILABLE: ")
    assert shown.stderr.count("\n") == 1


def test_api_and_worker_run_side_by_side_and_stop_on_sigterm(variables: dict[str, str]) -> None:
    assert personalization("migrate", **variables).returncode == 0
    with taken_port() as port:
        pass
    assert personalization("worker", "--check", **variables).returncode == 1
    with process("api", "--port", str(port), **variables), process("worker", **variables):
        assert eventually(lambda: answers(f"http://127.0.0.1:{port}/readyz"))
        assert eventually(lambda: personalization("worker", "--check", **variables).returncode == 0)


@pytest.mark.parametrize("missing", ["SECRET", "JWT_SECRET", "REDIS_URL"])
def test_an_api_that_lacks_a_setting_names_it(missing: str, variables: dict[str, str]) -> None:
    given = {name: value for name, value in variables.items() if name != f"PERSONALIZATION_{missing}"}
    shown = personalization("api", **given)
    assert shown.returncode != 0
    assert f"PERSONALIZATION_{missing}" in shown.stderr

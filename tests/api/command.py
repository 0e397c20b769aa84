"""The real command `personalization` as a subprocess, and what a program needs to talk to what it starts."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from domain.settings import Settings

START_SECONDS = 120.0
STOP_SECONDS = 40.0
COMMAND = (str(Path(sys.executable).with_name("personalization")),)
ROOT = Path(__file__).resolve().parents[2]


def environment(**variables: str) -> dict[str, str]:
    """This environment without any setting of the service, plus `variables`."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PERSONALIZATION_")}
    return {**kept, "COLUMNS": "200", **variables}


def variables_of(settings: Settings) -> dict[str, str]:
    """What tells a command of an installation on the tests' servers."""
    assert settings.database_url is not None
    assert settings.redis_url is not None
    assert settings.secret is not None
    return {
        "PERSONALIZATION_DATABASE_URL": settings.database_url,
        "PERSONALIZATION_REDIS_URL": settings.redis_url,
        "PERSONALIZATION_SECRET": settings.secret.get_secret_value(),
        "PERSONALIZATION_KEK_FILE": str(settings.kek_file),
        "PERSONALIZATION_DATA_DIR": str(settings.data_dir),
    }


def personalization(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    return subprocess.run(
        [*COMMAND, *arguments],
        capture_output=True,
        text=True,
        timeout=START_SECONDS,
        check=False,
        env=environment(**variables),
    )


def result(*arguments: str) -> dict[str, Any]:
    """The JSON line of a command that must succeed."""
    ran = personalization(*arguments, "--json")
    assert ran.returncode == 0, ran.stderr
    answer: dict[str, Any] = json.loads(ran.stdout)
    return answer


class Up:
    """One run of `personalization up --json`."""

    def __init__(self, data_dir: Path, *arguments: str, port: int = 0, **variables: str) -> None:
        self.data_dir = data_dir
        command = [*COMMAND, "up", "--json", "--data-dir", str(data_dir), "--port", str(port), *arguments]
        self._errors = (data_dir.parent / f"{data_dir.name}.stderr").open("w+")
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=self._errors, text=True, env=environment(**variables)
        )
        self.ready: dict[str, Any] = {}

    def wait_until_ready(self) -> dict[str, Any]:
        """The JSON line; fails with what the command said if it ends instead."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, self.said()
        self.ready = json.loads(line)
        return self.ready

    def wait_until_said(self, text: str) -> None:
        """Return when `text` stands in what the command said so far."""
        deadline = time.monotonic() + START_SECONDS
        while text not in self.said():
            assert time.monotonic() < deadline, self.said()
            assert self.process.poll() is None, self.said()
            time.sleep(0.02)

    def said(self) -> str:
        """Everything on standard error so far."""
        return Path(self._errors.name).read_text()

    def stop(self, number: signal.Signals = signal.SIGINT) -> int:
        """Signal it, wait for its end, and give its exit status; what it printed meanwhile must be nothing."""
        self.process.send_signal(number)
        rest, _ = self.process.communicate(timeout=STOP_SECONDS)
        self._errors.close()
        assert rest == ""
        return self.process.returncode

    def kill(self) -> None:
        """End it as `kill -9` does, without a chance to stop anything."""
        self.process.kill()
        self.process.communicate(timeout=STOP_SECONDS)
        self._errors.close()

    def query(self, document: str, **variables: object) -> dict[str, Any]:
        """The `data` of a GraphQL answer; fails on errors."""
        answer = self.post(self.ready["graphql"], {"query": document, "variables": variables})
        assert "errors" not in answer, answer
        data: dict[str, Any] = answer["data"]
        return data

    def post(self, url: str, body: dict[str, Any]) -> dict[str, Any]:
        """The JSON answer to a JSON request with the development token."""
        headers = {"Authorization": f"Bearer {self.ready['token']}"}
        answer: dict[str, Any] = httpx.post(url, json=body, headers=headers, timeout=30).json()
        return answer


@contextmanager
def running(data_dir: Path, *arguments: str, port: int = 0, **variables: str) -> Iterator[Up]:
    """A service that answers, stopped at the end whatever happens."""
    up = Up(data_dir, *arguments, port=port, **variables)
    try:
        up.wait_until_ready()
        yield up
    finally:
        if up.process.poll() is None:
            up.stop()


def processes_of(data_dir: Path) -> set[int]:
    """Processes whose arguments, environment or working directory name the folder."""
    wanted = os.fsencode(data_dir)
    return {
        int(entry.name)
        for entry in Path("/proc").iterdir()
        if entry.name.isdigit() and int(entry.name) != os.getpid() and _names(entry, wanted)
    }


def _names(process: Path, wanted: bytes) -> bool:
    try:
        where = os.fsencode((process / "cwd").readlink())
        texts = ((process / "cmdline").read_bytes(), (process / "environ").read_bytes(), where)
    except OSError:
        return False
    return any(wanted in text for text in texts)


def wait_until_gone(data_dir: Path, seconds: float = 15.0) -> set[int]:
    """The processes that are still there after the time; normally none, at once."""
    deadline = time.monotonic() + seconds
    while (left := processes_of(data_dir)) and time.monotonic() < deadline:
        time.sleep(0.05)
    return left


@contextmanager
def taken_port() -> Iterator[int]:
    """A port that somebody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield int(listener.getsockname()[1])

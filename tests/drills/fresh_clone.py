"""Drill: what a newcomer does. Clone into an empty folder, `make run`, ask, stop; then once more, for the restart.

Needs Python, git and make, nothing that the project installs. Prints what it does and measures; exits 1 on a breach.
"""

import argparse
import json
import os
import queue
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
STOP_SECONDS = 30.0
ANSWER_SECONDS = 30.0
RESTART_GOAL_SECONDS = 5.0
RESTART_LIMIT_SECONDS = 120.0
BYTES = {"kB": 1e3, "MB": 1e6, "GB": 1e9}
QUESTION = """
query Ask($user: String!) {
  recommendations(userId: $user, first: 10) {
    edges { node { item { title } reasons { code } } }
  }
}
"""


class Breach(Exception):
    """The newcomer would not have got what the README promises."""


def say(text: str) -> None:
    print(f"fresh clone: {text}", flush=True)


def free_port() -> int:
    """A port that nobody listens on at the moment."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def newcomer_environment() -> dict[str, str]:
    """This environment without what an outer make, virtual environment or configured service would add."""
    foreign = ("PERSONALIZATION_", "MAKE", "MFLAGS", "VIRTUAL_ENV", "PYTHONPATH", "VENV", "ARGS", "PORT", "DATA_DIR")
    return {name: value for name, value in os.environ.items() if not name.startswith(foreign)}


class Running:
    """One `make run`, from its start to the end of its last process."""

    def __init__(self, clone: Path, port: int) -> None:
        self._started = time.monotonic()
        command = ["make", "--no-print-directory", "run", f"ARGS=--json --port {port} --data-dir {clone / '.data'}"]
        self._process = subprocess.Popen(
            command,
            cwd=clone,
            env=newcomer_environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self._lines: queue.Queue[str | None] = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._lines.put(line)
        self._lines.put(None)

    def wait_until_ready(self, limit_seconds: float) -> dict[str, Any]:
        """The JSON object that `up` prints when it answers."""
        while True:
            left = limit_seconds - self.seconds()
            try:
                line = self._lines.get(timeout=max(left, 0.0))
            except queue.Empty:
                raise Breach(f"`make run` printed no JSON line within {limit_seconds:.0f} s") from None
            if line is None:
                raise Breach(f"`make run` ended with status {self._process.wait()} before it was ready")
            if line.startswith("{"):
                ready: dict[str, Any] = json.loads(line)
                return ready
            print(line, end="", flush=True)

    def seconds(self) -> float:
        """Time since the start."""
        return time.monotonic() - self._started

    def interrupt(self) -> float:
        """Press Ctrl-C, as a terminal does, and give back the seconds until it had stopped."""
        pressed = time.monotonic()
        os.killpg(self._process.pid, signal.SIGINT)
        try:
            self._process.wait(timeout=STOP_SECONDS)
        except subprocess.TimeoutExpired:
            raise Breach(f"Ctrl-C did not stop it within {STOP_SECONDS:.0f} s") from None
        return time.monotonic() - pressed

    def abandon(self) -> None:
        """Leave nothing behind after a breach."""
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGTERM)
            try:
                self._process.wait(timeout=STOP_SECONDS)
            except subprocess.TimeoutExpired:
                os.killpg(self._process.pid, signal.SIGKILL)


@contextmanager
def make_run(clone: Path, port: int) -> Iterator[Running]:
    running = Running(clone, port)
    try:
        yield running
    finally:
        running.abandon()


def ask(ready: dict[str, Any]) -> list[dict[str, Any]]:
    """Ten recommendations for somebody unknown, over GraphQL."""
    body = json.dumps({"query": QUESTION, "variables": {"user": "a-newcomer"}}).encode()
    headers = {"Authorization": f"Bearer {ready['token']}", "Content-Type": "application/json"}
    request = urllib.request.Request(ready["graphql"], body, headers)
    with urllib.request.urlopen(request, timeout=ANSWER_SECONDS) as response:
        answer = json.load(response)
    if answer.get("errors"):
        raise Breach(f"GraphQL answered with errors: {answer['errors']}")
    return [edge["node"] for edge in answer["data"]["recommendations"]["edges"]]


def check_answer(nodes: list[dict[str, Any]]) -> None:
    if len(nodes) != 10:
        raise Breach(f"asked for ten recommendations, got {len(nodes)}")
    unexplained = [node["item"]["title"] for node in nodes if not node["reasons"]]
    if unexplained:
        raise Breach(f"recommended without a reason: {unexplained}")


def processes_of(folder: Path) -> list[str]:
    """Command lines of processes that were started with, or stand in, `folder`."""
    if not Path("/proc/self").exists():
        listing = subprocess.run(["ps", "-axo", "pid=,command="], capture_output=True, text=True, check=True).stdout
        return [line for line in listing.splitlines() if str(folder) in line]
    return [found for entry in Path("/proc").glob("[0-9]*") if (found := _belongs(entry, folder))]


def _belongs(entry: Path, folder: Path) -> str:
    try:
        command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
        place = (entry / "cwd").readlink()
    except OSError:
        return ""
    mine = str(folder) in command or place.is_relative_to(folder)
    return f"{entry.name} {command}" if mine else ""


def check_nothing_left(folder: Path) -> None:
    deadline = time.monotonic() + 5
    while (left := processes_of(folder)) and time.monotonic() < deadline:
        time.sleep(0.1)
    if left:
        raise Breach("processes were left behind:\n  " + "\n  ".join(left))


def package_sizes(log: Path) -> tuple[int, float]:
    """Number and megabytes of the packages that pip fetched, from wherever it had them."""
    text = log.read_text(encoding="utf-8")
    fetched = [
        float(number) * BYTES[unit]
        for number, unit in re.findall(r"(?:Downloading|Using cached) \S+ \(([\d.]+) (kB|MB|GB)\)", text)
    ]
    local = [Path(path).stat().st_size for path in re.findall(r"Processing (/\S+\.whl)", text) if Path(path).exists()]
    return len(fetched) + len(local), (sum(fetched) + sum(local)) / 1e6


def visit(clone: Path, limit_seconds: float) -> float:
    """Start, ask, stop; gives back the seconds from `make run` to the first answer."""
    with make_run(clone, free_port()) as running:
        ready = running.wait_until_ready(limit_seconds)
        check_answer(ask(ready))
        seconds = running.seconds()
        stopped = running.interrupt()
    check_nothing_left(clone)
    say(f"ten explained recommendations after {seconds:.1f} s; Ctrl-C took {stopped:.1f} s and left no process")
    return seconds


def drill(limit_seconds: float) -> dict[str, float]:
    """Everything a newcomer does, in a folder that is gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="fresh-clone-")).resolve()
    clone = folder / "clone"
    try:
        subprocess.run(["git", "clone", "--quiet", "--no-hardlinks", str(ROOT), str(clone)], check=True)
        say("`make run` in an empty folder")
        first = visit(clone, limit_seconds)
        packages, megabytes = package_sizes(clone / ".venv" / "install.log")
        say(f"it installed {packages} packages, {megabytes:.0f} MB to download")
        say("`make run` again")
        again = visit(clone, min(limit_seconds, RESTART_LIMIT_SECONDS))
        say(f"restart to first answer: {again:.1f} s (goal: {RESTART_GOAL_SECONDS:.0f} s)")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return {"firstAnswerSeconds": first, "downloadMegabytes": megabytes, "restartSeconds": again}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--limit", type=float, default=900.0, help="seconds that one start may take")
    parser.add_argument("--json", action="store_true", help="end with one line of JSON")
    options = parser.parse_args()
    # What the drill starts has a session of its own, so a time limit on the drill would not reach it.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("fresh clone: FAILED: told to stop"))
    try:
        figures = drill(options.limit)
    except (Breach, OSError, subprocess.CalledProcessError) as error:
        say(f"FAILED: {error}")
        return 1
    if options.json:
        print(json.dumps({name: round(value, 2) for name, value in figures.items()}))
    say("passed")
    return 0


if __name__ == "__main__":
    sys.exit(main())

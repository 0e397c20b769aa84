"""Ends the PostgreSQL that a killed owner left on a data folder, and nothing else.

The server's own rule is to refuse to start while the recorded process id is alive, whoever it belongs to by now.
"""

import logging
import os
import subprocess
import sys
import time
from pathlib import Path
from signal import SIGINT, SIGKILL, SIGQUIT

logger = logging.getLogger(__name__)

POLL_SECONDS = 0.02
STEPS = ((SIGINT, 5.0), (SIGQUIT, 5.0), (SIGKILL, 5.0))


def clear_leftover(data: Path) -> None:
    """Stop what still serves `data` (fast shutdown, then immediate, then kill) and remove a stale pid file."""
    recorded = data / "postmaster.pid"
    if not recorded.exists():
        return
    postmaster = _recorded_pid(recorded)
    for number, seconds in STEPS:
        servers = _servers_on(data, postmaster)
        if not servers:
            break
        # The postmaster stops its own children in order; without it each must be told.
        targets = {postmaster} if postmaster in servers and number == SIGINT else servers
        logger.warning("stopping the PostgreSQL that a killed service left behind (pid %s)", sorted(targets))
        _send(number, targets)
        _wait_until_gone(data, postmaster, seconds)
    recorded.unlink(missing_ok=True)


def _recorded_pid(path: Path) -> int:
    lines = path.read_text().splitlines()
    return int(lines[0]) if lines and lines[0].isdigit() else 0


def _servers_on(data: Path, postmaster: int) -> set[int]:
    if sys.platform == "linux":
        return {int(entry) for entry in os.listdir("/proc") if entry.isdigit() and _serves(Path("/proc", entry), data)}  # noqa: PTH208 - names alone
    shown = subprocess.run(
        ["/bin/ps", "-o", "command=", "-p", str(postmaster)], capture_output=True, text=True, check=False
    )
    return {postmaster} if "postgres" in shown.stdout and str(data) in shown.stdout else set()


def _serves(process: Path, data: Path) -> bool:
    try:
        if (process / "comm").read_text().strip() != "postgres":
            return False
        # The postmaster shows its folder among its arguments. Its children rename themselves, but stand in it.
        return (
            os.fsencode(data) in (process / "cmdline").read_bytes().split(b"\0") or (process / "cwd").readlink() == data
        )
    except OSError:
        # It ended while we looked, or belongs to somebody whose processes we may not inspect.
        return False


def _send(number: int, pids: set[int]) -> None:
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            continue


def _wait_until_gone(data: Path, postmaster: int, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while _servers_on(data, postmaster) and time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)

"""One child process whose end is always noticed and whose life never outlasts ours."""

import os
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from signal import SIGKILL, Signals
from typing import IO

from domain.storage.embedded.account import Account

LAUNCHER = Path(__file__).with_name("launcher.py")
KILL_DEADLINE_SECONDS = 10.0


@dataclass(frozen=True)
class Command:
    """What to run.

    Attributes:
        argv: absolute path of the program, then its arguments.
        environment: the whole environment of the child.
        account: the user to become; None keeps ours.
        death_signal: what the kernel sends the child when we die without stopping it (Linux).
        directory: where the child starts.
        stdin: bytes fed to its standard input, which is then closed.
    """

    argv: Sequence[str]
    environment: Mapping[str, str]
    account: Account | None = None
    death_signal: Signals = SIGKILL
    directory: Path = Path("/")
    stdin: bytes = b""


class ChildProcess:
    """A started command, in a session of its own so that Ctrl-C in a terminal reaches only us.

    The kernel sends the death signal when the *thread* that started the child ends. So the starting thread is one
    made for the child, and it stays until the child has ended.
    """

    def __init__(self, command: Command, output: IO[bytes] | int) -> None:
        """Start `command` with standard output and error going to `output`; OSError if that is impossible."""
        self._command = command
        self._started: Future[subprocess.Popen[bytes]] = Future()
        self._ended = threading.Event()
        # Reentrant, because a signal handler may kill the child while the same thread is signalling it.
        self._reaping = threading.RLock()
        self._status: int | None = None
        threading.Thread(target=self._live, args=(output,), name=f"child-{command.argv[0]}", daemon=True).start()
        self._started.result()

    @property
    def pid(self) -> int:
        """The child's process id."""
        return self._started.result().pid

    def exit_status(self) -> int | None:
        """None while it runs; else its exit status, or minus the signal that ended it."""
        return self._status if self._ended.is_set() else None

    def wait(self, seconds: float | None = None) -> int | None:
        """Wait for the end; None if it still runs after `seconds`."""
        self._ended.wait(seconds)
        return self.exit_status()

    def signal(self, number: Signals) -> None:
        """Send a signal to the child; nothing happens if it has ended."""
        # Until it is reaped its pid cannot belong to another process.
        with self._reaping:
            if not self._ended.is_set():
                os.kill(self.pid, number)

    def stop(self, *steps: tuple[Signals, float]) -> None:
        """Send each signal in turn, waiting its seconds for the end, and at last SIGKILL to the child's whole group."""
        for number, seconds in steps:
            self.signal(number)
            if self.wait(seconds) is not None:
                return
        self.kill()
        self.wait(KILL_DEADLINE_SECONDS)

    def kill(self) -> None:
        """End the child and everything in its process group at once."""
        with self._reaping:
            if not self._ended.is_set():
                self._kill_group()

    def _live(self, output: IO[bytes] | int) -> None:
        try:
            process = self._spawn(output)
        except BaseException as error:  # noqa: BLE001 - raised again, in the thread that asked for the child
            self._started.set_exception(error)
            return
        self._started.set_result(process)
        self._feed(process)
        if sys.platform != "darwin":
            os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        else:
            process.wait()
        with self._reaping:
            # While the leader is unreaped the group id is its own, so the stragglers it leaves can be ended safely.
            self._kill_group()
            self._status = process.wait()
            self._ended.set()

    def _spawn(self, output: IO[bytes] | int) -> "subprocess.Popen[bytes]":
        command = self._command
        uid, gid = (command.account.uid, command.account.gid) if command.account else (-1, -1)
        settings = (os.getpid(), int(command.death_signal), uid, gid)
        return subprocess.Popen(
            [sys.executable, "-I", "-S", str(LAUNCHER), *map(str, settings), *command.argv],
            stdin=subprocess.PIPE if command.stdin else subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=command.directory,
            env=dict(command.environment),
            start_new_session=True,
        )

    def _feed(self, process: "subprocess.Popen[bytes]") -> None:
        if process.stdin is None:
            return
        try:
            with process.stdin as pipe:
                pipe.write(self._command.stdin)
        except BrokenPipeError:
            # It ended before reading; its exit status tells why.
            return

    def _kill_group(self) -> None:
        try:
            os.killpg(self.pid, SIGKILL)
        except (ProcessLookupError, PermissionError):
            # macOS answers EPERM for a group that holds only zombies.
            return

"""One process of the service under supervision: started, its output kept, stopped with a grace period."""

import os
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from signal import SIGKILL, SIGTERM
from typing import BinaryIO, TextIO

from domain.storage.embedded.folders import LOG_BYTES, open_log
from domain.storage.embedded.process import ChildProcess, Command

LINE_BYTES = 64 * 1024
DRAIN_SECONDS = 2.0


class Program:
    """A command such as the API or the worker; everything it prints goes to `data_dir/logs/name.log`.

    It must not start processes of its own that leave its process group: those would outlive it.
    """

    def __init__(
        self,
        name: str,
        argv: Sequence[str],
        environment: Mapping[str, str],
        data_dir: Path,
        *,
        echo: TextIO | None = None,
        grace_seconds: float = 5.0,
    ) -> None:
        """Describe the program.

        Args:
            name: what it is called in reports and in the name of its log.
            argv: the absolute path of the program, then its arguments.
            environment: its whole environment.
            data_dir: the folder below which `logs` lies.
            echo: where its lines are shown as well, each after its name.
            grace_seconds: how long it may take to end after SIGTERM.
        """
        self.name = name
        self._command = Command(argv, environment, death_signal=SIGKILL, directory=Path.cwd())
        self._data_dir = data_dir
        self._echo = echo
        self._grace_seconds = grace_seconds
        self._child: ChildProcess | None = None
        self._reader: threading.Thread | None = None

    def start(self) -> int:
        """Start it, again if it has ended, and give its process id; OSError if that is impossible."""
        readable, writable = os.pipe()
        try:
            self._child = ChildProcess(self._command, writable)
        except BaseException:
            os.close(readable)
            raise
        finally:
            os.close(writable)
        self._reader = threading.Thread(target=self._keep, args=(readable,), name=f"log-{self.name}", daemon=True)
        self._reader.start()
        return self._child.pid

    def stop(self) -> None:
        """SIGTERM, a grace period, SIGKILL; returns when it has ended and its last words are kept."""
        if self._child is not None:
            self._child.stop((SIGTERM, self._grace_seconds))
            self._child = None
        if self._reader is not None:
            self._reader.join(DRAIN_SECONDS)
            self._reader = None

    def kill(self) -> None:
        """End it and its process group at once, without waiting."""
        if self._child is not None:
            self._child.kill()

    def exit_status(self) -> int | None:
        """None while it runs or is stopped; else its exit status, or minus the signal that ended it."""
        return self._child.exit_status() if self._child is not None else None

    def _keep(self, readable: int) -> None:
        log = _Log(self._data_dir, self.name)
        with os.fdopen(readable, "rb") as pipe:
            while line := pipe.readline(LINE_BYTES):
                # A full disk or a closed terminal costs lines, never the service: a pipe that nobody empties stalls it.
                with suppress(OSError, ValueError):
                    self._show(line)
                with suppress(OSError, ValueError):
                    log.write(line)
        with suppress(OSError):
            log.close()

    def _show(self, line: bytes) -> None:
        if self._echo is not None:
            self._echo.write(f"{self.name:>8} | {line.decode(errors='replace').rstrip()}\n")
            self._echo.flush()


class _Log:
    """The log of a program, opened with its next line where it is not open, or has grown large."""

    def __init__(self, data_dir: Path, name: str) -> None:
        self._data_dir = data_dir
        self._name = name
        self._file: BinaryIO | None = None

    def write(self, line: bytes) -> None:
        if self._file is not None and self._file.tell() > LOG_BYTES:
            self.close()
        if self._file is None:
            self._file = open_log(self._data_dir, self._name)
        self._file.write(line)
        self._file.flush()

    def close(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            file.close()

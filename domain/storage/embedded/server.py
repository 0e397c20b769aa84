"""What the two embedded servers have in common: one owner, one child, one address that survives a restart."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from signal import Signals
from types import TracebackType
from typing import ClassVar, Generic, TypeVar

from domain.errors import Unavailable
from domain.storage.embedded.account import Account
from domain.storage.embedded.environment import server_environment
from domain.storage.embedded.folders import leave_socket_folder, open_home, open_log
from domain.storage.embedded.ownership import FolderLock
from domain.storage.embedded.process import ChildProcess, Command

A = TypeVar("A")


class EmbeddedServer(ABC, Generic[A]):
    """A server on `data_dir/name`; it can be started again after a stop or a crash, at the same address."""

    name: ClassVar[str]
    stop_steps: ClassVar[tuple[tuple[Signals, float], ...]]
    death_signal: ClassVar[Signals]

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = data_dir
        self._home: Path | None = None
        self._lock: FolderLock | None = None
        self._child: ChildProcess | None = None
        self._address: A | None = None

    @property
    def address(self) -> A:
        """Where the server listens; Unavailable before the first start."""
        if self._address is None:
            raise Unavailable(f"the embedded {self.name} has not been started")
        return self._address

    def start(self) -> A:
        """Start the server and wait until it answers; nothing happens if it is running.

        Raises:
            Conflict: another live owner has this data folder.
            Unavailable: the server could not start; the message ends with its own words.
        """
        if self._child is not None and self._child.exit_status() is None:
            return self.address
        try:
            self._address = self._boot(self._claim())
        except PermissionError as error:
            self._abandon_start()
            raise Unavailable(f"the data folder {self._data_dir} belongs to another user: {error}") from error
        except BaseException:
            self._abandon_start()
            raise
        return self._address

    def stop(self) -> None:
        """Stop in order, wait for the end and let another owner in; nothing happens if it is stopped."""
        self._end_child()
        if self._lock is not None and self._home is not None:
            leave_socket_folder(self._home)
            self._lock.release()
            self._lock = None

    @abstractmethod
    def kill(self) -> None:
        """Have the server end at once, and do not wait for it."""

    def exit_status(self) -> int | None:
        """None while it runs or is stopped; else how it ended by itself."""
        return self._child.exit_status() if self._child is not None else None

    def __enter__(self) -> A:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @abstractmethod
    def _boot(self, home: Path) -> A:
        """Start the child and wait until it answers."""

    def _run(self, argv: Sequence[str], account: Account | None, stdin: bytes = b"") -> ChildProcess:
        command = Command(argv, server_environment(), account, death_signal=self.death_signal, stdin=stdin)
        with open_log(self._data_dir, self.name) as log:
            return ChildProcess(command, log)

    def _claim(self) -> Path:
        self._home = home = open_home(self._data_dir, self.name)
        if self._lock is None:
            lock = FolderLock(home / "lock")
            lock.acquire()
            self._lock = lock
        return home

    def _end_child(self) -> None:
        if self._child is not None:
            self._child.stop(*self.stop_steps)
            self._child = None

    def _abandon_start(self) -> None:
        # A restart that fails keeps lock and address, for its owner will try again; a first start leaves nothing.
        if self._address is None:
            self.stop()
        else:
            self._end_child()

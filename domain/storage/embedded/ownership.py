"""One owner at a time for a data folder, and the passwords that only the owner knows."""

import fcntl
import json
import os
import secrets
import time
from pathlib import Path

from domain.errors import Conflict

PASSWORD_BYTES = 32
LOCK_ATTEMPTS = 3
LOCK_PAUSE_SECONDS = 0.02


class FolderLock:
    """Held for the life of the owner; the kernel frees it however the owner ends."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor: int | None = None

    def acquire(self) -> None:
        """Take the lock, or raise Conflict naming the process that holds it; taking it twice is once."""
        if self._descriptor is not None:
            return
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        if not _lock(descriptor):
            owner = os.read(descriptor, 32).decode() or "unknown"
            os.close(descriptor)
            raise Conflict(f"another service is running on this data folder (pid {owner})")
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, str(os.getpid()).encode(), 0)
        self._descriptor = descriptor

    def release(self) -> None:
        """Let another owner in."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def holder(path: Path) -> int | None:
    """The process that holds the lock at `path`; None if nobody does."""
    try:
        with path.open() as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return int(file.read() or 0)
    except FileNotFoundError:
        return None
    return None


def _lock(descriptor: int) -> bool:
    # `holder` takes the lock for an instant to see whether it is free; that is no other owner.
    for _ in range(LOCK_ATTEMPTS):
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(LOCK_PAUSE_SECONDS)
        else:
            return True
    return False


def passwords(path: Path, *names: str) -> dict[str, str]:
    """Random passwords (hexadecimal) by name, made once and kept in a file that only its owner can read."""
    try:
        kept: dict[str, str] = json.loads(path.read_text())
    except FileNotFoundError:
        kept = {}
    missing = [name for name in names if name not in kept]
    if missing:
        kept.update((name, secrets.token_hex(PASSWORD_BYTES)) for name in missing)
        _write_private(path, json.dumps(kept))
    return kept


def _write_private(path: Path, text: str) -> None:
    partial = path.with_suffix(".partial")
    partial.unlink(missing_ok=True)
    with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    partial.rename(path)

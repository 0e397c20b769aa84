"""Files that are only ever appended to, line by line, by several processes, and that outlast a loss of power."""

import fcntl
import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final

from domain.privacy.key_file import sync_folder

BLOCK: Final = 65_536


def append(path: Path, line: bytes) -> None:
    """Append a line, durably; what a crash left cut short before it becomes a line of its own. Raises `OSError`."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
    with os.fdopen(descriptor, "rb+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        end = file.seek(0, os.SEEK_END)
        whole = end == 0 or os.pread(descriptor, 1, end - 1) == b"\n"
        file.write((b"" if whole else b"\n") + line + b"\n")
        file.flush()
        os.fsync(descriptor)
    # Without this the file itself, if it is new, may be gone after a loss of power.
    sync_folder(path.parent)


def backwards(file: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """Each line of a file without its line feed, the last one first, and where it begins."""
    at = file.seek(0, os.SEEK_END)
    rest = b""
    while at > 0:
        size = min(BLOCK, at)
        at -= size
        file.seek(at)
        first, *lines = (file.read(size) + rest).split(b"\n")
        end = at + size + len(rest)
        for line in reversed(lines):
            end -= len(line)
            yield end, line
            end -= 1
        rest = first
    if rest:
        yield 0, rest

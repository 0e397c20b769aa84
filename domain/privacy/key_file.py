"""A file of keys that only its owner reads: created by whoever comes first, and replaced whole by one at a time."""

import base64
import fcntl
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from domain.privacy.encryption import KEY_BYTES
from domain.privacy.key_management import KeysUnusable

_MODE: Final = 0o600
_OTHERS: Final = 0o077
_MOST_BYTES: Final = 64 * 1024


def new_key_line() -> str:
    """One line of the text form, with a new random id and key."""
    return f"kek-{secrets.token_hex(4)} {base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode()}"


def add_key(path: Path) -> None:
    """Add a new key to a key file, which wraps from then on; the file is replaced whole. Raises `KeysUnusable`."""
    with _alone(path):
        _replace(path, f"{read_private(path).rstrip()}\n{new_key_line()}\n")


def take_out_older(path: Path, kek_id: str) -> None:
    """Take every key before `kek_id` out of a key file; what they wrapped is lost. Raises `KeysUnusable`.

    Those that came after it stay: something may be wrapped by them already.
    """
    with _alone(path):
        lines = read_private(path).splitlines()
        ids = [_id_in(line) for line in lines]
        if kek_id in ids:
            first = ids.index(kek_id)
            kept = [line for at, line in enumerate(lines) if at >= first or line.lstrip().startswith("#")]
            _replace(path, "\n".join(kept) + "\n")


def read_private(path: Path) -> str:
    """The text of a file. Raises `KeysUnusable` if others may use it, or it is no text."""
    with path.open("rb") as file:
        # The open file is asked, not the path, so that nobody can swap it between the question and the reading.
        mode = os.fstat(file.fileno()).st_mode
        if mode & _OTHERS:
            raise KeysUnusable(
                f"The key file {path} can be used by others (mode {mode & 0o777:04o}); run: chmod 600 {path}"
            )
        content = file.read(_MOST_BYTES + 1)
    if len(content) > _MOST_BYTES:
        raise KeysUnusable(f"The key file {path} has more than {_MOST_BYTES} bytes.")
    try:
        return content.decode()
    except UnicodeDecodeError:
        raise KeysUnusable(f"The key file {path} is not text.") from None


def state_of(path: Path) -> tuple[int, int]:
    """What differs once a file was replaced. Raises `KeysUnusable`."""
    try:
        found = path.stat()
    except OSError as error:
        raise KeysUnusable(f"The key file {path} cannot be used: {error.strerror}.") from error
    return found.st_ino, found.st_mtime_ns


def _id_in(line: str) -> str | None:
    return None if line.lstrip().startswith("#") else line.strip().partition(" ")[0]


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Keep others from changing the file meanwhile: of two who add a key to what they read, one key would be lost."""
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def _replace(path: Path, text: str) -> None:
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _MODE)
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
        sync_folder(path.parent)
    except OSError as error:
        raise KeysUnusable(f"The key file {path} cannot be written: {error.strerror}.") from error
    finally:
        draft.unlink(missing_ok=True)


def create(path: Path) -> None:
    """Make a file with one new key, unless there is one by then."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _MODE)
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(f"# Losing this file makes every sealed field unreadable: back it up apart.\n{new_key_line()}\n")
            file.flush()
            os.fsync(file.fileno())
        # A hard link fails when the name is taken, so the first process wins and later ones read its key.
        path.hardlink_to(draft)
        sync_folder(path.parent)
    except FileExistsError:
        return
    finally:
        draft.unlink()


def sync_folder(folder: Path) -> None:
    """Make what was created or renamed in a folder outlast a loss of power. Raises `OSError`."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

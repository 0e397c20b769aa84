"""Where a server's files and its socket lie, when the wanted place is out of its reach or too deep.

The servers may run as another user than the owner of the data folder, and the address of a Unix socket holds about a
hundred bytes. Neither may stop the service from starting, and neither is solved by opening other people's folders.
"""

import hashlib
import logging
import os
import re
import shutil
import tempfile
from pathlib import Path
from typing import BinaryIO

from domain.errors import Conflict, Unavailable
from domain.storage.embedded.account import Account, can_pass, give

logger = logging.getLogger(__name__)

PERSISTENT_ROOT = Path("/var/lib/personalization")
PREFIX = "personalization-"
LOG_BYTES = 16 * 1024 * 1024
# Linux keeps 108 bytes for the path of a socket and macOS 104, both with a closing zero.
SOCKET_PATH_BYTES = 100
# Only these mean the same in a path, a URL and PostgreSQL's comma-separated list of folders.
PLAIN_PATH = re.compile(r"[A-Za-z0-9/._-]+")


def open_home(data_dir: Path, name: str) -> Path:
    """The folder `data_dir/name`, created if need be; as root, its unprivileged server may pass through it."""
    root = os.geteuid() == 0
    home = data_dir.absolute().resolve() / name
    for folder in (home.parent, home):
        if not folder.exists():
            folder.mkdir(mode=0o700, parents=True)
            folder.chmod(0o711 if root else 0o700)
        elif root and not any(folder.iterdir()):
            # An empty folder was given to us to fill; any other keeps the permissions its owner chose.
            folder.chmod(folder.stat().st_mode | 0o011)
    return home


def storage_folder(home: Path, account: Account | None) -> Path:
    """Where the server keeps its data: `home/data`, or a place that its user can reach, then linked from there."""
    data = home / "data"
    if data.is_symlink():
        _own_folder(data.readlink().parent)
        return data.readlink()
    if can_pass(account, home):
        return data
    if data.exists():
        raise Unavailable(f"{data} cannot be reached by the user it belongs to: a folder above it is closed")
    target = _reachable_root(home) / f"{PREFIX}{_digest(str(home))}"
    _own_folder(target)
    logger.info("%s is closed to the unprivileged user of the server; its data lies in %s", home, target)
    data.symlink_to(target / "data")
    return target / "data"


def socket_folder(home: Path, account: Account | None, socket_name: str) -> Path:
    """A folder for the server's socket that only its user (and root) can enter.

    It is `home/run`, or, where that is too deep, unreachable or holds a character that URLs give another meaning, a
    private folder under the temporary one. Loopback TCP would also do, but another process can take the port between
    choosing and binding, and every local user could knock.
    """
    run = home / "run"
    if run.is_symlink() and _is_private(run.resolve(), account):
        return run.resolve()
    if run.is_symlink():
        run.unlink()
    if _fits(run / socket_name) and can_pass(account, home):
        run.mkdir(mode=0o700, exist_ok=True)
        give(account, run)
        return run
    short = _temporary_folder(account, socket_name)
    give(account, short)
    run.symlink_to(short)
    return short


def leave_socket_folder(home: Path) -> None:
    """Remove a temporary socket folder; one below the data folder stays."""
    run = home / "run"
    if run.is_symlink():
        shutil.rmtree(run.resolve(), ignore_errors=True)
        run.unlink()


def open_log(data_dir: Path, name: str) -> BinaryIO:
    """The file `data_dir/logs/name.log`, opened to append; one that has grown large makes room first."""
    folder = data_dir.absolute() / "logs"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = folder / f"{name}.log"
    if path.exists() and path.stat().st_size > LOG_BYTES:
        path.rename(path.with_suffix(".log.1"))
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab")


def log_tail(data_dir: Path, name: str, lines: int = 5) -> str:
    """The last lines of that log, for the message of a start that failed."""
    path = data_dir.absolute() / "logs" / f"{name}.log"
    return "\n".join(path.read_text(errors="replace").splitlines()[-lines:])


def reachable_copy(source: Path, label: str) -> Path:
    """The folder that holds, or shall hold, a copy of `source` that every user of the machine may run."""
    PERSISTENT_ROOT.mkdir(mode=0o755, parents=True, exist_ok=True)
    return PERSISTENT_ROOT / f"{label}-{_digest(str(source))}"


def _reachable_root(home: Path) -> Path:
    # What lies below the temporary folder is meant to be swept away; anything else must outlive sweeps and reboots.
    temporary = Path(tempfile.gettempdir()).resolve()
    if home.is_relative_to(temporary):
        return temporary
    PERSISTENT_ROOT.mkdir(mode=0o755, parents=True, exist_ok=True)
    return PERSISTENT_ROOT


def _own_folder(folder: Path) -> None:
    folder.mkdir(mode=0o711, exist_ok=True)
    # Its name can be foreseen and /tmp is open to all: trust it only if it is ours and no link to somewhere else.
    if folder.is_symlink() or folder.stat().st_uid != os.geteuid():
        raise Conflict(f"{folder} was made by another user; remove it or choose another data folder")


def _temporary_folder(account: Account | None, socket_name: str) -> Path:
    for parent in dict.fromkeys((Path(tempfile.gettempdir()), Path("/tmp"), Path("/var/tmp"))):  # noqa: S108 - mkdtemp below
        if _fits(parent / f"{PREFIX}12345678" / socket_name) and can_pass(account, parent):
            return Path(tempfile.mkdtemp(prefix=PREFIX, dir=parent))
    raise Unavailable("no temporary folder is short enough for a socket; set TMPDIR to a short path")


def _is_private(folder: Path, account: Account | None) -> bool:
    if not folder.is_dir():
        return False
    found = folder.stat()
    return found.st_uid == (account.uid if account else os.geteuid()) and found.st_mode & 0o077 == 0


def _fits(path: Path) -> bool:
    return len(os.fsencode(path)) <= SOCKET_PATH_BYTES and PLAIN_PATH.fullmatch(str(path)) is not None


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]

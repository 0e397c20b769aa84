"""Which operating-system user runs the servers, and what that user can reach.

PostgreSQL refuses to run as root. A root owner therefore lends its servers to an unprivileged account that already
exists; an ordinary user runs them as themselves and none of this applies.
"""

import os
import pwd
import subprocess
from dataclasses import dataclass
from pathlib import Path

from domain.errors import Unavailable

# Never `postgres`: a server of the machine's own may run under that name, and its files are none of ours.
CANDIDATES = ("personalization", "nobody")


@dataclass(frozen=True)
class Account:
    """An unprivileged user of the operating system."""

    uid: int
    gid: int


def service_account(existing: Path) -> Account | None:
    """The user to run a server as, or None to stay who we are (we are not root).

    Data that already exists stays with the user who owns it, whatever accounts appear on the machine later.
    """
    if os.geteuid() != 0:
        return None
    if existing.exists() and (owner := existing.stat()).st_uid != 0:
        return Account(owner.st_uid, owner.st_gid)
    for name in CANDIDATES:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(entry.pw_uid, entry.pw_gid)
    raise Unavailable("PostgreSQL does not run as root, and this machine has no account 'nobody' to run it as")


def can_pass(account: Account | None, path: Path) -> bool:
    """Whether the account may enter the folder, or run the program, at `path`, every folder above it included."""
    if account is None:
        return os.access(path, os.X_OK)
    # Asking as that user is exact where reading mode bits is not: access lists, mount options, security modules.
    answer = subprocess.run(
        ["/bin/sh", "-c", 'test -x "$1"', "sh", str(path)],
        user=account.uid,
        group=account.gid,
        extra_groups=[],
        cwd="/",
        check=False,
    )
    return answer.returncode == 0


def give(account: Account | None, path: Path) -> None:
    """Make `path` the account's own."""
    if account is not None:
        os.chown(path, account.uid, account.gid)

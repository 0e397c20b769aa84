"""The journal of erasures beside the database: what must be erased again if an older backup is restored.

One line of JSON for each erasure, appended and synced before the erasure ends. It names nobody: a keyed hash and
random ids.
"""

import fcntl
import json
import os
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from domain.errors import Unavailable
from domain.ids import SubjectId, TenantId
from domain.privacy.key_file import sync_folder
from domain.rights.model import Tombstone


class Journal:
    """A file of tombstones that several processes append to. Its methods block on the disk: call them from a thread."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def add(self, tombstone: Tombstone) -> None:
        """Append a tombstone, durably; one that is there already may be there twice. Raises `Unavailable`."""
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                fcntl.flock(file, fcntl.LOCK_EX)
                file.write(_line(tombstone))
                file.flush()
                os.fsync(file.fileno())
            # Without this the file itself, if it is new, may be gone after a loss of power.
            sync_folder(self._path.parent)
        except OSError as error:
            raise Unavailable("the journal of erasures cannot be written", retry_after_seconds=5) from error

    def read(self) -> list[Tombstone]:
        """Every tombstone, each erasure once. Raises `Unavailable`."""
        try:
            content = self._path.read_bytes() if self._path.exists() else b""
        except OSError as error:
            raise Unavailable("the journal of erasures cannot be read", retry_after_seconds=5) from error
        return list({tombstone.request_id: tombstone for tombstone in _tombstones(content)}.values())


def _line(tombstone: Tombstone) -> bytes:
    told = {
        "tenant": tombstone.tenant,
        "requestId": str(tombstone.request_id),
        "identityHash": tombstone.identity_hash.hex(),
        "subjects": [str(subject) for subject in tombstone.subjects],
        "erasedAt": tombstone.erased_at.isoformat(),
    }
    # A line that was cut short by a crash is closed by the line feed before the next one.
    return b"\n" + json.dumps(told, separators=(",", ":")).encode() + b"\n"


def _tombstones(content: bytes) -> Iterator[Tombstone]:
    for line in content.splitlines():
        try:
            told: dict[str, Any] = json.loads(line)
        except ValueError:
            # Cut short: its erasure did not end, and is written again when it does.
            continue
        yield Tombstone(
            TenantId(told["tenant"]),
            UUID(told["requestId"]),
            bytes.fromhex(told["identityHash"]),
            tuple(SubjectId(UUID(subject)) for subject in told["subjects"]),
            datetime.fromisoformat(told["erasedAt"]),
        )

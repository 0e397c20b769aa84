"""The journal of erasures beside the database: what must be erased again if an older backup is restored.

One line of JSON for each erasure, appended and synced before the erasure ends. It names nobody: a keyed hash and
random ids.
"""

import json
from collections.abc import Iterator
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import orjson

from domain.errors import Unavailable
from domain.ids import SubjectId, TenantId
from domain.receipts.lines import append
from domain.rights.model import Tombstone

AT_ONCE: Final = 2_000
"""So many lines are held in memory."""


class Journal:
    """A file of tombstones that several processes append to. Its methods block on the disk: call them from a thread."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def add(self, tombstone: Tombstone) -> None:
        """Append a tombstone, durably; one that is there already may be there twice. Raises `Unavailable`."""
        try:
            append(self._path, _line(tombstone))
        except OSError as error:
            raise Unavailable("the journal of erasures cannot be written", retry_after_seconds=5) from error

    def read(self) -> Iterator[list[Tombstone]]:
        """Every tombstone, in the order of the file and at most `AT_ONCE` at a time. Raises `Unavailable`."""
        try:
            if not self._path.exists():
                return
            with self._path.open("rb") as file:
                while lines := list(islice(file, AT_ONCE)):
                    yield [tombstone for line in lines if (tombstone := _tombstone(line)) is not None]
        except OSError as error:
            raise Unavailable("the journal of erasures cannot be read", retry_after_seconds=5) from error


def _line(tombstone: Tombstone) -> bytes:
    told = {
        "tenant": tombstone.tenant,
        "requestId": str(tombstone.request_id),
        "identityHash": tombstone.identity_hash.hex(),
        "subjects": [str(subject) for subject in tombstone.subjects],
        "erasedAt": tombstone.erased_at.isoformat(),
    }
    return json.dumps(told, separators=(",", ":")).encode()


def _tombstone(line: bytes) -> Tombstone | None:
    try:
        told: dict[str, Any] = orjson.loads(line)
    except ValueError:
        # Empty, or cut short: then its erasure did not end, and is written again when it does.
        return None
    try:
        return Tombstone(
            TenantId(told["tenant"]),
            UUID(told["requestId"]),
            bytes.fromhex(told["identityHash"]),
            tuple(SubjectId(UUID(subject)) for subject in told["subjects"]),
            datetime.fromisoformat(told["erasedAt"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        # Whom it names must not come back unnoticed: somebody has to look at it.
        raise Unavailable("the journal of erasures holds a line that is no erasure") from error

"""Every signed receipt beside the database, so that after a restore from an older backup their chain goes on.

A file for each tenant holds its receipts as they were signed, each written before the transaction that keeps it ends.
Whatever an older database lacks is put back from here before the next receipt is numbered.
"""

import os
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any, Final

import orjson

from domain.errors import Unavailable
from domain.ids import TenantId
from domain.receipts.lines import append, backwards
from domain.receipts.signing import ReceiptInvalid, verified

AT_ONCE: Final = 200
"""So many receipts are held in memory."""

_ENDING: Final = ".jsonl"


class ReceiptBook:
    """A folder with a file of receipts for each tenant. Its methods block on the disk and raise `Unavailable`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def add(self, tenant: TenantId, document: str) -> None:
        """Append a receipt, durably."""
        try:
            append(self._path(tenant), document.encode())
        except OSError as error:
            raise Unavailable("the book of receipts cannot be written", retry_after_seconds=5) from error

    def tenants(self) -> list[TenantId]:
        """The tenants that have receipts here."""
        try:
            return sorted(TenantId(path.stem) for path in self._folder.glob(f"*{_ENDING}"))
        except OSError as error:
            raise Unavailable("the book of receipts cannot be read", retry_after_seconds=5) from error

    def after(self, tenant: TenantId, number: int) -> Iterator[list[str]]:
        """The receipts of a tenant with higher numbers than this, in order and at most `AT_ONCE` at a time."""
        try:
            if not self._path(tenant).exists():
                return
            with self._path(tenant).open("rb") as file:
                begin = file.seek(0, os.SEEK_END)
                for begins, line in backwards(file):
                    found = _receipt(tenant, line)
                    if found is not None and found["number"] <= number:
                        break
                    begin = begins
                file.seek(begin)
                while lines := list(islice(file, AT_ONCE)):
                    yield [line.decode().rstrip("\n") for line in lines if _receipt(tenant, line.rstrip(b"\n"))]
        except OSError as error:
            raise Unavailable("the book of receipts cannot be read", retry_after_seconds=5) from error

    def _path(self, tenant: TenantId) -> Path:
        return self._folder / f"{tenant}{_ENDING}"


def numbered(document: str) -> dict[str, Any]:
    """What a receipt says."""
    said: dict[str, Any] = orjson.loads(document)["receipt"]
    return said


def _receipt(tenant: TenantId, line: bytes) -> dict[str, Any] | None:
    """A line as the receipt that it is; None for one that was cut short, altered, or is of another tenant."""
    try:
        found = verified(line + b"\n")
    except ReceiptInvalid:
        return None
    return found if found.get("tenant") == tenant and isinstance(found.get("number"), int) else None

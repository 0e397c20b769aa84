"""Rows that an import refused: the first ones shown, all of them kept where the user wants them."""

import csv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Protocol

from cli.importing.records import RejectedRow
from cli.output import say, writing

SHOWN: Final = 20
COLUMNS: Final = ("source", "line", "field", "reason")


class Writer(Protocol):
    """The part of `csv.writer` that is needed."""

    def writerow(self, row: tuple[object, ...], /) -> object:
        """Write one row."""
        ...


class Rejects:
    """Told each refused row in turn."""

    def __init__(self, writer: Writer | None) -> None:
        self.count = 0
        self._writer = writer

    def __call__(self, row: RejectedRow) -> None:
        """Count the row, write it if there is a file, show it if it is among the first."""
        self.count += 1
        if self._writer is not None:
            self._writer.writerow((row.source, row.line_number, row.field or "", row.reason))
        if self.count <= SHOWN:
            say(described(row))
        elif self.count == SHOWN + 1:
            say("further bad rows are counted; --rejects FILE keeps them all")


def described(row: RejectedRow) -> str:
    """A refused row as a person reads it."""
    field = f"{row.field}: " if row.field else ""
    return f"{row.source}:{row.line_number}: {field}{row.reason}"


@contextmanager
def rejects_to(path: Path | None) -> Iterator[Rejects]:
    """Where refused rows go while the block runs; they are also written to the CSV file at `path`, if there is one."""
    if path is None:
        yield Rejects(None)
        return
    with writing(path, "--rejects"):
        opened = path.open("w", newline="", encoding="utf-8")
    with opened as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        yield Rejects(writer)

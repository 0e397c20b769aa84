"""The file formats as one: numbered rows of named cells, and a reason for each row that is none."""

import csv
import json
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TextIO, TypeAlias

from cli.importing.records import RejectedRow, require_distinct
from domain.errors import ValidationFailed

Cells: TypeAlias = Mapping[str, Any]
Numbered: TypeAlias = tuple[int, Cells] | RejectedRow


@dataclass(frozen=True, slots=True)
class Columns:
    """The names of a file's columns, which come before its rows, also if there are none."""

    names: Sequence[str]


Reader: TypeAlias = Callable[[Path], Iterator[Columns | Numbered]]

HEADED: Final = ("csv", "recbole")
"""Formats whose first line names the columns."""
RECORD_LINES: Final = 500
"""More lines than this are no quoted cell but a quote that somebody forgot to close."""


class Lines:
    """The lines of a file, of which all but the first of the current record can be given back to be read again."""

    def __init__(self, file: Iterable[str]) -> None:
        self.first = 1
        self._file = iter(file)
        self._again: deque[str] = deque()
        self._record: list[str] = []

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        if len(self._record) == RECORD_LINES:
            raise StopIteration
        line = self._again.popleft() if self._again else next(self._file)
        self._record.append(line)
        return line

    def begin(self) -> None:
        """The next line starts a record; its number becomes `first`."""
        self.first += len(self._record)
        self._record.clear()

    def give_back(self) -> None:
        """Let the record end after its first line."""
        self._again.extendleft(reversed(self._record[1:]))
        del self._record[1:]


def read_csv(path: Path) -> Iterator[Columns | Numbered]:
    """The rows below the header of a CSV file in UTF-8; broken characters stay in their cells, to be refused there.

    Raises:
        ValidationFailed: the header names no columns, or one of them twice.
    """
    with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
        lines = Lines(file)
        reader = csv.reader(lines, strict=True)
        names = header_of(reader, path.name)
        yield Columns(names)
        yield from rows_of(reader, lines, names, path.name)


def header_of(reader: Iterator[list[str]], source: str) -> list[str]:
    """The names of the columns, which the first line of the file holds.

    Raises:
        ValidationFailed: there are none, or one stands there twice.
    """
    try:
        header = next(reader, None)
    except csv.Error as error:
        raise ValidationFailed(f"{source}: the header is not valid CSV: {error}") from error
    if not header:
        raise ValidationFailed(f"{source} is empty; its first line names the columns")
    names = [name.strip() for name in header]
    require_distinct(names, source)
    return names


def rows_of(reader: Iterator[list[str]], lines: Lines, names: Sequence[str], source: str) -> Iterator[Numbered]:
    """The rows that a `csv.reader` of `lines` still has, under these names of columns.

    A quote that is never closed costs the row in which it stands, not those that a parser takes for part of its cell.
    """
    while True:
        lines.begin()
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            lines.give_back()
            yield RejectedRow(lines.first, f"is not valid CSV: {error}", source=source)
            continue
        if len(cells) == len(names):
            yield lines.first, dict(zip(names, cells, strict=True))
        elif cells:
            yield RejectedRow(lines.first, f"has {len(cells)} cells where the header has {len(names)}", source=source)


def read_jsonl(path: Path) -> Iterator[Numbered]:
    """One JSON object a line; empty lines are skipped."""
    with path.open(encoding="utf-8-sig", errors="surrogateescape") as file:
        for line, text in enumerate(file, start=1):
            if text.strip():
                yield _object(line, text, path.name)


def _object(line: int, text: str, source: str) -> Numbered:
    try:
        cells = json.loads(text)
    except (ValueError, RecursionError) as error:
        return RejectedRow(line, f"is not valid JSON: {error}", source=source)
    if not isinstance(cells, dict):
        return RejectedRow(line, "is not a JSON object", source=source)
    return line, cells


def read_parquet(path: Path) -> Iterator[Columns | Numbered]:
    """The rows of a Parquet file, numbered from 1.

    Raises:
        ValidationFailed: it is no Parquet file, or it is damaged.
    """
    # Slow to load and of no use to the other formats.
    from cli.importing.parquet import columns, read_rows

    yield Columns(columns(path))
    yield from read_rows(path)


def count_rows(path: Path, format_name: str) -> int | None:
    """How many rows a file has, for a progress bar; for text about as many as lines, None where it cannot be told."""
    if format_name == "parquet":
        from cli.importing.parquet import count

        return count(path)
    with path.open(encoding="utf-8", errors="replace") as file:
        return max(_lines(file) - (format_name in HEADED), 0)


def _lines(file: TextIO) -> int:
    return sum(1 for _ in file)

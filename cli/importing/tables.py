"""The file formats as one: numbered rows of named cells, and a reason for each row that is none."""

import csv
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, TextIO, TypeAlias

import pyarrow.parquet as pq
from pyarrow import ArrowException

from cli.importing.records import RejectedRow
from domain.errors import ValidationFailed

Cells: TypeAlias = Mapping[str, Any]
Numbered: TypeAlias = tuple[int, Cells] | RejectedRow
Reader: TypeAlias = Callable[[Path], Iterator[Numbered]]

BATCH_ROWS: Final = 10_000
HEADED: Final = ("csv", "recbole")
"""Formats whose first line names the columns."""


def read_csv(path: Path) -> Iterator[Numbered]:
    """The rows below the header of a CSV file in UTF-8; broken characters stay in their cells, to be refused there.

    Raises:
        ValidationFailed: there is no header.
    """
    with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
        reader = csv.reader(file, strict=True)
        header = next(reader, None)
        if not header:
            raise ValidationFailed(f"{path.name} is empty; its first line names the columns")
        names = [name.strip() for name in header]
        yield from rows_of(reader, names, path.name)


def rows_of(reader: Any, names: Sequence[str], source: str) -> Iterator[Numbered]:
    """The rows that a `csv.reader` still has, under these names of columns."""
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield RejectedRow(line, f"is not valid CSV: {error}", source=source)
            continue
        if len(cells) == len(names):
            yield line, dict(zip(names, cells, strict=True))
        elif cells:
            yield RejectedRow(line, f"has {len(cells)} cells where the header has {len(names)}", source=source)


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


def read_parquet(path: Path) -> Iterator[Numbered]:
    """The rows of a Parquet file, numbered from 1.

    Raises:
        ValidationFailed: it is no Parquet file.
    """
    try:
        with pq.ParquetFile(path) as file:
            batches = file.iter_batches(BATCH_ROWS)
            yield from enumerate((cells for batch in batches for cells in batch.to_pylist()), start=1)
    except ArrowException as error:
        raise ValidationFailed(f"{path.name} is not a Parquet file that can be read: {error}") from error


def count_rows(path: Path, format_name: str) -> int | None:
    """How many rows a file has, for a progress bar; for text about as many as lines, None where it cannot be told."""
    if format_name == "parquet":
        try:
            return int(pq.read_metadata(path).num_rows)
        except ArrowException:
            return None
    with path.open(encoding="utf-8", errors="replace") as file:
        return max(_lines(file) - (format_name in HEADED), 0)


def _lines(file: TextIO) -> int:
    return sum(1 for _ in file)

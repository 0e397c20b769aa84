"""Parquet as numbered rows; apart from the other formats because its library takes long to load."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from cli.importing.records import RejectedRow, require_distinct
from domain.errors import ValidationFailed

BATCH_ROWS: Final = 10_000


def columns(path: Path) -> list[str]:
    """The names of its columns.

    Raises:
        ValidationFailed: it is no Parquet file, or two of its columns have the same name.
    """
    try:
        names: list[str] = pq.read_schema(path).names
    except (pa.ArrowException, OSError) as error:
        raise _unreadable(path, error) from error
    require_distinct(names, path.name)
    return names


def read_rows(path: Path) -> Iterator[tuple[int, dict[str, Any]] | RejectedRow]:
    """The rows of a Parquet file, numbered from 1; a row with a cell that Python cannot hold is refused alone.

    Raises:
        ValidationFailed: it is no Parquet file, or it is damaged.
    """
    number = 0
    try:
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(BATCH_ROWS):
                for cells in _rows(_in_microseconds(batch)):
                    number += 1
                    yield RejectedRow(number, cells, source=path.name) if isinstance(cells, str) else (number, cells)
    except (pa.ArrowException, OSError) as error:
        raise _unreadable(path, error) from error


def count(path: Path) -> int | None:
    """How many rows the file has; None where it cannot be told."""
    try:
        return int(pq.read_metadata(path).num_rows)
    except (pa.ArrowException, OSError):
        return None


def _unreadable(path: Path, error: Exception) -> ValidationFailed:
    return ValidationFailed(f"{path.name} is not a Parquet file that can be read: {error}")


def _rows(batch: pa.RecordBatch) -> Sequence[dict[str, Any] | str]:
    try:
        rows: list[dict[str, Any]] = batch.to_pylist()
    except (ValueError, OverflowError):
        # One cell spoils the conversion of a whole batch, so each row gets its own.
        return [_row(batch.slice(index, 1)) for index in range(len(batch))]
    return rows


def _row(single: pa.RecordBatch) -> dict[str, Any] | str:
    try:
        cells: dict[str, Any] = single.to_pylist()[0]
    except (ValueError, OverflowError) as error:
        return f"cannot be read: {error}"
    return cells


def _in_microseconds(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Times as Python counts them: data frames write nanoseconds, which Arrow refuses to round by itself."""
    columns = [
        column.cast(pa.timestamp("us", column.type.tz), safe=False)
        if pa.types.is_timestamp(column.type) and column.type.unit == "ns"
        else column
        for column in batch.columns
    ]
    return pa.RecordBatch.from_arrays(columns, names=batch.schema.names)

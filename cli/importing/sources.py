"""From the files that a user names to the records that an import loads, each row checked by the same rules."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import MappingProxyType
from typing import Final, TypeAlias

from cli.importing.items import item_of, movie_of
from cli.importing.records import EventRules, ImportedEvent, ImportedItem, RejectedRow, did_you_mean
from cli.importing.tables import Cells, Numbered, Reader, count_rows, read_csv, read_jsonl, read_parquet
from domain.errors import ValidationFailed

Row: TypeAlias = ImportedItem | ImportedEvent | RejectedRow
Rule: TypeAlias = Callable[[Cells], ImportedItem | ImportedEvent]

MOVIELENS: Final = "movielens"
READERS: Final[Mapping[str, Reader]] = MappingProxyType({"csv": read_csv, "jsonl": read_jsonl, "parquet": read_parquet})
FORMATS: Final = (MOVIELENS, *READERS)
EVENT_COLUMNS: Final = ("user_id", "item_id", "timestamp")
ITEM_COLUMNS: Final = ("item_id", "title")


@dataclass(frozen=True)
class Table:
    """One file: how it is read, what its rows mean, and the columns that it cannot do without."""

    path: Path
    format_name: str
    rule: Rule
    required: tuple[str, ...]

    def __iter__(self) -> Iterator[Row]:
        """Every row as a record, or as refused.

        Raises:
            ValidationFailed: the file as a whole means nothing.
        """
        checked = False
        for numbered in READERS[self.format_name](self.path):
            if not checked and not isinstance(numbered, RejectedRow):
                self._require_columns(numbered[1])
                checked = True
            yield self._record(numbered)

    def _record(self, numbered: Numbered) -> Row:
        if isinstance(numbered, RejectedRow):
            return numbered
        line, cells = numbered
        try:
            return self.rule(cells)
        except ValidationFailed as error:
            return RejectedRow(line, error.message, error.field, self.path.name)

    def _require_columns(self, cells: Cells) -> None:
        # In JSON each line may name other fields; there a missing one concerns its own line only.
        missing = [] if self.format_name == "jsonl" else [name for name in self.required if name not in cells]
        if missing:
            hint = did_you_mean(missing[0], list(cells))
            raise ValidationFailed(f"{self.path.name} has no column {missing[0]}{hint}", field=missing[0])


@dataclass(frozen=True)
class Source:
    """Everything that one import reads, catalogue first; `rows` is about how many rows that is."""

    tables: tuple[Table, ...]

    @property
    def rows(self) -> int | None:
        """About how many rows will be read; None where a file does not say."""
        counts = [count_rows(table.path, table.format_name) for table in self.tables]
        return None if None in counts else sum(count for count in counts if count is not None)

    def __iter__(self) -> Iterator[Row]:
        """Every row of every file."""
        for table in self.tables:
            yield from table


def open_source(format_name: str, path: Path, now: datetime, *, holds_items: bool) -> Source:
    """What `path` holds.

    Raises:
        ValidationFailed: it cannot hold that.
    """
    if format_name == MOVIELENS:
        return _movielens(path, EventRules(now))
    if not path.is_file():
        raise ValidationFailed(f"{path} is not a file", field="PATH")
    rules = EventRules(now)
    if holds_items:
        return Source((Table(path, format_name, item_of, ITEM_COLUMNS),))
    return Source((Table(path, format_name, lambda cells: _event(rules, cells), EVENT_COLUMNS),))


def _movielens(folder: Path, rules: EventRules) -> Source:
    movies, ratings, tags = (folder / f"{name}.csv" for name in ("movies", "ratings", "tags"))
    if not (movies.is_file() and ratings.is_file()):
        raise ValidationFailed(f"{folder} is not a MovieLens folder: it needs movies.csv and ratings.csv", field="PATH")
    tables = [
        Table(movies, "csv", movie_of, ("movieId", "title", "genres")),
        Table(ratings, "csv", lambda cells: _rating(rules, cells), ("userId", "movieId", "rating", "timestamp")),
    ]
    if tags.is_file():
        tables.append(Table(tags, "csv", lambda cells: _tag(rules, cells), ("userId", "movieId", "timestamp")))
    return Source(tuple(tables))


def _event(rules: EventRules, cells: Cells) -> ImportedEvent:
    return rules.event(
        user_id=cells.get("user_id"),
        item_id=cells.get("item_id"),
        timestamp=cells.get("timestamp"),
        type=cells.get("type"),
        value=cells.get("value"),
        device=cells.get("device"),
        session=cells.get("session"),
    )


def _rating(rules: EventRules, cells: Cells) -> ImportedEvent:
    return rules.event(
        user_id=cells["userId"],
        item_id=cells["movieId"],
        timestamp=cells["timestamp"],
        type="rated",
        value=cells["rating"],
    )


def _tag(rules: EventRules, cells: Cells) -> ImportedEvent:
    return rules.event(user_id=cells["userId"], item_id=cells["movieId"], timestamp=cells["timestamp"], type="tagged")

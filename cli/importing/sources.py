"""From the files that a user names to the records that an import loads, each row checked by the same rules."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import MappingProxyType
from typing import Final, TypeAlias

from cli.importing.exchange import (
    atomic_item_of,
    rating_of,
    read_atomic,
    read_udata,
    read_uitem,
    uitem_of,
)
from cli.importing.items import item_of, movie_of
from cli.importing.records import EventRules, ImportedEvent, ImportedItem, RejectedRow, did_you_mean
from cli.importing.tables import Cells, Numbered, Reader, count_rows, read_csv, read_jsonl, read_parquet
from domain.errors import ValidationFailed

Row: TypeAlias = ImportedItem | ImportedEvent | RejectedRow
Rule: TypeAlias = Callable[[Cells], ImportedItem | ImportedEvent]

MOVIELENS: Final = "movielens"
UDATA: Final = "udata"
UITEM: Final = "uitem"
RECBOLE: Final = "recbole"
GENERIC: Final = ("csv", "jsonl", "parquet")
READERS: Final[Mapping[str, Reader]] = MappingProxyType(
    {
        "csv": read_csv,
        "jsonl": read_jsonl,
        "parquet": read_parquet,
        UDATA: read_udata,
        UITEM: read_uitem,
        RECBOLE: read_atomic,
    }
)
FORMATS: Final = (MOVIELENS, UDATA, RECBOLE, *GENERIC)
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
    rules = EventRules(now)
    if format_name == MOVIELENS:
        return _movielens(path, rules)
    if format_name == UDATA:
        return _udata(path / "u.data" if path.is_dir() else path, rules)
    if format_name == RECBOLE:
        return _recbole(_only_inter(path) if path.is_dir() else path, rules)
    _require_file(path)
    if holds_items:
        return Source((Table(path, format_name, item_of, ITEM_COLUMNS),))
    return Source((Table(path, format_name, lambda cells: _event(rules, cells), EVENT_COLUMNS),))


def open_dataset(path: Path, now: datetime) -> Source:
    """What `path` holds, told by the names of the files, for whoever does not say the format.

    MovieLens' `ratings.csv` needs no `movies.csv` here, and its tags, which are no ratings, are left out.

    Raises:
        ValidationFailed: it holds nothing that is known, or cannot be told.
    """
    rules = EventRules(now)
    folder = path if path.is_dir() else path.parent
    if (path.is_dir() or path.name == "ratings.csv") and (folder / "ratings.csv").is_file():
        return Source(_ratings(folder, rules))
    if path.suffix == ".inter" or (path.is_dir() and any(path.glob("*.inter"))):
        return open_source(RECBOLE, path, now, holds_items=False)
    if path.suffix == ".data" or (path / "u.data").is_file():
        return open_source(UDATA, path, now, holds_items=False)
    if path.suffix.removeprefix(".") in GENERIC:
        return open_source(path.suffix.removeprefix("."), path, now, holds_items=False)
    raise ValidationFailed(
        f"{path} is no data set: a folder with ratings.csv, u.data or one .inter file, "
        "or a file that ends .data, .inter, .csv, .jsonl or .parquet",
        field="--dataset",
    )


def _ratings(folder: Path, rules: EventRules) -> tuple[Table, ...]:
    ratings = Table(
        folder / "ratings.csv",
        "csv",
        lambda cells: _rating(rules, cells),
        ("userId", "movieId", "rating", "timestamp"),
    )
    movies = folder / "movies.csv"
    if not movies.is_file():
        return (ratings,)
    return Table(movies, "csv", movie_of, ("movieId", "title", "genres")), ratings


def _udata(path: Path, rules: EventRules) -> Source:
    _require_file(path)
    ratings = Table(path, UDATA, lambda cells: rating_of(rules, cells), ())
    films = path.parent / "u.item"
    return Source((Table(films, UITEM, uitem_of, ()), ratings) if films.is_file() else (ratings,))


def _recbole(path: Path, rules: EventRules) -> Source:
    _require_file(path)
    behaviour = Table(path, RECBOLE, lambda cells: rating_of(rules, cells), EVENT_COLUMNS)
    items = path.with_suffix(".item")
    if path.suffix == ".inter" and items.is_file():
        return Source((Table(items, RECBOLE, atomic_item_of, ("item_id",)), behaviour))
    return Source((behaviour,))


def _only_inter(folder: Path) -> Path:
    found = sorted(folder.glob("*.inter"))
    if len(found) != 1:
        raise ValidationFailed(f"{folder} has {len(found)} .inter files; name one", field="PATH")
    return found[0]


def _require_file(path: Path) -> None:
    if not path.is_file():
        raise ValidationFailed(f"{path} is not a file", field="PATH")


def _movielens(folder: Path, rules: EventRules) -> Source:
    movies, ratings, tags = (folder / f"{name}.csv" for name in ("movies", "ratings", "tags"))
    if not (movies.is_file() and ratings.is_file()):
        raise ValidationFailed(f"{folder} is not a MovieLens folder: it needs movies.csv and ratings.csv", field="PATH")
    tables = _ratings(folder, rules)
    if tags.is_file():
        tables += (Table(tags, "csv", lambda cells: _tag(rules, cells), ("userId", "movieId", "timestamp")),)
    return Source(tables)


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

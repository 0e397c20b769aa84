"""From the files that a user names to the records that an import loads, each row checked by the same rules."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import MappingProxyType
from typing import Final, TypeAlias

from cli.importing.columns import CONTEXT_COLUMNS, EVENT_CELLS, context_of, require_known
from cli.importing.exchange import (
    atomic_item_of,
    rating_of,
    read_atomic,
    read_udata,
    read_uitem,
    uitem_of,
)
from cli.importing.items import item_of, movie_of
from cli.importing.records import EventRules, ImportedEvent, ImportedItem, ItemTag, RejectedRow, did_you_mean
from cli.importing.tables import Cells, Columns, Numbered, Reader, count_rows, read_csv, read_jsonl, read_parquet
from domain.catalog.model import require_item_id
from domain.errors import ValidationFailed

Row: TypeAlias = ImportedItem | ImportedEvent | ItemTag | RejectedRow
Rule: TypeAlias = Callable[[Cells], ImportedItem | ImportedEvent | ItemTag]

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
RATING_COLUMNS: Final = ("userId", "movieId", "rating", "timestamp")
TAG_COLUMNS: Final = ("userId", "movieId", "timestamp")


@dataclass(frozen=True)
class Table:
    """One file: how it is read, what its rows mean, the columns that it cannot do without, and those it may have.

    `known` is None where any column means something.
    """

    path: Path
    format_name: str
    rule: Rule
    required: tuple[str, ...]
    known: Collection[str] | None = None

    def __iter__(self) -> Iterator[Row]:
        """Every row as a record, or as refused.

        Raises:
            ValidationFailed: the file as a whole means nothing.
        """
        for numbered in READERS[self.format_name](self.path):
            if isinstance(numbered, Columns):
                self._require_columns(numbered.names)
            else:
                yield self._record(numbered)

    def _record(self, numbered: Numbered) -> Row:
        if isinstance(numbered, RejectedRow):
            return numbered
        line, cells = numbered
        try:
            if self.format_name == "jsonl" and self.known is not None:
                require_known(cells, self.known, "the line")
            return self.rule(cells)
        except ValidationFailed as error:
            return RejectedRow(line, error.message, error.field, self.path.name)

    def _require_columns(self, names: Sequence[str]) -> None:
        # In JSON each line may name other fields; there a missing or unknown one concerns its own line only.
        missing = [name for name in self.required if name not in names]
        if missing:
            hint = did_you_mean(missing[0], names) if len(missing) == 1 else ""
            word = "column" if len(missing) == 1 else "columns"
            raise ValidationFailed(f"{self.path.name} has no {word} {', '.join(missing)}{hint}", field=missing[0])
        if self.known is not None:
            require_known(names, self.known, self.path.name)


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


def open_source(
    format_name: str, path: Path, now: datetime, *, holds_items: bool, context: Collection[str] = ()
) -> Source:
    """What `path` holds.

    Args:
        format_name: one of `FORMATS`.
        path: a file, or a folder of them.
        now: the time of the import.
        holds_items: whether a generic file holds items rather than behaviour.
        context: columns of behaviour in a generic file that tell the context of an event, beside `CONTEXT_COLUMNS`.

    Raises:
        ValidationFailed: it cannot hold that.
    """
    rules = EventRules(now)
    _require_meant(format_name, holds_items=holds_items, context=context)
    if format_name == MOVIELENS:
        return _movielens(path, rules)
    if format_name == UDATA:
        return _udata(path / "u.data" if path.is_dir() else path, rules)
    if format_name == RECBOLE:
        return _recbole(_only_inter(path) if path.is_dir() else path, rules)
    _require_file(path)
    if holds_items:
        return Source((Table(path, format_name, item_of, ITEM_COLUMNS),))
    names = (*CONTEXT_COLUMNS, *context)
    known = (*EVENT_CELLS, *names)
    return Source((Table(path, format_name, lambda cells: _event(rules, cells, names), EVENT_COLUMNS, known),))


def open_dataset(path: Path, now: datetime, context: Collection[str] = ()) -> Source:
    """What `path` holds, told by the names of the files, for whoever does not say the format.

    MovieLens' `ratings.csv` needs no `movies.csv` here, and its tags are words about the items instead of behaviour.

    Args:
        path: a file, or a folder of them.
        now: no row may be later.
        context: columns of a generic file that tell the context of behaviour.

    Raises:
        ValidationFailed: it holds nothing that is known, or cannot be told.
    """
    rules = EventRules(now)
    folder = path if path.is_dir() else path.parent
    if (path.is_dir() or path.name == "ratings.csv") and (folder / "ratings.csv").is_file():
        _require_meant(MOVIELENS, holds_items=False, context=context)
        return Source((*_ratings(folder, rules), *_words(folder)))
    if path.suffix == ".inter" or (path.is_dir() and any(path.glob("*.inter"))):
        return open_source(RECBOLE, path, now, holds_items=False, context=context)
    if path.suffix == ".data" or (path / "u.data").is_file():
        return open_source(UDATA, path, now, holds_items=False, context=context)
    if path.suffix.removeprefix(".") in GENERIC:
        return open_source(path.suffix.removeprefix("."), path, now, holds_items=False, context=context)
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
        RATING_COLUMNS,
        RATING_COLUMNS,
    )
    movies = folder / "movies.csv"
    if not movies.is_file():
        return (ratings,)
    return Table(movies, "csv", movie_of, ("movieId", "title", "genres")), ratings


def _words(folder: Path) -> tuple[Table, ...]:
    tags = folder / "tags.csv"
    return (Table(tags, "csv", _tag, ("movieId", "tag")),) if tags.is_file() else ()


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


def _require_meant(format_name: str, *, holds_items: bool, context: Collection[str]) -> None:
    """Refuse options that would be ignored."""
    if holds_items and format_name not in GENERIC:
        raise ValidationFailed(
            f"--items is for {', '.join(GENERIC)}; {format_name} says what is in it", field="--items"
        )
    if context and (holds_items or format_name not in GENERIC):
        raise ValidationFailed(f"--context is for behaviour in {', '.join(GENERIC)} files", field="--context")


def _require_file(path: Path) -> None:
    if not path.is_file():
        raise ValidationFailed(f"{path} is not a file", field="PATH")


def _movielens(folder: Path, rules: EventRules) -> Source:
    movies, ratings, tags = (folder / f"{name}.csv" for name in ("movies", "ratings", "tags"))
    if not (movies.is_file() and ratings.is_file()):
        raise ValidationFailed(f"{folder} is not a MovieLens folder: it needs movies.csv and ratings.csv", field="PATH")
    tables = _ratings(folder, rules)
    if tags.is_file():
        known = (*TAG_COLUMNS, "tag")
        tables += (Table(tags, "csv", lambda cells: _tagging(rules, cells), TAG_COLUMNS, known),)
    return Source(tables)


def _event(rules: EventRules, cells: Cells, context: Collection[str]) -> ImportedEvent:
    return rules.event(
        user_id=cells.get("user_id"),
        item_id=cells.get("item_id"),
        timestamp=cells.get("timestamp"),
        type=cells.get("type"),
        value=cells.get("value", cells.get("rating")),
        device=cells.get("device"),
        session=cells.get("session"),
        context=context_of(cells, context),
    )


def _rating(rules: EventRules, cells: Cells) -> ImportedEvent:
    return rules.event(
        user_id=cells["userId"],
        item_id=cells["movieId"],
        timestamp=cells["timestamp"],
        type="rated",
        value=cells["rating"],
    )


def _tagging(rules: EventRules, cells: Cells) -> ImportedEvent:
    return rules.event(user_id=cells["userId"], item_id=cells["movieId"], timestamp=cells["timestamp"], type="tagged")


def _tag(cells: Cells) -> ItemTag:
    return ItemTag(require_item_id(cells["movieId"]), cells["tag"].strip())

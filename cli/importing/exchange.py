"""The files in which recommendation research exchanges data: MovieLens' `u.data` and RecBole's atomic files."""

import csv
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from cli.importing.columns import attributes_of, context_of, is_year
from cli.importing.items import NO_GENRES, year_of
from cli.importing.records import EventRules, ImportedEvent, ImportedItem, RejectedRow, require_distinct
from cli.importing.tables import Cells, Columns, Lines, Numbered, header_of, rows_of
from domain.catalog.model import AttributeValue, ItemKind, require_item_id
from domain.errors import ValidationFailed

UDATA_COLUMNS: Final = ("user_id", "item_id", "rating", "timestamp")
GENRES: Final = (
    "unknown", "Action", "Adventure", "Animation", "Children", "Comedy", "Crime", "Documentary", "Drama", "Fantasy",
    "Film-Noir", "Horror", "Musical", "Mystery", "Romance", "Sci-Fi", "Thriller", "War", "Western",
)  # fmt: skip
"""The flags at the end of a line of `u.item`, in their order."""

UITEM_COLUMNS: Final = ("item_id", "title", "released", "video_released", "address", *GENRES)
ATOMIC_TYPES: Final = ("token", "token_seq", "float", "float_seq")
RATING_COLUMNS: Final = ("user_id", "item_id", "rating", "timestamp")
TITLES: Final = ("title", "movie_title", "name", "item_name", "entity_name")
WORDS: Final = ("genre", "genres", "class", "category", "categories", "tags", "type", "brand")
"""Columns of an item file that say what the item is about; the first one there is the category."""


def read_udata(path: Path) -> Iterator[Numbered]:
    """The lines of `u.data`: user, item, rating and time, separated by tabs, without a header."""
    return _plain(path, UDATA_COLUMNS, "\t", "utf-8")


def read_uitem(path: Path) -> Iterator[Numbered]:
    """The lines of `u.item`: id, title, dates, address and a flag for each genre, separated by `|`."""
    return _plain(path, UITEM_COLUMNS, "|", "latin-1")


def read_atomic(path: Path) -> Iterator[Columns | Numbered]:
    """The rows of a RecBole atomic file, under the names of its columns without their types.

    Cells of type `float` that are numbers come as such; `float_seq`, which nothing here can use, is left out.

    Raises:
        ValidationFailed: the header does not name columns as `name:type`.
    """
    with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
        lines = Lines(file)
        reader = csv.reader(lines, delimiter="\t", quoting=csv.QUOTE_NONE)
        columns = dict(named := [_name_and_type(column, path.name) for column in header_of(reader, path.name)])
        require_distinct([name for name, _kind in named], path.name)
        yield Columns([name for name, kind in named if kind != "float_seq"])
        for numbered in rows_of(reader, lines, list(columns), path.name):
            yield numbered if isinstance(numbered, RejectedRow) else (numbered[0], _typed(numbered[1], columns))


def rating_of(rules: EventRules, cells: Cells) -> ImportedEvent:
    """A row of `u.data` or of an `.inter` file: `rated` where there is a rating, else `item_viewed`.

    Every other column of such a file is context, for its header declares them all.
    """
    return rules.event(
        user_id=cells.get("user_id"),
        item_id=cells.get("item_id"),
        timestamp=_number(cells.get("timestamp")),
        value=cells.get("rating"),
        context=context_of(cells, [name for name in cells if name not in RATING_COLUMNS]),
    )


def uitem_of(cells: Cells) -> ImportedItem:
    """A row of `u.item`: the flagged genres become tags, the first one the category, the year an attribute."""
    title = cells["title"].strip()
    genres = tuple(name for name in GENRES if cells[name].strip() == "1")
    return _item(cells["item_id"], title, genres, year_of(title))


def atomic_item_of(cells: Cells) -> ImportedItem:
    """A row of an `.item` file: its title, or its id where it has none; what it is about becomes tags.

    The other columns become attributes: those of type `float`, and years of any type, as numbers.
    """
    texts = {name: cell for name, cell in cells.items() if isinstance(cell, str)}
    title = next((texts[name].strip() for name in TITLES if texts.get(name, "").strip()), texts["item_id"])
    words = [word for name in WORDS for word in texts.get(name, "").replace(",", " ").split() if word != NO_GENRES]
    others = attributes_of(cells, ("item_id", *TITLES, *WORDS), [name for name in cells if is_year(name)])
    years = {name: value for name, value in others.items() if is_year(name) and not isinstance(value, str)}
    rest = {name: value for name, value in others.items() if name not in years}
    year = {"year": next(iter(years.values()))} if years else year_of(title)
    return _item(cells["item_id"], title, tuple(dict.fromkeys(words)), rest | year)


def _item(item_id: str, title: str, tags: tuple[str, ...], attributes: Mapping[str, AttributeValue]) -> ImportedItem:
    return ImportedItem(
        item_id=require_item_id(item_id),
        kind=ItemKind.CONTENT,
        title=title,
        tags=tags,
        category=tags[0] if tags else "",
        attributes=attributes,
    )


def _number(cell: object) -> object:
    """Atomic files keep numbers as floats, which may be written with an exponent."""
    try:
        return float(cell) if isinstance(cell, str) else cell
    except ValueError:
        return cell


def _plain(path: Path, names: tuple[str, ...], separator: str, encoding: str) -> Iterator[Numbered]:
    with path.open(encoding=encoding, errors="surrogateescape" if encoding == "utf-8" else "strict") as file:
        for line, text in enumerate(file, start=1):
            cells = text.rstrip("\r\n").split(separator)
            if len(cells) == len(names):
                yield line, dict(zip(names, cells, strict=True))
            elif text.strip():
                yield RejectedRow(line, f"has {len(cells)} cells instead of {len(names)}", source=path.name)


def _name_and_type(column: str, source: str) -> tuple[str, str]:
    name, _, kind = column.strip().partition(":")
    if not name or kind not in ATOMIC_TYPES:
        kinds = ", ".join(ATOMIC_TYPES)
        raise ValidationFailed(f"{source}: the header's '{column[:40]}' is not name:type with one of {kinds}")
    return name, kind


def _typed(cells: Cells, columns: Mapping[str, str]) -> Cells:
    kept = ((name, cell) for name, cell in cells.items() if columns[name] != "float_seq")
    return {name: _number(cell) if columns[name] == "float" else cell for name, cell in kept}

"""The files in which recommendation research exchanges data: MovieLens' `u.data` and RecBole's atomic files."""

import csv
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from cli.importing.items import NO_GENRES
from cli.importing.records import EventRules, ImportedEvent, ImportedItem, RejectedRow
from cli.importing.tables import Cells, Lines, Numbered, header_of, rows_of
from domain.catalog.model import ItemKind, require_item_id
from domain.errors import ValidationFailed

UDATA_COLUMNS: Final = ("user_id", "item_id", "rating", "timestamp")
GENRES: Final = (
    "unknown", "Action", "Adventure", "Animation", "Children", "Comedy", "Crime", "Documentary", "Drama", "Fantasy",
    "Film-Noir", "Horror", "Musical", "Mystery", "Romance", "Sci-Fi", "Thriller", "War", "Western",
)  # fmt: skip
"""The flags at the end of a line of `u.item`, in their order."""

UITEM_COLUMNS: Final = ("item_id", "title", "released", "video_released", "address", *GENRES)
ATOMIC_TYPES: Final = ("token", "token_seq", "float", "float_seq")
TITLES: Final = ("title", "movie_title", "name", "item_name", "entity_name")
WORDS: Final = ("genre", "genres", "class", "category", "categories", "tags", "type", "brand")
"""Columns of an item file that say what the item is about; the first one there is the category."""

_YEAR: Final = re.compile(r"\((\d{4})\)\s*$")


def read_udata(path: Path) -> Iterator[Numbered]:
    """The lines of `u.data`: user, item, rating and time, separated by tabs, without a header."""
    return _plain(path, UDATA_COLUMNS, "\t", "utf-8")


def read_uitem(path: Path) -> Iterator[Numbered]:
    """The lines of `u.item`: id, title, dates, address and a flag for each genre, separated by `|`."""
    return _plain(path, UITEM_COLUMNS, "|", "latin-1")


def read_atomic(path: Path) -> Iterator[Numbered]:
    """The rows of a RecBole atomic file, under the names of its columns without their types.

    Raises:
        ValidationFailed: the header does not name columns as `name:type`.
    """
    with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
        lines = Lines(file)
        reader = csv.reader(lines, delimiter="\t", quoting=csv.QUOTE_NONE)
        names = [_name(column, path.name) for column in header_of(reader, path.name)]
        yield from rows_of(reader, lines, names, path.name)


def rating_of(rules: EventRules, cells: Cells) -> ImportedEvent:
    """A row of `u.data` or of an `.inter` file: `rated` where there is a rating, else `item_viewed`."""
    return rules.event(
        user_id=cells.get("user_id"),
        item_id=cells.get("item_id"),
        timestamp=_seconds(cells.get("timestamp")),
        value=cells.get("rating"),
    )


def uitem_of(cells: Cells) -> ImportedItem:
    """A row of `u.item`: the flagged genres become tags, the first one the category, the year an attribute."""
    title = cells["title"].strip()
    genres = tuple(name for name in GENRES if cells[name].strip() == "1")
    return _item(cells["item_id"], title, genres)


def atomic_item_of(cells: Cells) -> ImportedItem:
    """A row of an `.item` file: its title, or its id where it has none; what it is about becomes tags."""
    title = next((cells[name].strip() for name in TITLES if cells.get(name, "").strip()), cells["item_id"])
    words = [word for name in WORDS for word in cells.get(name, "").replace(",", " ").split() if word != NO_GENRES]
    return _item(cells["item_id"], title, tuple(dict.fromkeys(words)))


def _item(item_id: str, title: str, tags: tuple[str, ...]) -> ImportedItem:
    year = _YEAR.search(title)
    return ImportedItem(
        item_id=require_item_id(item_id),
        kind=ItemKind.CONTENT,
        title=title,
        tags=tags,
        category=tags[0] if tags else "",
        attributes={"year": int(year[1])} if year else {},
    )


def _seconds(cell: object) -> object:
    """Atomic files keep times as floats, which may be written with an exponent."""
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


def _name(column: str, source: str) -> str:
    name, _, kind = column.strip().partition(":")
    if not name or kind not in ATOMIC_TYPES:
        kinds = ", ".join(ATOMIC_TYPES)
        raise ValidationFailed(f"{source}: the header's '{column[:40]}' is not name:type with one of {kinds}")
    return name

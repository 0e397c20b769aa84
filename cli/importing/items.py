"""When a row counts as a catalogue item."""

import json
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from cli.importing.columns import attributes_of
from cli.importing.records import ImportedItem, did_you_mean, parse_time, shown
from cli.importing.tables import Cells
from domain.catalog.model import AttributeValue, ItemKind, require_item_id
from domain.errors import ValidationFailed

SEPARATOR: Final = "|"
NO_GENRES: Final = "(no genres listed)"
KINDS: Final = tuple(kind.value.lower() for kind in ItemKind)
TRUTHS: Final[Mapping[str, bool]] = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}

ITEM_CELLS: Final = (
    "item_id", "kind", "title", "description", "tags", "category", "attributes", "available_from", "available_until",
    "sensitive",
)  # fmt: skip
"""Columns of items with a meaning of their own; every other one is an attribute."""

MOVIE_CELLS: Final = ("movieId", "title", "genres")

_YEAR: Final = re.compile(r"\((\d{4})\)\s*$")


def item_of(cells: Cells) -> ImportedItem:
    """The item in a row: `item_id` and `title`; what else may be there has the names of `CatalogItem`.

    Tags are a list, or text separated by `|`; attributes an object, or its JSON text; without a kind it is content.
    Every other column is an attribute of its name.

    Raises:
        ValidationFailed: a cell is missing or means nothing; `field` names the column.
    """
    return ImportedItem(
        item_id=require_item_id(_id(cells.get("item_id"))),
        kind=_kind(cells.get("kind")),
        title=cells.get("title") or "",
        description=cells.get("description") or "",
        tags=_tags(cells.get("tags")),
        category=cells.get("category") or "",
        attributes=attributes_of(cells, ITEM_CELLS, cells) | _attributes(cells.get("attributes")),
        available_from=_moment(cells, "available_from"),
        available_until=_moment(cells, "available_until"),
        sensitive=_truth(cells.get("sensitive")),
    )


def movie_of(cells: Cells) -> ImportedItem:
    """A row of MovieLens' movies: its genres become tags, the first one the category, the year an attribute."""
    title, genres = cells["title"].strip(), cells["genres"]
    tags = () if genres == NO_GENRES else _tags(genres)
    return ImportedItem(
        item_id=require_item_id(cells["movieId"]),
        kind=ItemKind.CONTENT,
        title=title,
        tags=tags,
        category=tags[0] if tags else "",
        attributes=attributes_of(cells, MOVIE_CELLS, cells) | year_of(title),
    )


def year_of(title: str) -> dict[str, AttributeValue]:
    """The year that a title ends with in brackets, as an attribute."""
    year = _YEAR.search(title)
    return {"year": int(year[1])} if year else {}


def _id(cell: object) -> object:
    return str(cell) if isinstance(cell, int) and not isinstance(cell, bool) else cell


def _kind(cell: object) -> ItemKind:
    word = str(cell or ItemKind.CONTENT.value).strip().upper()
    try:
        return ItemKind(word)
    except ValueError as error:
        raise ValidationFailed(f"unknown kind '{shown(cell)}'{did_you_mean(word, KINDS)}", field="kind") from error


def _tags(cell: object) -> tuple[str, ...]:
    if cell is None:
        return ()
    words = cell.split(SEPARATOR) if isinstance(cell, str) else cell
    if not isinstance(words, list | tuple) or not all(isinstance(word, str) for word in words):
        raise ValidationFailed("is neither a list of texts nor text separated by |", field="tags")
    return tuple(dict.fromkeys(word.strip() for word in words if word.strip()))


def _attributes(cell: object) -> dict[str, AttributeValue]:
    if cell is None or cell == "":
        return {}
    found: Any = cell
    if isinstance(cell, str):
        try:
            found = json.loads(cell)
        except (ValueError, RecursionError) as error:
            raise ValidationFailed("is not valid JSON", field="attributes") from error
    if not isinstance(found, dict):
        raise ValidationFailed("is not a JSON object", field="attributes")
    return {name: value for name, value in found.items() if value is not None}


def _moment(cells: Cells, name: str) -> datetime | None:
    return parse_time(cells.get(name), name)


def _truth(cell: object) -> bool:
    if cell is None or cell == "":
        return False
    if isinstance(cell, bool):
        return cell
    truth = TRUTHS.get(str(cell).strip().lower())
    if truth is None:
        raise ValidationFailed(f"'{shown(cell)}' is neither true nor false", field="sensitive")
    return truth

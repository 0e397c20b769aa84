"""What becomes of the columns that a file has beyond the documented ones: nothing is dropped without a word.

A column of an item file becomes an attribute. A column of a behaviour file is context if it was declared as such, and
otherwise the file is refused, because a mistyped `value` would silently turn ratings into views.
"""

import re
from collections.abc import Collection, Iterable, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Final

from cli.importing.records import context_text, did_you_mean, shown
from cli.importing.tables import Cells
from domain.catalog.model import NUMBER_BOUND, AttributeValue
from domain.errors import ValidationFailed

EVENT_CELLS: Final = ("user_id", "item_id", "timestamp", "type", "value", "rating", "device", "session")
"""Columns of behaviour with a meaning of their own; `rating` is another name of `value`."""

CONTEXT_COLUMNS: Final = ("purpose", "surface")
"""Columns of behaviour that say where and what for, which no file needs to declare."""

_NUMBER: Final = re.compile(r"[+-]?((0|[1-9]\d{0,14})(\.\d{0,15})?|\.\d{1,15})([eE][+-]?\d{1,2})?")
"""A number, but no code such as `007`."""

_YEAR: Final = re.compile(r"(?:.*_)?year", re.IGNORECASE)
_UNNAMEABLE: Final = re.compile(r"[^A-Za-z0-9_.-]+")


def require_known(names: Iterable[str], known: Collection[str], source: str) -> None:
    """Refuse a column that nobody knows; one without a name holds nothing that anybody meant.

    Raises:
        ValidationFailed: `field` names the first such column.
    """
    unknown = next((name for name in names if name and name not in known), None)
    if unknown is not None:
        raise ValidationFailed(
            f"{source} has a column '{shown(unknown)}' that means nothing here{did_you_mean(unknown, known)}; "
            "if it tells the context of an event, declare it with --context",
            field=shown(unknown),
        )


def context_of(cells: Cells, names: Collection[str]) -> dict[str, str]:
    """The cells of these columns as texts, empty ones left out.

    Raises:
        ValidationFailed: a cell is no text or number, or is too long; `field` names the column.
    """
    found = ((name, context_text(cells.get(name), name)) for name in names)
    return {name: text for name, text in found if text}


def attributes_of(cells: Cells, known: Collection[str], numbers: Collection[str] = ()) -> dict[str, AttributeValue]:
    """The cells of all columns but the `known` ones, under names that attributes can have; empty ones are left out.

    Args:
        cells: one row.
        known: columns with a meaning of their own.
        numbers: columns whose texts are numbers where they look like it; for untyped files, all of them.

    Raises:
        ValidationFailed: a cell is nothing that an attribute could be, or another column has the same name as an
            attribute; `field` names the column.
    """
    found: dict[str, AttributeValue] = {}
    for name, cell in cells.items():
        if name and name not in known:
            value = _value(cell, name, numeric=name in numbers)
            if value is not None:
                attribute = attribute_name(name)
                if attribute in found:
                    raise ValidationFailed(f"is one of two columns for the attribute '{attribute}'", field=shown(name))
                found[attribute] = value
    return found


def attribute_name(column: str) -> str:
    """The name of a column as an attribute's: what such a name cannot hold becomes `_`."""
    name = _UNNAMEABLE.sub("_", column.strip())
    return (name if name[:1].isalpha() or name[:1] == "_" else f"_{name}")[:64]


def is_year(column: str) -> bool:
    """Whether a column is named as a year, which many files declare to be a token although it counts."""
    return _YEAR.fullmatch(column) is not None


def _value(cell: object, name: str, *, numeric: bool) -> AttributeValue | None:
    if isinstance(cell, str):
        text = cell.strip()
        if text.lower() in ("true", "false"):
            return text.lower() == "true"
        return _number(text) if numeric and _NUMBER.fullmatch(text) else text or None
    if isinstance(cell, Decimal):
        cell = float(cell)
    if isinstance(cell, float) and not abs(cell) <= NUMBER_BOUND:
        return None
    if cell is None or isinstance(cell, bool | int | float):
        return cell
    if isinstance(cell, date | datetime):
        return cell.isoformat()
    return _joined(cell, name)


def _number(text: str) -> int | float:
    return int(text) if text.lstrip("+-").isdigit() else float(text)


def _joined(cell: object, name: str) -> str | None:
    """A list of words as one text; a list of numbers, such as an embedding, is no attribute."""
    if isinstance(cell, Sequence) and all(isinstance(part, str) for part in cell):
        return " ".join(cell) or None
    if isinstance(cell, Sequence) and all(isinstance(part, int | float) for part in cell):
        return None
    raise ValidationFailed("is neither text, a number, true or false, nor a list of texts", field=name)

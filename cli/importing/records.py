"""What every file format is read into and when a row counts as good, so that all formats accept and refuse the same."""

import math
import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from decimal import Decimal
from difflib import get_close_matches
from typing import Final, TypeAlias

from domain.behavior.model import FUTURE_TOLERANCE
from domain.catalog.model import CatalogItem, require_item_id
from domain.errors import ValidationFailed
from domain.ids import ItemId, UserId

ImportedItem: TypeAlias = CatalogItem

EVENT_TYPES: Final = (
    "template_used",
    "style_applied",
    "feature_used",
    "project_created",
    "project_exported",
    "item_viewed",
    "rated",
    "tagged",
    "liked",
    "dismissed",
)
"""The event types that an import understands."""

EARLIEST: Final = datetime(1990, 1, 1, tzinfo=UTC)
VALUE_BOUND: Final = 1e6
USER_ID_LENGTH: Final = 256
SESSION_LENGTH: Final = 128
CONTEXT_LENGTH: Final = 128

_CONTROL: Final = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_NUMBER: Final = re.compile(r"[+-]?\d{1,20}(\.\d{0,20})?")
_DEVICE: Final = re.compile(r"[a-z][a-z0-9_-]{0,31}")


@dataclass(frozen=True, slots=True)
class ImportedEvent:
    """One thing that one user did with one item.

    Attributes:
        user_id: the id that the other system knows the person by.
        item_id: a catalogue item's id.
        type: one of `EVENT_TYPES`.
        value: a rating or another strength, within ±1,000,000; None for a plain action.
        occurred_at: aware, in UTC.
        device: lower-case name of the device class, such as `mobile`.
        session: the other system's id of the visit.
        context: what else is known of where and what for, such as `surface` and `purpose`.
    """

    user_id: UserId
    item_id: ItemId
    type: str
    value: float | None
    occurred_at: datetime
    device: str | None = None
    session: str | None = None
    context: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ItemTag:
    """A word that somebody gave an item: what an evaluation may know of it, but no behaviour and no catalogue."""

    item_id: ItemId
    tag: str


@dataclass(frozen=True, slots=True)
class RejectedRow:
    """A row that was not loaded.

    Attributes:
        line_number: 1-based line of the file where the row starts; for Parquet the 1-based row.
        reason: one sentence for a person.
        field: the column concerned, if one is.
        source: the file's name.
    """

    line_number: int
    reason: str
    field: str | None = None
    source: str = ""


@dataclass(frozen=True, slots=True)
class EventRules:
    """What an event must obey at the time of an import."""

    now: datetime

    def event(
        self,
        *,
        user_id: object,
        item_id: object,
        timestamp: object,
        type: object = None,  # noqa: A002 -- the documented name of the column
        value: object = None,
        device: object = None,
        session: object = None,
        context: Mapping[str, str] | None = None,
    ) -> ImportedEvent:
        """Check one row's cells.

        Without a type, a row with a value is `rated` and one without is `item_viewed`.

        Raises:
            ValidationFailed: a cell is missing or means nothing; `field` names the column.
        """
        strength = _value(value)
        kind = _text(type, "type") or ("item_viewed" if strength is None else "rated")
        if kind not in EVENT_TYPES:
            raise ValidationFailed(f"unknown type '{shown(kind)}'{did_you_mean(kind, EVENT_TYPES)}", field="type")
        if kind == "rated" and strength is None:
            raise ValidationFailed("a rating needs a value", field="value")
        return ImportedEvent(
            user_id=UserId(_required(user_id, "user_id", longest=USER_ID_LENGTH)),
            item_id=require_item_id(_required(item_id, "item_id", longest=USER_ID_LENGTH)),
            type=kind,
            value=strength,
            occurred_at=self._time(timestamp),
            device=_device(device),
            session=_text(session, "session", longest=SESSION_LENGTH) or None,
            context=context or {},
        )

    def _time(self, cell: object) -> datetime:
        moment = parse_time(cell, "timestamp")
        if moment is None:
            raise ValidationFailed("is empty", field="timestamp")
        if not EARLIEST <= moment <= self.now + FUTURE_TOLERANCE:
            raise ValidationFailed(f"{moment:%Y-%m-%d} is before 1990 or in the future", field="timestamp")
        return moment


def parse_time(cell: object, field: str) -> datetime | None:
    """Read ISO 8601 or seconds since 1970; without a time zone, UTC is meant; None for an empty cell.

    Raises:
        ValidationFailed: the cell is neither.
    """
    if cell is None or cell == "":
        return None
    try:
        if isinstance(cell, datetime):
            return _utc(cell)
        if isinstance(cell, date):
            return datetime.combine(cell, time(), UTC)
        if isinstance(cell, str):
            text = cell.strip()
            if _NUMBER.fullmatch(text) is None:
                return _utc(datetime.fromisoformat(text))
            return _from_epoch(float(text))
        if isinstance(cell, int | float) and not isinstance(cell, bool):
            return _from_epoch(float(cell))
    except (ValueError, OverflowError, OSError) as error:
        raise ValidationFailed(_time_hint(cell), field=field) from error
    raise ValidationFailed(_time_hint(cell), field=field)


def require_distinct(columns: Sequence[str], source: str) -> None:
    """Refuse a file in which one column would hide another of the same name; columns without a name hide nothing.

    Raises:
        ValidationFailed: two have the same name.
    """
    name, count = Counter(filter(None, columns)).most_common(1)[0] if any(columns) else ("", 0)
    if count > 1:
        raise ValidationFailed(f"{source} has two columns '{shown(name)}'", field=name)


def context_text(cell: object, field: str) -> str:
    """A cell that tells the context of an event, as text; empty for none.

    Raises:
        ValidationFailed: it is no text or number, or too long.
    """
    if isinstance(cell, bool | float):
        cell = str(cell).lower()
    return _text(cell, field, longest=CONTEXT_LENGTH)


def did_you_mean(word: str, known: Collection[str]) -> str:
    """The end of a sentence that names the nearest of `known`, or nothing when none is near."""
    near = get_close_matches(word.lower(), known, n=1)
    return f"; did you mean '{shown(near[0])}'?" if near else ""


def shown(text: object) -> str:
    """A cell as it may be shown in a message: short and printable."""
    return str(text)[:40].encode("ascii", "backslashreplace").decode()


def _utc(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _from_epoch(seconds: float) -> datetime:
    if abs(seconds) > 1e11:
        raise ValueError("not seconds")
    return datetime.fromtimestamp(seconds, UTC)


def _time_hint(cell: object) -> str:
    return f"'{shown(cell)}' is neither an ISO 8601 time nor seconds since 1970"


def _text(cell: object, field: str, *, longest: int = 64) -> str:
    if cell is None:
        return ""
    if isinstance(cell, int) and not isinstance(cell, bool):
        cell = str(cell)
    if not isinstance(cell, str):
        raise ValidationFailed("is not text", field=field)
    text = cell.strip()
    if len(text) > longest:
        raise ValidationFailed(f"is longer than {longest} characters", field=field)
    if _CONTROL.search(text) is not None:
        raise ValidationFailed("holds a control or broken character", field=field)
    return text


def _required(cell: object, field: str, *, longest: int) -> str:
    text = _text(cell, field, longest=longest)
    if not text:
        raise ValidationFailed("is empty", field=field)
    return text


def _value(cell: object) -> float | None:
    if cell is None or cell == "":
        return None
    try:
        number = (
            math.nan if isinstance(cell, bool) or not isinstance(cell, str | int | float | Decimal) else float(cell)
        )
    except (ValueError, OverflowError):
        number = math.nan
    if not abs(number) <= VALUE_BOUND:
        raise ValidationFailed(f"'{shown(cell)}' is not a number within ±1,000,000", field="value")
    return number


def _device(cell: object) -> str | None:
    device = _text(cell, "device").lower()
    if device and _DEVICE.fullmatch(device) is None:
        raise ValidationFailed(f"'{shown(device)}' is not the name of a device class", field="device")
    return device or None

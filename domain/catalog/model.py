"""What a catalogue item is and when one is valid, so that every way in (API, import, demo) obeys the same rules."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from domain.errors import ValidationFailed
from domain.ids import ItemId

AttributeValue = str | int | float | bool

TITLE_LENGTH: Final = 300
DESCRIPTION_LENGTH: Final = 4000
CATEGORY_LENGTH: Final = 100
TAG_LENGTH: Final = 64
TAGS: Final = 64
ATTRIBUTES: Final = 64
ATTRIBUTE_TEXT_LENGTH: Final = 1000
NUMBER_BOUND: Final = 2**53 - 1
"""Numbers beyond it lose digits in JSON and could not be read back as written."""

EARLIEST: Final = datetime(1, 1, 2, tzinfo=UTC)
LATEST: Final = datetime(9999, 12, 31, 23, 59, 59, 999_000, tzinfo=UTC)
"""What lies beyond these is no moment in some time zones, and no instant to PostgreSQL but one of its infinities."""

_ITEM_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:-]{0,127}")
_ATTRIBUTE_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,63}")
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


class ItemKind(StrEnum):
    """What sort of thing an item is; recommendations are asked for by kind."""

    TEMPLATE = "TEMPLATE"
    STYLE = "STYLE"
    FEATURE = "FEATURE"
    CONTENT = "CONTENT"

    @property
    def code(self) -> int:
        """A small integer that stands for the kind in arrays."""
        return _CODES[self]


_CODES: Final[Mapping[ItemKind, int]] = MappingProxyType({kind: code for code, kind in enumerate(ItemKind)})


def is_item_id(text: str) -> bool:
    """Whether an item could have this id."""
    return _ITEM_ID.fullmatch(text) is not None


@dataclass(frozen=True, slots=True)
class CatalogItem:
    """One thing that can be recommended.

    Attributes:
        item_id: 1 to 128 of letters, digits, `_`, `.`, `:`, `-`, starting with a letter or digit.
        kind: what sort of thing it is.
        title: 1 to 300 characters.
        description: up to 4,000 characters.
        tags: up to 64 different ones of 1 to 64 characters, in the order of importance.
        category: up to 100 characters; empty for none.
        attributes: up to 64 named texts, finite numbers or booleans.
        available_from: first moment it may be recommended; None for always.
        available_until: first moment it may no longer be recommended; None for never.
        sensitive: whether it touches a special category of personal data.

    Raises:
        ValidationFailed: a rule above is broken; `field` names the part.
    """

    item_id: ItemId
    kind: ItemKind
    title: str
    description: str = ""
    tags: tuple[str, ...] = ()
    category: str = ""
    attributes: Mapping[str, AttributeValue] = field(default_factory=dict)
    available_from: datetime | None = None
    available_until: datetime | None = None
    sensitive: bool = False

    def __post_init__(self) -> None:
        require_item_id(self.item_id)
        _require(isinstance(self.kind, ItemKind), "the kind is not one of the known kinds", "kind")
        _require_text(self.title, "title", longest=TITLE_LENGTH, blank=False)
        _require_text(self.description, "description", longest=DESCRIPTION_LENGTH)
        _require_text(self.category, "category", longest=CATEGORY_LENGTH)
        _require_tags(self.tags)
        _require_attributes(self.attributes)
        require_window(self.available_from, self.available_until, "available_from", "available_until")
        _require(isinstance(self.sensitive, bool), "must be true or false", "sensitive")
        object.__setattr__(self, "attributes", MappingProxyType(dict(self.attributes)))


@dataclass(frozen=True, slots=True)
class CatalogPage:
    """One page of items in the order of their ids; `has_next` says whether more follow."""

    items: tuple[CatalogItem, ...]
    has_next: bool


@dataclass(frozen=True, slots=True)
class CatalogChange:
    """What an upsert did; `version` is the catalogue's version after it."""

    inserted: int
    updated: int
    unchanged: int
    version: int


def require_item_id(value: object) -> ItemId:
    """Return `value` as an item id.

    Raises:
        ValidationFailed: it is not a well-formed id (`field` is `item_id`).
    """
    if not isinstance(value, str) or _ITEM_ID.fullmatch(value) is None:
        raise ValidationFailed(
            "an item id is 1 to 128 letters, digits or _ . : - and starts with a letter or digit", field="item_id"
        )
    return ItemId(value)


def _require(valid: bool, message: str, field_name: str) -> None:
    if not valid:
        raise ValidationFailed(message, field=field_name)


def _require_text(value: object, field_name: str, *, longest: int, blank: bool = True) -> None:
    if not isinstance(value, str):
        raise ValidationFailed("must be text", field=field_name)
    _require(len(value) <= longest, f"is longer than {longest} characters", field_name)
    _require(blank or bool(value.strip()), "must not be empty", field_name)
    _require(_UNSTORABLE.search(value) is None, "holds a NUL or a broken character", field_name)


def _require_tags(tags: object) -> None:
    if not isinstance(tags, tuple):
        raise ValidationFailed("must be a tuple of texts", field="tags")
    _require(len(tags) <= TAGS, f"has more than {TAGS} tags", "tags")
    for index, tag in enumerate(tags):
        _require_text(tag, f"tags.{index}", longest=TAG_LENGTH, blank=False)
    _require(len(set(tags)) == len(tags), "names the same tag twice", "tags")


def _require_attributes(attributes: object) -> None:
    if not isinstance(attributes, Mapping):
        raise ValidationFailed("must map names to values", field="attributes")
    _require(len(attributes) <= ATTRIBUTES, f"has more than {ATTRIBUTES} attributes", "attributes")
    for name, value in attributes.items():
        require_attribute(name, value, "attributes")


def require_attribute(name: object, value: object, place: str) -> None:
    """Raise `ValidationFailed`, naming the field below `place`, unless an item could have this attribute."""
    if not isinstance(name, str) or _ATTRIBUTE_NAME.fullmatch(name) is None:
        raise ValidationFailed(
            "an attribute's name is 1 to 64 letters, digits or _ . - and starts with a letter or _", field=place
        )
    _require_attribute_value(value, f"{place}.{name}")


def _require_attribute_value(value: object, field_name: str) -> None:
    if isinstance(value, bool):
        return
    if isinstance(value, int | float):
        # False for NaN too; a finiteness test would first turn the number into a float, which a long integer overflows.
        _require(abs(value) <= NUMBER_BOUND, "is not a number within ±(2^53 - 1)", field_name)
        return
    if not isinstance(value, str):
        raise ValidationFailed("must be text, a number or true/false", field=field_name)
    _require_text(value, field_name, longest=ATTRIBUTE_TEXT_LENGTH)


def require_window(start: object, end: object, start_name: str, end_name: str) -> None:
    """Raise `ValidationFailed`, naming the field, unless each is None or a moment, and the end is after the start."""
    for field_name, moment in ((start_name, start), (end_name, end)):
        if moment is None:
            continue
        if not isinstance(moment, datetime) or moment.tzinfo is None:
            raise ValidationFailed("must be a time with a time zone", field=field_name)
        _require(EARLIEST <= moment <= LATEST, "is too early or too late; absent means always or never", field_name)
    if isinstance(start, datetime) and isinstance(end, datetime):
        _require(start < end, "ends before it starts", end_name)

"""Business rules: what each one is, and which of them contradict each other."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from domain.catalog.model import AttributeValue, ItemKind, is_item_id, require_attribute, require_window
from domain.errors import ValidationFailed
from domain.ids import ItemId

MAX_RULES: Final = 200
MAX_VALUES: Final = 500
MAX_TEXT: Final = 512
LAST_POSITION: Final = 99
LARGEST_CAP: Final = 100
LARGEST_AMOUNT: Final = 3.0
"""All boosts of an item together move it by no more than this many standard deviations."""
LARGEST_FACTOR: Final = 20.0
"""`log(20)` is just within the largest amount."""

_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_RULE_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:-]{0,127}")


def _require(valid: bool, message: str, field_name: str) -> None:
    if not valid:
        raise ValidationFailed(message, field=field_name)


def _require_texts(texts: Iterable[str], field_name: str) -> None:
    for text in texts:
        _require(0 < len(text) <= MAX_TEXT, "names an empty or too long text", field_name)
        _require(_UNSTORABLE.search(text) is None, "holds a NUL or a broken character", field_name)


class RuleKind(StrEnum):
    """What a rule does with the items that it selects."""

    INCLUDE = "include"
    EXCLUDE = "exclude"
    PIN = "pin"
    BOOST = "boost"
    CAP = "cap"


class CapGroup(StrEnum):
    """What shares one cap; without it all selected items share one."""

    CATEGORY = "category"
    KIND = "kind"


@dataclass(frozen=True, slots=True)
class Selector:
    """The items a rule is about: those that match one value of each part that names any; all items if none does.

    Tags and categories are compared without regard to case.
    """

    item_ids: frozenset[ItemId] = frozenset()
    kinds: frozenset[ItemKind] = frozenset()
    categories: frozenset[str] = frozenset()
    tags: frozenset[str] = frozenset()
    attributes: Mapping[str, AttributeValue] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("item_ids", "kinds", "categories", "tags", "attributes"):
            _require(len(getattr(self, name)) <= MAX_VALUES, f"names more than {MAX_VALUES}", f"items.{name}")
        _require(all(map(is_item_id, self.item_ids)), "names what cannot be an item's id", "items.item_ids")
        _require_texts(self.categories, "items.categories")
        _require_texts(self.tags, "items.tags")
        for name, value in self.attributes.items():
            require_attribute(name, value, "items.attributes")
        object.__setattr__(self, "attributes", MappingProxyType(dict(self.attributes)))

    @property
    def names_items_only(self) -> bool:
        """Whether the ids alone decide, whatever the catalogue says of the items."""
        return bool(self.item_ids) and not (self.kinds or self.categories or self.tags or self.attributes)


@dataclass(frozen=True, slots=True)
class Scope:
    """The lists a rule applies to, and when; a part that names nothing restricts nothing.

    Attributes:
        kinds: lists of these kinds alone; a list of every kind is not meant.
        surfaces: where the list is shown.
        devices: what it is shown on.
        active_from: first moment; None for always.
        active_until: first moment no longer; None for never.
    """

    kinds: frozenset[ItemKind] = frozenset()
    surfaces: frozenset[str] = frozenset()
    devices: frozenset[str] = frozenset()
    active_from: datetime | None = None
    active_until: datetime | None = None

    def __post_init__(self) -> None:
        require_window(self.active_from, self.active_until, "lists.active_from", "lists.active_until")
        for name in ("surfaces", "devices"):
            texts: frozenset[str] = getattr(self, name)
            _require(len(texts) <= MAX_VALUES, f"names more than {MAX_VALUES}", f"lists.{name}")
            _require_texts(texts, f"lists.{name}")

    def covers(self, kinds: frozenset[ItemKind] | None, surface: str | None, device: str | None, at: datetime) -> bool:
        """Whether a list of these kinds, shown there at this moment, is meant."""
        return (
            (not self.kinds or (kinds is not None and kinds <= self.kinds))
            and (not self.surfaces or surface in self.surfaces)
            and (not self.devices or device in self.devices)
            and (self.active_from is None or self.active_from <= at)
            and (self.active_until is None or at < self.active_until)
        )

    def meets(self, other: "Scope") -> bool:
        """Whether some list could be meant by both."""
        together = ((self.kinds, other.kinds), (self.surfaces, other.surfaces), (self.devices, other.devices))
        if any(mine and theirs and not mine & theirs for mine, theirs in together):
            return False
        first_ends = self.active_until is not None and other.active_from is not None
        second_ends = other.active_until is not None and self.active_from is not None
        return not (
            (first_ends and self.active_until <= other.active_from)  # type: ignore[operator]  # neither is None
            or (second_ends and other.active_until <= self.active_from)  # type: ignore[operator]  # neither is None
        )


EVERYTHING: Final = Selector()
EVERYWHERE: Final = Scope()


@dataclass(frozen=True, slots=True)
class Rule:
    """One business rule.

    Attributes:
        rule_id: 1 to 128 of letters, digits, `_`, `.`, `:`, `-`; a rule with the same id is replaced.
        kind: what it does with the selected items. `INCLUDE` lets only them onto the list, `EXCLUDE` keeps them off;
            `PIN` puts the one selected item at `position`; `BOOST` moves them up or down; `CAP` lets at most `at_most`
            of them onto a page.
        items: which items.
        lists: which lists, and when.
        position: of a pin, from 0.
        factor: of a boost; an item counts as if this many times the people had taken to it, 1/20 to 20.
        amount: of a boost, instead of a factor: standard deviations to move it by, -3 to 3.
        at_most: of a cap, 1 to 100.
        per: of a cap; whether each category or kind of the selected items has a cap of its own.

    Raises:
        ValidationFailed: a part is missing, out of its range, or belongs to another kind of rule.
    """

    rule_id: str
    kind: RuleKind
    items: Selector = EVERYTHING
    lists: Scope = EVERYWHERE
    position: int | None = None
    factor: float | None = None
    amount: float | None = None
    at_most: int | None = None
    per: CapGroup | None = None

    def __post_init__(self) -> None:
        _require(_RULE_ID.fullmatch(self.rule_id) is not None, "is not 1 to 128 letters, digits or _ . : -", "rule_id")
        parts = {RuleKind.PIN: {"position"}, RuleKind.BOOST: {"factor", "amount"}, RuleKind.CAP: {"at_most", "per"}}
        for name in ("position", "factor", "amount", "at_most", "per"):
            belongs = name in parts.get(self.kind, set())
            _require(
                belongs or getattr(self, name) is None, f"does not belong to a rule of kind {self.kind.name}", name
            )
        if self.kind is RuleKind.PIN:
            self._require_pin()
        elif self.kind is RuleKind.BOOST:
            self._require_boost()
        elif self.kind is RuleKind.CAP:
            _require(self.at_most is not None and 1 <= self.at_most <= LARGEST_CAP, "is within 1 to 100", "at_most")
        else:
            _require(self.items != EVERYTHING, "a filter selects some items", "items")

    def _require_pin(self) -> None:
        alone = self.items.names_items_only and len(self.items.item_ids) == 1
        _require(alone, "a pin names exactly one item by its id", "items")
        _require(self.position is not None and 0 <= self.position <= LAST_POSITION, "is within 0 to 99", "position")

    def _require_boost(self) -> None:
        _require((self.factor is None) != (self.amount is None), "a boost has either a factor or an amount", "factor")
        if self.factor is not None:
            bounded = 1 / LARGEST_FACTOR <= self.factor <= LARGEST_FACTOR and self.factor != 1
            _require(bounded, "is within 1/20 to 20, and not 1", "factor")
        if self.amount is not None:
            bounded = -LARGEST_AMOUNT <= self.amount <= LARGEST_AMOUNT and self.amount != 0
            _require(bounded, "is within -3 to 3, and not 0", "amount")

    @property
    def promotes(self) -> bool:
        """Whether a boost moves items up."""
        return (self.factor or 1.0) > 1.0 or (self.amount or 0.0) > 0.0

    @property
    def pinned(self) -> ItemId | None:
        """The item of a pin."""
        return next(iter(self.items.item_ids)) if self.kind is RuleKind.PIN else None


@dataclass(frozen=True, slots=True)
class RuleBook:
    """A tenant's rules; `version` grows with every change."""

    version: int = 0
    rules: tuple[Rule, ...] = ()


NO_RULES: Final = RuleBook()


def contradiction(rule: Rule, others: Iterable[Rule]) -> tuple[Rule, str] | None:
    """The first of `others` that cannot hold beside `rule` on a list that both mean, and why; None if all can."""
    for other in others:
        if other.rule_id != rule.rule_id and rule.lists.meets(other.lists):
            why = _why(rule, other) or _why(other, rule)
            if why:
                return other, why
    return None


def _why(one: Rule, other: Rule) -> str | None:
    match one.kind, other.kind:
        case RuleKind.PIN, RuleKind.PIN:
            if one.position == other.position:
                return "both pin an item to the same place"
            return "they pin one item to two places" if one.pinned == other.pinned else None
        case RuleKind.PIN, RuleKind.EXCLUDE if other.items.names_items_only and one.pinned in other.items.item_ids:
            return "one pins what the other excludes"
        case RuleKind.PIN, RuleKind.INCLUDE if other.items.item_ids and one.pinned not in other.items.item_ids:
            return "one pins what the other does not include"
        case RuleKind.INCLUDE, RuleKind.EXCLUDE if one.items == other.items:
            return "one includes only what the other excludes"
        case RuleKind.BOOST, RuleKind.BOOST if one.items == other.items and one.promotes != other.promotes:
            return "one moves up what the other moves down"
        case RuleKind.CAP, RuleKind.CAP if (one.items, one.per) == (other.items, other.per):
            return "both cap the same items" if one.at_most != other.at_most else None
    return None

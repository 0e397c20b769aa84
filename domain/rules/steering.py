"""Rules laid out over a catalogue: masks and numbers for each of its items, so that a list is steered without a loop.

What a rule selects is looked up once for each version of rules and catalogue; what holds for a list is put together
once for each set of rules that apply to it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from math import inf, log
from typing import Final

import numpy as np
from numpy.typing import NDArray

from domain.catalog.model import AttributeValue, ItemKind
from domain.catalog.snapshot import CatalogSnapshot
from domain.rules.model import LARGEST_AMOUNT, CapGroup, Rule, RuleBook, RuleKind, Selector

HELD_COMBINATIONS: Final = 64


@dataclass(frozen=True, slots=True)
class Pin:
    """An item that a rule puts at a place of the list, from 0."""

    row: int
    position: int
    rule_id: str


@dataclass(frozen=True, slots=True, eq=False)
class Cap:
    """At most `at_most` items of each group on a page; `groups` is int32[n], -1 for items that it is not about."""

    groups: NDArray[np.int32]
    at_most: int
    rule_id: str


@dataclass(frozen=True, slots=True, eq=False)
class Steering:
    """What the rules say about one list of n items.

    Attributes:
        allowed: bool[n]; None where no rule filters.
        boost: float32[n], what to add to each score; None where no rule boosts.
        pins: at most one for each place.
        caps: all hold at once.
        filters: each filtering rule with the items that it lets through, bool[n].
    """

    allowed: NDArray[np.bool_] | None = None
    boost: NDArray[np.float32] | None = None
    pins: tuple[Pin, ...] = ()
    caps: tuple[Cap, ...] = ()
    filters: tuple[tuple[Rule, NDArray[np.bool_]], ...] = ()

    def barring(self, row: int) -> Rule | None:
        """The first rule that keeps an item off the list; None if none does."""
        return next((rule for rule, lets_through in self.filters if not lets_through[row]), None)


UNSTEERED: Final = Steering()


class RuleSheet:
    """One version of the rules over one version of the catalogue."""

    def __init__(self, book: RuleBook, catalog: CatalogSnapshot) -> None:
        self._catalog = catalog
        self._rules = book.rules
        self._selected = [_selected(rule.items, catalog) for rule in book.rules]
        self._held: dict[tuple[int, ...], Steering] = {}

    def steering(
        self, kinds: frozenset[ItemKind] | None, surface: str | None, device: str | None, at: datetime
    ) -> Steering:
        """What holds for a list of these kinds, shown there at this moment."""
        active = tuple(n for n, rule in enumerate(self._rules) if rule.lists.covers(kinds, surface, device, at))
        if not active:
            return UNSTEERED
        held = self._held.get(active)
        if held is None:
            if len(self._held) >= HELD_COMBINATIONS:
                self._held.clear()
            held = self._held[active] = self._combined(active)
        return held

    def next_change(self, at: datetime) -> float:
        """When a rule begins or ceases to hold, after `at`; seconds since the epoch, inf for never."""
        windows = (moment for rule in self._rules for moment in (rule.lists.active_from, rule.lists.active_until))
        return min((moment.timestamp() for moment in windows if moment is not None and moment > at), default=inf)

    def _combined(self, active: Sequence[int]) -> Steering:
        of_kind = {kind: [n for n in active if self._rules[n].kind is kind] for kind in RuleKind}
        filters = self._filters(of_kind)
        return Steering(
            allowed=np.logical_and.reduce([mask for _, mask in filters]) if filters else None,
            boost=self._boost(of_kind[RuleKind.BOOST]),
            pins=tuple(pin for n in of_kind[RuleKind.PIN] for pin in self._pin(n)),
            caps=tuple(self._cap(n) for n in of_kind[RuleKind.CAP]),
            filters=tuple(filters),
        )

    def _filters(self, of_kind: Mapping[RuleKind, Sequence[int]]) -> list[tuple[Rule, NDArray[np.bool_]]]:
        filters = [(self._rules[n], ~self._selected[n]) for n in of_kind[RuleKind.EXCLUDE]]
        included = of_kind[RuleKind.INCLUDE]
        if included:
            # What one of several includes is let through by all of them.
            anyone = np.logical_or.reduce([self._selected[n] for n in included])
            filters += [(self._rules[n], anyone) for n in included]
        return filters

    def _boost(self, boosts: Sequence[int]) -> NDArray[np.float32] | None:
        if not boosts:
            return None
        total = np.zeros(len(self._catalog), dtype=np.float32)
        for n in boosts:
            rule = self._rules[n]
            total[self._selected[n]] += log(rule.factor) if rule.factor is not None else rule.amount or 0.0
        return np.clip(total, -LARGEST_AMOUNT, LARGEST_AMOUNT)

    def _pin(self, n: int) -> list[Pin]:
        rule, rows = self._rules[n], np.flatnonzero(self._selected[n]).tolist()
        return [Pin(row, rule.position or 0, rule.rule_id) for row in rows]

    def _cap(self, n: int) -> Cap:
        rule = self._rules[n]
        match rule.per:
            case CapGroup.CATEGORY:
                codes = self._catalog.category_codes
            case CapGroup.KIND:
                codes = self._catalog.kinds.astype(np.int32)
            case None:
                codes = np.zeros(len(self._catalog), dtype=np.int32)
        return Cap(np.where(self._selected[n], codes, -1).astype(np.int32), rule.at_most or 0, rule.rule_id)


def _selected(selector: Selector, catalog: CatalogSnapshot) -> NDArray[np.bool_]:
    """Which items of a catalogue a selector is about, bool[n]."""
    mask = np.ones(len(catalog), dtype=np.bool_)
    if selector.item_ids:
        named = np.zeros(len(catalog), dtype=np.bool_)
        named[[catalog.rows[item] for item in selector.item_ids if item in catalog.rows]] = True
        mask &= named
    if selector.kinds:
        mask &= np.isin(catalog.kinds, [kind.code for kind in selector.kinds])
    if selector.categories:
        wanted = {name.casefold() for name in selector.categories}
        codes = [code for code, name in enumerate(catalog.categories) if name.casefold() in wanted]
        mask &= np.isin(catalog.category_codes, codes)
    if selector.tags:
        wanted = {name.casefold() for name in selector.tags}
        mask &= np.fromiter(
            (any(t.casefold() in wanted for t in tags) for tags in catalog.tags), np.bool_, len(catalog)
        )
    for name, value in selector.attributes.items():
        mask &= np.fromiter((_same(held.get(name), value) for held in catalog.attributes), np.bool_, len(catalog))
    return mask


def _same(held: AttributeValue | None, wanted: AttributeValue) -> bool:
    # Python takes True for 1.
    return held == wanted and isinstance(held, bool) == isinstance(wanted, bool)

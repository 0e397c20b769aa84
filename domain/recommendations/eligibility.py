"""Which items may be on a page at all, decided before any cut, so that no page is short without cause."""

from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray

from domain.catalog.model import ItemKind
from domain.catalog.snapshot import CatalogSnapshot
from domain.ids import ItemId

DEVICE: Final = "device"
HELD_DEVICES: Final = 16


class Obstacle(StrEnum):
    """What keeps an item off a list, whoever asks."""

    OTHER_KIND = "OTHER_KIND"
    NOT_AVAILABLE = "NOT_AVAILABLE"
    OTHER_DEVICE = "OTHER_DEVICE"


class Eligibility:
    """The rules of one catalogue; what does not change between requests is computed once."""

    def __init__(self, catalog: CatalogSnapshot) -> None:
        self._catalog = catalog
        self._of_kind = {kind: catalog.kinds == kind.code for kind in ItemKind}
        # Few items have a window, so only those are compared with the time of the request.
        self._windowed = np.flatnonzero(np.isfinite(catalog.available_from) | np.isfinite(catalog.available_until))
        self._from = catalog.available_from[self._windowed]
        self._until = catalog.available_until[self._windowed]
        self._devices = _devices(catalog)
        self._bound = np.array(sorted(self._devices), dtype=np.int64)
        self._others: dict[str, NDArray[np.int64]] = {}

    def mask(
        self, at: datetime, kinds: frozenset[ItemKind] | None, device: str | None, without: Iterable[ItemId]
    ) -> NDArray[np.bool_]:
        """Which items of the catalogue may be shown at `at`, bool[n].

        Args:
            at: the moment of the request.
            kinds: the kinds that are wanted; None for all.
            device: what the list is shown on; items made for other devices alone are left out. None leaves out none.
            without: items that must not be shown; unknown ones are ignored.
        """
        mask = self._kinds_mask(kinds)
        now = at.timestamp()
        mask[self._windowed] &= (self._from <= now) & (now < self._until)
        if device is not None and len(self._bound):
            mask[self._made_for_others(device.casefold())] = False
        mask[[row for row in map(self._catalog.rows.get, without) if row is not None]] = False
        return mask

    def next_change(self, at: datetime) -> float:
        """When something becomes available or ceases to be, after `at`; seconds since the epoch, inf for never."""
        moments, now = np.concatenate((self._from, self._until)), at.timestamp()
        return float(moments[moments > now].min(initial=np.inf))

    def obstacle(
        self, row: int, at: datetime, kinds: frozenset[ItemKind] | None, device: str | None
    ) -> "Obstacle | None":
        """What keeps one item off a list, whoever asks; None if nothing does."""
        if kinds is not None and self._catalog.kind_of(row) not in kinds:
            return Obstacle.OTHER_KIND
        now = at.timestamp()
        if not self._catalog.available_from[row] <= now < self._catalog.available_until[row]:
            return Obstacle.NOT_AVAILABLE
        if device is not None and row in self._devices and device.casefold() not in self._devices[row]:
            return Obstacle.OTHER_DEVICE
        return None

    def _made_for_others(self, device: str) -> NDArray[np.int64]:
        rows = self._others.get(device)
        if rows is None:
            rows = np.array([row for row in self._bound.tolist() if device not in self._devices[row]], dtype=np.int64)
            # A client may name any device; only some are remembered.
            if len(self._others) < HELD_DEVICES:
                self._others[device] = rows
        return rows

    def _kinds_mask(self, kinds: frozenset[ItemKind] | None) -> NDArray[np.bool_]:
        if kinds is None:
            return np.ones(len(self._catalog), dtype=np.bool_)
        mask = np.zeros(len(self._catalog), dtype=np.bool_)
        for kind in kinds:
            mask |= self._of_kind[kind]
        return mask


def _devices(catalog: CatalogSnapshot) -> dict[int, frozenset[str]]:
    """The devices of each item that is made for some alone, by row: its attribute `device`, names separated by `|`."""
    named = ((row, attributes.get(DEVICE)) for row, attributes in enumerate(catalog.attributes))
    return {row: frozenset(text.casefold().split("|")) for row, text in named if isinstance(text, str) and text}

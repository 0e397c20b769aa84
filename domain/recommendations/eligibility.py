"""Which items may be on a page at all, decided before any cut, so that no page is short without cause."""

from collections.abc import Iterable
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from domain.catalog.model import ItemKind
from domain.catalog.snapshot import CatalogSnapshot
from domain.ids import ItemId


class Eligibility:
    """The rules of one catalogue; what does not change between requests is computed once."""

    def __init__(self, catalog: CatalogSnapshot) -> None:
        self._catalog = catalog
        self._of_kind = {kind: catalog.kinds == kind.code for kind in ItemKind}
        # Few items have a window, so only those are compared with the time of the request.
        self._windowed = np.flatnonzero(np.isfinite(catalog.available_from) | np.isfinite(catalog.available_until))
        self._from = catalog.available_from[self._windowed]
        self._until = catalog.available_until[self._windowed]

    def rows(self, at: datetime, kinds: frozenset[ItemKind] | None, without: Iterable[ItemId]) -> NDArray[np.int64]:
        """Rows of the catalogue that may be shown at `at`, ascending, int64[k].

        Args:
            at: the moment of the request.
            kinds: the kinds that are wanted; None for all.
            without: items that must not be shown; unknown ones are ignored.
        """
        mask = self._kinds_mask(kinds)
        now = at.timestamp()
        mask[self._windowed] &= (self._from <= now) & (now < self._until)
        known = self._catalog.rows
        mask[[known[item_id] for item_id in without if item_id in known]] = False
        return np.flatnonzero(mask)

    def _kinds_mask(self, kinds: frozenset[ItemKind] | None) -> NDArray[np.bool_]:
        if kinds is None:
            return np.ones(len(self._catalog), dtype=np.bool_)
        mask = np.zeros(len(self._catalog), dtype=np.bool_)
        for kind in kinds:
            mask |= self._of_kind[kind]
        return mask

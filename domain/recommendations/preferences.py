"""How well items match what a user said, or was seen, to prefer: tags and categories, each a named facet."""

from collections import defaultdict
from collections.abc import Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from domain.catalog.snapshot import CatalogSnapshot

PREFERENCE_STRENGTH: Final = 1.0
"""A fully matched preference is worth this much: one standard deviation of personal scores, or e times the people."""


class FacetIndex:
    """Which items of a catalogue carry a tag, a category or an id; names are compared without regard to case."""

    def __init__(self, catalog: CatalogSnapshot) -> None:
        members: defaultdict[str, list[int]] = defaultdict(list)
        for row in range(len(catalog)):
            named = (*catalog.tags[row], catalog.category_of(row), catalog.item_ids[row])
            for name in set(map(str.casefold, named)) - {""}:
                members[name].append(row)
        self._rows = {name: np.array(rows, dtype=np.int64) for name, rows in members.items()}
        self._count = len(catalog)

    def affinity(self, preferences: Mapping[str, float]) -> NDArray[np.float32] | None:
        """The summed weights of the preferences that each item matches, float32[n]; None if no item matches any."""
        matched = [(self._rows[name.casefold()], weight) for name, weight in preferences.items() if self._knows(name)]
        if not matched:
            return None
        total = np.zeros(self._count, dtype=np.float32)
        for rows, weight in matched:
            total[rows] += np.float32(weight)
        return total

    def matches(self, row: int, preferences: Mapping[str, float]) -> tuple[str, ...]:
        """The wanted preferences that the item in `row` matches, strongest first."""
        strongest_first = sorted(preferences, key=lambda name: -preferences[name])
        return tuple(name for name in strongest_first if preferences[name] > 0 and self._holds(name, row))

    def _knows(self, name: str) -> bool:
        return name.casefold() in self._rows

    def _holds(self, name: str, row: int) -> bool:
        rows = self._rows.get(name.casefold())
        if rows is None:
            return False
        place = int(np.searchsorted(rows, row))
        return place < len(rows) and int(rows[place]) == row

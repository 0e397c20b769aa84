"""Attributes of a catalogue as columns, each laid out when it is first asked for."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from domain.catalog.snapshot import CatalogSnapshot


@dataclass(frozen=True, slots=True, eq=False)
class TextColumn:
    """The texts of n items.

    Attributes:
        values: the distinct texts, casefolded; the first is empty and stands for none.
        codes: int32[n], index into `values`.
    """

    values: tuple[str, ...]
    codes: NDArray[np.int32]

    def weighed(self, weights: Mapping[str, float]) -> NDArray[np.float64]:
        """The weight of each item's text, float64[n]; 0 for texts without one."""
        folded = {value.casefold(): weight for value, weight in weights.items()}
        by_code = np.array([folded.get(value, 0.0) if value else 0.0 for value in self.values])
        return by_code[self.codes]

    def shares(self, rows: NDArray[np.int64], weights: NDArray[np.float64]) -> NDArray[np.float64]:
        """How much of some weighed items each text has, relative to the most frequent one; float64[len(values)]."""
        total = np.bincount(self.codes[rows], weights=weights, minlength=len(self.values)).astype(np.float64)
        total[0] = 0.0
        largest = float(total.max())
        return total / largest if largest > 0 else total


class Columns:
    """The attributes of one catalogue."""

    def __init__(self, catalog: CatalogSnapshot) -> None:
        self._catalog = catalog
        self._texts: dict[str, TextColumn] = {}
        self._numbers: dict[str, NDArray[np.float64]] = {}

    def category(self) -> TextColumn:
        """The categories."""
        if "" not in self._texts:
            self._texts[""] = _texts([self._catalog.category_of(row) for row in range(len(self._catalog))])
        return self._texts[""]

    def text(self, name: str) -> TextColumn:
        """An attribute that is text."""
        if name not in self._texts:
            found = (held.get(name) for held in self._catalog.attributes)
            self._texts[name] = _texts([value if isinstance(value, str) else "" for value in found])
        return self._texts[name]

    def number(self, name: str) -> NDArray[np.float64]:
        """An attribute that is a number, float64[n]; NaN where it is none."""
        if name not in self._numbers:
            found = (held.get(name) for held in self._catalog.attributes)
            self._numbers[name] = np.array([_number(value) for value in found], dtype=np.float64)
        return self._numbers[name]


def _texts(texts: list[str]) -> TextColumn:
    folded = [text.casefold() for text in texts]
    values = ("", *sorted(set(folded) - {""}))
    places = {value: code for code, value in enumerate(values)}
    return TextColumn(values, np.array([places[text] for text in folded], dtype=np.int32))


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else float("nan")

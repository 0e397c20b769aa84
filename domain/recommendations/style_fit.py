"""What is peculiar to styles: how each looks, and how that stands to what the person used."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray

from domain.catalog.snapshot import CatalogSnapshot
from domain.ids import ItemId
from domain.recommendations.circumstances import Fit
from domain.recommendations.columns import Columns, TextColumn

STRENGTH: Final = 1.0
"""A style whose look is the person's most usual one gains this many standard deviations over one that is all new."""

LOOK: Final = ("palette", "family", "pace", "aspect_ratio")
"""Attributes that say how something looks."""

SIMILAR: Final = 0.5
"""From this share of the look on, a style counts as similar to those that were used."""

LIKE: Final = 3


class Relation(StrEnum):
    """How a style stands to those that a person used."""

    SIMILAR = "similar"
    COMPLEMENT = "complement"
    NEW = "new"


@dataclass(frozen=True, slots=True)
class StyleLook:
    """How a style looks, and how that stands to what the person used.

    Attributes:
        look: palette, family and the like, as far as the catalogue says.
        similarity: 0 to 1, the mean over the look of how usual each part of it is for the person.
        relation: similar; a complement, which shares a part of the usual look and changes another; or new.
        like: items of the person's own that share most of the look, at most three.
    """

    look: Mapping[str, str]
    similarity: float
    relation: Relation
    like: tuple[ItemId, ...]


@dataclass(frozen=True, slots=True, eq=False)
class StyleFit(Fit):
    """How well styles suit: how usual each part of their look is among what the person used.

    Attributes:
        parts: attribute -> its column and how usual each of its values is, relative to the most usual.
        used: int64[h], what the person used.
    """

    catalog: CatalogSnapshot
    parts: Mapping[str, tuple[TextColumn, NDArray[np.float64]]]
    used: NDArray[np.int64]

    def of(self, row: int) -> StyleLook:
        """The look of one style."""
        said = {name: (c.values[c.codes[row]], usual[c.codes[row]]) for name, (c, usual) in self.parts.items()}
        said = {name: (value, share) for name, (value, share) in said.items() if value}
        similarity = float(np.mean([share for _, share in said.values()])) if said else 0.0
        shared = any(share == 1.0 for _, share in said.values())
        relation = Relation.SIMILAR if similarity >= SIMILAR else Relation.COMPLEMENT if shared else Relation.NEW
        return StyleLook(
            {name: value for name, (value, _) in said.items()}, round(similarity, 4), relation, self._like(row)
        )

    def _like(self, row: int) -> tuple[ItemId, ...]:
        same = np.zeros(len(self.used), dtype=np.int64)
        for column, _ in self.parts.values():
            code = column.codes[row]
            same += (column.codes[self.used] == code) & (code > 0)
        closest = [place for place in np.argsort(-same, kind="stable")[:LIKE].tolist() if same[place] > 0]
        return tuple(self.catalog.item_ids[self.used[place]] for place in closest)


def style_fit(
    columns: Columns, catalog: CatalogSnapshot, used: NDArray[np.int64], strengths: NDArray[np.float64]
) -> StyleFit:
    """How well styles suit what a person used: int64[h] items, the newest first, float64[h] how much each counts."""
    parts = {name: (column := columns.text(name), column.shares(used, strengths)) for name in LOOK}
    known = np.zeros(len(catalog))
    total = np.zeros(len(catalog))
    for column, usual in parts.values():
        known += column.codes > 0
        total += usual[column.codes]
    similarity = np.divide(total, known, out=np.zeros_like(total), where=known > 0)
    return StyleFit((STRENGTH * similarity).astype(np.float32), catalog, parts, used)

"""What is peculiar to features: what each helps with, and whether the person is ready for it."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from domain.catalog.model import ItemKind
from domain.catalog.snapshot import CatalogSnapshot
from domain.ids import ItemId
from domain.recommendations.circumstances import Fit
from domain.recommendations.columns import Columns

LEVELS: Final = ("basic", "intermediate", "advanced", "expert")
KNOWN_AFTER: Final = 3
"""So many features of a level used make it the person's level."""

NEXT_STEP: Final = 0.5
TOO_EARLY: Final = -0.5
UNMET: Final = -1.0
"""What these add to a score, in standard deviations; being too early counts for each level."""


@dataclass(frozen=True, slots=True)
class Prerequisite:
    """A feature that another one builds on."""

    item_id: ItemId
    met: bool


@dataclass(frozen=True, slots=True)
class FeatureUse:
    """What a feature is good for, and whether the person is ready for it.

    Attributes:
        helps_with: its group or category.
        level: such as `basic`; empty if the catalogue says none.
        person_level: the highest level of which the person used several features.
        prerequisites: what it builds on.
        next_step: whether it follows one that the person uses.
    """

    helps_with: str
    level: str
    person_level: str
    prerequisites: tuple[Prerequisite, ...]
    next_step: bool


@dataclass(frozen=True, slots=True, eq=False)
class FeatureFit(Fit):
    """How ready a person is for features that they do not use yet."""

    catalog: CatalogSnapshot
    columns: Columns
    used: frozenset[ItemId]
    person_level: int
    following: NDArray[np.bool_]

    def of(self, row: int) -> FeatureUse:
        """What one feature is good for."""
        level, group = self.columns.text("level"), self.columns.text("group")
        needed = required(self.catalog, row)
        return FeatureUse(
            helps_with=group.values[group.codes[row]] or self.catalog.category_of(row),
            level=level.values[level.codes[row]],
            person_level=LEVELS[self.person_level],
            prerequisites=tuple(Prerequisite(item, item in self.used) for item in needed),
            next_step=bool(self.following[row]),
        )


def feature_fit(columns: Columns, catalog: CatalogSnapshot, used: frozenset[ItemId]) -> FeatureFit:
    """How ready a person who used these items is for each feature: its level, what it follows, what it builds on."""
    rows = np.array(sorted(catalog.rows[item] for item in used if item in catalog.rows), dtype=np.int64)
    level_of = columns.text("level").weighed({name: place + 1.0 for place, name in enumerate(LEVELS)})
    person_level = _level(level_of[rows])
    gain = np.where(level_of > person_level + 1.0, TOO_EARLY * (level_of - person_level - 1.0), 0.0)
    following = _following(columns, rows)
    gain[following] += NEXT_STEP
    for row in np.flatnonzero(columns.text("requires").codes > 0).tolist():
        if any(item not in used for item in required(catalog, row)):
            gain[row] += UNMET
    gain[catalog.kinds != ItemKind.FEATURE.code] = 0.0
    return FeatureFit(gain.astype(np.float32), catalog, columns, used, person_level, following)


def required(catalog: CatalogSnapshot, row: int) -> tuple[ItemId, ...]:
    """The features that one builds on: its attribute `requires`, ids separated by `|`."""
    text = catalog.attributes[row].get("requires")
    return tuple(ItemId(part) for part in text.split("|") if part) if isinstance(text, str) else ()


def _level(levels: NDArray[np.float64]) -> int:
    counts = [int((levels == place + 1.0).sum()) for place in range(len(LEVELS))]
    return max((place for place, count in enumerate(counts) if count >= KNOWN_AFTER), default=0)


def _following(columns: Columns, rows: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which items are the next step of a group after one of `rows`, bool[n]."""
    group, step = columns.text("group").codes.astype(np.int64), columns.number("step")
    stepping = (group > 0) & ~np.isnan(step)
    place = np.where(stepping, group * 1_000_000 + np.nan_to_num(step), -2.0)
    done = place[rows]
    next_step: NDArray[np.bool_] = np.isin(place, done[done >= 0] + 1.0) & ~np.isin(place, done)
    return next_step & stepping

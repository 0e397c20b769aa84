"""How likely each item is for a person: popularity times what their persona favours times what is theirs alone."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from cli.demo.personas import PERSONAS, Persona
from domain.catalog.model import CatalogItem, ItemKind
from domain.ids import ItemId

Weights = NDArray[np.float64]

INDIFFERENCE: Final = 0.2
"""The weight of a category, family or group that a persona does not name."""
ZIPF_EXPONENT: Final = 1.0
ZIPF_OFFSET: Final = 10.0
FAVOURITE_PALETTE: Final = 2.5
FAVOURITE_PACE: Final = 1.6
VERTICAL_ON_MOBILE: Final = 2.5
FAMILY_MATCH: Final = 4.0
"""How much likelier a style is after a template of its own family."""
NEXT_IN_GROUP: Final = 6.0
SAME_GROUP: Final = 2.0
WELL_KNOWN: Final = ("modern_template", "modern", "video_editor")
"""Each heads the popularity ranking of its kind."""


class Dice:
    """Uniform numbers in [0, 1); only these are drawn, because their stream is the same in every numpy."""

    def __init__(self, *seeds: int) -> None:
        self._numbers = self._stream(np.random.default_rng(list(seeds)))

    @staticmethod
    def _stream(generator: np.random.Generator) -> Iterator[float]:
        while True:
            yield from generator.random(256).tolist()

    def roll(self) -> float:
        """The next number."""
        return next(self._numbers)

    def chance(self, probability: float) -> bool:
        """True with `probability`."""
        return self.roll() < probability

    def below(self, bound: int) -> int:
        """A whole number from 0 to `bound` - 1."""
        return int(self.roll() * bound)

    def index(self, cumulative: Weights) -> int:
        """An index with the chances whose running sum is `cumulative`."""
        return int(np.searchsorted(cumulative, self.roll() * cumulative[-1], side="right"))


@dataclass(frozen=True, slots=True)
class Shelf:
    """The items of one kind as columns, with their popularity and each persona's weights."""

    items: tuple[CatalogItem, ...]
    popularity: Weights
    by_persona: Mapping[str, Weights]

    def column(self, attribute: str) -> NDArray[np.str_]:
        """One attribute of every item, as text."""
        return np.array([str(item.attributes[attribute]) for item in self.items])

    def id_of(self, index: int) -> ItemId:
        """The id of the item at `index`."""
        return self.items[index].item_id


def build_shelf(items: Sequence[CatalogItem], kind: ItemKind, dice: Dice) -> Shelf:
    """Shelve the items of `kind` and deal them their places in the popularity ranking."""
    kept = tuple(item for item in items if item.kind is kind)
    order = sorted(range(len(kept)), key=lambda index: (kept[index].item_id not in WELL_KNOWN, dice.roll()))
    popularity = np.empty(len(kept))
    popularity[order] = (np.arange(len(kept)) + ZIPF_OFFSET) ** -ZIPF_EXPONENT
    weights = {
        name: popularity * np.array([_fit(persona, item) for item in kept]) for name, persona in PERSONAS.items()
    }
    return Shelf(kept, popularity, weights)


def _fit(persona: Persona, item: CatalogItem) -> float:
    if item.kind is ItemKind.FEATURE:
        return persona.groups.get(item.category, INDIFFERENCE)
    fit = persona.families.get(str(item.attributes["family"]), INDIFFERENCE)
    if item.kind is ItemKind.TEMPLATE:
        fit *= persona.categories.get(item.category, INDIFFERENCE)
    return fit


@dataclass(frozen=True, slots=True)
class World:
    """The shelves and the columns by which one choice depends on another."""

    templates: Shelf
    styles: Shelf
    features: Shelf
    vertical: NDArray[np.bool_]
    template_family: NDArray[np.str_]
    style_family: NDArray[np.str_]
    feature_group: NDArray[np.str_]


def build_world(items: Sequence[CatalogItem], seed: int) -> World:
    """Everything that all users have in common."""
    dice = Dice(seed, 0)
    templates, styles, features = (
        build_shelf(items, kind, dice) for kind in (ItemKind.TEMPLATE, ItemKind.STYLE, ItemKind.FEATURE)
    )
    return World(
        templates=templates,
        styles=styles,
        features=features,
        vertical=templates.column("aspect_ratio") == "9:16",
        template_family=templates.column("family"),
        style_family=styles.column("family"),
        feature_group=features.column("group"),
    )


@dataclass(slots=True)
class Taste:
    """What one user draws from: the running sums of their weights, kept because sessions repeat."""

    world: World
    palette: str
    pace: str
    _template_sums: dict[tuple[str, str], Weights] = field(default_factory=dict)
    _style_sums: dict[tuple[str, str], Weights] = field(default_factory=dict)

    def template(self, dice: Dice, persona: str, device: str, noise: float) -> int:
        """Draw a template for a project of `persona`; a share of `noise` goes by popularity alone."""
        shelf = self.world.templates
        if dice.chance(noise):
            return dice.index(np.cumsum(shelf.popularity))
        sums = self._template_sums.get((persona, device))
        if sums is None:
            weights = shelf.by_persona[persona] * self._own(shelf)
            if device == "mobile":
                weights = weights * np.where(self.world.vertical, VERTICAL_ON_MOBILE, 1.0)
            sums = self._template_sums[persona, device] = np.cumsum(weights)
        return dice.index(sums)

    def style(self, dice: Dice, persona: str, template: int, noise: float) -> int:
        """Draw a style to go with `template`."""
        shelf = self.world.styles
        if dice.chance(noise):
            return dice.index(np.cumsum(shelf.popularity))
        family = str(self.world.template_family[template])
        sums = self._style_sums.get((persona, family))
        if sums is None:
            match = np.where(self.world.style_family == family, FAMILY_MATCH, 1.0)
            sums = self._style_sums[persona, family] = np.cumsum(shelf.by_persona[persona] * self._own(shelf) * match)
        return dice.index(sums)

    def feature(self, dice: Dice, persona: str, previous: int | None, noise: float) -> int:
        """Draw a feature; the one that follows `previous` in its group is the likeliest."""
        shelf = self.world.features
        if dice.chance(noise):
            return dice.index(np.cumsum(shelf.popularity))
        weights = shelf.by_persona[persona].copy()
        if previous is not None:
            group = self.world.feature_group
            weights *= np.where(group == group[previous], SAME_GROUP, 1.0)
            if previous + 1 < len(weights) and group[previous + 1] == group[previous]:
                weights[previous + 1] *= NEXT_IN_GROUP
            weights[previous] = 0.0
        return dice.index(np.cumsum(weights))

    def likes(self, template: int, persona: str) -> bool:
        """Whether a template suits the persona better than most."""
        shelf = self.world.templates
        return bool(shelf.by_persona[persona][template] > 2 * shelf.popularity[template])

    def _own(self, shelf: Shelf) -> Weights:
        palette = np.where(shelf.column("palette") == self.palette, FAVOURITE_PALETTE, 1.0)
        return np.asarray(palette * np.where(shelf.column("pace") == self.pace, FAVOURITE_PACE, 1.0), dtype=np.float64)

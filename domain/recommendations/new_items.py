"""Items that came after training stand where their content puts them, until the next training has seen people use them.

Each gets factors and a number of people by the map that training learned, and from there on is an item like others: it
is scored, takes part in a person's history, and is explained. What only behaviour can say of it is left at nothing.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from domain.catalog.snapshot import CatalogSnapshot
from domain.ids import ItemId
from domain.models.factor_model import FactorModel
from domain.models.item_terms import WORD_PREFIX, ItemTerms, catalog_terms, shown_label
from domain.models.neighbours import Neighbours
from domain.models.norm_index import norm_index
from domain.models.segments import Segments
from domain.models.traits import ItemTraits

SHARED: Final = 5
"""At most so many common terms are named."""

RIDGE_SHARE: Final = 1e-3
"""The ridge of that regression, relative to the mean square of a column."""

FAR: Final = 20.0
"""Logarithms beyond it are of no number of people."""

_KIND: Final = "kind="


def with_new_items(model: FactorModel, catalog: CatalogSnapshot) -> FactorModel:
    """The model with the items of a catalogue that it does not know placed by their content, behind its own."""
    new = [row for row, item_id in enumerate(catalog.item_ids) if item_id not in model.rows]
    if model.content is None or not new:
        return model
    placed, people = model.content.placed(catalog_terms(catalog, new))
    factors = np.concatenate((model.factors, placed))
    return replace(
        model,
        item_ids=(*model.item_ids, *(catalog.item_ids[row] for row in new)),
        item_kinds=np.concatenate((model.item_kinds, catalog.kinds[new])),
        factors=factors,
        popularity=np.concatenate((model.popularity, people)),
        trend=np.concatenate((model.trend, people * _share(model.trend, model.popularity))),
        together=_neighbours(model.together, len(new)),
        following=_neighbours(model.following, len(new)),
        segments=_segments(model, placed, people),
        traits=_traits(model.traits, len(new)),
        index=None if model.index is None else norm_index(factors),
        placed=len(new),
    )


def shared_terms(item: ItemTerms, others: Iterable[ItemTerms]) -> tuple[str, ...]:
    """What an item has in common with some of the others, as people may read it; labels before words."""
    own = [*item.labels, *item.words]
    common = {term for other in others for term in (*other.labels, *other.words)}.intersection(own)
    named = [shown_label(term) for term in own if term in common and not term.startswith((_KIND, WORD_PREFIX))]
    words = [term.removeprefix(WORD_PREFIX) for term in own if term in common and term.startswith(WORD_PREFIX)]
    said = " ".join(named)
    return tuple(dict.fromkeys([*named, *(word for word in words if word not in said)]))[:SHARED]


def shared_by(catalog: CatalogSnapshot, item: ItemId, others: Sequence[ItemId]) -> tuple[str, ...]:
    """What an item of a catalogue has in common with others; those that left the catalogue have nothing."""
    rows = [catalog.rows[item_id] for item_id in (item, *others) if item_id in catalog.rows]
    terms = catalog_terms(catalog, rows)
    return shared_terms(terms[0], terms[1:]) if item in catalog.rows else ()


def _share(part: NDArray[np.float32], whole: NDArray[np.float32]) -> np.float32:
    return np.float32(float(part.sum(dtype=np.float64)) / max(float(whole.sum(dtype=np.float64)), 1.0))


def _neighbours(neighbours: Neighbours | None, count: int) -> Neighbours | None:
    if neighbours is None:
        return None
    width = neighbours.rows.shape[1]
    return Neighbours(
        np.concatenate((neighbours.rows, np.zeros((count, width), dtype=np.int32))),
        np.concatenate((neighbours.weights, np.zeros((count, width), dtype=np.float32))),
    )


def _segments(model: FactorModel, factors: NDArray[np.float32], people: NDArray[np.float32]) -> Segments | None:
    """Segments who take to the new items as a ridge from factors and popularity expects of them."""
    if model.segments is None or len(model.segments) == 0:
        return model.segments
    known, liked = _standing(model.factors, model.popularity), np.log1p(model.segments.favourites.astype(np.float64))
    system = known.T @ known
    system[np.diag_indices_from(system)] += RIDGE_SHARE * max(float(np.trace(system)) / len(system), 1.0)
    expected = _standing(factors, people) @ np.linalg.solve(system, known.T @ liked.T)
    favourites = np.expm1(np.clip(expected, 0.0, FAR)).T.astype(np.float32)
    return replace(model.segments, favourites=np.concatenate((model.segments.favourites, favourites), axis=1))


def _standing(factors: NDArray[np.float32], people: NDArray[np.float32]) -> NDArray[np.float64]:
    """What tells who takes to items: factors, popularity and a constant, float64[n, d + 2]."""
    columns = (factors, np.log1p(people)[:, np.newaxis], np.ones((len(people), 1)))
    return np.concatenate(columns, axis=1, dtype=np.float64)


def _traits(traits: ItemTraits | None, count: int) -> ItemTraits | None:
    """Traits of which nothing is known but that the items are as new as the newest."""
    if traits is None:
        return None
    newest = traits.first_at.max() if len(traits.first_at) else 0.0
    return replace(
        traits,
        facet_offsets=np.concatenate((traits.facet_offsets, np.full(count, traits.facet_offsets[-1], dtype=np.int32))),
        first_at=np.concatenate((traits.first_at, np.full(count, newest))),
        by_day_part=_with_zeros(traits.by_day_part, count),
        by_week_part=_with_zeros(traits.by_week_part, count),
    )


def _with_zeros(rows: NDArray[np.float32], count: int) -> NDArray[np.float32]:
    return np.concatenate((rows, np.zeros((count, rows.shape[1]), dtype=np.float32)))

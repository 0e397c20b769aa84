"""Traits of items for the preference network, counted over the interactions."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from domain.models.traits import DAY_PARTS, WEEK_PARTS, ItemTraits, parts_of
from workers.training.interactions import Interactions, TrainingSet, item_order

PRIOR_PEOPLE: Final = 20.0
"""An item used by so many people is believed half as far as the average about when it is used."""

_MICROSECONDS: Final = 1e6


def traits(training_set: TrainingSet, interactions: Interactions) -> ItemTraits:
    """Facets of the items in canonical order, and when each is used."""
    offsets, codes = _facets(training_set)
    liked = interactions.weights > 0
    items, seconds = interactions.items[liked], interactions.last_at[liked] / _MICROSECONDS
    first_at = np.full(interactions.item_count, seconds.max() if len(seconds) else 0.0)
    np.minimum.at(first_at, items, seconds)
    day_part, week_part = parts_of(seconds)
    return ItemTraits(
        facet_offsets=offsets,
        facet_codes=codes,
        first_at=first_at,
        by_day_part=_lift(items, day_part, interactions.item_count, DAY_PARTS),
        by_week_part=_lift(items, week_part, interactions.item_count, WEEK_PARTS),
    )


def _facets(training_set: TrainingSet) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Offsets and codes; names are numbered in their own order."""
    named: Sequence[Sequence[str]] = training_set.item_facets or [()] * len(training_set.item_ids)
    numbers = {name: code for code, name in enumerate(sorted({name for names in named for name in names}))}
    lists = [sorted({numbers[name] for name in named[place]}) for place in item_order(training_set).tolist()]
    offsets = np.concatenate(([0], np.cumsum([len(codes) for codes in lists], dtype=np.int64)))
    return offsets.astype(np.int32), np.array([code for codes in lists for code in codes], dtype=np.int32)


def _lift(items: NDArray[np.int64], parts: NDArray[np.int64], item_count: int, part_count: int) -> NDArray[np.float32]:
    """log P(part | item) / P(part), drawn towards 0 where few people used the item; float32[items, parts]."""
    counts = np.zeros((item_count, part_count))
    np.add.at(counts, (items, parts), 1.0)
    overall = (counts.sum(axis=0) + 1.0) / (counts.sum() + part_count)
    total = counts.sum(axis=1, keepdims=True)
    share = (counts + PRIOR_PEOPLE * overall) / (total + PRIOR_PEOPLE)
    return np.asarray(np.log(share / overall), dtype=np.float32)

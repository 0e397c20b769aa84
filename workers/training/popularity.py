"""How many people took to each item, ever and lately; people are counted, not clicks, so that nobody speaks twice."""

import numpy as np
from numpy.typing import NDArray

from workers.training.interactions import Interactions, fading


def popularity(interactions: Interactions) -> NDArray[np.float32]:
    """People with a positive pair per item, float32[items]."""
    liked = interactions.items[interactions.weights > 0]
    return np.bincount(liked, minlength=interactions.item_count).astype(np.float32)


def trend(interactions: Interactions, half_life_days: float) -> NDArray[np.float32]:
    """The same people, each counting by the age of their last action on the item, float32[items]."""
    liked = interactions.weights > 0
    faded = fading(interactions.last_at, half_life_days)[liked]
    return np.bincount(interactions.items[liked], weights=faded, minlength=interactions.item_count).astype(np.float32)

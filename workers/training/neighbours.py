"""What items say of each other, as arrays that serving needs no training library for."""

from collections.abc import Callable

import numpy as np
from scipy.sparse import csr_matrix
from threadpoolctl import threadpool_limits

from domain.models.neighbours import Neighbours, strongest
from workers.training.config import TrainingConfig
from workers.training.interactions import Interactions
from workers.training.linear import TransitionSettings, ease, transitions


def neighbours(
    interactions: Interactions, config: TrainingConfig, report: Callable[[float], None]
) -> tuple[Neighbours | None, Neighbours | None]:
    """Items that people take to together, and items that follow recent ones; None where there are too many items.

    Args:
        interactions: canonical; pairs of weight above 0 count.
        config: how many neighbours, and the ridge.
        report: told how much is done, 0 to 1.
    """
    if config.neighbours == 0 or interactions.item_count > config.neighbour_items:
        return None, None
    liked = np.flatnonzero(interactions.weights > 0)
    users, items = interactions.users[liked], interactions.items[liked]
    # One thread: how a library splits a factorization changes the last bits of its sums.
    with threadpool_limits(limits=1, user_api="blas"):
        shape = (interactions.user_count, interactions.item_count)
        matrix = csr_matrix((np.ones(len(liked), dtype=np.float32), (users, items)), shape=shape)
        together = strongest(ease(matrix, config.together_regularization), config.neighbours)
        report(0.5)
        in_order = np.lexsort((items, interactions.last_at[liked], users))
        starts = np.flatnonzero(np.diff(users[in_order])) + 1
        # Items of few interactions have little to say of what comes next, and make most of the work.
        settings = TransitionSettings(support=config.following_support)
        following = transitions(np.split(items[in_order], starts), interactions.item_count, settings)
        report(1.0)
        return together, strongest(following, config.neighbours)

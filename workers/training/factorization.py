"""Item factors by matrix factorization; users' factors are thrown away, for a model holds no user."""

from collections.abc import Callable

import numpy as np
from implicit.cpu.als import AlternatingLeastSquares
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from threadpoolctl import threadpool_limits

from domain.recommendations.factors import strength
from workers.training.config import TrainingConfig
from workers.training.interactions import Interactions


def confidences(interactions: Interactions, weight_scale: float) -> csr_matrix:
    """The matrix that is factorized, float32 CSR[users, items]: signed strengths, before alpha."""
    values = strength(interactions.weights, weight_scale).astype(np.float32)
    shape = (interactions.user_count, interactions.item_count)
    return csr_matrix((values, (interactions.users, interactions.items)), shape=shape)


def item_factors(
    interactions: Interactions,
    config: TrainingConfig,
    weight_scale: float,
    on_iteration: Callable[[int], None],
) -> NDArray[np.float32]:
    """Factors of every item by alternating least squares, float32[items, factors].

    Hu, Koren and Volinsky (2008), solved by conjugate gradients as in Takacs, Pilaszy and Tikk (2011).

    Args:
        interactions: canonical, so that equal data starts from equal random factors.
        config: dimensions, ridge, confidence, iterations, seed, threads.
        weight_scale: the weight of an average pair.
        on_iteration: called with the number of iterations that are done.
    """
    # One thread in the linear algebra library: how it splits a product changes the last bits of the sum. The threads
    # of the solver itself each own whole rows and change nothing.
    with threadpool_limits(limits=1, user_api="blas"):
        model = AlternatingLeastSquares(
            factors=config.factors,
            regularization=config.regularization,
            alpha=config.alpha,
            iterations=config.iterations,
            use_native=True,
            use_cg=True,
            num_threads=config.threads,
            random_state=config.seed,
        )
        model.fit(
            confidences(interactions, weight_scale),
            show_progress=False,
            callback=lambda iteration, _seconds, _loss: on_iteration(iteration + 1),
        )
    return np.ascontiguousarray(model.item_factors, dtype=np.float32)

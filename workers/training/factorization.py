"""Item factors by matrix factorization; users' factors are thrown away, for a model holds no user."""

from collections.abc import Callable

import numpy as np
from implicit.cpu.als import AlternatingLeastSquares
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from scipy.sparse.linalg import svds
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
    """Factors of every item, float32[items, factors]; zeros for an item that nobody touched.

    Args:
        interactions: canonical, so that equal data starts from equal random factors.
        config: algorithm, dimensions, ridge, confidence, iterations, seed, threads.
        weight_scale: the weight of an average pair.
        on_iteration: called with the number of iterations that are done.
    """
    # One thread in the linear algebra library: how it splits a product changes the last bits of the sum. The threads
    # of the solver itself each own whole rows and change nothing.
    with threadpool_limits(limits=1, user_api="blas"):
        matrix = confidences(interactions, weight_scale)
        if config.algorithm == "svd":
            factors = singular_factors(matrix, config.factors, config.seed)
            on_iteration(config.iterations)
            return factors
        return _alternating(matrix, config, on_iteration)


def _alternating(
    matrix: csr_matrix, config: TrainingConfig, on_iteration: Callable[[int], None]
) -> NDArray[np.float32]:
    """Alternating least squares: Hu, Koren and Volinsky (2008), by conjugate gradients (Takacs et al., 2011)."""
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
    model.fit(matrix, show_progress=False, callback=lambda iteration, _seconds, _loss: on_iteration(iteration + 1))
    return np.ascontiguousarray(model.item_factors, dtype=np.float32)


def singular_factors(matrix: csr_matrix, dimensions: int, seed: int) -> NDArray[np.float32]:
    """Right singular vectors, each scaled by the root of its singular value, float32[items, dimensions].

    With `M ~ U S V'`, items are `V S^1/2` and users `U S^1/2`, so that a user folded in by the ridge that is used for
    any factors lies where the decomposition would have put them. PureSVD of Cremonesi, Koren and Turrin (RecSys 2010).

    Args:
        matrix: float32 CSR[users, items].
        dimensions: columns; those beyond the rank are zeros.
        seed: of the vector that the iteration starts from.
    """
    factors = np.zeros((matrix.shape[1], dimensions), dtype=np.float32)
    count = min(dimensions, min(matrix.shape) - 1)
    if count < 1:
        return factors
    start = np.random.default_rng(seed).normal(size=min(matrix.shape))
    _, values, rows = svds(matrix.astype(np.float64), k=count, v0=start, return_singular_vectors="vh")
    order = np.argsort(-values, kind="stable")
    values, rows = np.maximum(values[order], 0.0), rows[order]
    # A decomposition leaves the sign of each pair open.
    signs = np.sign(rows[np.arange(count), np.abs(rows).argmax(axis=1)])
    found = (rows * (signs * np.sqrt(values))[:, np.newaxis]).T
    found[matrix.getnnz(axis=0) == 0] = 0.0
    factors[:, :count] = found
    return factors

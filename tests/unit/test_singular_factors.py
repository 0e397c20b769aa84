"""Truncated SVD beside ALS: users are folded in by the same ridge, tastes come out, bytes are repeatable."""

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from domain.models.factor_model import FactorModel
from domain.recommendations.factors import FoldIn
from tests.unit.test_training import CONFIG, ITEMS, TASTES, digest, quiet, rows, tasteful
from workers.training.factorization import confidences, singular_factors
from workers.training.interactions import canonical
from workers.training.trainer import train

SVD = CONFIG.model_copy(update={"algorithm": "svd"})


def test_the_factors_are_those_of_the_decomposition() -> None:
    matrix = confidences(canonical(tasteful()), 1.0)
    factors = singular_factors(matrix, 6, seed=0).astype(np.float64)
    _, values, rows_ = np.linalg.svd(matrix.toarray().astype(np.float64), full_matrices=False)
    expected = (rows_[:6].T * values[:6]) @ rows_[:6]
    np.testing.assert_allclose(factors @ factors.T, expected, atol=1e-4)


def test_a_user_folds_in_where_the_decomposition_puts_them() -> None:
    matrix = confidences(canonical(tasteful()), 1.0)
    factors = singular_factors(matrix, 6, seed=0)
    user = matrix[0].indices
    folded = FoldIn(factors, 1e-9).solve(user.astype(np.int64), np.ones(len(user))).vector
    left, values, right = np.linalg.svd(matrix.toarray().astype(np.float64), full_matrices=False)
    placed = (left[0, :6] * values[:6]) @ right[:6]
    np.testing.assert_allclose(factors @ folded, placed, atol=1e-3)


def test_both_algorithms_find_the_tastes_and_say_which_they_are() -> None:
    for algorithm in ("svd", "als"):
        trained = train(tasteful(), CONFIG.model_copy(update={"algorithm": algorithm}), quiet)
        assert trained.algorithm == algorithm
        assert trained.metrics["factors_ndcg_at_10"] > 1.1 * trained.metrics["popularity_ndcg_at_10"]
        factors = FactorModel.from_artifact(trained).factors.astype(np.float64)
        factors /= np.linalg.norm(factors, axis=1, keepdims=True)
        alike = factors @ factors.T
        same = (np.arange(ITEMS)[:, None] - np.arange(ITEMS)) % TASTES == 0
        assert alike[same].mean() > alike[~same].mean() + 0.1


def test_equal_data_gives_equal_bytes_by_svd_too() -> None:
    assert digest(tasteful(), SVD) == digest(tasteful(), SVD) != digest(tasteful())


@pytest.mark.parametrize("dimensions", [1, 5, 50])
def test_more_dimensions_than_rank_are_zeros(dimensions: int) -> None:
    matrix = csr_matrix(np.array([[1, 1, 0], [0, 1, 0]], dtype=np.float32))
    factors = singular_factors(matrix, dimensions, seed=0)
    assert factors.shape == (3, dimensions)
    assert not factors[2].any()
    assert not factors[:, 1:].any()


def test_one_user_alone_is_no_matrix_to_decompose() -> None:
    model = FactorModel.from_artifact(train(rows([0, 0], [0, 1]), SVD, quiet))
    assert not model.factors.any()


def test_validation_chooses_among_numbers_of_dimensions() -> None:
    tried = CONFIG.model_copy(update={"factors": 1, "factors_tried": (8,)})
    trained = train(tasteful(), tried, quiet)
    assert trained.parameters["factors"] == 8, "four tastes do not fit into one dimension"
    assert FactorModel.from_artifact(trained).factors.shape == (ITEMS, 8)

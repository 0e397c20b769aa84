"""A user's vector solved from live history is the one that the training library would give."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from implicit.cpu.als import AlternatingLeastSquares
from scipy.sparse import csr_matrix
from threadpoolctl import threadpool_limits

from domain.ids import ItemId
from domain.models.factor_model import FactorModel, ServingParameters
from domain.recommendations.blending import Scorer, popularity_weight
from domain.recommendations.factors import FoldIn, Observations, confidence, observe, recency, strength
from domain.recommendations.model import HistoryEntry
from domain.recommendations.popularity import log_popularity, trending

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)
ITEMS, FACTORS, RIDGE, ALPHA = 60, 8, 3.0, 4.0
PARAMETERS = ServingParameters(
    alpha=ALPHA,
    regularization=RIDGE,
    weight_scale=2.0,
    recency_decay=5.0,
    recency_floor=0.2,
    popularity_strength=5.0,
)


@pytest.fixture(scope="module")
def library() -> AlternatingLeastSquares:
    rng = np.random.default_rng(1)
    users = csr_matrix(rng.random((40, ITEMS)) * (rng.random((40, ITEMS)) < 0.2), dtype=np.float32)
    with threadpool_limits(limits=1, user_api="blas"):
        model = AlternatingLeastSquares(
            factors=FACTORS, regularization=RIDGE, alpha=ALPHA, iterations=10, num_threads=1, random_state=0
        )
        model.fit(users, show_progress=False)
    return model


def factor_model(factors: np.ndarray, popularity: np.ndarray | None = None) -> FactorModel:
    count = len(factors)
    return FactorModel(
        algorithm="als",
        item_ids=tuple(ItemId(f"i{row:03d}") for row in range(count)),
        item_kinds=np.zeros(count, dtype=np.int8),
        factors=factors.astype(np.float32),
        popularity=np.arange(count, dtype=np.float32) if popularity is None else popularity.astype(np.float32),
        trend=np.zeros(count, dtype=np.float32),
        parameters=PARAMETERS,
    )


def entry(item: str, weight: float = 1.0, *, minutes: float = 0) -> HistoryEntry:
    return HistoryEntry(ItemId(item), weight, NOON + timedelta(minutes=minutes))


@pytest.mark.parametrize("weights", [[1.0], [1.0, 0.1, 3.0, 0.7], [2.0, -1.5, 1.0, -0.2]])
def test_the_vector_agrees_with_implicit(library: AlternatingLeastSquares, weights: list[float]) -> None:
    rows = np.arange(len(weights)) * 7
    row = csr_matrix((np.array(weights, dtype=np.float32), ([0] * len(rows), rows)), shape=(1, ITEMS))
    ours = FoldIn(library.item_factors, RIDGE).solve(rows, ALPHA * np.array(weights))
    np.testing.assert_allclose(ours.vector, library.recalculate_user(0, row), atol=1e-4)


def test_contributions_agree_with_implicit_and_sum_to_the_score(library: AlternatingLeastSquares) -> None:
    rows, weights = np.array([3, 17, 42]), np.array([1.0, 0.5, 2.0])
    fold_in = FoldIn(library.item_factors, RIDGE)
    user = fold_in.solve(rows, ALPHA * weights)
    parts = fold_in.contributions(user, np.array([5, 9]))
    np.testing.assert_allclose(parts.sum(axis=1), library.item_factors[[5, 9]] @ user.vector, rtol=1e-5)
    row = csr_matrix((weights.astype(np.float32), ([0] * 3, rows)), shape=(1, ITEMS))
    _, explained, _ = library.explain(0, row, 5)
    assert {item: pytest.approx(part, abs=1e-4) for item, part in explained} == dict(
        zip(rows.tolist(), parts[0].tolist(), strict=True)
    )


def test_unwanted_items_add_nothing_and_push_the_user_away(library: AlternatingLeastSquares) -> None:
    fold_in = FoldIn(library.item_factors, RIDGE)
    without = fold_in.solve(np.array([3]), np.array([4.0]))
    against = fold_in.solve(np.array([3, 8]), np.array([4.0, -4.0]))
    assert abs(library.item_factors[8] @ against.vector) < abs(library.item_factors[8] @ without.vector)
    assert fold_in.contributions(against, np.array([5]))[0, 1] == 0


def test_a_history_is_summed_by_item_with_the_newest_first() -> None:
    rows = {ItemId("a"): 0, ItemId("b"): 1, ItemId("c"): 2}
    history = [entry("a", minutes=5), entry("b", minutes=1), entry("gone"), entry("b", 2.0, minutes=9), entry("c", 0.0)]
    found = observe(history, rows)
    assert (found.rows.tolist(), found.weights.tolist(), found.liked) == ([1, 0], [3.0, 1.0], 2)


def test_of_actions_at_one_moment_the_later_in_the_sequence_is_newer() -> None:
    found = observe([entry("a"), entry("b")], {ItemId("a"): 0, ItemId("b"): 1})
    assert found.rows.tolist() == [1, 0]


def test_recency_starts_at_one_and_falls_to_the_floor() -> None:
    weights = recency(200, decay=5.0, floor=0.2)
    assert weights[0] == 1.0
    assert np.all(np.diff(weights) <= 0)
    assert weights[-1] == pytest.approx(0.2 / 1.2)
    assert weights[5] == pytest.approx((0.2 + np.exp(-1)) / 1.2)


def test_an_average_weight_has_strength_one_and_a_hundred_times_as_much_is_not_a_hundred() -> None:
    np.testing.assert_allclose(strength(np.array([2.0, -2.0, 200.0]), 2.0), [1.0, -1.0, np.log2(101)])


def test_confidence_of_the_newest_average_action_is_alpha() -> None:
    found = confidence(Observations(np.array([4]), np.array([2.0])), PARAMETERS)
    assert found.tolist() == [ALPHA]


def test_without_history_the_score_is_popularity(library: AlternatingLeastSquares) -> None:
    scorer = Scorer(factor_model(library.item_factors))
    scores = scorer.scores(observe([], {}))
    assert scores.popularity_weight == 1.0
    np.testing.assert_array_equal(np.argsort(-scores.blended), np.arange(ITEMS)[::-1])


@pytest.mark.parametrize(
    "history", [[entry("i003", -1.0)], [entry("unknown")]], ids=["only unwanted items", "only unknown items"]
)
def test_history_without_anything_liked_is_served_by_popularity(
    library: AlternatingLeastSquares, history: list[HistoryEntry]
) -> None:
    model = factor_model(library.item_factors)
    scorer = Scorer(model)
    np.testing.assert_array_equal(scorer.scores(observe(history, model.rows)).blended, scorer.popularity)


def test_factors_that_say_nothing_leave_popularity() -> None:
    model = factor_model(np.full((10, 3), 1e-12))
    scores = Scorer(model).scores(observe([entry("i003")], model.rows))
    assert scores.popularity_weight == 1.0
    assert np.isfinite(scores.blended).all()


def test_the_personal_part_is_in_standard_deviations(library: AlternatingLeastSquares) -> None:
    model = factor_model(library.item_factors)
    scorer = Scorer(model)
    scores = scorer.scores(observe([entry("i003"), entry("i020")], model.rows))
    personal = scores.blended - scores.popularity_weight * scorer.popularity
    assert personal.mean() == pytest.approx(0, abs=1e-5)
    assert personal.std() == pytest.approx(1 - scores.popularity_weight, rel=1e-4)


def test_popularity_gives_way_to_history() -> None:
    weights = [popularity_weight(actions, 5.0) for actions in (0, 1, 5, 10, 1000)]
    assert weights == sorted(weights, reverse=True)
    assert (weights[0], weights[2]) == (1.0, 0.5)


def test_a_new_action_changes_the_scores_without_training(library: AlternatingLeastSquares) -> None:
    model = factor_model(library.item_factors, np.ones(ITEMS))
    scorer = Scorer(model)

    def ranking(history: list[HistoryEntry]) -> list[int]:
        order: list[int] = np.argsort(-scorer.scores(observe(history, model.rows)).blended).tolist()
        return order

    assert ranking([entry("i003")]) != ranking([entry("i003"), entry("i040", minutes=1)])


def test_popularity_that_is_the_same_for_all_says_nothing() -> None:
    np.testing.assert_allclose(log_popularity(np.full(5, 7.0, dtype=np.float32)), 0, atol=1e-6)
    assert len(log_popularity(np.empty(0, dtype=np.float32))) == 0


def test_an_item_trends_when_its_share_of_recent_interest_is_far_above_its_share_of_all() -> None:
    popularity = np.array([100, 10, 10, 2], dtype=np.float32)
    trend = np.array([10, 8, 1, 2], dtype=np.float32)
    assert trending(popularity, trend).tolist() == [False, True, False, False]
    assert not trending(np.zeros(2, dtype=np.float32), np.zeros(2, dtype=np.float32)).any()

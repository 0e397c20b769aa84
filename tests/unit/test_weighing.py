"""What each source counts is learned for each length of history, and never ranks worse than popularity."""

import numpy as np
import pytest

from domain.models.blend import POPULARITY
from domain.models.factor_model import FactorModel
from domain.recommendations.blending import Scorer
from domain.recommendations.factors import Observations
from tests.unit.test_training import CONFIG, ITEMS, TASTES, quiet, rows, tasteful
from workers.training.evaluation import LENGTHS, leave_last, measure, newest
from workers.training.guard import below_popularity, by_popularity, guarded
from workers.training.interactions import TrainingSet, canonical
from workers.training.trainer import train
from workers.training.weighing import HISTORY_BOUNDS, Examples, ascend, never_below_popularity


def tasteless(seed: int = 0) -> TrainingSet:
    """Users who act by popularity and chance alone."""
    rng = np.random.default_rng(seed)
    appeal = 1.0 / (1.0 + np.arange(ITEMS)) ** 1.2
    items = [rng.choice(ITEMS, size=12, replace=False, p=appeal / appeal.sum()) for _ in range(200)]
    return rows(np.repeat(np.arange(200), 12), np.concatenate(items), at=rng.random(2400) * 9e6)


@pytest.fixture(scope="module")
def tasteful_model() -> FactorModel:
    return FactorModel.from_artifact(train(tasteful(), CONFIG, quiet))


def test_the_weights_of_every_length_are_shares(tasteful_model: FactorModel) -> None:
    blend = tasteful_model.blend
    assert blend is not None
    assert blend.bounds.tolist() == list(HISTORY_BOUNDS)
    assert (blend.table >= 0).all()
    np.testing.assert_allclose(blend.table.sum(axis=1), 1.0, rtol=1e-5)
    assert blend.of(0)[POPULARITY] + blend.of(0).get("trend", 0.0) == pytest.approx(1.0)
    assert blend.of(5) == blend.of(10) != blend.of(0)


def test_where_people_have_tastes_history_counts(tasteful_model: FactorModel) -> None:
    scorer = Scorer(tasteful_model)
    scores = scorer.scores(Observations(np.arange(0, 24, TASTES), np.ones(6)))
    assert scores.popularity_weight < 0.5
    assert np.argmax(np.where(np.isin(np.arange(ITEMS), scores.history), -np.inf, scores.blended)) % TASTES == 0


@pytest.mark.parametrize("make", [tasteful, tasteless])
@pytest.mark.parametrize("seed", [1, 2])
def test_no_length_of_history_is_served_worse_than_by_popularity(make: object, seed: int) -> None:
    assert callable(make)
    metrics = train(make(seed), CONFIG, quiet).metrics
    floor = metrics["popularity_ndcg_at_10"]
    assert metrics["held_out_users"] >= 30
    for length in LENGTHS:
        assert metrics[f"blend_history_{length}_ndcg_at_10"] >= floor
    assert metrics["blend_ndcg_at_10"] >= floor


def test_a_length_that_falls_below_popularity_gets_popularity(tasteful_model: FactorModel) -> None:
    floor = {"popularity_ndcg_at_10": 0.5, "held_out_users": 100.0, "blend_ndcg_at_10": 0.6}
    measured = floor | {f"blend_history_{length}_ndcg_at_10": 0.5 for length in LENGTHS}
    assert below_popularity(measured) == set()
    assert below_popularity(measured | {"blend_history_3_ndcg_at_10": 0.49}) == {3}
    assert below_popularity(measured | {"blend_ndcg_at_10": 0.4, "held_out_users": 10.0}) == set()
    popular = by_popularity(tasteful_model, {3})
    assert popular.blend is not None
    assert tasteful_model.blend is not None
    assert popular.blend.of(5)[POPULARITY] == 1.0
    assert popular.blend.of(20) == tasteful_model.blend.of(20)
    scorer = Scorer(popular)
    few = Observations(np.array([0, 4, 8]), np.ones(3))
    np.testing.assert_array_equal(scorer.scores(few).blended, scorer.popularity)


def test_everybody_gets_popularity_where_all_together_stay_below_it(tasteful_model: FactorModel) -> None:
    def measured(model: FactorModel) -> dict[str, float]:
        assert model.blend is not None
        learned = any(model.blend.of(bound)[POPULARITY] < 1.0 for bound in HISTORY_BOUNDS)
        found = {"popularity_ndcg_at_10": 0.5, "held_out_users": 100.0, "blend_ndcg_at_10": 0.4 if learned else 0.5}
        return found | {f"blend_history_{length}_ndcg_at_10": 0.6 for length in LENGTHS}

    model, metrics = guarded(tasteful_model, measured)
    assert below_popularity(metrics) == set()
    scorer = Scorer(model)
    for length in LENGTHS:
        history = Observations(np.arange(length), np.ones(length))
        np.testing.assert_array_equal(scorer.scores(history).blended, scorer.popularity)


def examples(good: float) -> Examples:
    """One target first by popularity; the other source puts it before one item or behind it."""
    table = np.zeros((2, 1, 3), dtype=np.float32)
    table[0, 0] = [good, 0.0, 0.5]
    table[1, 0] = [2.0, 1.0, 1.5]
    return Examples(("factors", POPULARITY), table)


def test_weights_are_drawn_to_popularity_until_they_are_no_worse() -> None:
    assert never_below_popularity(examples(1.0), np.array([1.0, 0.0])).tolist() == [1.0, 0.0]
    drawn = never_below_popularity(examples(-1.0), np.array([1.0, 0.0]))
    assert examples(-1.0).ranks(drawn).tolist() == [0]
    assert 0 < drawn[1] < 1
    assert examples(-1.0).value(ascend(examples(-1.0))) == examples(-1.0).value(np.array([0.0, 1.0]))


def test_measured_users_are_not_those_who_chose_the_weights() -> None:
    hold_out = leave_last(canonical(tasteful()), 100, 0, depth=3)
    learning, measuring = hold_out.halves()
    assert not set(learning.users.tolist()) & set(measuring.users.tolist())
    assert len(learning) + len(measuring) == len(hold_out)
    assert len(hold_out) == 2 * len(hold_out.latest())


def test_only_what_happened_before_a_target_is_known() -> None:
    hold_out = leave_last(canonical(tasteful()), 100, 0, depth=3)
    for number in range(0, len(hold_out), 7):
        known = hold_out.observations(number)
        assert known.latest_at is not None
        assert known.latest_at <= hold_out.moment(number)
        assert hold_out.targets[number] not in known.rows
        assert newest(known, 2).rows.tolist() == known.rows[:2].tolist()


def test_what_is_measured_is_what_is_served(tasteful_model: FactorModel) -> None:
    found = measure(tasteful_model, leave_last(canonical(tasteful()), 40, 0))
    assert found["blend_ndcg_at_10"] >= found["popularity_ndcg_at_10"]
    assert found["held_out_users"] == 40

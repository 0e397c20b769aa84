"""Training is a function of the data, the config and the seed, and what it finds is better than popularity."""

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from domain.errors import ValidationFailed
from domain.ids import ItemId
from domain.models.artifact import Artifact, read, write
from domain.models.factor_model import FactorModel
from domain.recommendations.blending import Scorer
from domain.recommendations.factors import Observations
from workers.training.config import TrainingConfig
from workers.training.evaluation import HoldOut, leave_last, measure
from workers.training.interactions import Interactions, TrainingSet, canonical
from workers.training.popularity import popularity, trend
from workers.training.trainer import train

USERS, ITEMS, TASTES, ACTIONS = 200, 80, 4, 10
CONFIG = TrainingConfig(factors=8, iterations=5, regularization=5.0)
DAY = 86_400.0


def tasteful(seed: int = 0) -> TrainingSet:
    """Users who mostly act on items of one of four tastes."""
    rng = np.random.default_rng(seed)
    taste = np.arange(ITEMS) % TASTES
    items = [
        rng.choice(ITEMS, size=ACTIONS, replace=False, p=np.where(taste == user % TASTES, 12.0, 1.0) / (ITEMS / 4 * 15))
        for user in range(USERS)
    ]
    return rows(np.repeat(np.arange(USERS), ACTIONS), np.concatenate(items), at=rng.random(USERS * ACTIONS) * 90 * DAY)


def rows(users: Any, items: Any, *, weight: Any = None, at: Any = None, item_count: int = ITEMS) -> TrainingSet:
    count = len(users)
    return TrainingSet(
        item_ids=[ItemId(f"item-{index:03d}") for index in range(item_count)],
        item_kinds=np.arange(item_count, dtype=np.int8) % 3,
        user_index=np.asarray(users, dtype=np.int64),
        item_index=np.asarray(items, dtype=np.int64),
        weight=np.ones(count) if weight is None else np.asarray(weight, dtype=np.float64),
        occurred_at=np.zeros(count) if at is None else np.asarray(at, dtype=np.float64),
    )


def quiet(_stage: str, _done: float) -> None:
    return


def digest(training_set: TrainingSet, config: TrainingConfig = CONFIG) -> str:
    return hashlib.sha256(write(train(training_set, config, quiet))).hexdigest()


def reordered(data: TrainingSet, seed: int = 5) -> TrainingSet:
    """The same behaviour with rows in another order, users under other numbers and items in other places."""
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(data.weight))
    numbers = rng.choice(10_000, size=USERS, replace=False)
    places = rng.permutation(len(data.item_ids))
    ids: list[ItemId] = [ItemId("")] * len(places)
    kinds = np.empty_like(data.item_kinds)
    for old, new in enumerate(places.tolist()):
        ids[new], kinds[new] = data.item_ids[old], data.item_kinds[old]
    return TrainingSet(
        item_ids=ids,
        item_kinds=kinds,
        user_index=numbers[data.user_index][order],
        item_index=places[data.item_index][order],
        weight=data.weight[order],
        occurred_at=data.occurred_at[order],
    )


@pytest.fixture(scope="module")
def trained() -> Artifact:
    return train(tasteful(), CONFIG, quiet)


def test_equal_data_and_seed_give_equal_bytes() -> None:
    assert digest(tasteful()) == digest(tasteful())


def test_the_order_of_rows_and_the_numbering_of_users_and_items_change_nothing() -> None:
    assert digest(reordered(tasteful())) == digest(tasteful())


def test_the_number_of_threads_changes_nothing() -> None:
    assert digest(tasteful(), CONFIG.model_copy(update={"threads": 2})) == digest(tasteful())


@pytest.mark.parametrize("change", [{"seed": 1}, {"alpha": 5.0}, {"half_life_days": 10.0}])
def test_another_seed_or_setting_gives_another_model(change: dict[str, Any]) -> None:
    assert digest(tasteful(), CONFIG.model_copy(update=change)) != digest(tasteful())


def test_the_model_holds_items_and_no_user(trained: Artifact) -> None:
    model = FactorModel.from_artifact(trained)
    assert model.factors.shape == (ITEMS, CONFIG.factors)
    assert list(model.item_ids) == sorted(model.item_ids)
    assert all(USERS not in array.shape for array in trained.arrays.values())
    assert trained.counts == {"users": USERS, "items": ITEMS, "pairs": USERS * ACTIONS}
    assert trained.parameters["factors"] == CONFIG.factors


def test_learned_taste_beats_popularity(trained: Artifact) -> None:
    metrics = trained.metrics
    assert metrics["held_out_users"] == USERS / 2, "the other half chose the weights"
    assert metrics["factors_ndcg_at_10"] > 1.2 * metrics["popularity_ndcg_at_10"]
    assert metrics["blend_recall_at_10"] > 1.2 * metrics["popularity_recall_at_10"]


def test_one_action_already_shows_its_taste(trained: Artifact) -> None:
    scorer = Scorer(FactorModel.from_artifact(trained))
    shares = []
    for item in range(ITEMS):
        scores = scorer.scores(Observations(np.array([item]), np.array([1.0]))).blended.copy()
        scores[item] = -np.inf
        shares.append(np.mean(np.argsort(-scores)[:5] % TASTES == item % TASTES))
    assert np.mean(shares) > 0.6


def test_progress_rises_to_the_end() -> None:
    seen: list[tuple[str, float]] = []
    train(tasteful(), CONFIG, lambda stage, done: seen.append((stage, done)))
    fractions = [done for _, done in seen]
    assert fractions == sorted(fractions)
    assert (fractions[0], fractions[-1]) == (0.0, 1.0)
    assert [stage for stage, _ in seen].count("factorize") == CONFIG.iterations


def test_a_measurement_can_be_left_out() -> None:
    metrics = train(tasteful(), CONFIG.model_copy(update={"evaluation_users": 0}), quiet).metrics
    assert not [name for name in metrics if "ndcg" in name]


def test_items_nobody_touched_are_in_the_model_with_no_factors() -> None:
    model = FactorModel.from_artifact(train(rows([0, 0, 1], [0, 1, 1]), CONFIG, quiet))
    assert len(model) == ITEMS
    assert not model.factors[2:].any()


@pytest.mark.parametrize("data", [rows([], []), rows([0], [0], weight=[-1.0])], ids=["no rows", "nothing liked"])
def test_nothing_to_learn_from_is_said(data: TrainingSet) -> None:
    with pytest.raises(ValidationFailed, match="nothing to learn"):
        train(data, CONFIG, quiet)


@pytest.mark.parametrize(
    "columns",
    [
        {"users": [-1], "items": [0]},
        {"users": [0], "items": [-1]},
        {"users": [0], "items": [ITEMS]},
        {"users": [0], "items": [0, 1]},
        {"users": [0], "items": [0], "weight": [float("nan")]},
        {"users": [0], "items": [0], "at": [float("inf")]},
    ],
)
def test_rows_that_cannot_be_are_refused(columns: dict[str, Any]) -> None:
    with pytest.raises(ValidationFailed):
        rows(**columns)


@pytest.mark.parametrize(("name", "value"), [("factor", 8), ("factors", 0), ("algorithm", "magic"), ("alpha", "x")])
def test_an_unknown_or_impossible_setting_is_refused_by_name(name: str, value: Any) -> None:
    with pytest.raises(ValidationFailed) as refused:
        TrainingConfig.parse({name: value})
    assert refused.value.field == name


def test_pairs_are_summed_and_cancelled_ones_are_left_out() -> None:
    found = canonical(rows([0, 0, 0, 0], [1, 1, 2, 2], weight=[1, 2, 1, -1], at=[5, 9, 1, 2]))
    assert (found.items.tolist(), found.weights.tolist(), found.last_at.tolist()) == ([1], [3.0], [9_000_000])


def test_weights_fade_by_half_lives_before_the_latest_row() -> None:
    found = canonical(rows([0, 0, 0], [0, 1, 1], at=[20 * DAY, 10 * DAY, 0]), half_life_days=10)
    assert found.weights.tolist() == pytest.approx([1.0, 0.75])


def pairs(users: list[int], items: list[int], weights: list[float], days: list[float]) -> Interactions:
    return Interactions(
        users=np.array(users),
        items=np.array(items),
        weights=np.array(weights),
        last_at=(np.array(days) * DAY * 1e6).astype(np.int64),
        user_count=max(users) + 1,
        item_count=max(items) + 1,
    )


def test_the_last_liked_item_of_users_with_two_is_held_out() -> None:
    data = pairs([0, 0, 0, 1, 2, 2], [0, 1, 2, 0, 1, 2], [1, 1, -1, 1, 1, 1], [1, 2, 3, 1, 4, 3])
    split = leave_last(data, limit=10, seed=0)
    assert (split.users.tolist(), split.targets.tolist()) == ([0, 2], [1, 1])
    assert len(split.training) == len(data) - 2


def test_held_out_users_are_limited_and_chosen_by_the_seed() -> None:
    data = canonical(tasteful())
    first, again, other = (leave_last(data, limit=20, seed=seed).users.tolist() for seed in (1, 1, 2))
    assert len(first) == 20
    assert first == again != other


def test_popularity_counts_people_and_trend_fades_them() -> None:
    data = pairs([0, 0, 1, 2], [0, 1, 0, 1], [5, 1, 1, -1], [0, 10, 10, 10])
    assert popularity(data).tolist() == [2.0, 1.0]
    assert trend(data, half_life_days=10).tolist() == pytest.approx([1.5, 1.0])


def test_metrics_of_a_known_ranking() -> None:
    """Without factors all three are popularity: the target is third of the unseen ones."""
    data = pairs([0, 1, 2, 2, 3, 3, 3], [0, 0, 0, 1, 0, 1, 2], [1] * 7, [0] * 7)
    model = FactorModel.from_artifact(train(rows([0, 1], [0, 1], item_count=4), CONFIG, quiet))
    empty = FactorModel(
        algorithm="als",
        item_ids=model.item_ids,
        item_kinds=model.item_kinds,
        factors=np.zeros((4, 1), dtype=np.float32),
        popularity=popularity(Interactions(data.users, data.items, data.weights, data.last_at, 4, 4)),
        trend=np.zeros(4, dtype=np.float32),
        parameters=model.parameters,
    )
    complete = pairs([0, 0, 1, 2, 2, 3, 3, 3], [0, 3, 0, 0, 1, 0, 1, 2], [1] * 8, [0, 1] + [0] * 6)
    found = measure(empty, HoldOut(data, np.array([0]), np.array([3]), complete, np.array([1])))
    assert found["popularity_ndcg_at_10"] == found["blend_ndcg_at_10"] == pytest.approx(1 / np.log2(4))
    assert found["popularity_recall_at_10"] == 1.0


def test_a_large_catalogue_gets_an_index_that_serving_reads_back(tmp_path: Path) -> None:
    config = CONFIG.model_copy(update={"index_items": 1})
    first, second = (write(train(tasteful(), config, quiet)) for _ in range(2))
    assert first == second
    path = tmp_path / "model.safetensors"
    path.write_bytes(first)
    model = FactorModel.from_artifact(read(path))
    assert model.index is not None
    assert sorted(model.index.order.tolist()) == list(range(len(model)))
    assert FactorModel.from_artifact(train(tasteful(), CONFIG, quiet)).index is None

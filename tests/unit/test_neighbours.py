"""What items say of each other: kept sparse, summed over a history, explained by it, and weighed by training."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from numpy.typing import NDArray

from domain.models.artifact import Artifact, read, write
from domain.models.factor_model import FactorModel
from domain.models.layout import CorruptArtifact
from domain.models.neighbours import Neighbours, strongest
from domain.recommendations.blending import Scorer
from domain.recommendations.factors import observe
from domain.recommendations.model import HistoryEntry
from workers.training.config import TrainingConfig
from workers.training.interactions import TrainingSet
from workers.training.trainer import train

ITEMS, USERS, PAIRS = 40, 300, 6
NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)
CONFIG = TrainingConfig(factors=8, regularization=5.0, iterations=5, neighbours=10, seed=3)


def chained() -> TrainingSet:
    """People who take random items, each followed by the next one.

    Whoever knows only what goes together cannot tell the next item from the one before.
    """
    random = np.random.default_rng(5)
    users, items, times = [], [], []
    for user in range(USERS):
        for step, start in enumerate(random.choice(ITEMS, PAIRS, replace=False).tolist()):
            for place in (0, 1):
                users.append(user)
                items.append((start + place) % ITEMS)
                times.append(1.7e9 + step * 3600.0 + place * 60.0)
    return TrainingSet(
        item_ids=[f"item-{n:03d}" for n in range(ITEMS)],  # type: ignore[misc]  # plain text stands for ids
        item_kinds=np.zeros(ITEMS, dtype=np.int8),
        user_index=np.array(users),
        item_index=np.array(items),
        weight=np.ones(len(users)),
        occurred_at=np.array(times),
    )


@pytest.fixture(scope="module")
def trained() -> Artifact:
    return train(chained(), CONFIG, lambda _stage, _done: None)


def dense(neighbours: Neighbours) -> NDArray[np.float64]:
    full = np.zeros((len(neighbours.rows), len(neighbours.rows)))
    np.put_along_axis(full, neighbours.rows.astype(np.int64), neighbours.weights.astype(np.float64), axis=1)
    return full


def test_the_strongest_weights_are_kept_whatever_their_sign() -> None:
    weights = np.array([[0, 3, -4, 1], [1, 0, 0.5, -2], [9, 8, 7, 0], [0, 0, 0, 0]], dtype=np.float32)
    kept = dense(strongest(weights, 2))
    assert kept.tolist() == [[0, 3, -4, 0], [1, 0, 0, -2], [9, 8, 0, 0], [0, 0, 0, 0]]


def test_scores_are_the_sum_of_contributions() -> None:
    weights = np.random.default_rng(1).normal(size=(ITEMS, ITEMS)).astype(np.float32)
    neighbours = strongest(weights, 7)
    history, strengths = np.array([3, 17, 20]), np.array([1.0, 0.5, 0.25])
    scores = neighbours.scores(history, strengths)
    assert np.allclose(scores, strengths @ dense(neighbours)[history], atol=1e-5)
    everything = np.arange(ITEMS)
    assert np.allclose(neighbours.contributions(history, strengths, everything).sum(axis=1), scores, atol=1e-5)


def test_training_learns_to_trust_what_comes_next(trained: Artifact) -> None:
    blend = FactorModel.from_artifact(trained).blend
    assert blend is not None
    assert blend.of(20)["following"] > 0
    assert trained.metrics["blend_ndcg_at_10"] > 2 * trained.metrics["popularity_ndcg_at_10"]


def test_the_next_item_leads_and_the_last_one_explains_it(trained: Artifact) -> None:
    model = FactorModel.from_artifact(trained)
    history = [
        HistoryEntry(model.item_ids[item], 1.0, NOON + timedelta(minutes=minute))
        for minute, item in enumerate((30, 31, 5, 6, 18))
    ]
    observations = observe(history, model.rows)
    scores = Scorer(model).scores(observations)
    unseen = scores.blended.copy()
    unseen[observations.rows] = -np.inf
    assert int(np.argmax(unseen)) == 19
    adds = scores.contributions(np.array([19]))[0]
    assert int(scores.history[np.argmax(adds)]) == 18


def test_the_arrays_survive_the_artifact(trained: Artifact, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("artifact") / "model.safetensors"
    path.write_bytes(write(trained))
    before, after = FactorModel.from_artifact(trained), FactorModel.from_artifact(read(path))
    for name in ("together", "following"):
        one, other = getattr(before, name), getattr(after, name)
        assert np.array_equal(one.rows, other.rows)
        assert np.array_equal(one.weights, other.weights)


def test_a_neighbour_that_the_model_does_not_have_is_refused(trained: Artifact) -> None:
    rows = trained.arrays["together_rows"].copy()
    rows[0, 0] = ITEMS
    broken = Artifact(
        trained.algorithm,
        {**trained.arrays, "together_rows": rows},
        trained.parameters,
        trained.counts,
        trained.metrics,
    )
    with pytest.raises(CorruptArtifact, match="together_rows"):
        FactorModel.from_artifact(broken)


def test_equal_data_gives_equal_neighbours(trained: Artifact) -> None:
    assert write(train(chained(), CONFIG, lambda _stage, _done: None)) == write(trained)


def test_a_large_catalogue_goes_without(trained: Artifact) -> None:
    config = CONFIG.model_copy(update={"neighbour_items": ITEMS - 1})
    assert "together_rows" not in train(chained(), config, lambda _stage, _done: None).arrays
    assert "together_rows" in trained.arrays

"""The preference network: what it learns, from what, and when it is kept."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from domain.models.factor_model import FactorModel
from domain.models.layout import CorruptArtifact
from domain.models.network import Layer, PreferenceNetwork
from domain.recommendations.blending import Scorer
from domain.recommendations.factors import Observations
from domain.recommendations.features import CONTEXT, GROUPS, Features
from domain.recommendations.refinement import Refinement
from tests.unit.test_training import CONFIG, ITEMS, TASTES, quiet, rows, tasteful
from workers.training.evaluation import leave_last, measure
from workers.training.impressions import ENOUGH_LISTS, impressions
from workers.training.interactions import ServedLists, TrainingSet, canonical
from workers.training.network import preference_network
from workers.training.popularity import popularity, trend
from workers.training.trainer import train
from workers.training.traits import traits
from workers.training.weighing import weighed

PEOPLE = 240
CATALOGUE = 60
FACETS = 6
LINEAR = CONFIG.model_copy(update={"network_features": ()})


def by_facet(seed: int = 0) -> TrainingSet:
    """People who keep to one category, whose items nobody else connects: each is taken to by few, in any order."""
    rng = np.random.default_rng(seed)
    users, items, moments = [], [], []
    for person in range(PEOPLE):
        mine = np.arange(person % FACETS, CATALOGUE, FACETS)
        strange = rng.choice(CATALOGUE, 3, replace=False)
        taken = np.concatenate((strange, rng.permutation(np.setdiff1d(mine, strange))[:5]))
        users += [person] * len(taken)
        items += taken.tolist()
        moments += np.sort(rng.random(len(taken)) * 9e6).tolist()
    data = rows(users, items, at=moments, item_count=CATALOGUE)
    return replace(data, item_facets=[(f"category {place % FACETS}",) for place in range(CATALOGUE)])


def blind(data: TrainingSet, config: Any = CONFIG) -> tuple[FactorModel, Any]:
    """A model whose sources know popularity alone, and the hold-out."""
    hold_out = leave_last(canonical(data), 1000, 0, depth=2)
    model = FactorModel.from_artifact(train(data, LINEAR.model_copy(update={"neighbours": 0}), quiet))
    model = replace(
        model,
        factors=np.zeros_like(model.factors),
        popularity=popularity(hold_out.training),
        trend=trend(hold_out.training, 14.0),
        traits=traits(data, hold_out.training),
        segments=None,
        blend=None,
    )
    return replace(model, blend=weighed(model, hold_out)), hold_out


def test_a_pattern_that_no_source_sees_is_learned() -> None:
    model, hold_out = blind(by_facet())
    learning, measuring = hold_out.halves()
    outcome = preference_network(model, learning, CONFIG)
    assert outcome.network is not None
    assert outcome.network.weight(5) > 0
    before, after = (measure(m, measuring) for m in (model, replace(model, network=outcome.network)))
    assert after["blend_ndcg_at_10"] > 1.5 * before["blend_ndcg_at_10"]
    assert after["linear_ndcg_at_10"] == before["blend_ndcg_at_10"]


def test_what_does_not_help_is_left_out() -> None:
    """Where everything is chance there is nothing to learn."""
    rng = np.random.default_rng(5)
    items = np.concatenate([rng.choice(CATALOGUE, 8, replace=False) for _ in range(PEOPLE)])
    moments = np.sort(rng.random((PEOPLE, 8)) * 9e6, axis=1).ravel()
    model, hold_out = blind(rows(np.repeat(np.arange(PEOPLE), 8), items, at=moments, item_count=CATALOGUE))
    outcome = preference_network(model, hold_out.halves()[0], CONFIG)
    assert outcome.network is None
    assert not any(outcome.gains.values())


@pytest.mark.parametrize(
    ("groups", "left_out"),
    [(("user_actions",), "facet_match"), (("content_features",), "blend"), (("temporal_patterns",), "blend")],
)
def test_only_the_named_groups_of_features_are_used(groups: Any, left_out: str) -> None:
    model, hold_out = blind(by_facet())
    config = CONFIG.model_copy(update={"network_features": groups})
    outcome = preference_network(model, hold_out.halves()[0], config)
    allowed = {name for group in groups for name in GROUPS[group]}
    assert left_out not in allowed
    if outcome.network is not None:
        assert set(outcome.network.features) <= allowed
    assert (outcome.network is not None) == (groups == ("content_features",)), "only facets tell items apart here"


def test_equal_data_and_seed_give_an_equal_network() -> None:
    model, hold_out = blind(by_facet())
    first, again, other = (
        preference_network(model, hold_out.halves()[0], CONFIG.model_copy(update={"seed": seed})).network
        for seed in (0, 0, 1)
    )
    assert first is not None
    assert again is not None
    assert other is not None
    for name, array in first.arrays().items():
        np.testing.assert_array_equal(array, again.arrays()[name])
    assert other.layers[-1].weights.tolist() != first.layers[-1].weights.tolist()


def test_every_feature_is_a_number_for_everybody() -> None:
    model = FactorModel.from_artifact(train(tasteful(), CONFIG, quiet))
    names = [name for group in GROUPS.values() for name in group]
    assert set(CONTEXT) <= set(names)
    for history in ([], [3], list(range(0, 40, TASTES))):
        known = Observations(np.array(history, dtype=np.int64), np.ones(len(history)), 1e6 if history else None)
        scores = Scorer(model, complete=True).scores(known)
        table = Features(model).table(names, scores, known, np.arange(ITEMS), at=2e6)
        assert table.shape == (ITEMS, len(names))
        assert np.isfinite(table).all()


def test_only_candidates_are_lifted() -> None:
    model, hold_out = blind(by_facet())
    network = preference_network(model, hold_out.halves()[0], CONFIG).network
    served = replace(model, network=network)
    known = Observations(np.array([0, 6, 12, 18]), np.ones(4), 1e6)
    scores = Scorer(served).scores(known)
    lifts = Refinement(served).lifts(scores, known, np.arange(20, 30), 1e6)
    assert lifts.min() == 0
    assert int(np.argmax(lifts)) + 20 == 24, "of the category that they keep to"


def served(data: TrainingSet, count: int) -> TrainingSet:
    """The data with lists: people take what is of their category, and pass over the rest."""
    rng = np.random.default_rng(1)
    users = rng.integers(PEOPLE, size=count)
    shown = np.array([rng.choice(CATALOGUE, 8, replace=False) for _ in range(count)])
    return replace(
        data,
        served=ServedLists(
            users=users,
            served_at=np.full(count, 1e9) + np.arange(count),
            offsets=np.arange(count + 1) * 8,
            items=shown.ravel(),
            taken=(shown % FACETS == (users % FACETS)[:, None]).ravel(),
        ),
    )


def test_lists_that_were_served_are_learned_from_where_there_are_enough() -> None:
    assert impressions(served(by_facet(), ENOUGH_LISTS // 2)) == []
    data = served(by_facet(), 3 * ENOUGH_LISTS)
    shown = impressions(data)
    assert len(shown) >= ENOUGH_LISTS
    assert all(len(one.taken) and len(one.passed) for one in shown)
    model, hold_out = blind(data)
    outcome = preference_network(model, hold_out.halves()[0], CONFIG, shown)
    assert outcome.network is not None
    trained = train(data, CONFIG, quiet)
    assert trained.metrics["network_lists_served"] == len(shown)


def test_an_impression_knows_only_what_had_happened() -> None:
    data = rows([7, 7, 7, 3], [0, 1, 0, 2], at=[10, 20, 40, 5], item_count=4)
    lists = ServedLists(
        users=np.array([7] * ENOUGH_LISTS),
        served_at=np.full(ENOUGH_LISTS, 30.0),
        offsets=np.arange(ENOUGH_LISTS + 1) * 2,
        items=np.array([2, 3] * ENOUGH_LISTS),
        taken=np.array([False, True] * ENOUGH_LISTS),
    )
    one = impressions(replace(data, served=lists))[0]
    assert one.observations.rows.tolist() == [1, 0]
    assert one.observations.latest_at == 20
    assert (one.taken.tolist(), one.passed.tolist()) == ([3], [2])
    assert len(lists.until(29.0)) == 0
    assert len(lists.until(30.0)) == ENOUGH_LISTS


def test_a_model_with_a_network_is_the_same_bytes_again() -> None:
    data = by_facet()
    first, again = (train(data, CONFIG.model_copy(update={"neighbours": 0}), quiet) for _ in range(2))
    assert first.arrays.keys() == again.arrays.keys()
    for name, array in first.arrays.items():
        np.testing.assert_array_equal(array, again.arrays[name])


@pytest.mark.parametrize("bounds", [[0, 5, 3], [0, 0, 3], [1, 2, 3]])
def test_ranges_of_history_that_do_not_ascend_from_nothing_are_refused(bounds: list[int]) -> None:
    ones = np.ones(3, dtype=np.float32)
    layer = Layer(ones[:1, np.newaxis], ones[:1])
    network = PreferenceNetwork(("blend",), ones[:1], ones[:1], (layer,), np.array(bounds, dtype=np.int32), ones)
    with pytest.raises(CorruptArtifact, match="ascend"):
        PreferenceNetwork.restored(network.arrays(), "blend")

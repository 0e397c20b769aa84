"""The gate lets through what is as good as the champion, and nothing that is worse for anybody it can tell of."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from domain.ids import ModelVersion
from domain.models.artifact import Artifact
from domain.models.factor_model import FactorModel
from domain.models.model import Verdict
from tests.unit.test_training import CONFIG, DAY, USERS, quiet, reordered, tasteful
from workers.training.clicks import NOT_ENOUGH, ExploredPlaces
from workers.training.comparison import LEAST_USERS
from workers.training.config import TrainingConfig
from workers.training.gate import AS_SERVED, BY_SETTINGS, Candidate, Champion, judged
from workers.training.interactions import TrainingSet
from workers.training.temporal import cases, until, users_after
from workers.training.trainer import train

SPLIT = 60 * DAY
TASTELESS = CONFIG.model_copy(update={"factors": 1, "regularization": 1e6, "neighbours": 0, "clusters": 1})
NOTHING = ExploredPlaces(*(np.empty(0, dtype=kind) for kind in (np.int64, np.int64, float, float, float)))
VERSION = ModelVersion("20260301T000000.000Z-00000000")


def model(training_set: TrainingSet, config: TrainingConfig = CONFIG) -> FactorModel:
    return FactorModel.from_artifact(train(training_set, config, quiet))


@pytest.fixture(scope="module")
def data() -> TrainingSet:
    return tasteful()


@pytest.fixture(scope="module")
def artifact(data: TrainingSet) -> Artifact:
    return train(data, CONFIG, quiet)


@pytest.fixture(scope="module")
def latest(artifact: Artifact) -> FactorModel:
    """A champion that was trained on everything."""
    return FactorModel.from_artifact(artifact)


@pytest.fixture(scope="module")
def tasteless(data: TrainingSet) -> Artifact:
    """A version that can tell no taste."""
    return train(data, TASTELESS, quiet)


@pytest.fixture(scope="module")
def earlier(data: TrainingSet) -> FactorModel:
    """A champion that was trained when two thirds of the time had passed."""
    return model(until(data, SPLIT))


def verdict(
    data: TrainingSet, artifact: Artifact, champion: Champion | None, config: TrainingConfig = CONFIG
) -> Verdict:
    return judged(Candidate(artifact, data, config), champion, NOTHING, quiet)


def slices(found: Verdict) -> dict[str, dict[str, Any]]:
    return {entry["slice"]: entry for entry in found.details["slices"]}


def test_a_version_as_good_as_the_champion_passes_on_actions_that_neither_saw(
    data: TrainingSet, artifact: Artifact, earlier: FactorModel
) -> None:
    found = verdict(data, artifact, Champion(VERSION, earlier, SPLIT, CONFIG.model_dump()))
    assert (found.passed, found.champion, found.details["reasons"]) == (True, VERSION, [])
    assert found.details["basis"] == AS_SERVED
    measured = slices(found)
    assert {"overall", "history 3-10", "kind TEMPLATE", "segment 0"} <= measured.keys()
    assert measured["overall"]["challenger"] > measured["overall"]["popularity"]
    assert measured["overall"]["cases"] == sum(measured[name]["cases"] for name in measured if name[:4] == "hist")
    against = measured["overall"]["against_champion"]
    assert against["low"] <= against["difference"] <= against["high"]


def test_a_version_with_worse_settings_is_refused_with_reasons(
    data: TrainingSet, tasteless: Artifact, latest: FactorModel
) -> None:
    champion = Champion(VERSION, latest, float(data.occurred_at.max()), CONFIG.model_dump())
    found = verdict(data, tasteless, champion, TASTELESS)
    assert found.details["basis"] == BY_SETTINGS
    assert not found.passed
    assert any(reason.startswith("overall: worse than the champion") for reason in found.details["reasons"])


def test_a_champion_is_not_measured_on_what_it_has_seen(
    data: TrainingSet, artifact: Artifact, latest: FactorModel
) -> None:
    """Measured as it serves it would win by memory: what it is asked for is in what it learned from."""
    last = float(data.occurred_at.max())
    found = verdict(data, artifact, Champion(VERSION, latest, last, CONFIG.model_dump()))
    assert found.passed
    assert found.details["basis"].startswith("popularity alone")
    assert all(entry["champion"] is None for entry in found.details["slices"])
    pretending = verdict(data, artifact, Champion(VERSION, latest, SPLIT, CONFIG.model_dump()))
    unfair = slices(pretending)["overall"]["against_champion"]["difference"]
    assert unfair < -0.02


@pytest.mark.parametrize("settings", [{}, {"of": "another release"}])
def test_a_champion_of_unknown_settings_leaves_popularity_to_compare_with(
    settings: dict[str, Any], data: TrainingSet, artifact: Artifact, earlier: FactorModel
) -> None:
    found = verdict(data, artifact, Champion(VERSION, earlier, None, settings))
    assert found.passed
    assert "not known" in found.details["basis"]


def test_the_first_version_needs_to_beat_popularity_alone(data: TrainingSet, artifact: Artifact) -> None:
    assert verdict(data, artifact, None).passed
    below = dict(artifact.metrics)
    below["blend_history_1_ndcg_at_10"] = below["popularity_ndcg_at_10"] - 0.01
    found = verdict(data, replace(artifact, metrics=below), None)
    assert not found.passed
    assert "below popularity" in found.details["reasons"][0]


def test_too_few_people_prove_nothing(data: TrainingSet, artifact: Artifact, earlier: FactorModel) -> None:
    few = until(data, SPLIT)
    kept = few.user_index < LEAST_USERS - 1
    few = replace(
        few,
        user_index=few.user_index[kept],
        item_index=few.item_index[kept],
        weight=few.weight[kept],
        occurred_at=few.occurred_at[kept],
    )
    found = verdict(few, artifact, Champion(VERSION, earlier, None, CONFIG.model_dump()))
    assert found.passed
    assert "slices" not in found.details


def test_the_verdict_does_not_depend_on_the_order_of_rows_or_how_users_are_numbered(
    data: TrainingSet, artifact: Artifact, earlier: FactorModel
) -> None:
    champion = Champion(VERSION, earlier, SPLIT, CONFIG.model_dump())
    one, other = verdict(data, artifact, champion), verdict(reordered(data), artifact, champion)
    assert slices(one)["overall"]["challenger"] == pytest.approx(slices(other)["overall"]["challenger"])
    assert slices(one)["overall"]["champion"] == pytest.approx(slices(other)["overall"]["champion"])


def test_histories_grow_with_what_happens_after_the_split() -> None:
    data = tasteful()
    newcomer = data.user_index == 0
    data = replace(data, occurred_at=np.where(newcomer, SPLIT + 1 + np.arange(len(newcomer)), data.occurred_at))
    found = [case for case in cases(data, SPLIT, users_after(data, SPLIT)) if case.user == 0]
    assert [case.known for case in found] == [0, 1, 2, 3, 4]
    assert [case.history.tolist()[:1] for case in found[1:]] == [[case.item] for case in found[:-1]]
    assert all(case.at > SPLIT for case in found)


def test_off_policy_says_when_there_is_not_enough(data: TrainingSet, artifact: Artifact, earlier: FactorModel) -> None:
    found = verdict(data, artifact, Champion(VERSION, earlier, SPLIT, CONFIG.model_dump()))
    assert found.details["off_policy"] == {"places": 0, "conclusion": NOT_ENOUGH}


def test_off_policy_tells_versions_apart_by_what_people_took(
    data: TrainingSet, artifact: Artifact, tasteless: Artifact, earlier: FactorModel
) -> None:
    """People take items of their own taste when chance shows them."""
    rng = np.random.default_rng(0)
    users, items = rng.integers(0, USERS, 2000), rng.integers(0, len(data.item_ids), 2000)
    explored = ExploredPlaces(
        users=users,
        items=items,
        served_at=SPLIT + 1 + rng.random(2000) * 25 * DAY,
        propensities=np.full(2000, 1 / len(data.item_ids)),
        rewards=(rng.random(2000) < np.where(items % 4 == users % 4, 0.6, 0.05)).astype(np.float64),
    )
    poor = Champion(VERSION, model(until(data, SPLIT), TASTELESS), SPLIT, TASTELESS.model_dump())
    found = judged(Candidate(artifact, data, CONFIG), poor, explored, quiet)
    told = found.details["off_policy"]
    assert told["conclusion"] == "estimated"
    assert told["difference"]["low"] > 0
    assert told["challenger"]["snips"]["value"] > told["champion"]["snips"]["value"]
    worse = judged(
        Candidate(tasteless, data, TASTELESS),
        Champion(VERSION, earlier, SPLIT, CONFIG.model_dump()),
        explored,
        quiet,
    )
    assert any(reason.startswith("off-policy") for reason in worse.details["reasons"])

"""Drift is told from noise: the same behaviour raises no alarm, another mix or other tastes do."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from domain.models.factor_model import FactorModel
from tests.unit.test_training import CONFIG, DAY, quiet, tasteful
from workers.training.drift import Behaviour, baseline, drift, stability
from workers.training.interactions import TrainingSet
from workers.training.trainer import train

NAMES = ("template_used", "item_viewed", "dismissed")


def behaviour(training_set: TrainingSet, shares: tuple[float, float, float] = (0.7, 0.25, 0.05)) -> Behaviour:
    """All within one week, each row of some type."""
    count = len(training_set.weight)
    types = np.random.default_rng(1).choice(3, size=count, p=shares).astype(np.int8)
    return Behaviour(replace(training_set, occurred_at=training_set.occurred_at / 90 * 6), types, NAMES)


@pytest.fixture(scope="module")
def model() -> FactorModel:
    return FactorModel.from_artifact(train(tasteful(), CONFIG, quiet))


def moved(then: dict[str, Any], now: Behaviour, model: FactorModel) -> dict[str, Any]:
    return drift(then, baseline(now, model, then))


def test_the_same_behaviour_has_not_moved(model: FactorModel) -> None:
    then = baseline(behaviour(tasteful()), model)
    assert moved(then, behaviour(tasteful()), model)["alarm"] is False
    others = moved(then, behaviour(tasteful(seed=1)), model)["distributions"]
    assert not others["event_types"]["alarm"]
    assert not others["items"]["alarm"]
    assert not others["history_lengths"]["alarm"]


def test_another_mix_of_events_is_noticed(model: FactorModel) -> None:
    then = baseline(behaviour(tasteful()), model)
    found = moved(then, behaviour(tasteful(), (0.2, 0.5, 0.3)), model)
    assert found["alarm"]
    assert found["distributions"]["event_types"]["psi"] > 0.2
    assert not found["distributions"]["items"]["alarm"]


def test_other_items_and_shorter_histories_are_noticed(model: FactorModel) -> None:
    data = tasteful()
    then = baseline(behaviour(data), model)
    few = replace(data, item_index=data.item_index % 2)
    found = moved(then, behaviour(few), model)["distributions"]
    assert (found["items"]["alarm"], found["history_lengths"]["alarm"], found["scores"]["alarm"]) == (True, True, True)


def test_only_the_latest_week_counts(model: FactorModel) -> None:
    data = tasteful()
    then = baseline(behaviour(data), model)
    now = behaviour(data)
    long_ago = replace(now.training_set, occurred_at=np.append(now.training_set.occurred_at[:-1], 100 * DAY))
    assert sum(baseline(replace(now, training_set=long_ago), model, then)["event_types"].values()) == 1


def test_noise_alone_raises_no_alarm_and_a_move_does() -> None:
    rng = np.random.default_rng(0)
    shares = np.array([0.4, 0.3, 0.2, 0.1])
    alarms = 0
    for _ in range(500):
        tables = [dict(zip("abcd", rng.multinomial(60, shares).tolist(), strict=True)) for _ in range(2)]
        psi, noise = stability(*tables)
        alarms += psi > max(0.2, noise)
    assert alarms <= 5
    psi, noise = stability({"a": 600, "b": 400}, {"a": 300, "b": 700})
    assert psi > max(0.2, noise)
    assert stability({"a": 5}, {"a": 9}) == stability({}, {"a": 1, "b": 2}) == (0.0, 0.0)

"""Circumstances in an evaluation: what is read of them, what they add, and that they do no harm."""

from dataclasses import replace

import numpy as np
import pytest

from workers.evaluation.asked import Protocol
from workers.evaluation.circumstances import Circumstance, circumstances, coded
from workers.evaluation.features import build_features
from workers.evaluation.grids import candidates
from workers.evaluation.histories import Histories, build_histories
from workers.evaluation.known import Known
from workers.evaluation.metrics import NDCG
from workers.evaluation.protocols import splits
from workers.evaluation.runner import HYBRID, Result, evaluate
from workers.evaluation.situational import done_alike, taken_under

USERS, ITEMS, ACTIONS = 60, 40, 12
DEVICE = Circumstance("device", 0)
DAY = 86_400.0


def watched(*, matters: bool, seed: int = 0) -> Histories:
    """People who take even items on one device and odd ones on the other if it `matters`; items by chance else."""
    random = np.random.default_rng(seed)
    users = np.repeat(np.arange(USERS), ACTIONS)
    device = random.integers(2, size=len(users))
    items = np.concatenate([random.permutation(ITEMS)[:ACTIONS] for _ in range(USERS)])
    if matters:
        items = np.concatenate(
            [
                np.where(own, odd, even)
                for own, even, odd in zip(
                    device.reshape(USERS, ACTIONS) == 1,
                    (2 * random.permutation(ITEMS // 2)[:ACTIONS] for _ in range(USERS)),
                    (2 * random.permutation(ITEMS // 2)[:ACTIONS] + 1 for _ in range(USERS)),
                    strict=True,
                )
            ]
        )
    times = np.tile(np.arange(ACTIONS) * DAY, USERS) + random.random(len(users))
    return build_histories(users, items, times, USERS, ITEMS, ("device",), device[:, np.newaxis])


def evaluated(histories: Histories, *, context: bool = True) -> Result:
    known = Known(circumstances=circumstances(histories.columns) if context else ())
    return evaluate(histories, Protocol.LEAVE_LAST, 0, lambda _stage, _done: None, known)


def hybrid(result: Result) -> float:
    return float(result.measured[HYBRID].values[NDCG].mean())


def test_what_depends_on_the_device_is_found_better_with_it() -> None:
    histories = watched(matters=True)
    looking, blind = evaluated(histories), evaluated(histories, context=False)
    assert {"circumstances", "like circumstances"} <= set(looking.measured)
    assert not {"circumstances", "like circumstances"} & set(blind.measured)
    assert hybrid(looking) > 1.3 * hybrid(blind)
    assert max(gain.low for gain in looking.blends[0].gains.values()) > 0


@pytest.mark.parametrize("seed", range(2))
def test_what_does_not_depend_on_it_is_found_as_before(seed: int) -> None:
    histories = watched(matters=False, seed=seed)
    looking, blind = evaluated(histories), evaluated(histories, context=False)
    for low, mixture in looking.blends[0].mixtures.items():
        weights = dict(zip(looking.blends[0].names, mixture.weights.tolist(), strict=True))
        assert not any(weight for name, weight in weights.items() if "circumstances" in name), low
    assert hybrid(looking) == pytest.approx(hybrid(blind))


def test_a_list_is_told_the_circumstances_of_the_action_to_be_found_and_no_others() -> None:
    histories = watched(matters=True)
    [split] = splits(histories, Protocol.LEAVE_LAST, 0)
    for case in split.cases():
        assert case.past.now is not None
        assert case.past.now[0] == case.wanted[0] % 2
        assert len(case.past.codes) == len(case.past)
    for several in (Protocol.HOLDOUT, Protocol.CV5, Protocol.TIME):
        assert all(case.past.now is None for case in next(splits(histories, several, 0)).cases())


def test_an_unknown_value_says_nothing() -> None:
    histories = watched(matters=True)
    past = replace(histories.past(0), now=np.array([7]))
    for candidate in (*taken_under([DEVICE], 2.0)[:1], *done_alike([DEVICE])):
        model = candidate.serve(candidate.learn(histories))
        known, unknown, silent = model.scores([replace(past, now=np.array([1])), past, replace(past, now=None)])
        assert known.any()
        if candidate.setting.startswith("device, prior"):
            assert known[1::2].mean() > 0 > known[::2].mean()
            assert not unknown.any()
        assert not silent.any()


def test_circumstances_stay_with_their_rows_through_every_selection() -> None:
    codes = np.arange(6)[:, np.newaxis]
    found = build_histories(
        np.array([1, 0, 1, 0, 1, 0]), np.array([0, 1, 2, 3, 0, 5]), np.array([9.0, 8, 7, 6, 5, 4]), 2, 6, ("n",), codes
    )
    assert found.codes[:, 0].tolist() == [5, 3, 1, 2, 0]
    assert found.select(found.users == 1).codes[:, 0].tolist() == [2, 0]
    assert found.past(1).codes[:, 0].tolist() == [2, 0]
    assert found.past(1).newest(1).codes[:, 0].tolist() == [0]


def test_texts_become_numbers_and_none_stays_unknown() -> None:
    rows = [("a", "x"), (None, "y"), ("b", ""), ("a", "x")]
    assert coded(rows, 2).tolist() == [[0, 0], [-1, 1], [1, -1], [0, 0]]


def test_the_clock_is_read_and_columns_of_its_name_are_not() -> None:
    named = circumstances(("hour", "device"))
    assert [(one.name, one.column) for one in named] == [("hour", None), ("weekday", None), ("device", 1)]
    histories = build_histories(np.zeros(2, int), np.arange(2), np.array([0.0, 2.5 * DAY + 1]), 1, 2)
    # The epoch was a Thursday; the second moment is a Saturday at noon.
    assert named[0].of(histories).tolist() == [0, 3]
    assert named[1].of(histories).tolist() == [0, 1]


def test_items_like_those_of_a_history_come_first_by_what_is_said_of_them() -> None:
    features = build_features([("calm", "film"), ("calm", "film"), ("loud", "film"), ()])
    histories = build_histories(np.zeros(1, int), np.zeros(1, int), np.zeros(1), 1, 4)
    candidate = candidates(0, Known(features))["content"][0]
    [row] = candidate.serve(candidate.learn(histories)).scores([histories.past(0)])
    assert row[1] > row[2] > row[3] == 0

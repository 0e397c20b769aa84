import hashlib
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from cli.demo.behaviour import DEFAULT_SEED, UserHistory, demo_behaviour
from cli.demo.catalogue import demo_catalogue
from cli.demo.facts import gini, measure
from cli.importing.records import EVENT_TYPES
from domain.catalog.model import ItemKind

NOW = datetime(2026, 3, 5, 15, 30, tzinfo=UTC)

HASH_PROGRAM = """
import hashlib
from datetime import UTC, datetime
from cli.demo.behaviour import demo_behaviour
histories = demo_behaviour(7, 60, datetime(2026, 3, 5, 15, 30, tzinfo=UTC))
print(hashlib.sha256(repr(list(histories)).encode()).hexdigest())
"""


@pytest.fixture(scope="module")
def histories() -> list[UserHistory]:
    return list(demo_behaviour(DEFAULT_SEED, 1000, NOW))


def digest(histories: list[UserHistory]) -> str:
    return hashlib.sha256(repr(histories).encode()).hexdigest()


def test_the_same_seed_gives_the_same_bytes_in_another_process() -> None:
    environment = {**os.environ, "PYTHONHASHSEED": "4711"}
    answer = subprocess.run(
        [sys.executable, "-c", HASH_PROGRAM], capture_output=True, text=True, check=True, env=environment
    )

    assert answer.stdout.strip() == digest(list(demo_behaviour(7, 60, NOW)))


def test_another_seed_gives_other_histories() -> None:
    assert list(demo_behaviour(7, 5, NOW)) != list(demo_behaviour(8, 5, NOW))


def test_a_history_does_not_depend_on_how_many_users_there_are(histories: list[UserHistory]) -> None:
    assert list(demo_behaviour(DEFAULT_SEED, 10, NOW)) == histories[:10]


def test_users_are_numbered_and_the_documented_one_comes_first(histories: list[UserHistory]) -> None:
    ids = [history.user_id for history in histories]

    assert ids[:3] == ["user_123", "user_0001", "user_0002"]
    assert len(set(ids)) == len(ids)


@pytest.mark.parametrize("seed", [1, 2, 3, DEFAULT_SEED])
def test_the_documented_user_is_a_regular_who_likes_modern_intro(seed: int) -> None:
    (history,) = demo_behaviour(seed, 1, NOW)
    uses = [event for event in history.events if event.item_id == "modern_template" and event.type == "template_used"]

    assert len(history.events) == 120
    assert len(uses) >= 5
    assert max(event.occurred_at for event in uses) > NOW - timedelta(days=7)


def test_activity_is_skewed(histories: list[UserHistory]) -> None:
    facts = measure(histories)

    assert 20 <= facts.median_per_user <= 30
    assert facts.users_up_to_3 >= 20
    assert facts.users_from_200 >= 15
    assert max(len(history.events) for history in histories) <= 900


def test_popularity_has_a_head_and_a_tail(histories: list[UserHistory]) -> None:
    facts = measure(histories)

    assert 0.5 <= facts.gini <= 0.85
    assert facts.top_share < 0.1


def test_events_are_in_order_in_the_past_and_about_items_of_the_right_kind(histories: list[UserHistory]) -> None:
    kinds = {item.item_id: item.kind for item in demo_catalogue()}
    expected = {"style_applied": ItemKind.STYLE, "feature_used": ItemKind.FEATURE, "project_created": ItemKind.FEATURE}

    for history in histories:
        times = [event.occurred_at for event in history.events]
        assert times == sorted(times)
        assert all(NOW - timedelta(days=220) < at < NOW for at in times)
        for event in history.events:
            assert event.type in EVENT_TYPES
            assert kinds[event.item_id] is expected.get(event.type, ItemKind.TEMPLATE)
            assert event.value is None or (event.type == "rated" and 1 <= event.value <= 5)


def test_sessions_do_not_overlap_and_stay_on_one_device(histories: list[UserHistory]) -> None:
    for history in histories:
        finished: set[str | None] = set()
        current, device = None, None
        for event in history.events:
            if event.session != current:
                assert event.session not in finished
                finished.add(current)
                current, device = event.session, event.device
            assert event.device == device


def test_a_style_tends_to_share_its_templates_family(histories: list[UserHistory]) -> None:
    families = {item.item_id: item.attributes.get("family") for item in demo_catalogue()}
    matches: list[bool] = []
    for history in histories:
        template = None
        for event in history.events:
            if event.type == "template_used":
                template = event.item_id
            elif event.type == "style_applied" and template is not None:
                matches.append(families[event.item_id] == families[template])

    assert np.mean(matches) > 0.3


def test_mobile_sessions_prefer_vertical_templates(histories: list[UserHistory]) -> None:
    vertical = {item.item_id for item in demo_catalogue() if item.attributes.get("aspect_ratio") == "9:16"}

    def share(device: str) -> float:
        uses = [e for h in histories[1:] for e in h.events if e.type == "template_used" and e.device == device]
        return float(np.mean([event.item_id in vertical for event in uses]))

    assert share("mobile") > 1.3 * share("desktop")


def test_those_who_drift_change_what_they_use(histories: list[UserHistory]) -> None:
    def distance(history: UserHistory) -> float:
        categories = {item.item_id: item.category for item in demo_catalogue() if item.kind is ItemKind.TEMPLATE}
        used = [categories[event.item_id] for event in history.events if event.type == "template_used"]
        half = len(used) // 2
        names = sorted(set(used))
        early, late = (
            np.array([part.count(name) for name in names]) / len(part) for part in (used[:half], used[half:])
        )
        return float(np.abs(early - late).sum())

    regulars = [history for history in histories if len(history.events) >= 150]
    drifting = [distance(history) for history in regulars if history.persona != history.later_persona]
    steady = [distance(history) for history in regulars if history.persona == history.later_persona]

    assert np.mean(drifting) > np.mean(steady)


def test_no_users_are_no_histories() -> None:
    facts = measure(demo_behaviour(1, 0, NOW))

    assert (facts.users, facts.events, facts.gini) == (0, 0, 0.0)


def test_gini_of_equal_and_of_lopsided_counts() -> None:
    assert gini([5, 5, 5, 5]) == pytest.approx(0.0)
    assert gini([0, 0, 0, 8]) == pytest.approx(0.75)

"""Whatever is done under two ids, and whenever they are merged: what holds afterwards is what one id would have had."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain.behavior.model import Action, BehaviorData, Project
from domain.bootstrap import WorkerServices, open_worker
from domain.clock import FixedClock, SystemClock
from domain.ids import UserId
from domain.privacy.model import OBSERVED_PURPOSES
from domain.profiles.model import Verdict
from domain.profiles.stated import StatedChange
from domain.recommendations.page import RecommendationRequest
from tests.api.rest_room import AGREED, RestRoom

ACTS = st.one_of(
    st.tuples(st.just("act"), st.sampled_from(["template_1", "template_2", "modern_template", "elsewhere"])),
    st.tuples(
        st.just("rate"), st.tuples(st.sampled_from(["template_3", "template_4"]), st.sampled_from([1.0, 4.0, 5.0]))
    ),
    st.tuples(st.just("make"), st.sampled_from(["retro", "modern"])),
    st.tuples(st.just("state"), st.tuples(st.sampled_from(["pace", "tag"]), st.sampled_from(["fast", "clean", None]))),
    st.tuples(st.just("correct"), st.tuples(st.sampled_from(["retro", "modern"]), st.sampled_from(Verdict))),
    st.tuples(st.just("learn"), st.none()),
)
STEPS = st.lists(st.tuples(st.sampled_from(["mobile", "desktop"]), st.booleans(), ACTS), max_size=12)


@pytest.fixture
async def worker(room: RestRoom) -> AsyncIterator[tuple[WorkerServices, FixedClock]]:
    clock = FixedClock(SystemClock().now() - timedelta(days=1))
    async with open_worker(room.settings, clock) as services:
        yield services, clock


class Life:
    """One person's doings under one or two ids."""

    def __init__(self, room: RestRoom, worker: WorkerServices, *ids: UserId) -> None:
        self._tenant, self._services, self._ids = room.tenant, worker.services, ids

    async def begin(self) -> None:
        for user in set(self._ids):
            await self._services.privacy.record_consent(
                self._tenant, user, OBSERVED_PURPOSES, granted=True, evidence=AGREED
            )

    async def do(self, device: str, second: bool, step: tuple[str, Any]) -> None:
        user, (kind, what) = self._ids[second], step
        match kind:
            case "act":
                data = BehaviorData(actions=(Action("template_used", what),), session_id="visit", device=device)
                await self._services.behavior.learn_preferences(self._tenant, user, data)
            case "rate":
                data = BehaviorData(actions=(Action("rated", what[0], value=what[1]),), device=device)
                await self._services.behavior.learn_preferences(self._tenant, user, data)
            case "make":
                data = BehaviorData(projects=(Project(what, "sports", 20),), device=device)
                await self._services.behavior.learn_preferences(self._tenant, user, data)
            case "state":
                wanted = None if what[1] is None else {what[1]: 1.0}
                await self._services.stating.state(self._tenant, user, StatedChange({what[0]: wanted}))
            case "correct":
                await self._services.stating.correct(self._tenant, user, "visual_style", *what)
            case "learn":
                await self._services.profiles.learn_batch(3)

    async def outcome(self) -> Any:
        while (await self._services.profiles.learn_batch()).processed:
            pass
        seen = []
        for user in self._ids:
            profile = await self._services.profiles.profile(self._tenant, user)
            listed = await self._services.recommendations.recommend(self._tenant, user, RecommendationRequest(first=40))
            seen.append(
                (
                    profile.facets,
                    profile.devices,
                    profile.corrections,
                    profile.event_count,
                    profile.learned_from,
                    {item.item_id: item.score for item in listed.items},
                )
            )
        assert all(each == seen[0] for each in seen)
        return seen[0]


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(STEPS, STEPS)
async def test_two_ids_end_as_one(
    room: RestRoom, worker: tuple[WorkerServices, FixedClock], before: list[Any], after: list[Any]
) -> None:
    services, clock = worker
    account, anonymous, single = (UserId(f"{name}-{uuid4()}") for name in ("account", "anonymous", "single"))
    two, one = Life(room, services, account, anonymous), Life(room, services, single, single)
    for life in (two, one):
        await life.begin()
    for step in [*before, None, *after]:
        clock.set(clock.now() + timedelta(seconds=1))
        if step is None:
            await services.services.identities.merge(room.tenant, anonymous, account)
            continue
        await two.do(*step)
        await one.do(*step)
    assert await two.outcome() == await one.outcome()

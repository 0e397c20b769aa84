"""Whatever is written, and by which process: the next answer of every process is what an uncached one would answer."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from domain.behavior.importing import ImportedBehavior
from domain.behavior.model import Action, BehaviorData, Interaction, InteractionAction, Project
from domain.bootstrap import Services, WorkerServices, open_services, open_worker
from domain.caching.model import Lookup, Outcome, lookups
from domain.clock import SystemClock
from domain.ids import ItemId, TenantId, UserId
from domain.models.factor_model import FactorModel, ServingParameters
from domain.privacy.model import OBSERVED_PURPOSES, ConsentPurpose
from domain.profiles.model import Verdict
from domain.profiles.stated import StatedChange
from domain.recommendations.page import RecommendationList, RecommendationRequest
from domain.recommendations.template_fit import TemplateWish
from domain.rules.model import Rule, RuleKind, Selector
from domain.settings import Settings
from tests.api.rest_room import AGREED, ITEMS, RestRoom

# What others take to may show later in a list that is kept, so nobody here is counted for others.
ALONE = OBSERVED_PURPOSES - {ConsentPurpose.TRAINING}
TEMPLATES = st.sampled_from(["template_1", "template_2", "modern_template"])
EACH: list[tuple[str, Any]] = [
    ("act", "template_1"),
    ("take_off", datetime(2026, 1, 1, tzinfo=UTC)),
    ("import", "template_2"),
    ("publish", 1.0),
    ("publish", 100.0),
    ("rule", "template_5"),
    ("tell", ("template_7", InteractionAction.DISMISSED)),
    ("make", "retro"),
    ("learn", None),
    ("correct", Verdict.LESS),
    ("state", "clean"),
    ("merge", "template_7"),
    ("consent", False),
]
OF_THE_TENANT = {"rule", "take_off", "publish"}
OF_OTHER_PROCESSES = {"learn", "import", "merge"}
STEPS = st.one_of(
    st.tuples(st.just("act"), TEMPLATES),
    st.tuples(
        st.just("tell"),
        st.tuples(
            TEMPLATES,
            st.sampled_from([InteractionAction.DISMISSED, InteractionAction.SNOOZED, InteractionAction.RESTORED]),
        ),
    ),
    st.tuples(st.just("make"), st.sampled_from(["retro", "modern"])),
    st.tuples(st.just("state"), st.sampled_from(["clean", "modern", None])),
    st.tuples(st.just("correct"), st.sampled_from(Verdict)),
    st.tuples(st.just("learn"), st.none()),
    st.tuples(st.just("import"), TEMPLATES),
    st.tuples(st.just("consent"), st.booleans()),
    st.tuples(st.just("merge"), TEMPLATES),
    st.tuples(st.just("rule"), st.none() | TEMPLATES),
    st.tuples(st.just("take_off"), st.sampled_from([None, datetime(2026, 1, 1, tzinfo=UTC)])),
    st.tuples(st.just("publish"), st.sampled_from([1.0, 100.0])),
)


def model(people: float) -> FactorModel:
    """One that knows two templates, the second of them by ten people."""
    return FactorModel(
        algorithm="als",
        item_ids=(ItemId("template_5"), ItemId("template_7")),
        item_kinds=np.zeros(2, dtype=np.int8),
        factors=np.eye(2, 3, dtype=np.float32),
        popularity=np.array([people, 10], dtype=np.float32),
        trend=np.zeros(2, dtype=np.float32),
        parameters=ServingParameters(6.0, 30.0, 1.0, 5.0, 0.2, 5.0),
    )


class World:
    """Two processes that cache, one that does not, and a worker."""

    def __init__(self, tenant: TenantId, cached: list[Services], fresh: Services, worker: WorkerServices) -> None:
        self.tenant, self.cached, self.fresh, self.worker = tenant, cached, fresh, worker
        self.user = UserId(f"anna-{uuid4()}")

    async def agree(self, user: UserId, *, granted: bool = True) -> None:
        await self.cached[0].privacy.record_consent(self.tenant, user, ALONE, granted=granted, evidence=AGREED)

    async def act(self, services: Services, user: UserId, **data: Any) -> None:
        await services.behavior.learn_preferences(self.tenant, user, BehaviorData(**data))

    async def do(self, services: Services, step: str, what: Any) -> None:
        """One write of one process."""
        if step in OF_THE_TENANT:
            await self.change_tenant(step, what)
        elif step in OF_OTHER_PROCESSES:
            await self.work(services, step, what)
        else:
            await self.change_person(services, step, what)

    async def change_person(self, services: Services, step: str, what: Any) -> None:
        tenant, user = self.tenant, self.user
        match step:
            case "act":
                await self.act(services, user, actions=(Action("template_used", what),))
            case "tell":
                told = Interaction(ItemId(what[0]), what[1])
                await services.behavior.track_interaction(tenant, user, told)
            case "make":
                await self.act(services, user, projects=(Project(what, "sports", 20),))
            case "state":
                await services.stating.state(tenant, user, StatedChange({"tag": what and {what: 1.0}}))
            case _:
                await services.stating.correct(tenant, user, "visual_style", "retro", what)

    async def work(self, services: Services, step: str, what: Any) -> None:
        match step:
            case "learn":
                await self.worker.services.profiles.learn_batch()
            case "import":
                event = ImportedBehavior(self.user, "template_used", ItemId(what), datetime(2026, 1, 1, tzinfo=UTC))
                await services.imports.import_events(self.tenant, [event])
            case _:
                visitor = UserId(f"visitor-{uuid4()}")
                await self.agree(visitor)
                await self.act(services, visitor, actions=(Action("template_used", what),))
                await services.identities.merge(self.tenant, visitor, self.user)

    async def change_tenant(self, step: str, what: Any) -> None:
        """What concerns the whole tenant is read again by every process at once, instead of within a second."""
        if step == "publish":
            await self.worker.services.models.publish(self.tenant, model(what).to_artifact({}, {}, {}))
        for each in (*self.cached, self.fresh):
            if step == "publish":
                await each.models.refresh(self.tenant)
            elif step == "take_off":
                await each.catalog.upsert(self.tenant, [replace(ITEMS[0], available_until=what)])
            elif what is None:
                await each.rules.delete(self.tenant, ["r"])
            else:
                rule = Rule("r", RuleKind.EXCLUDE, Selector(item_ids=frozenset({ItemId(what)})))
                await each.rules.upsert(self.tenant, [rule])

    async def seen(self, services: Services) -> list[Any]:
        """Everything that is cached, as one process answers it."""
        tenant, user, request = self.tenant, self.user, RecommendationRequest(first=40)
        listed = await services.recommendations.recommend(tenant, user, request)
        templates = await services.kinds.templates(tenant, user, request, TemplateWish())
        styles = await services.kinds.styles(tenant, user, request)
        features = await services.kinds.features(tenant, user, request)
        pages = [shown(page) for page in (listed, templates.page, styles.page, features.page)]
        similar = await services.similar.similar(tenant, ItemId("modern_template"), None, 5)
        profile = await services.profiles.profile(tenant, user)
        return [*pages, templates.fits, styles.fits, features.fits, similar, profile]


def shown(page: RecommendationList) -> Any:
    """What of a list does not depend on the moment: the score does, since what is past fades."""
    items = [replace(item, score=0.0, reasons=()) for item in page.items]
    codes = [[worded.reason.code for worded in item.reasons] for item in page.items]
    return items, codes, page.used, page.personalized, page.degraded, page.version, page.model_version, page.has_next


@pytest.fixture
async def services(rest_settings: Settings) -> AsyncIterator[tuple[list[Services], Services, WorkerServices]]:
    still = rest_settings.model_copy(update={"exploration_share": 0.0})
    async with (
        open_services(still) as first,
        open_services(still) as second,
        open_services(still.model_copy(update={"cache_ttl": 0})) as fresh,
        open_worker(still) as worker,
    ):
        yield [first, second], fresh, worker


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.sampled_from([0, 1]), STEPS), min_size=3, max_size=12))
@example(steps=[(0, (step, what)) for step, what in EACH])
async def test_a_cached_answer_is_what_would_be_answered_anew(
    room: RestRoom, services: tuple[list[Services], Services, WorkerServices], steps: list[tuple[int, Any]]
) -> None:
    world, agreed = World(room.tenant, *services), True
    await world.agree(world.user)
    for process, (step, what) in steps:
        if step == "consent":
            agreed = what
            await world.agree(world.user, granted=agreed)
        elif agreed or step in OF_THE_TENANT | {"learn", "import"}:
            await world.do(world.cached[process], step, what)
        expected = await world.seen(world.fresh)
        for cached in world.cached:
            assert await world.seen(cached) == expected


async def test_readers_at_the_same_time_see_what_was_committed_before_they_asked(
    room: RestRoom, services: tuple[list[Services], Services, WorkerServices]
) -> None:
    cached, user, committed, writing = services[0], UserId("anna"), 0, True
    await room.agree("anna")

    async def read(process: Services) -> None:
        while writing:
            before = committed
            assert (await process.profiles.profile(room.tenant, user)).stated_revision >= before

    readers = [asyncio.create_task(read(process)) for process in cached * 3]
    for n in range(1, 41):
        change = StatedChange({"tag": {"clean" if n % 2 else "modern": 1.0}})
        await cached[n % 2].stating.state(room.tenant, user, change)
        committed = n
    writing = False
    await asyncio.gather(*readers)


async def test_the_moment_of_a_list_is_part_of_the_question(room: RestRoom) -> None:
    """Another hour of the person's day is another question; the same hour of the same weekday is the same."""
    user, now = UserId("anna"), SystemClock().now()
    await room.agree("anna")
    asked = [RecommendationRequest(local_time=now + timedelta(hours=hours)) for hours in (0, 1, 0, 7 * 24)]
    hits = []
    for request in asked:
        noted: list[Lookup] = []
        token = lookups.set(noted)
        await room.services.recommendations.recommend(room.tenant, user, request)
        lookups.reset(token)
        hits.append(noted[-1].outcome is Outcome.HIT)
    assert hits == [False, False, True, True]

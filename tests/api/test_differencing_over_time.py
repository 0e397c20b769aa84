"""Sums asked before and after one person joins, acts, withdraws and is erased: a reader sees no difference.

The reader knows everything but this person, asks whatever readers may ask, and asks it between any two steps.
"""

import random
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

import pytest

from domain.disclosure import FEWEST_PEOPLE, hidden_cells, in_steps, multiple_in_steps, share_in_steps
from domain.ids import UserId
from domain.privacy.model import ConsentPurpose
from graphql_api.auth import Scope
from tests.api.graphql_room import LEARN, Graph, caller
from tests.api.rest_room import AGREED, RestRoom, application
from tests.api.test_workflows import mine, work
from tests.api.training_room import act, behave, train, working

ANNA, READER = "anna", "reader"
CROWD = 7
"""More than the fewest that are told of, and two less than the next step."""

USED = ("template_7", "modern_template")
WAY = ("modern_template", "video_editor")
ASKED = {
    "trends": """{ trendingItems(window: MONTH, first: 100) { items { itemId people lift } } }""",
    "ways": """query W { workflowOptimizations(userId: "reader") { optimizations {
      support confidence lift stepsSaved why evidence { timesSeen sessions people lastSeenAt } } } }""",
    "alike": """{ similarItems(itemId: "template_7", first: 100) { itemId score reasons { code weight } } }""",
}


@pytest.fixture
async def shared(room: RestRoom) -> AsyncIterator[RestRoom]:
    """The tenant behind a process that has counted nobody yet."""
    async with application(room.settings) as app:
        yield RestRoom(app, room.settings, room.tenant)


@pytest.fixture
async def worker(shared: RestRoom) -> AsyncIterator[dict[str, Any]]:
    async with working(shared) as context:
        yield context
        await shared.leave_no_job()


@pytest.fixture
def reader(shared: RestRoom) -> Graph:
    return caller(shared.app, shared.tenant, READER, {Scope.RECOMMENDATIONS_READ, Scope.PROFILE_READ})


async def take_part(room: RestRoom, user: str) -> None:
    """What everybody of the crowd does: use items, and work in the common way on two days."""
    await room.agree(user)
    actions = [{"type": "template_used", "feature": item} for item in USED]
    await caller(room.app, room.tenant, user).ask(LEARN, input={"userId": user, "actions": actions})
    await work(room, user, 2, 3, items=WAY)


async def told(room: RestRoom, worker: dict[str, Any], reader: Graph) -> dict[str, Any]:
    """Everything that a reader may ask of many, once all that happens by itself has happened."""
    await room.learn()
    await mine(room, worker)
    room.services.interest._held.clear()
    answers = {name: await reader.ask(query) for name, query in ASKED.items()}
    text = (await reader.http.get("/metrics")).text
    counted = ("personalization_feedback", "personalization_recommendation_places")
    lines = [line for line in text.splitlines() if line.startswith(counted) and "_created" not in line]
    return {**answers, "metrics": lines}


async def test_a_reader_sees_no_difference_when_one_person_joins_acts_withdraws_and_is_erased(
    shared: RestRoom, worker: dict[str, Any], reader: Graph
) -> None:
    for number in range(CROWD):
        await take_part(shared, f"user{number}")
    before = await told(shared, worker, reader)
    assert {item["itemId"]: item["people"] for item in before["trends"]["items"]} == dict.fromkeys(USED, 5)
    assert [offer["evidence"]["people"] for offer in before["ways"]["optimizations"]] == [5]
    await take_part(shared, ANNA)
    assert await told(shared, worker, reader) == before
    await shared.services.privacy.record_consent(
        shared.tenant, UserId(ANNA), [ConsentPurpose.TRAINING], granted=False, evidence=AGREED
    )
    assert await told(shared, worker, reader) == before
    await shared.services.rights.erase(shared.tenant, UserId(ANNA))
    assert await told(shared, worker, reader) == before


async def test_an_item_of_too_few_people_leads_to_nothing_else_that_they_used(
    shared: RestRoom, worker: dict[str, Any], reader: Graph
) -> None:
    await behave(shared)
    for person in range(FEWEST_PEOPLE - 1):
        await shared.agree(f"few{person}")
        await act(shared, f"few{person}", "template_29", *(f"retro_{n}" for n in range(4)))
    await act(shared, "user0", "template_28")
    job = await train(worker, shared)
    assert job.result is not None, job.error
    await shared.services.models.refresh(shared.tenant)
    many = '{ similarItems(itemId: "retro_1", first: 100) { itemId reasons { code } } }'
    for item in await reader.ask(many):
        used = "USED_TOGETHER" in {reason["code"] for reason in item["reasons"]}
        assert not (used and item["itemId"] in {"template_28", "template_29"})
    few = '{ similarItems(itemId: "template_29", first: 100) { reasons { code } } }'
    codes = {reason["code"] for item in await reader.ask(few) for reason in item["reasons"]}
    assert codes <= {"SIMILAR_CONTENT"}
    assert any("USED_TOGETHER" in str(item) for item in await reader.ask(many))


def counts(source: random.Random) -> list[int]:
    return [source.choice((0, 1, 3, 4, 5, 6, 8, 9, 13, 40, 120)) for _ in range(source.randint(2, 8))]


def exactly(sizes: Sequence[int]) -> list[int | None]:
    """How sizes would be told without steps."""
    hidden = hidden_cells(sizes)
    return [None if place in hidden else size for place, size in enumerate(sizes)]


def as_told(sizes: Sequence[int]) -> list[int | None]:
    """How sizes of segments are told."""
    hidden = hidden_cells(sizes)
    return [None if place in hidden else in_steps(size) for place, size in enumerate(sizes)]


def found_out(tell: Callable[[Sequence[int]], list[int | None]], seeds: range) -> float:
    """How often the cell that one person joined is the only one that is told otherwise than before."""
    found = 0
    for seed in seeds:
        source = random.Random(seed)  # noqa: S311 - seeded, so that the test repeats itself
        sizes = counts(source)
        place = source.randrange(len(sizes))
        after = [size + (at == place) for at, size in enumerate(sizes)]
        changed = [at for at, (a, b) in enumerate(zip(tell(sizes), tell(after), strict=True)) if a != b]
        found += changed == [place]
    return found / len(seeds)


def test_the_cell_that_one_person_joined_is_found_less_than_half_as_often_as_without_steps() -> None:
    seeds = range(2000)
    without, with_steps = found_out(exactly, seeds), found_out(as_told, seeds)
    assert without > 0.3
    assert with_steps < without / 2


@pytest.mark.parametrize("seed", range(100))
def test_shares_and_multiples_follow_from_counts_in_steps_alone(seed: int) -> None:
    source = random.Random(seed)  # noqa: S311 - seeded, so that the test repeats itself
    whole = source.randint(FEWEST_PEOPLE, 200)
    part = source.randint(FEWEST_PEOPLE, whole)
    alike = [p for p in range(FEWEST_PEOPLE, whole + 1) if in_steps(p) == in_steps(part)]
    assert {share_in_steps(p, whole) for p in alike} == {share_in_steps(part, whole)}
    assert 0 < share_in_steps(part, whole) <= 1
    times = source.uniform(0.5, 200)
    assert multiple_in_steps(times) <= max(times, 1.0)
    assert multiple_in_steps(times) == multiple_in_steps(multiple_in_steps(times))

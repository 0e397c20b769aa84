"""Workflow optimizations from both doors: a person's own, what many share, and what they do not want."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import asyncpg
import pytest

from domain.catalog.model import CatalogItem, ItemKind
from domain.ids import ItemId, UserId
from domain.jobs.model import JobKind, JobState
from domain.privacy.model import ConsentPurpose
from tests.api.graphql_room import Graph, caller
from tests.api.rest_room import AGREED, RestRoom
from tests.api.test_adaptation import ANNA, NOBODY, days_ago
from workers import main

OFFERS = """query W($user: String!) { workflowOptimizations(userId: $user) { sessions minedAt personalized
  usedData { categories purposes } optimizations { optimizationId kind source title why steps { step title } itemId
  support confidence lift stepsSaved evidence { timesSeen sessions people lastSeenAt } } } }"""
DISMISS = """mutation D($input: DismissOptimizationInput!) { dismissOptimization(input: $input) { __typename
  ... on WorkflowOptimizations { optimizations { optimizationId } } ... on Problem { code field } } }"""

FEATURES = tuple(CatalogItem(ItemId(f"tool_{n}"), ItemKind.FEATURE, f"Tool {n}", "", (), "tools") for n in range(6))
CUT = ("modern_template", "tool_1", "tool_2")


@pytest.fixture
async def anna(room: RestRoom) -> Graph:
    await room.services.catalog.upsert(room.tenant, FEATURES)
    await room.agree(ANNA)
    return caller(room.app, room.tenant, ANNA)


@pytest.fixture
async def worker(room: RestRoom) -> AsyncIterator[dict[str, Any]]:
    context: dict[str, Any] = {"settings": room.settings}
    await main.start(context)
    yield context
    await room.leave_no_job()
    await main.stop(context)


async def work(room: RestRoom, user: str, *days: int, items: tuple[str, ...] = CUT, style: str = "modern") -> None:
    """On each day one session: the items, then a style."""
    async with room.caller(user) as client:
        for day in days:
            used = [("template_used" if item == "modern_template" else "feature_used", item) for item in items]
            actions = [
                {"type": kind, "itemId": item, "occurredAt": days_ago(day, minute)}
                for minute, (kind, item) in enumerate([*used, ("style_applied", style)])
            ]
            data = {"actions": actions, "sessionId": str(uuid4())}
            answer = await client.post("/learn-preferences", json={"userId": user, "behaviorData": data})
            assert answer.is_success, answer.text


async def offered(room: RestRoom, user: str = ANNA) -> dict[str, Any]:
    async with room.caller(user) as client:
        answer = await client.get(f"/workflow-optimizations/{user}")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def mine(room: RestRoom, worker: dict[str, Any]) -> dict[str, Any]:
    """Do what a worker does every day."""
    await main.mine_all(worker)
    waiting = await room.services.job_store.unfinished(room.tenant, JobKind.WORKFLOWS)
    assert waiting is not None
    await main.run_job(worker, str(waiting.job_id))
    job = await room.services.jobs.job(room.tenant, waiting.job_id)
    assert (job.state, job.error) == (JobState.DONE, None)
    # What is common is held for a minute.
    room.services.adaptation._held.clear()
    return dict(job.result or {})


async def test_what_is_done_again_and_again_is_offered_as_one_step(room: RestRoom, anna: Graph) -> None:
    await work(room, ANNA, 1, 2, 4)
    found = await anna.ask(OFFERS, user=ANNA)
    [shortcut] = [o for o in found["optimizations"] if o["kind"] == "SHORTCUT"]
    assert [step["step"] for step in shortcut["steps"]] == [
        "template_used", "feature_used:tool_1", "feature_used:tool_2", "style_applied",
    ]  # fmt: skip
    assert shortcut["title"] == "Use a template → Tool 1 → Tool 2 → Apply a style"
    assert shortcut["why"].startswith("You always do Use a template, then Tool 1")
    assert (shortcut["source"], shortcut["support"], shortcut["confidence"]) == ("OWN", 1.0, 1.0)
    assert (shortcut["stepsSaved"], shortcut["lift"] > 1) == (9.0, True)
    evidence = shortcut["evidence"]
    assert (evidence["timesSeen"], evidence["sessions"], evidence["people"]) == (3, 3, 1)
    assert evidence["lastSeenAt"] == days_ago(1, 3)
    assert (found["sessions"], found["personalized"]) == (3, True)
    assert found["usedData"] == {"categories": ["behaviour"], "purposes": ["personalization"]}


async def test_what_happens_in_one_second_keeps_the_order_of_the_report(room: RestRoom, anna: Graph) -> None:
    steps = ["project_created", *"zyxwvuts"]
    async with room.caller(ANNA) as client:
        for day in (1, 2, 4):
            actions = [{"type": step, "feature": "thing", "occurredAt": days_ago(day)} for step in steps]
            body = {"userId": ANNA, "behaviorData": {"actions": actions}}
            assert (await client.post("/learn-preferences", json=body)).is_success
    shortcuts = [o["steps"] for o in (await offered(room))["optimizations"]]
    assert shortcuts
    order = ["project_created", *(f"{step}:thing" for step in steps[1:])]
    assert all(found == [step for step in order if step in found] for found in shortcuts)


async def test_a_choice_that_is_always_the_same_is_offered_to_be_made(room: RestRoom, anna: Graph) -> None:
    await work(room, ANNA, 1, 2, 4, 5, 6)
    automations = [o for o in (await offered(room))["optimizations"] if o["kind"] == "automation"]
    style = next(o for o in automations if o["steps"] == ["style_applied"])
    assert (style["itemId"], style["title"], style["confidence"]) == ("modern", "Apply a style: Modern style", 1.0)
    assert (style["evidence"]["timesSeen"], style["stepsSaved"]) == (5, 5.0)


async def test_one_session_is_no_workflow(room: RestRoom, anna: Graph) -> None:
    await work(room, ANNA, 1)
    assert (await offered(room))["optimizations"] == []


async def test_what_is_dismissed_does_not_come_back_until_it_is_wanted(room: RestRoom, anna: Graph) -> None:
    await work(room, ANNA, 1, 2, 4)
    [shortcut] = (await offered(room))["optimizations"]
    given = {"userId": ANNA, "optimizationId": shortcut["optimizationId"]}
    assert (await anna.ask(DISMISS, input=given))["optimizations"] == []
    await work(room, ANNA, 5, 6)
    left = await offered(room)
    assert given["optimizationId"] not in [o["optimizationId"] for o in left["optimizations"]]
    assert left["usedData"]["categories"] == ["behaviour", "stated_preferences"]
    again = await anna.ask(DISMISS, input={**given, "undo": True})
    assert given["optimizationId"] in [o["optimizationId"] for o in again["optimizations"]]
    assert (await anna.ask(DISMISS, input={**given, "optimizationId": "no id!"}))["field"] == "optimizationId"


@pytest.mark.parametrize(("people", "told"), [(4, False), (5, True)])
async def test_what_five_people_share_is_offered_to_strangers(
    people: int, told: bool, room: RestRoom, anna: Graph, worker: dict[str, Any]
) -> None:
    for n in range(people):
        await room.agree(f"user{n}")
        await work(room, f"user{n}", 1, 2, 3)
    assert (await mine(room, worker))["people"] == people
    found = await offered(room, NOBODY)
    assert (found["personalized"], found["usedData"]["categories"], found["sessions"]) == (False, [], 0)
    assert bool(found["optimizations"]) is told
    for offer in found["optimizations"]:
        assert (offer["kind"], offer["source"], offer["evidence"]["people"]) == ("shortcut", "common", 5)
        assert offer["why"].startswith("5 people here do")
        assert offer["evidence"]["lastSeenAt"].endswith("00:00:00Z")


async def test_what_is_common_keeps_the_order_of_the_log_within_a_second(
    room: RestRoom, anna: Graph, worker: dict[str, Any]
) -> None:
    for n in range(5):
        await room.agree(f"user{n}")
        async with room.caller(f"user{n}") as client:
            actions = [
                {"type": "feature_used", "itemId": f"tool_{tool}", "occurredAt": days_ago(1)} for tool in (5, 0, 3, 1)
            ]
            body = {"userId": f"user{n}", "behaviorData": {"actions": actions}}
            assert (await client.post("/learn-preferences", json=body)).is_success
    await mine(room, worker)
    [offer] = (await offered(room, NOBODY))["optimizations"]
    assert offer["steps"] == [f"feature_used:tool_{tool}" for tool in (5, 0, 3, 1)]


async def test_a_feature_that_others_keep_is_offered_to_who_works_alike(
    room: RestRoom, anna: Graph, worker: dict[str, Any]
) -> None:
    for n in range(5):
        await room.agree(f"user{n}")
        await work(room, f"user{n}", 1, 2, 3)
    for n in range(5, 10):
        await room.agree(f"user{n}")
        await work(room, f"user{n}", 1, items=("tool_4", "tool_5"))
    await mine(room, worker)
    await work(room, ANNA, 1, items=("tool_1",))
    features = [o for o in (await offered(room))["optimizations"] if o["kind"] == "feature"]
    assert features[0]["itemId"] == "tool_2"
    assert features[0]["title"] == "Try Tool 2"
    assert features[0]["why"] == "5 people who use Tool 1, as you do, also use Tool 2"
    assert (features[0]["confidence"], features[0]["evidence"]["people"]) == (1.0, 5)
    gone = replace(FEATURES[2], available_until=datetime.now(UTC) - timedelta(days=1))
    await room.services.catalog.upsert(room.tenant, [gone])
    left = (await offered(room))["optimizations"]
    assert "tool_2" not in [o["itemId"] for o in left]
    assert not any("feature_used:tool_2" in o["steps"] for o in left)


async def test_who_withdraws_training_is_no_longer_mined(room: RestRoom, anna: Graph, worker: dict[str, Any]) -> None:
    for n in range(5):
        await room.agree(f"user{n}")
        await work(room, f"user{n}", 1, 2, 3)
    await mine(room, worker)
    assert (await offered(room, NOBODY))["optimizations"]
    await room.services.privacy.record_consent(
        room.tenant, UserId("user0"), [ConsentPurpose.TRAINING], granted=False, evidence=AGREED
    )
    assert (await mine(room, worker))["people"] == 4
    assert (await offered(room, NOBODY))["optimizations"] == []


async def test_without_consent_the_answer_is_a_strangers(room: RestRoom, anna: Graph) -> None:
    await work(room, ANNA, 1, 2, 4)
    await room.services.privacy.record_consent(
        room.tenant, UserId(ANNA), [ConsentPurpose.PERSONALIZATION], granted=False, evidence=AGREED
    )
    assert await offered(room) == await offered(room, NOBODY)


async def test_the_table_itself_refuses_to_tell_of_four(room: RestRoom, owner_url: str) -> None:
    connection = await asyncpg.connect(owner_url)
    try:
        with pytest.raises(asyncpg.CheckViolationError):
            await connection.execute(
                "INSERT INTO common_workflows VALUES ($1, 'w', '{a,b}', 4, 9, 9, 1, 1, 1, now(), now())", room.tenant
            )
    finally:
        await connection.close()

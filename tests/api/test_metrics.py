"""What came of personalization for a person, from both doors: clicks on what was shown, satisfaction, activity."""

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any

import pytest

from domain.disclosure import FEWEST_PEOPLE
from domain.ids import UserId
from domain.measurement.model import Share
from domain.privacy.model import ConsentPurpose, PrivacyLevel
from domain.storage.postgres import Database
from tests.api.graphql_room import LEARN, LIST, Graph, caller
from tests.api.rest_room import AGREED, RestRoom, application

ANNA = "anna@example.com"
RATE = "{ hits trials value lower upper }"
METRICS = f"""query M($user: String!, $days: Int! = 30) {{ metrics(userId: $user, days: $days) {{ days
  recommendations {{ lists openLists windowHours clickThroughRate {RATE} listsTakenFrom {RATE} }}
  satisfaction {{ score {RATE} positive neutral negative ratings averageRating generationsKept generationsSentBack }}
  engagement {{ events activeDays sessions items lastActiveAt }} usedData {{ categories }} }} }}"""
TRACK = "mutation T($input: TrackInteractionInput!) { trackInteraction(input: $input) { __typename } }"
SAY = "mutation F($input: SubmitFeedbackInput!) { submitFeedback(input: $input) { __typename } }"
MAKE = "mutation V($input: IntegrateVideoGenerationInput!) { integrateVideoGeneration(input: $input) { __typename } }"
AGO = "UPDATE recommendations SET served_at = served_at - $1::interval WHERE recommendation_id = $2"


@pytest.fixture
async def anna(room: RestRoom) -> Graph:
    await room.agree(ANNA)
    return caller(room.app, room.tenant, ANNA)


async def listed(anna: Graph, user: str = ANNA) -> tuple[str, list[str]]:
    """The id of a list of five, and its items."""
    answer = await anna.ask(
        "query L($user: String!) { recommendations(userId: $user, first: 5) { recommendationId edges { node { itemId"
        " } } } }",
        user=user,
    )
    return answer["recommendationId"], [edge["node"]["itemId"] for edge in answer["edges"]]


async def act(anna: Graph, item: str, action: str, recommendation_id: str | None = None, user: str = ANNA) -> None:
    seen = {"userId": user, "itemId": item, "action": action, "recommendationId": recommendation_id}
    assert (await anna.ask(TRACK, input=seen))["__typename"] == "EventsRecorded"


def moments_read(figures: dict[str, Any], but: str = "") -> dict[str, Any]:
    """The figures with their moment as one, since the doors write UTC differently."""
    last = figures["engagement"]["lastActiveAt"]
    engagement = {**figures["engagement"], "lastActiveAt": last and datetime.fromisoformat(last)}
    return {name: part for name, part in {**figures, "engagement": engagement}.items() if name != but}


async def both(room: RestRoom, anna: Graph) -> dict[str, Any]:
    """The figures, which are the same from both doors."""
    found: dict[str, Any] = await anna.ask(METRICS, user=ANNA)
    async with room.caller(ANNA) as client:
        answer = await client.get(f"/metrics/{ANNA}")
    assert answer.status_code == 200, answer.text
    assert moments_read(answer.json()["metrics"]) == moments_read(found, "usedData")
    assert answer.json()["usedData"]["categories"] == found["usedData"]["categories"]
    return found


def rate(hits: int, trials: int) -> dict[str, Any]:
    share = Share(hits, trials)
    lower, upper = share.interval or (None, None)
    return {"hits": hits, "trials": trials, "value": share.rate, "lower": lower, "upper": upper}


async def test_the_click_through_rate_is_of_what_was_shown(room: RestRoom, anna: Graph) -> None:
    (first, items), (second, others) = await listed(anna), await listed(anna)
    for action in ("CLICKED", "CLICKED", "USED"):
        await act(anna, items[0], action, first)
    await act(anna, items[1], "LIKED", first)
    await act(anna, items[2], "VIEWED", first)
    await act(anna, others[3], "CLICKED")
    not_listed = next(f"template_{n}" for n in range(30) if f"template_{n}" not in others)
    await act(anna, not_listed, "CLICKED", second)
    found = (await both(room, anna))["recommendations"]
    assert (found["lists"], found["openLists"], found["windowHours"]) == (2, 2, 24)
    assert found["clickThroughRate"] == rate(2, 10)
    assert found["listsTakenFrom"] == rate(1, 2)


@pytest.mark.parametrize(("age", "clicked", "lists"), [(23, 1, 1), (25, 0, 1), (31 * 24, 0, 0)])
async def test_what_is_taken_counts_for_a_day_and_what_was_shown_for_a_month(
    age: int, clicked: int, lists: int, room: RestRoom, anna: Graph, database: Database
) -> None:
    recommendation_id, items = await listed(anna)
    await act(anna, items[0], "CLICKED", recommendation_id)
    subject = await room.services.directory.resolve(room.tenant, UserId(ANNA))
    assert subject is not None
    async with database.transaction(room.tenant, (subject.subject_id,)) as tx:
        await tx.execute(AGO, timedelta(hours=age), recommendation_id)
    found = (await both(room, anna))["recommendations"]
    assert (found["lists"], found["openLists"]) == (lists, int(age < 24))
    assert found["clickThroughRate"] == rate(clicked, 5 * lists)


async def test_satisfaction_is_what_was_said_and_what_was_kept(room: RestRoom, anna: Graph) -> None:
    said = (("POSITIVE", 5), ("POSITIVE", 8), ("NEUTRAL", None), ("NEGATIVE", 1))
    for number, (sentiment, rating) in enumerate(said):
        feedback = {"type": "visual", "sentiment": sentiment, "rating": rating, "aspect": f"a{number}"}
        await anna.ask(SAY, input={"userId": ANNA, "feedback": feedback})
    for number, outcome in enumerate(("ACCEPTED", "EDITED", "DISCARDED", "FAILED")):
        await anna.ask(MAKE, input={"userId": ANNA, "generationId": f"g{number}", "outcome": outcome})
    found = (await both(room, anna))["satisfaction"]
    assert [found[name] for name in ("positive", "neutral", "negative", "ratings")] == [2, 1, 1, 3]
    assert found["averageRating"] == pytest.approx((5 / 5 + 8 / 10 + 1 / 5) / 3)
    assert (found["generationsKept"], found["generationsSentBack"]) == (2, 1)
    assert found["score"] == rate(4, 7)


async def test_activity_is_counted_over_the_days_asked_for(room: RestRoom, anna: Graph) -> None:
    now = room.services.clock.now()
    actions = [
        {"type": "template_used", "itemId": item, "occurredAt": (now - timedelta(days=days)).isoformat()}
        for days, item in ((2, "modern_template"), (2, "modern"), (9, "modern"))
    ]
    await anna.ask(LEARN, input={"userId": ANNA, "sessionId": "visit", "actions": actions})
    month = (await both(room, anna))["engagement"]
    assert [month[name] for name in ("events", "activeDays", "sessions", "items")] == [3, 2, 1, 2]
    week = await anna.ask(METRICS, user=ANNA, days=7)
    assert (week["days"], week["engagement"]["events"], week["engagement"]["activeDays"]) == (7, 2, 1)
    for days in (0, 366):
        assert await anna.code(METRICS, user=ANNA, days=days) == "VALIDATION"


@pytest.mark.parametrize("how", ["withdrawn", "strict"])
async def test_without_agreement_nothing_personal_is_told(how: str, room: RestRoom, anna: Graph) -> None:
    await anna.ask(LIST, user=ANNA)
    nothing = await caller(room.app, room.tenant, "nobody").ask(METRICS, user="nobody")
    assert (await both(room, anna))["recommendations"]["lists"] == 1
    privacy, purposes = room.services.privacy, [ConsentPurpose.PERSONALIZATION]
    if how == "withdrawn":
        await privacy.record_consent(room.tenant, UserId(ANNA), purposes, granted=False, evidence=AGREED)
    else:
        await privacy.update_settings(room.tenant, UserId(ANNA), level=PrivacyLevel.STRICT, evidence=AGREED)
    assert await both(room, anna) == nothing
    assert nothing["usedData"]["categories"] == []


async def counted(room: RestRoom) -> dict[str, float]:
    """What `/metrics` says of outcomes."""
    async with room.caller(ANNA) as client:
        text = (await client.get("http://test/metrics")).text
    lines = (line.rsplit(" ", 1) for line in text.splitlines() if line.startswith("personalization_"))
    counts = {name.removeprefix("personalization_"): float(value) for name, value in lines}
    # When a series began is told beside it.
    return {name: value for name, value in counts.items() if "_created" not in name}


async def test_everybody_together_is_told_to_prometheus_once_five_people_stand_behind_it(shared: RestRoom) -> None:
    before = await counted(shared)
    for number in range(FEWEST_PEOPLE):
        assert outcomes(await counted(shared), before) == {}
        await be_one_of_many(shared, f"user{number}")
    after = await counted(shared)
    assert outcomes(after, before) == {
        "recommendation_places_shown_total": 25.0,
        'recommendation_places_taken_total{action="clicked"}': 5.0,
        'feedback_total{sentiment="positive"}': 5.0,
        'feedback_total{sentiment="negative"}': 1.0,
        'feedback_total{sentiment="neutral"}': 1.0,
        "feedback_rated_total": 6.0,
        "feedback_ratings_total": pytest.approx(5 * 0.8 + 0.8),
    }
    await be_one_of_many(shared, "user5")
    assert outcomes(await counted(shared), after) == {}


@pytest.fixture
async def shared(room: RestRoom) -> AsyncIterator[RestRoom]:
    """The tenant behind a process that has counted nobody yet."""
    async with application(room.settings) as app:
        yield RestRoom(app, room.settings, room.tenant)


async def be_one_of_many(room: RestRoom, user: str) -> None:
    """See a list, take one thing of it, say something; the first person says more than the others."""
    await room.agree(user)
    graph = caller(room.app, room.tenant, user)
    said = [(4.0, "POSITIVE")] + ([(80.0, "NEGATIVE"), (None, "NEUTRAL")] if user == "user0" else [])
    for rating, sentiment in said:
        feedback = {"type": "visual", "sentiment": sentiment, "rating": rating}
        await graph.ask(SAY, input={"userId": user, "feedback": feedback})
    recommendation, items = await listed(graph, user)
    await act(graph, items[1], "VIEWED", recommendation, user)
    await act(graph, items[2], "USED", None, user)
    await act(graph, items[0], "CLICKED", recommendation, user)


def outcomes(after: dict[str, float], before: dict[str, float]) -> dict[str, float]:
    """What has grown of outcomes."""
    grown = {name: value - before.get(name, 0.0) for name, value in after.items() if value != before.get(name, 0.0)}
    return {name: value for name, value in grown.items() if name.startswith(("recommendation_places", "feedback"))}


async def test_strangers_are_not_counted(room: RestRoom) -> None:
    before = await counted(room)
    await caller(room.app, room.tenant, "stranger").ask(LIST, user="stranger")
    name = "recommendation_places_shown_total"
    assert (await counted(room)).get(name) == before.get(name)

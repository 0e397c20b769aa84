"""Feedback and sessions from both doors."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from domain.storage.postgres import Database
from tests.api.graphql_room import LEARN, Graph, caller
from tests.api.rest_room import RestRoom
from tests.api.test_documented_tables import counted

USER = "anna"
SAID: dict[str, Any] = {"type": "visual", "sentiment": "positive", "aspect": "style", "itemId": "modern_template"}

FEEDBACK = """mutation F($input: SubmitFeedbackInput!) { submitFeedback(input: $input) { __typename
  ... on EventsRecorded { accepted duplicates } ... on Problem { code field } } }"""
SESSION = """mutation S($input: UpdateSessionInput!) { updateSession(input: $input) { __typename
  ... on SessionUpdated { sessionId device startedAt lastSeenAt eventCount } ... on Problem { code field } } }"""


@pytest.fixture
async def anna(room: RestRoom) -> Graph:
    await room.agree(USER)
    return caller(room.app, room.tenant, USER)


async def test_feedback_is_stored_once_and_learned_from(room: RestRoom, anna: Graph, database: Database) -> None:
    body = {"userId": USER, "feedback": SAID, "sessionId": "visit"}
    async with room.caller(USER) as client:
        once, again = [await client.post("/feedback", json=body, headers={"Idempotency-Key": "1"}) for _ in range(2)]
        page = (await client.post("/recommendations", json={"userId": USER})).json()
    assert (once.status_code, once.json()["accepted"]) == (200, 1)
    assert (again.json()["accepted"], again.json()["duplicates"]) == (0, 1)
    assert page["personalized"]
    assert await counted(room, database, "user_feedback") == 1
    assert await counted(room, database, "user_sessions") == 1


async def test_feedback_over_graphql_does_the_same(room: RestRoom, anna: Graph, database: Database) -> None:
    given = {"userId": USER, "feedback": {**SAID, "sentiment": "NEGATIVE"}, "idempotencyKey": str(uuid4())}
    once, again = [await anna.ask(FEEDBACK, input=given) for _ in range(2)]
    assert (once["accepted"], again["accepted"], again["duplicates"]) == (1, 0, 1)
    refused = await anna.ask(
        FEEDBACK, input={"userId": USER, "feedback": {**SAID, "sentiment": "NEUTRAL", "type": " "}}
    )
    assert (refused["code"], refused["field"]) == ("VALIDATION", "feedback.type")
    assert await counted(room, database, "user_feedback") == 1


@pytest.mark.parametrize("number", [1e300, -3.5e38])
async def test_a_number_that_the_log_cannot_hold_is_refused(number: float, room: RestRoom, anna: Graph) -> None:
    report = {"userId": USER, "actions": [{"type": "rated", "itemId": "modern_template", "value": number}]}
    problem = await anna.ask(LEARN, input=report)
    assert (problem["code"], problem["field"]) == ("VALIDATION", "actions.0.value")
    refused = await anna.ask(
        FEEDBACK, input={"userId": USER, "feedback": {**SAID, "sentiment": "NEUTRAL", "rating": number}}
    )
    assert (refused["code"], refused["field"]) == ("VALIDATION", "feedback.rating")


async def test_a_session_keeps_what_it_said_and_moves_on(room: RestRoom, anna: Graph) -> None:
    began = datetime.now(UTC) - timedelta(hours=2)
    first = {"userId": USER, "sessionId": "visit", "device": "desktop", "context": {"surface": "editor"}}
    async with room.caller(USER) as client:
        opened = (await client.post("/session-data", json={**first, "seenAt": began.isoformat()})).json()["session"]
        actions = [{"type": "template_used", "feature": "modern_template"}]
        report = {"userId": USER, "behaviorData": {"actions": actions, "sessionId": "visit"}}
        assert (await client.post("/learn-preferences", json=report)).is_success
        seen = (await client.post("/session-data", json={"userId": USER, "sessionId": "visit"})).json()["session"]
    assert (opened["device"], opened["eventCount"], opened["startedAt"]) == ("desktop", 0, opened["lastSeenAt"])
    assert (seen["sessionId"], seen["device"], seen["eventCount"]) == ("visit", "desktop", 1)
    assert (seen["startedAt"], seen["lastSeenAt"] > opened["lastSeenAt"]) == (opened["startedAt"], True)
    over = await anna.ask(SESSION, input={"userId": USER, "sessionId": "visit", "device": "mobile"})
    assert (over["sessionId"], over["device"], over["eventCount"]) == ("visit", "mobile", 1)


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"sessionId": " "}, "sessionId"),
        ({"sessionId": "visit", "context": ["no", "mapping"]}, "context"),
        ({"sessionId": "visit", "context": {"nested": {}}}, "context"),
        ({"sessionId": "visit", "context": {f"name{n}": n for n in range(33)}}, "context"),
        ({"sessionId": "visit", "seenAt": "2999-01-01T00:00:00+00:00"}, "seenAt"),
    ],
)
async def test_a_session_that_means_nothing_is_refused(given: dict[str, Any], field: str, anna: Graph) -> None:
    refused = await anna.ask(SESSION, input={"userId": USER, **given})
    assert (refused["code"], refused["field"]) == ("VALIDATION", field)


async def test_nothing_is_stored_of_who_did_not_agree(room: RestRoom) -> None:
    async with room.caller(USER) as client:
        said = await client.post("/feedback", json={"userId": USER, "feedback": SAID})
        seen = await client.post("/session-data", json={"userId": USER, "sessionId": "visit"})
    assert (
        (said.status_code, said.json()["code"]) == (seen.status_code, seen.json()["code"]) == (403, "CONSENT_REQUIRED")
    )

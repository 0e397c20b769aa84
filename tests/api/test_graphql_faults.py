"""What GraphQL says when something is wrong: a path for the client's faults, a masked id for ours."""

from typing import Any

import pytest

from domain.errors import Unavailable
from domain.ids import UserId
from graphql_api.errors import MASKED
from tests.api.graphql_room import LEARN, LIST, TRACK, Graph, begun, caller, served
from tests.api.rest_room import RestRoom, token

ANNA = "anna@example.com"


ACTED = {"userId": ANNA, "actions": [{"type": "template_used", "feature": "modern_template"}]}


PROFILE = """query P($user: String!) { profile(userId: $user) {
  id userId privacyLevel eventCount updatedAt version facets { name values { value share confidence evidence } } } }"""


@pytest.fixture
async def anna(room: RestRoom) -> Graph:
    return caller(room.app, room.tenant, ANNA)


@pytest.mark.parametrize("variables", [{"first": 0}, {"first": 101}, {"first": -1}, {"after": "%"}, {"after": "AAA"}])
async def test_a_page_that_cannot_be_is_refused(variables: dict[str, Any], anna: Graph) -> None:
    answer = await anna.whole(LIST, user=ANNA, **variables)
    assert answer["data"] == {"recommendations": None}
    assert answer["errors"][0]["extensions"] == {"code": "VALIDATION", "field": next(iter(variables))}


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({}, None),
        ({"actions": [{"type": ""}]}, "actions.0.type"),
        ({"actions": [{"type": "x"}, {"type": "y\u0000"}]}, "actions.1.type"),
        ({"actions": [{"type": "x", "eventId": "1"}]}, "actions.0.eventId"),
        ({"actions": [{"type": "x", "occurredAt": "2024-01-01T00:00:00"}]}, "actions.0.occurredAt"),
        ({"actions": [{"type": "x", "occurredAt": "2199-01-01T00:00:00Z"}]}, "actions.0.occurredAt"),
        ({"projects": [{"attributes": {"a": [1]}}]}, "projects.0.attributes"),
        ({"projects": [{"attributes": [1]}]}, "projects.0.attributes"),
        ({"feedback": [{"type": "x", "sentiment": "POSITIVE", "comment": "a" * 4001}]}, "feedback.0.comment"),
        ({"actions": [{"type": "x"}], "sessionId": "a" * 513}, "sessionId"),
        ({"actions": [{"type": "x"}], "idempotencyKey": "\n"}, "idempotencyKey"),
    ],
)
async def test_a_fault_in_behaviour_is_named_by_its_path(
    given: dict[str, Any], field: str | None, room: RestRoom, anna: Graph
) -> None:
    await room.agree(ANNA)
    problem = await anna.ask(LEARN, input={"userId": ANNA, **given})
    assert (problem["__typename"], problem["code"], problem["field"]) == ("ValidationProblem", "VALIDATION", field)


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"itemId": "nothing"}, "itemId"),
        ({"itemId": "x\u0000"}, "itemId"),
        ({"position": -1}, "position"),
        ({"recommendationId": "1"}, "recommendationId"),
        ({"eventId": "1"}, "eventId"),
    ],
)
async def test_a_fault_in_an_interaction_is_named(
    given: dict[str, Any], field: str, room: RestRoom, anna: Graph
) -> None:
    await room.agree(ANNA)
    problem = await anna.ask(TRACK, input={"userId": ANNA, "itemId": "modern", "action": "USED", **given})
    assert (problem["__typename"], problem["field"]) == ("ValidationProblem", field)


async def test_nothing_is_stored_without_consent(room: RestRoom, anna: Graph) -> None:
    for query, given in ((LEARN, ACTED), (TRACK, {"userId": ANNA, "itemId": "modern", "action": "USED"})):
        problem = await anna.ask(query, input=given)
        assert (problem["__typename"], problem["code"]) == ("ConsentRequiredProblem", "CONSENT_REQUIRED")
    assert await anna.code(PROFILE, user=ANNA) == "NOT_FOUND"
    assert await room.services.directory.resolve(room.tenant, UserId(ANNA)) is None


async def test_an_outage_is_a_problem_that_says_when_to_come_back(
    room: RestRoom, anna: Graph, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def outage(*_arguments: object) -> None:
        raise Unavailable("The database is down at the moment.", retry_after_seconds=2)

    monkeypatch.setattr(room.services.behavior, "learn_preferences", outage)
    monkeypatch.setattr(room.services.recommendations, "recommend", outage)
    query = LEARN.replace("... on Problem", "... on UnavailableProblem { retryAfterSeconds } ... on Problem")
    problem = await anna.ask(query, input=ACTED)
    assert (problem["__typename"], problem["retryAfterSeconds"]) == ("UnavailableProblem", 2)
    answer = await anna.whole(LIST, user=ANNA)
    assert answer["errors"][0]["extensions"] == {"code": "UNAVAILABLE", "retryAfterSeconds": 2}


OWN_ID = "7C717171-7171-4717-8717-717171717171"


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"X_Correlation_ID": "7c" * 16}, "7c" * 16),
        ({"X_Correlation_ID": OWN_ID}, OWN_ID),
        ({"traceparent": f"00-{'ab' * 16}-{'cd' * 8}-01"}, "ab" * 16),
        ({"X_Correlation_ID": "7c" * 16, "traceparent": f"00-{'ab' * 16}-{'cd' * 8}-01"}, "7c" * 16),
    ],
)
async def test_a_fault_of_ours_shows_an_id_and_nothing_else(
    headers: dict[str, str], expected: str, room: RestRoom, anna: Graph, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def bug(*_arguments: object) -> None:
        raise RuntimeError("postgres://owner:secret@db/personalization")

    monkeypatch.setattr(room.services.profiles, "profile", bug)
    answer = await anna.post({"query": PROFILE, "variables": {"user": ANNA}}, **headers)
    assert answer.headers["x-correlation-id"] == expected
    [error] = answer.json()["errors"]
    assert error["message"] == MASKED
    assert error["extensions"] == {"code": "INTERNAL", "correlationId": expected}
    assert "secret" not in answer.text


@pytest.mark.parametrize(
    "given", ["", "anna-meier", "4917012345678", "a" * 33, "with space", "<script>", "line\\nbreak"]
)
async def test_a_strange_correlation_id_is_replaced(given: str, anna: Graph) -> None:
    answer = await anna.post({"query": "{ __typename }"}, X_Correlation_ID=given)
    assert answer.headers["x-correlation-id"] != given
    assert len(answer.headers["x-correlation-id"]) == 32


async def test_a_fault_of_ours_on_a_socket_shows_an_id_and_nothing_else(
    room: RestRoom, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def bug(*_arguments: object) -> None:
        raise RuntimeError("postgres://owner:secret@db/personalization")

    monkeypatch.setattr(room.services.profiles, "profile", bug)
    async with served(room.app) as address, begun(address, f"Bearer {token(room.tenant, ANNA)}") as opened:
        await opened.subscribe(PROFILE, user=ANNA)
        message = await opened.receive()
    [error] = message["payload"]["errors"]
    assert (error["message"], error["extensions"]["code"]) == (MASKED, "INTERNAL")
    assert error["extensions"]["correlationId"]
    assert "secret" not in str(message)

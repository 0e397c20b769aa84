"""What bounces off the REST routes, and how: always a problem, never a trace of the inside."""

import json
from typing import Any

import pytest

from domain.errors import Unavailable
from graphql_api.errors import MASKED
from tests.api.rest_room import LEARNT, RestRoom

USER = "anna"
JSON = {"Content-Type": "application/json"}


def report(**changes: Any) -> dict[str, Any]:
    return {"userId": USER, "behaviorData": {**LEARNT, **changes}}


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("/learn-preferences", {"behaviorData": LEARNT}, "userId"),
        ("/learn-preferences", {"userId": USER}, "behaviorData"),
        ("/learn-preferences", {"userId": USER, "behaviorData": {}}, "behaviorData"),
        ("/learn-preferences", {"userId": 7, "behaviorData": LEARNT}, "userId"),
        ("/learn-preferences", {"userId": "a\x00b", "behaviorData": LEARNT}, "userId"),
        ("/learn-preferences", {"userId": "x" * 257, "behaviorData": LEARNT}, "userId"),
        ("/learn-preferences", {"userId": USER, "behaviorData": LEARNT, "privacyLevel": "permissive"}, "privacyLevel"),
        ("/learn-preferences", report(abGroup="treatment"), "behaviorData.abGroup"),
        ("/learn-preferences", report(actions=[{"feature": "x"}]), "behaviorData.actions.0.type"),
        ("/learn-preferences", report(actions=[{"type": " "}]), "behaviorData.actions.0.type"),
        ("/learn-preferences", report(actions=[{"type": "x\x00"}]), "behaviorData.actions.0.type"),
        ("/learn-preferences", report(actions=[{"type": "x", "value": "1"}]), "behaviorData.actions.0.value"),
        ("/learn-preferences", report(actions=[{"type": "x", "eventId": "1"}]), "behaviorData.actions.0.eventId"),
        (
            "/learn-preferences",
            report(actions=[{"type": "x"}, {"type": "x", "occurredAt": "2026-01-01T00:00:00"}]),
            "behaviorData.actions.1.occurredAt",
        ),
        (
            "/learn-preferences",
            report(actions=[{"type": "x", "occurredAt": "1000-01-01T00:00:00Z"}]),
            "behaviorData.actions.0.occurredAt",
        ),
        ("/learn-preferences", report(actions=[{"type": "x"}] * 1001), "behaviorData.actions"),
        ("/learn-preferences", report(actions=[{"type": "x"}] * 1000), "behaviorData"),
        ("/learn-preferences", report(projects=[{"duration": True}]), "behaviorData.projects.0.duration"),
        (
            "/learn-preferences",
            report(projects=[{"attributes": {"depth": {"a": 1}}}]),
            "behaviorData.projects.0.attributes.depth",
        ),
        (
            "/learn-preferences",
            report(projects=[{"attributes": {"size": 10**400}}]),
            "behaviorData.projects.0.attributes.size",
        ),
        (
            "/learn-preferences",
            report(feedback=[{"type": "x", "sentiment": "angry"}]),
            "behaviorData.feedback.0.sentiment",
        ),
        ("/recommendations", {"userId": USER, "context": {"purpose": "x"}}, "context"),
        ("/recommendations", {"userId": USER, "context": "a\x00"}, "context"),
        ("/recommendations", {"userId": USER, "options": {"limit": 0}}, "options.limit"),
        ("/recommendations", {"userId": USER, "options": {"limit": 101}}, "options.limit"),
        ("/recommendations", {"userId": USER, "options": {"limit": "10"}}, "options.limit"),
        ("/recommendations", {"userId": USER, "options": {"limit": 10**30}}, "options.limit"),
        ("/recommendations", {"userId": USER, "options": {"kind": "template"}}, "options.kind"),
        ("/recommendations", {"userId": USER, "options": {"after": "???"}}, "options.after"),
        ("/recommendations", {"userId": USER, "options": {"includeSeen": "yes"}}, "options.includeSeen"),
        ("/track-interaction", {"userId": USER, "itemId": "modern", "action": "bought"}, "action"),
        ("/track-interaction", {"userId": USER, "itemId": "modern", "action": "used", "position": -1}, "position"),
        ("/privacy", {"userId": USER, "privacyLevel": "none"}, "privacyLevel"),
        ("/privacy", {"userId": USER, "consent": {"granted": True}}, "consent.policyVersion"),
        ("/privacy", {"userId": USER, "consent": {"granted": 1, "policyVersion": "1"}}, "consent.granted"),
        (
            "/privacy",
            {"userId": USER, "consent": {"granted": True, "policyVersion": "1", "jurisdiction": "Germany"}},
            "consent.jurisdiction",
        ),
        (
            "/privacy",
            {"userId": USER, "consent": {"granted": True, "policyVersion": "1", "purposes": []}},
            "consent.purposes",
        ),
    ],
)
async def test_a_fault_is_named_by_its_path(room: RestRoom, path: str, body: dict[str, Any], field: str) -> None:
    await room.agree(USER)
    async with room.caller(USER) as anna:
        answer = await anna.post(path, content=json.dumps(body), headers=JSON)
    assert answer.status_code == 400
    problem = answer.json()
    assert (problem["code"], problem["field"], problem["status"]) == ("VALIDATION", field, 400)
    assert problem["type"] == "/api/personalization/docs#VALIDATION"


@pytest.mark.parametrize(
    ("path", "name"),
    [
        (f"/profile/{USER}?personalized=false", "personalized"),
        (f"/style-recommendations/{USER}?personalised=false", "personalised"),
        (f"/style-recommendations/{USER}?personalized=false&personalized=true", "personalized"),
        (f"/realtime-updates/{USER}?limit=1&Wait=1", "Wait"),
        ("/health?verbose", "verbose"),
    ],
)
async def test_a_parameter_that_means_nothing_is_refused(room: RestRoom, path: str, name: str) -> None:
    await room.agree(USER)
    async with room.caller(USER) as anna:
        answer = await anna.get(path)
    assert (answer.status_code, answer.json()["code"], answer.json()["field"]) == (400, "VALIDATION", name)


async def test_an_item_outside_the_catalogue_cannot_be_interacted_with(room: RestRoom) -> None:
    await room.agree(USER)
    async with room.caller(USER) as anna:
        answer = await anna.post("/track-interaction", json={"userId": USER, "itemId": "x'; --", "action": "used"})
    assert (answer.status_code, answer.json()["field"]) == (400, "itemId")


@pytest.mark.parametrize("path", ["/learn-preferences", "/recommendations", "/track-interaction", "/privacy"])
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"not json",
        b"null",
        b"[]",
        b'"text"',
        b'{"userId": "anna"} trailing',
        b'{"userId": NaN}',
        b'{"userId": "anna", "behaviorData": {"actions": [{"type": "x", "value": NaN}]}}',
        b'{"userId": "anna", "behaviorData": {"actions": [{"type": "x", "value": 1e999}]}}',
        b'{"userId": "\\ud800"}',
        b'{"userId": "\xff"}',
        b"[" * 400_000,
        b'{"userId":' * 50_000,
        b'{"userId": "anna", "options": ' + b"[" * 5_000 + b"]" * 5_000 + b"}",
    ],
    ids=lambda value: repr(value[:24]) if isinstance(value, bytes) else str(value),
)
async def test_what_is_no_payload_is_refused(room: RestRoom, path: str, body: bytes) -> None:
    async with room.caller(USER) as anna:
        answer = await anna.post(path, content=body, headers=JSON)
    assert (answer.status_code, answer.json()["code"]) == (400, "VALIDATION")


@pytest.mark.parametrize(
    "content_type", ["", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"]
)
async def test_another_media_type_is_refused(room: RestRoom, content_type: str) -> None:
    body = json.dumps({"userId": USER})
    async with room.caller(USER) as anna:
        refused = await anna.post("/recommendations", content=body, headers={"Content-Type": content_type})
        with_charset = {"Content-Type": "Application/JSON; charset=utf-8"}
        taken = await anna.post("/recommendations", content=body, headers=with_charset)
    assert (refused.status_code, refused.json()["code"]) == (415, "VALIDATION")
    assert taken.status_code == 200


@pytest.mark.parametrize("announced", [True, False])
async def test_a_long_body_is_refused_without_being_kept(room: RestRoom, announced: bool) -> None:
    body = b'{"userId": "' + b"a" * 10_000_000 + b'"}'

    async def chunks() -> Any:
        for start in range(0, len(body), 65_536):
            yield body[start : start + 65_536]

    async with room.caller(USER) as anna:
        answer = await anna.post("/recommendations", content=body if announced else chunks(), headers=JSON)
    assert (answer.status_code, answer.json()["status"]) == (413, 413)


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [("GET", "/learn-preferences", "POST"), ("DELETE", "/profile/anna", "GET"), ("PUT", "/health", "GET")],
)
async def test_another_method_is_refused(room: RestRoom, method: str, path: str, allowed: str) -> None:
    async with room.caller(USER) as anna:
        answer = await anna.request(method, path)
    assert (answer.status_code, answer.headers["allow"]) == (405, allowed)
    assert answer.headers["content-type"] == "application/problem+json"


async def test_a_path_that_is_not_there_is_a_problem(room: RestRoom) -> None:
    async with room.anonymous() as nobody:
        answer = await nobody.get("/nothing/here")
    assert (answer.status_code, answer.json()["code"]) == (404, "NOT_FOUND")


async def test_a_malformed_idempotency_key_is_refused(room: RestRoom) -> None:
    await room.agree(USER)
    async with room.caller(USER) as anna:
        answer = await anna.post("/learn-preferences", json=report(), headers={"Idempotency-Key": "k" * 513})
    assert (answer.status_code, answer.json()["field"]) == (400, "idempotencyKey")


async def test_an_outage_says_when_to_come_back(room: RestRoom, monkeypatch: pytest.MonkeyPatch) -> None:
    async def outage(*_arguments: object) -> None:
        raise Unavailable("The database is down at the moment.", retry_after_seconds=0.2)

    monkeypatch.setattr(room.services.profiles, "profile", outage)
    async with room.caller(USER) as anna:
        answer = await anna.get(f"/profile/{USER}")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    assert (answer.json()["code"], answer.json()["retryAfterSeconds"]) == ("UNAVAILABLE", 0.2)


async def test_a_fault_of_ours_shows_an_id_and_nothing_else(room: RestRoom, monkeypatch: pytest.MonkeyPatch) -> None:
    async def bug(*_arguments: object) -> None:
        raise RuntimeError("postgres://owner:secret@db/personalization")

    monkeypatch.setattr(room.services.profiles, "profile", bug)
    async with room.caller(USER) as anna:
        answer = await anna.get(f"/profile/{USER}", headers={"X-Correlation-ID": "7c" * 16})
    assert answer.json() == {
        "type": "/api/personalization/docs#INTERNAL",
        "title": "Something went wrong on our side",
        "status": 500,
        "detail": MASKED,
        "code": "INTERNAL",
        "correlationId": "7c" * 16,
    }


@pytest.mark.parametrize("key", ["", "k" * 513])
async def test_a_key_that_cannot_be_one_is_refused(room: RestRoom, key: str) -> None:
    await room.agree("anna")
    async with room.caller("anna") as client:
        body = {"userId": "anna", "behaviorData": {"actions": [{"type": "viewed", "feature": "x"}]}}
        answer = await client.post("/learn-preferences", json=body, headers={"Idempotency-Key": key})
    assert (answer.status_code, answer.json()["field"]) == (400, "idempotencyKey")

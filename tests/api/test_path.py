"""The whole path through real processes: behaviour goes in, is learned from, and changes a list that a socket shows."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
import websockets

from tests.api.command import Up, running

PATIENCE_SECONDS = 30.0
SUBSCRIBE = """subscription Live($user: String!) {
  recommendationUpdates(userId: $user, first: 10) {
    cursor recommendations { modelVersion edges { node { itemId reasons { text } } } } } }"""
FOLLOW = """subscription Follow($user: String!, $after: String) {
  realtimeUpdates(userId: $user, after: $after) {
    __typename ... on RealtimeUpdate { cursor version kind } ... on ResyncRequired { cursor reason } } }"""
TRACK = """mutation Track($input: TrackInteractionInput!) {
  trackInteraction(input: $input) { __typename ... on EventsRecorded { accepted version } } }"""
LEARN = """mutation Learn($input: LearnPreferencesInput!) {
  learnPreferences(input: $input) { __typename ... on EventsRecorded { accepted version } ... on Problem { code } } }"""
AGREE = """mutation Agree($input: RecordConsentInput!) {
  recordConsent(input: $input) { __typename ... on PrivacySettings { collects } } }"""
LIST = """query List($user: String!) {
  recommendations(userId: $user, first: 10) { personalized edges { node { itemId reasons { code } } } } }"""
PROFILE = "query Profile($user: String!) { profile(userId: $user) { eventCount facets { name values { value } } } }"


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    with running(tmp_path_factory.mktemp("path") / "data", "--demo-users", "150") as service:
        yield service


@asynccontextmanager
async def subscribed(up: Up, document: str, **variables: object) -> AsyncIterator[AsyncIterator[dict[str, Any]]]:
    """The payloads of one subscription over a real socket."""
    async with websockets.connect(up.ready["ws"], subprotocols=[websockets.Subprotocol("graphql-transport-ws")]) as ws:
        payload = {"authorization": f"Bearer {up.ready['token']}"}
        await ws.send(json.dumps({"type": "connection_init", "payload": payload}))
        assert json.loads(await ws.recv())["type"] == "connection_ack"
        body = {"query": document, "variables": variables}
        await ws.send(json.dumps({"id": "1", "type": "subscribe", "payload": body}))

        async def payloads() -> AsyncIterator[dict[str, Any]]:
            while True:
                async with asyncio.timeout(PATIENCE_SECONDS):
                    message = json.loads(await ws.recv())
                assert message["type"] == "next", message
                assert "errors" not in message["payload"], message
                yield message["payload"]["data"]

        yield payloads()


async def ask(up: Up, document: str, **variables: object) -> dict[str, Any]:
    return await asyncio.to_thread(up.query, document, **variables)


def items(update: dict[str, Any]) -> list[str]:
    edges = update["recommendationUpdates"]["recommendations"]["edges"]
    return [edge["node"]["itemId"] for edge in edges]


async def agreed(up: Up, user: str) -> str:
    answer = await ask(up, AGREE, input={"userId": user, "granted": True, "evidence": {"policyVersion": "1"}})
    assert answer["recordConsent"] == {"__typename": "PrivacySettings", "collects": True}
    return user


async def test_an_interaction_changes_the_list_that_a_socket_shows(up: Up) -> None:
    async with subscribed(up, SUBSCRIBE, user="user_123") as updates:
        before = items(await anext(updates))
        tracked = await ask(up, TRACK, input={"userId": "user_123", "itemId": before[0], "action": "USED"})
        assert tracked["trackInteraction"]["accepted"] == 1
        after = items(await anext(updates))
    assert before[0] not in after
    assert after != before
    answer = await ask(up, LIST, user="user_123")
    # The tenth place is drawn anew for each list.
    assert [edge["node"]["itemId"] for edge in answer["recommendations"]["edges"]][:9] == after[:9]


async def test_the_documented_payload_counts_at_once_and_is_learned_from(up: Up) -> None:
    user = await agreed(up, "path-rest")
    unknown = await ask(up, LIST, user=user)
    assert not unknown["recommendations"]["personalized"]
    body = {
        "userId": user,
        "behaviorData": {
            "actions": [
                {"type": "project_created", "feature": "video_editor"},
                {"type": "template_used", "feature": "modern_template"},
            ],
            "projects": [{"visualStyle": "modern", "category": "business", "duration": 30}],
            "feedback": [{"type": "visual", "sentiment": "positive", "aspect": "style"}],
            "sessionId": "session_123",
        },
    }
    answer = await asyncio.to_thread(up.post, f"{up.ready['rest']}/learn-preferences", body)
    assert answer["accepted"] == 4
    known = await ask(up, LIST, user=user)
    assert known["recommendations"]["personalized"]
    assert known != unknown
    profile = await learned(up, user, 4)
    facets = {facet["name"]: [value["value"] for value in facet["values"]] for facet in profile["facets"]}
    assert facets["visual_style"] == ["modern"]
    assert facets["duration"] == ["16 to 30 s"]


async def learned(up: Up, user: str, events: int) -> dict[str, Any]:
    """The profile once the worker has learned from so many events."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            profile: dict[str, Any] = (await ask(up, PROFILE, user=user))["profile"]
            if profile["eventCount"] >= events:
                return profile
            await asyncio.sleep(0.1)


async def test_versions_arrive_without_holes_and_a_cursor_replays(up: Up) -> None:
    user = await agreed(up, "path-versions")
    async with subscribed(up, FOLLOW, user=user) as updates:
        for n in range(3):
            action = {"type": "template_used", "feature": "modern_template", "value": float(n)}
            recorded = await ask(up, LEARN, input={"userId": user, "actions": [action]})
            assert recorded["learnPreferences"]["accepted"] == 1
        seen = [(await anext(updates))["realtimeUpdates"] for _ in range(4)]
    versions = [update["version"] for update in seen]
    assert versions == list(range(versions[0], versions[0] + 4))
    assert [update["kind"] for update in seen].count("INTERACTION_TRACKED") == 3
    assert "PROFILE_UPDATED" in [update["kind"] for update in seen]
    async with subscribed(up, FOLLOW, user=user, after=seen[0]["cursor"]) as updates:
        replayed = [(await anext(updates))["realtimeUpdates"] for _ in range(3)]
    assert replayed == seen[1:]


async def test_a_new_model_takes_over_under_an_open_socket(up: Up) -> None:
    async with subscribed(up, "subscription { modelUpdates { version } }") as models:
        # The subscription begins with the newest word to the tenant, if the window still holds one.
        before = (await ask(up, "{ models { version status } }"))["models"]
        job = (await ask(up, "mutation { retrainModels { ... on Job { jobId state } } }"))["retrainModels"]
        done = await finished(up, job["jobId"])
        assert done["state"] == "DONE", done
        version = done["result"]["version"]
        async for update in models:
            if update["modelUpdates"]["version"] == version:
                break
    after = (await ask(up, "{ models { version status } }"))["models"]
    assert {model["version"] for model in before} | {version} == {model["version"] for model in after}
    assert [model["version"] for model in after if model["status"] == "CHAMPION"] == [version]


async def finished(up: Up, job_id: str) -> dict[str, Any]:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            document = "query Job($id: ID!) { job(jobId: $id) { state result error } }"
            job: dict[str, Any] = (await ask(up, document, id=job_id))["job"]
            if job["state"] in {"DONE", "FAILED"}:
                return job
            await asyncio.sleep(0.1)


def test_without_consent_nothing_is_kept(up: Up) -> None:
    body = {"userId": "path-nobody", "actions": [{"type": "template_used", "feature": "modern_template"}]}
    answer = up.query(LEARN, input=body)
    assert answer["learnPreferences"] == {"__typename": "ConsentRequiredProblem", "code": "CONSENT_REQUIRED"}
    profile = up.post(up.ready["graphql"], {"query": PROFILE, "variables": {"user": "path-nobody"}})
    assert profile["data"] == {"profile": None}
    assert [error["extensions"]["code"] for error in profile["errors"]] == ["NOT_FOUND"]


def test_the_process_says_how_it_is(up: Up) -> None:
    base = up.ready["health"].split("/api/")[0]
    assert httpx.get(f"{base}/livez").status_code == 200
    ready = httpx.get(f"{base}/readyz")
    assert (ready.status_code, ready.json()["status"]) == (200, "ok")
    assert httpx.get(up.ready["health"]).status_code == 200
    metrics = httpx.get(up.ready["metrics"]).text
    assert "personalization_http_requests_total" in metrics
    assert "personalization_realtime_delivered_total" in metrics

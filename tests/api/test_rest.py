"""The documented REST routes against the real servers: what they take, answer and refuse."""

from uuid import uuid4

import pytest

from graphql_api.auth import Scope
from tests.api.rest_room import LEARNT, RestRoom

ANNA = "anna@example.com/überall"
DOCUMENTED = {"userId": ANNA, "context": "video_creation", "options": {"limit": 10, "device": "desktop"}}


async def test_documented_behaviour_is_learned_from_and_changes_the_next_answer(room: RestRoom) -> None:
    await room.agree(ANNA)
    async with room.caller(ANNA) as anna:
        before = (await anna.post("/recommendations", json=DOCUMENTED)).json()
        learned = await anna.post("/learn-preferences", json={"userId": ANNA, "behaviorData": LEARNT})
        after = (await anna.post("/recommendations", json=DOCUMENTED)).json()
    assert learned.status_code == 200
    receipt = learned.json()
    assert (receipt["accepted"], receipt["duplicates"], len(receipt["eventIds"])) == (4, 0, 4)
    assert (before["personalized"], after["personalized"]) == (False, True)
    assert len(after["recommendations"]) == 10
    assert "modern_template" not in [place["itemId"] for place in after["recommendations"]]


async def test_a_recommendation_has_the_documented_keys(room: RestRoom) -> None:
    async with room.caller(ANNA) as anna:
        page = (await anna.post("/recommendations", json=DOCUMENTED)).json()
    assert set(page) == {
        "recommendations",
        "recommendationId",
        "modelVersion",
        "personalized",
        "degraded",
        "next",
        "usedData",
    }
    first = page["recommendations"][0]
    assert set(first) == {
        "itemId", "kind", "title", "category", "tags", "score", "position", "reasons", "sources", "propensity", "ruleId"
    }  # fmt: skip
    assert first["position"] == 0
    assert set(first["reasons"][0]) == {"code", "text", "weight", "evidence"}


async def test_pages_follow_each_other_without_repeating(room: RestRoom) -> None:
    seen: list[str] = []
    options: dict[str, object] = {"limit": 12}
    async with room.caller(ANNA) as anna:
        while True:
            page = (await anna.post("/recommendations", json={"userId": ANNA, "options": options})).json()
            seen += [place["itemId"] for place in page["recommendations"]]
            if page["next"] is None:
                break
            options = {"limit": 12, "after": page["next"]}
    assert len(seen) == len(set(seen)) == 33


async def test_options_restrict_the_list(room: RestRoom) -> None:
    options = {"kind": "TEMPLATE", "exclude": ["modern_template", "template_1"], "limit": 100, "personalized": False}
    async with room.caller(ANNA) as anna:
        page = (await anna.post("/recommendations", json={"userId": ANNA, "options": options})).json()
    assert {place["kind"] for place in page["recommendations"]} == {"TEMPLATE"}
    assert len(page["recommendations"]) == 29
    assert page["personalized"] is False


async def test_an_interaction_is_recorded_against_its_list(room: RestRoom) -> None:
    await room.agree(ANNA)
    async with room.caller(ANNA) as anna:
        page = (await anna.post("/recommendations", json=DOCUMENTED)).json()
        first = page["recommendations"][0]
        clicked = {
            "userId": ANNA,
            "itemId": first["itemId"],
            "action": "used",
            "recommendationId": page["recommendationId"],
            "position": 0,
            "eventId": str(uuid4()),
        }
        once = await anna.post("/track-interaction", json=clicked)
        again = await anna.post("/track-interaction", json=clicked)
        after = (await anna.post("/recommendations", json=DOCUMENTED)).json()
    assert (once.json()["accepted"], once.json()["eventIds"]) == (1, [clicked["eventId"]])
    assert (again.status_code, again.json()["accepted"], again.json()["duplicates"]) == (200, 0, 1)
    assert again.json()["version"] == once.json()["version"]
    assert first["itemId"] not in [place["itemId"] for place in after["recommendations"]]


async def test_a_retry_with_the_same_idempotency_key_adds_nothing(room: RestRoom) -> None:
    await room.agree(ANNA)
    report = {"userId": ANNA, "behaviorData": LEARNT}
    interaction = {"userId": ANNA, "itemId": "template_2", "action": "liked"}
    async with room.caller(ANNA) as anna:
        for path, body, events in (("/learn-preferences", report, 4), ("/track-interaction", interaction, 1)):
            first, retry, other = [
                (await anna.post(path, json=body, headers={"Idempotency-Key": key})).json()
                for key in ("one", "one", "two")
            ]
            assert (first["accepted"], first["duplicates"]) == (events, 0)
            assert (retry["accepted"], retry["duplicates"]) == (0, events)
            assert retry["eventIds"] == first["eventIds"]
            assert other["accepted"] == events


async def test_what_was_learned_is_in_the_profile(room: RestRoom) -> None:
    await room.agree(ANNA)
    async with room.caller(ANNA) as anna:
        await anna.post("/learn-preferences", json={"userId": ANNA, "behaviorData": LEARNT})
        await room.learn()
        answer = await anna.get(f"/profile/{ANNA}")
    profile = answer.json()["profile"]
    assert (profile["userId"], profile["privacyLevel"], profile["eventCount"]) == (ANNA, "standard", 4)
    facets = {facet["name"]: [value["value"] for value in facet["values"]] for facet in profile["facets"]}
    assert "modern" in facets["visual_style"]


async def test_nothing_is_stored_without_consent(room: RestRoom) -> None:
    async with room.caller(ANNA) as anna:
        refusals = [
            await anna.post("/learn-preferences", json={"userId": ANNA, "behaviorData": LEARNT}),
            await anna.post("/track-interaction", json={"userId": ANNA, "itemId": "modern", "action": "used"}),
        ]
        profile = await anna.get(f"/profile/{ANNA}")
    for refusal in refusals:
        assert refusal.status_code == 403
        assert refusal.headers["content-type"] == "application/problem+json"
        assert refusal.json()["code"] == "CONSENT_REQUIRED"
    assert (profile.status_code, profile.json()["code"]) == (404, "NOT_FOUND")


async def test_consent_by_the_privacy_route_opens_and_closes_the_door(room: RestRoom) -> None:
    report = {"userId": ANNA, "behaviorData": LEARNT}
    granted = {"granted": True, "policyVersion": "2026-01", "source": "settings-page", "jurisdiction": "DE"}
    async with room.caller(ANNA) as anna:
        given = (await anna.post("/privacy", json={"userId": ANNA, "consent": granted})).json()["privacy"]
        stored = await anna.post("/learn-preferences", json=report)
        withdrawal = {"granted": False, "policyVersion": "2026-01"}
        taken = (await anna.post("/privacy", json={"userId": ANNA, "consent": withdrawal})).json()["privacy"]
        refused = await anna.post("/learn-preferences", json=report)
    assert (given["privacyLevel"], given["collects"], given["personalizes"], given["gpc"]) == (
        "standard",
        True,
        True,
        False,
    )
    assert {consent["purpose"]: consent["granted"] for consent in given["consents"]} == dict.fromkeys(
        ("behaviour_collection", "personalization", "training", "experiments"), True
    )
    assert {(c["source"], c["jurisdiction"], c["legalBasis"]) for c in given["consents"]} == {
        ("settings-page", "DE", "consent")
    }
    assert stored.status_code == 200
    assert taken["collects"] is False
    assert {consent["granted"] for consent in taken["consents"]} == {False}
    assert refused.json()["code"] == "CONSENT_REQUIRED"


async def test_a_level_is_chosen_and_strict_withdraws(room: RestRoom) -> None:
    await room.agree(ANNA)
    async with room.caller(ANNA) as anna:
        permissive = (await anna.post("/privacy", json={"userId": ANNA, "privacyLevel": "permissive"})).json()
        strict = (await anna.post("/privacy", json={"userId": ANNA, "privacyLevel": "strict"})).json()
    assert (permissive["privacy"]["privacyLevel"], permissive["privacy"]["collects"]) == ("permissive", True)
    assert (strict["privacy"]["privacyLevel"], strict["privacy"]["collects"]) == ("strict", False)


@pytest.mark.parametrize(
    ("decision", "field"),
    [
        ({}, "privacyLevel"),
        ({"privacyLevel": "strict", "consent": {"granted": True, "policyVersion": "1"}}, "consent"),
    ],
)
async def test_a_privacy_request_that_decides_nothing_or_contradicts_itself_is_refused(
    room: RestRoom, decision: dict[str, object], field: str
) -> None:
    async with room.caller(ANNA) as anna:
        answer = await anna.post("/privacy", json={"userId": ANNA, **decision})
        unknown = await anna.get(f"/profile/{ANNA}")
    assert (answer.status_code, answer.json()["code"], answer.json()["field"]) == (400, "VALIDATION", field)
    assert unknown.status_code == 404


async def test_another_users_data_answers_like_nobodys(room: RestRoom) -> None:
    await room.agree("bert")
    async with room.caller(ANNA) as anna:
        for user in ("bert", "nobody"):
            bodies = {
                "/learn-preferences": {"userId": user, "behaviorData": LEARNT},
                "/recommendations": {"userId": user},
                "/track-interaction": {"userId": user, "itemId": "modern", "action": "used"},
                "/privacy": {"userId": user, "privacyLevel": "strict"},
            }
            answers = [await anna.post(path, json=body) for path, body in bodies.items()]
            answers.append(await anna.get(f"/profile/{user}"))
            assert {answer.status_code for answer in answers} == {404}
            assert len({answer.content for answer in answers}) == 1
        own = await anna.get(f"/profile/{ANNA}")
    assert own.content == answers[0].content
    assert (await room.services.privacy.settings(room.tenant, "bert")).collects  # type: ignore[arg-type]  # untouched


async def test_a_service_may_act_for_users_of_its_own_tenant(room: RestRoom) -> None:
    await room.agree(ANNA)
    async with room.caller("backend", (Scope.EVENTS_WRITE, Scope.ACT_AS)) as backend:
        answer = await backend.post("/learn-preferences", json={"userId": ANNA, "behaviorData": LEARNT})
    assert answer.json()["accepted"] == 4


@pytest.mark.parametrize(
    ("method", "path", "scope"),
    [
        ("POST", "/learn-preferences", Scope.EVENTS_WRITE),
        ("POST", "/track-interaction", Scope.EVENTS_WRITE),
        ("POST", "/recommendations", Scope.RECOMMENDATIONS_READ),
        ("POST", "/privacy", Scope.PRIVACY_WRITE),
        ("GET", "/profile/anna", Scope.PROFILE_READ),
        ("GET", "/metrics/anna", Scope.PROFILE_READ),
        ("PUT", "/profile", Scope.PROFILE_WRITE),
        ("POST", "/generation-params", Scope.RECOMMENDATIONS_READ),
        ("POST", "/integrate-video-generation", Scope.EVENTS_WRITE),
        ("POST", "/integrate-content-analysis", Scope.ANALYSIS_WRITE),
    ],
)
async def test_each_route_needs_a_token_with_its_scope(room: RestRoom, method: str, path: str, scope: Scope) -> None:
    async with room.anonymous() as nobody:
        missing = await nobody.request(method, path, json={})
        broken = await nobody.request(method, path, json={}, headers={"Authorization": "Bearer e30.e30.e30"})
    async with room.caller("anna", frozenset(Scope) - {scope}) as anna:
        forbidden = await anna.request(method, path, json={})
    assert (missing.status_code, missing.headers["www-authenticate"]) == (401, "Bearer")
    assert missing.json()["code"] == "UNAUTHENTICATED"
    assert broken.content == missing.content
    assert (forbidden.status_code, forbidden.json()["code"]) == (403, "FORBIDDEN")
    assert scope.value in forbidden.json()["detail"]


async def test_health_is_open_and_tells_details_only_with_a_token(room: RestRoom) -> None:
    async with room.anonymous() as nobody:
        open_answer = await nobody.get("/health")
        distrusted = await nobody.get("/health", headers={"Authorization": "Bearer nonsense"})
    async with room.caller(ANNA) as anna:
        detailed = (await anna.get("/health")).json()
    assert (open_answer.status_code, open_answer.json()) == (200, {"status": "ok", "details": None})
    assert distrusted.status_code == 401
    assert detailed["details"]["checks"] == {"postgres": "ok", "redis": "ok"}
    assert detailed["details"]["serving"]["modelVersion"] is None


async def test_a_health_check_before_the_end_of_the_process_says_so(room: RestRoom) -> None:
    health = room.services.health
    health.drain()
    try:
        async with room.anonymous() as nobody:
            answer = await nobody.get("/health")
    finally:
        health._draining = False
    assert (answer.status_code, answer.json()["status"]) == (503, "unavailable")


async def test_answers_point_to_graphql(room: RestRoom) -> None:
    async with room.caller(ANNA) as anna:
        answer = await anna.post("/recommendations", json={"userId": ANNA})
        refusal = await anna.post("/learn-preferences", json={"userId": ANNA, "behaviorData": LEARNT})
        health = await anna.get("/health")
    assert answer.headers["deprecation"] == "@1793491200"
    assert answer.headers["link"].startswith('</graphql#Query.recommendations>; rel="successor-version"')
    assert "Mutation.learnPreferences" in refusal.headers["link"]
    assert "deprecation" not in health.headers
    assert answer.headers["cache-control"] == "no-store"

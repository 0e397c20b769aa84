"""Reports of generated videos from outside: in any order, again and again, and only with consent."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from domain.ids import UserId
from domain.storage.postgres import Database
from graphql_api.auth import Scope
from tests.api.generation_room import (
    MOBILE,
    REPORT,
    SPEC_BODY,
    USER,
    asked,
    counted,
    made,
    told,
)
from tests.api.graphql_room import OWN, caller
from tests.api.rest_room import RestRoom


async def test_without_consent_nothing_is_kept(room: RestRoom, database: Database) -> None:
    async with room.caller(USER) as client:
        answer = await client.post("/integrate-video-generation", json=made())
    assert (answer.status_code, answer.json()["code"]) == (403, "CONSENT_REQUIRED")
    assert await room.services.directory.resolve(room.tenant, UserId(USER)) is None
    graph = caller(room.app, room.tenant, USER)
    said = await graph.ask(REPORT, input={"userId": USER, "generationId": "g", "outcome": "ACCEPTED"})
    assert said["__typename"] == "ConsentRequiredProblem"


async def test_a_report_twice_is_stored_once(room: RestRoom, database: Database) -> None:
    await room.agree(USER)
    async with room.caller(USER) as client:
        first = await told(client, template="modern_template")
        second = await told(client, template="modern_template")
    assert (first["duplicate"], first["accepted"]) == (False, 2)
    assert (second["duplicate"], second["accepted"], second["version"]) == (True, 0, first["version"])
    assert await counted(room, database, "SELECT count(*) FROM video_generation_tracking") == 1
    assert await counted(room, database, "SELECT count(*) FROM user_behavior_events") == 2


async def test_the_table_holds_listed_names_only_in_the_open(room: RestRoom, database: Database) -> None:
    await room.agree(USER)
    async with room.caller(USER) as client:
        await told(client, purpose="a film for my aunt Ada", device="mobile", outcome="regenerated")
    row = "SELECT purpose || '/' || device || '/' || outcome FROM video_generation_tracking"
    assert await counted(room, database, row) == "other/mobile/regenerated"


async def test_an_outcome_may_come_before_its_start(room: RestRoom) -> None:
    """Both orders leave the same parameters, the same facets and the same outcome."""
    moment = datetime(2026, 1, 5, tzinfo=UTC)
    start = {"template": "modern_template", "parameters": {"pace": "slow", "visualStyle": "retro"}, **MOBILE}
    reports = [
        {**start, "occurredAt": moment.isoformat()},
        {"outcome": "edited", "editedParameters": {"pace": "fast"}, "occurredAt": (moment + timedelta(1)).isoformat()},
        {"outcome": "accepted", "rating": 5, "occurredAt": (moment + timedelta(2)).isoformat()},
    ]
    left = []
    for user, order in (("forth", reports), ("back", reports[::-1])):
        await room.agree(user)
        async with room.caller(user) as client:
            for report in order:
                body = {"userId": user, "generationId": "g", **report}
                assert (await client.post("/integrate-video-generation", json=body)).status_code == 200
            last = await client.post("/integrate-video-generation", json={"userId": user, "generationId": "g", **start})
            await room.learn()
            facets = (await client.get(f"/profile/{user}")).json()["profile"]["facets"]
            parameters = await asked(client, {"userId": user, "context": MOBILE})
            left.append((last.json()["outcome"], facets, parameters["parameters"]))
    assert left[0][1:] == left[1][1:]
    assert left[0][0] == left[1][0] == "accepted"
    assert ("pace", "fast") in {(facet["name"], facet["values"][0]["value"]) for facet in left[0][1]}


async def test_a_kept_video_becomes_profile_and_recommendations(room: RestRoom) -> None:
    await room.agree(USER)
    async with room.caller(USER) as client:
        before = (await client.post("/recommendations", json={"userId": USER})).json()
        await told(client, template="modern_template", style="modern", features=["video_editor", "unlisted"])
        after = (await client.post("/recommendations", json={"userId": USER})).json()
        assert after["personalized"]
        assert not before["personalized"]
        shown = {place["itemId"] for place in after["recommendations"]}
        assert not shown & {"modern_template", "modern", "video_editor"}
        await room.learn()
        facets = (await client.get(f"/profile/{USER}")).json()["profile"]["facets"]
    found = {facet["name"]: facet["values"][0]["value"] for facet in facets}
    assert found["visual_style"] == "modern"
    assert found["template"] == "modern_template"
    assert found["pace"] == "slow"
    assert found["duration"] == "31 to 60 s"


async def test_the_latest_outcome_decides_what_is_learned(room: RestRoom) -> None:
    await room.agree(USER)
    moment = datetime(2026, 1, 5, tzinfo=UTC)
    async with room.caller(USER) as client:
        await told(client, occurredAt=moment.isoformat())
        await told(client, outcome="discarded", occurredAt=(moment + timedelta(1)).isoformat())
        await room.learn()
        profile = (await client.get(f"/profile/{USER}")).json()["profile"]
    assert [facet["name"] for facet in profile["facets"]] == []
    assert profile["eventCount"] == 2


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"parameters": {"aspectRatio": "2:1"}}, "parameters.aspectRatio"),
        ({"parameters": {"durationSeconds": 0}}, "parameters.durationSeconds"),
        ({"parameters": {"aspectratio": "1:1"}}, "parameters.aspectratio"),
        ({"parameters": {"fps": 31}}, "parameters.fps"),
        ({"editedParameters": {"pace": "slow"}, "outcome": "accepted"}, "editedParameters"),
        ({"rating": 6}, "rating"),
        ({"generationId": ""}, "generationId"),
        ({"occurredAt": "2999-01-01T00:00:00Z"}, "occurredAt"),
        ({"privacyLevel": "permissive"}, "privacyLevel"),
        ({"features": ["x"] * 17}, "features"),
    ],
)
async def test_what_means_nothing_is_refused(room: RestRoom, changes: dict[str, Any], field: str) -> None:
    await room.agree(USER)
    async with room.caller(USER) as client:
        answer = await client.post("/integrate-video-generation", json=made(**changes))
    assert (answer.status_code, answer.json()["code"]) == (400, "VALIDATION"), answer.text
    assert answer.json()["field"].startswith(field)


async def test_graphql_refuses_the_same_with_a_typed_problem(room: RestRoom) -> None:
    await room.agree(USER)
    graph = caller(room.app, room.tenant, USER)
    for part, field in (
        ({"parameters": {"aspectRatio": "2:1"}}, "parameters.aspectRatio"),
        ({"attributes": {"seed": 2**60}}, "attributes.seed"),
        ({"attributes": {"a": [1]}}, "attributes"),
    ):
        said = await graph.ask(REPORT, input={"userId": USER, "generationId": "g", **part})
        assert (said["__typename"], said["field"]) == ("ValidationProblem", field)


async def test_too_many_different_reports_are_a_conflict(room: RestRoom) -> None:
    await room.agree(USER)
    async with room.caller(USER) as client:
        for rating in range(16):
            await told(client, rating=1 + rating / 8)
        answer = await client.post("/integrate-video-generation", json=made(rating=4.9))
    assert (answer.status_code, answer.json()["code"]) == (409, "CONFLICT")


async def test_a_token_reaches_its_own_user_with_its_scope_only(room: RestRoom) -> None:
    async with room.caller(USER, OWN - {Scope.EVENTS_WRITE, Scope.RECOMMENDATIONS_READ}) as client:
        for path, body in (("/generation-params", SPEC_BODY), ("/integrate-video-generation", made())):
            assert (await client.post(path, json=body)).status_code == 403
    async with room.caller("somebody_else") as client:
        answers = [await client.post("/generation-params", json={**SPEC_BODY, "userId": u}) for u in (USER, "nobody")]
    assert {answer.status_code for answer in answers} == {404}


async def test_a_report_is_told_live(room: RestRoom, database: Database) -> None:
    await room.agree(USER)
    before = await counted(room, database, "SELECT version FROM subjects")
    async with room.caller(USER) as client:
        after = await told(client, template="modern_template", generationId=str(uuid4()))
    assert after["version"] == before + 1

"""Results of content analysis from outside: they describe items, and say something of who made the content."""

from datetime import UTC, datetime, timedelta
from itertools import permutations
from typing import Any

import pytest

from domain.ids import ItemId, UserId
from domain.privacy.model import PrivacyLevel
from domain.storage.postgres import Database
from graphql_api.auth import Scope
from tests.api.graphql_room import caller
from tests.api.rest_room import AGREED, ITEMS, RestRoom

USER = "anna"
PATH = "/integrate-content-analysis"
RESULTS: dict[str, Any] = {
    "tags": [{"value": "office", "confidence": 0.93}, {"value": "garden", "confidence": 0.2}],
    "objects": [{"value": "desk", "confidence": 0.8}],
    "colours": [{"value": "blue"}, {"value": "teal", "confidence": 0.6}],
    "visualStyle": {"value": "retro", "confidence": 0.9},
    "pace": {"value": "fast", "confidence": 0.7},
    "durationSeconds": 42,
    "scores": {"sharpness": 0.85},
}
ITEM = {"source": "vision-2", "itemId": "modern_template", "results": RESULTS}
OWN = {"source": "vision-2", "userId": USER, "contentId": "video-7", "results": RESULTS}
INSIGHTS = """query I($id: String!) { catalogItem(itemId: $id) { tags attributes
  insights { source scores durationSeconds findings { facet value confidence } } } }"""
INTEGRATE = """mutation I($input: IntegrateContentAnalysisInput!) { integrateContentAnalysis(input: $input) {
  __typename ... on AnalysisIntegrated { applied catalogVersion version } ... on Problem { code field } } }"""


async def told(room: RestRoom, body: dict[str, Any], user: str = USER) -> dict[str, Any]:
    async with room.caller(user) as client:
        answer = await client.post(PATH, json=body)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def tags_of(room: RestRoom, item_id: str = "modern_template") -> tuple[str, ...]:
    """The tags that recommending sees."""
    catalog = await room.services.catalog.snapshot(room.tenant)
    return catalog.tags[catalog.rows[ItemId(item_id)]]


async def facets_of(room: RestRoom, user: str = USER) -> dict[str, set[str]]:
    await room.learn()
    async with room.caller(user) as client:
        profile = (await client.get(f"/profile/{user}")).json()["profile"]
    return {facet["name"]: {value["value"] for value in facet["values"]} for facet in profile["facets"]}


async def test_what_was_found_in_an_item_becomes_its_features(room: RestRoom) -> None:
    before = await room.services.catalog.snapshot(room.tenant)
    answer = await told(room, ITEM)
    assert (answer["applied"], answer["version"]) == (True, None)
    assert answer["catalogVersion"] == before.version + 1
    after = await room.services.catalog.snapshot(room.tenant)
    row = after.rows[ItemId("modern_template")]
    assert after.tags[row] == (
        "modern", "clean",
        "colour:blue", "colour:teal", "object:desk", "pace:fast", "tag:office", "visual_style:retro",
    )  # fmt: skip
    assert dict(after.attributes[row]) == {"analysis.sharpness": 0.85, "analysis.duration_seconds": 42}
    async with room.caller(USER) as client:
        page = (await client.post("/recommendations", json={"userId": USER, "options": {"limit": 40}})).json()
    shown = {place["itemId"]: place["tags"] for place in page["recommendations"]}
    assert "pace:fast" in shown["modern_template"]


async def test_an_editors_words_are_never_overwritten(room: RestRoom) -> None:
    await told(room, ITEM)
    anna = caller(room.app, room.tenant, USER)
    shown = await anna.ask(INSIGHTS, id="modern_template")
    assert (shown["tags"], shown["attributes"]) == (["modern", "clean"], {})
    [analysis] = shown["insights"]
    assert (analysis["source"], analysis["scores"], analysis["durationSeconds"]) == (
        "vision-2",
        {"sharpness": 0.85},
        42,
    )
    assert {"facet": "tag", "value": "garden", "confidence": 0.2} in analysis["findings"]
    await room.services.catalog.upsert(room.tenant, ITEMS)
    assert "pace:fast" in await tags_of(room)


async def test_of_one_source_the_latest_counts_in_any_order_and_sources_stand_beside_each_other(
    room: RestRoom,
) -> None:
    moment = datetime(2026, 1, 5, tzinfo=UTC)
    reports = [
        {**ITEM, "analysedAt": moment.isoformat(), "results": {"mood": {"value": "calm"}}},
        {**ITEM, "analysedAt": (moment + timedelta(1)).isoformat(), "results": {"mood": {"value": "tense"}}},
        {**ITEM, "source": "audio", "analysedAt": moment.isoformat(), "results": {"tags": [{"value": "loud"}]}},
    ]
    left = set()
    for n, order in enumerate(permutations(reports)):
        applied = [(await told(room, {**report, "itemId": f"template_{n}"}))["applied"] for report in order]
        assert not (await told(room, {**order[0], "itemId": f"template_{n}"}))["applied"]
        assert applied.count(True) >= 2
        left.add(await tags_of(room, f"template_{n}"))
    assert left == {("clean", "mood:tense", "tag:loud")}


async def test_what_was_found_in_own_content_is_learned(room: RestRoom, database: Database) -> None:
    await room.agree(USER)
    first, second = await told(room, OWN), await told(room, OWN)
    assert (first["applied"], first["catalogVersion"], second["applied"]) == (True, None, False)
    assert second["version"] == first["version"]
    assert await facets_of(room) == {
        "tag": {"office"}, "object": {"desk"}, "colour": {"blue", "teal"}, "visual_style": {"retro"},
        "pace": {"fast"}, "duration": {"31 to 60 s"},
    }  # fmt: skip
    subject = await room.services.directory.resolve(room.tenant, UserId(USER))
    assert subject is not None
    async with database.transaction(room.tenant, (subject.subject_id,)) as tx:
        [row] = await tx.rows("SELECT * FROM user_behavior_events")
    assert row["type"] == "content_analysed"
    assert b"office" not in row["payload_sealed"]


async def test_a_later_analysis_of_the_same_content_replaces_what_was_learned(room: RestRoom) -> None:
    await room.agree(USER)
    moment = datetime(2026, 1, 5, tzinfo=UTC)
    later = {**OWN, "analysedAt": (moment + timedelta(1)).isoformat(), "results": {"pace": {"value": "slow"}}}
    await told(room, later)
    await told(room, {**OWN, "analysedAt": moment.isoformat()})
    assert await facets_of(room) == {"pace": {"slow"}}


async def test_using_an_item_speaks_for_what_was_found_in_it(room: RestRoom) -> None:
    await room.agree(USER)
    await told(room, ITEM)
    report = {"actions": [{"type": "template_used", "itemId": "modern_template"}]}
    async with room.caller(USER) as client:
        await client.post("/learn-preferences", json={"userId": USER, "behaviorData": report})
    facets = await facets_of(room)
    assert (facets["pace"], facets["visual_style"], facets["tag"]) == (
        {"fast"},
        {"retro"},
        {"modern", "clean", "office"},
    )


async def test_without_consent_nothing_is_kept(room: RestRoom) -> None:
    async with room.caller(USER) as client:
        refused = await client.post(PATH, json=OWN)
        assert (refused.status_code, refused.json()["code"]) == (403, "CONSENT_REQUIRED")
        await room.agree(USER)
        await room.services.privacy.update_settings(
            room.tenant, UserId(USER), level=PrivacyLevel.STRICT, evidence=AGREED
        )
        assert (await client.post(PATH, json=OWN)).json()["code"] == "CONSENT_REQUIRED"


async def test_a_service_token_needs_its_scope_and_act_as(room: RestRoom) -> None:
    await room.agree(USER)
    async with room.caller("vision", (Scope.ANALYSIS_WRITE,)) as service:
        assert (await service.post(PATH, json=ITEM)).status_code == 200
        other, nobody = [await service.post(PATH, json={**OWN, "userId": user}) for user in (USER, "nobody")]
        assert (other.status_code, other.json()["code"]) == (404, "NOT_FOUND")
        assert other.json() == nobody.json()
    async with room.caller("vision", (Scope.ANALYSIS_WRITE, Scope.ACT_AS)) as service:
        assert (await service.post(PATH, json=OWN)).status_code == 200


async def test_graphql_says_the_same(room: RestRoom) -> None:
    await room.agree(USER)
    anna = caller(room.app, room.tenant, USER)
    item = await anna.ask(INTEGRATE, input=ITEM)
    assert (item["__typename"], item["applied"]) == ("AnalysisIntegrated", True)
    own = await anna.ask(INTEGRATE, input=OWN)
    assert (own["applied"], own["catalogVersion"]) == (True, None)
    assert not (await told(room, OWN))["applied"]
    for part, field in (
        ({"itemId": "nothing"}, "itemId"),
        ({"userId": USER}, "itemId"),
        ({"source": "Vision 2"}, "source"),
        ({"results": {}}, "results"),
        ({"results": {"mood": {"value": "calm", "confidence": 1.5}}}, "results.mood"),
        ({"results": {"scores": {"sharpness": 2}}}, "results.scores"),
        ({"results": {"scores": [1]}}, "results.scores"),
        ({"results": {"tags": [{"value": "a"}, {"value": "a"}]}}, "results.tags"),
    ):
        refused = await anna.ask(INTEGRATE, input={**ITEM, **part})
        assert refused["__typename"] in {"ValidationProblem", "NotFoundProblem"}, refused
        assert refused["field"] == field


@pytest.mark.parametrize(
    ("changes", "status", "field"),
    [
        ({"itemId": "nothing"}, 404, "itemId"),
        ({"userId": USER}, 400, "itemId"),
        ({"itemId": None}, 400, "itemId"),
        ({"results": {}}, 400, "results"),
        ({"results": {"tags": [{"value": "x"}] * 65}}, 400, "results.tags"),
        ({"results": {"weather": {"value": "rain"}}}, 400, "results.weather"),
        ({"results": {"tags": [{"value": "x" * 65}]}}, 400, "results.tags.0.value"),
        ({"results": {"durationSeconds": -1}}, 400, "results.durationSeconds"),
        ({"analysedAt": "2999-01-01T00:00:00Z"}, 400, "analysedAt"),
        ({"tags": ["mine"]}, 400, "tags"),
    ],
)
async def test_what_means_nothing_is_refused(room: RestRoom, changes: dict[str, Any], status: int, field: str) -> None:
    async with room.caller(USER) as client:
        answer = await client.post(PATH, json={**ITEM, **changes})
    assert (answer.status_code, answer.json()["field"]) == (status, field), answer.text

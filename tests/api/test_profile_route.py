"""Preferences stated by the documented route, as a user of the product would write them."""

from typing import Any

import pytest

from tests.api.rest_room import RestRoom

ANNA = "anna@example.com"


async def test_preferences_are_stated_by_the_documented_route(room: RestRoom) -> None:
    preferences = {
        "visualStyle": "Modern",
        "category": ["business", "education"],
        "duration": 30,
        "pace": {"fast": 0.5, "slow": -1},
        "aspectRatio": "9:16",
        "features": ["video_editor"],
    }
    body = {"userId": ANNA, "preferences": preferences, "attributes": {"mood": "calm", "subtitles": True}}
    await room.agree(ANNA)
    async with room.caller(ANNA) as client:
        answer = await client.put("/profile", json=body)
        assert answer.status_code == 200, answer.text
        profile = answer.json()["profile"]
        assert profile == (await client.get(f"/profile/{ANNA}")).json()["profile"]
        stated = {f["name"]: {v["value"]: v["weight"] for v in f["values"]} for f in profile["facets"]}
        assert stated == {
            "aspect_ratio": {"9:16": 1.0},
            "category": {"business": 1.0, "education": 1.0},
            "duration": {"16 to 30 s": 1.0},
            "feature": {"video_editor": 1.0},
            "mood": {"calm": 1.0},
            "pace": {"fast": 0.5, "slow": -1.0},
            "subtitles": {"true": 1.0},
            "visual_style": {"modern": 1.0},
        }
        listed = await client.post("/recommendations", json={"userId": ANNA, "options": {"limit": 3}})
        assert "preferences" in {source for item in listed.json()["recommendations"] for source in item["sources"]}
        taken_back = await client.put("/profile", json={"userId": ANNA, "preferences": dict.fromkeys(preferences)})
        assert [f["name"] for f in taken_back.json()["profile"]["facets"]] == ["mood", "subtitles"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "preferences"),
        ({"preferences": {"visual_style": "modern"}}, "preferences.visual_style"),
        ({"preferences": {"pace": {"fast": 2}}}, "preferences.pace"),
        ({"preferences": {"duration": "long"}}, "preferences.duration"),
        ({"preferences": {"pace": "fast"}, "attributes": {"Pace": "slow"}}, "attributes.Pace"),
        ({"attributes": {"9": "slow"}}, "attributes.9"),
        ({"preferences": {"pace": "fast"}, "privacyLevel": "permissive"}, "privacyLevel"),
    ],
)
async def test_a_statement_that_means_nothing_is_refused_by_its_path(
    room: RestRoom, body: dict[str, Any], field: str
) -> None:
    await room.agree(ANNA)
    async with room.caller(ANNA) as client:
        answer = await client.put("/profile", json={"userId": ANNA, **body})
    assert (answer.status_code, answer.json()["code"]) == (400, "VALIDATION"), answer.text
    assert field in answer.text


async def test_a_retry_and_a_lost_race_by_the_documented_route(room: RestRoom) -> None:
    await room.agree(ANNA)
    async with room.caller(ANNA) as client:
        fast = {"userId": ANNA, "preferences": {"pace": "fast"}}
        first = await client.put("/profile", json=fast, headers={"Idempotency-Key": "k"})
        await client.put("/profile", json={"userId": ANNA, "preferences": {"pace": "slow"}, "expectedRevision": 1})
        retried = await client.put("/profile", json=fast, headers={"Idempotency-Key": "k"})
        lost = await client.put("/profile", json={**fast, "expectedRevision": 1})
    assert (first.json()["profile"]["statedRevision"], retried.json()["profile"]["statedRevision"]) == (1, 2)
    assert (lost.status_code, lost.json()["code"]) == (409, "CONFLICT")

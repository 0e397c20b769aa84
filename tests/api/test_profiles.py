"""A person's profile from outside: learned, stated, corrected, kept over sessions and told apart by device."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from starlette.applications import Starlette

from domain.ids import UserId
from domain.privacy.model import ConsentPurpose, PrivacyLevel
from domain.realtime.model import Cursor
from tests.api.graphql_room import LEARN, OWN, Graph, begun, caller, served
from tests.api.rest_room import AGREED, LEARNT, RestRoom, application, token
from tests.api.test_live import FOLLOW

ANNA = "anna@example.com"
PERSON = """... on Profile { userId statedRevision eventCount learnedFrom oldestEventAt latestEventAt updatedAt version
  facets { name values { value share confidence evidence source weight } }
  devices { device facets { name values { value source } } }
  corrections { facet value verdict } }"""
ANSWER = f"{{ __typename ... on Problem {{ code message field }} {PERSON} }}"
READ = f"query Read($user: String!) {{ profile(userId: $user) {{ __typename {PERSON} }} }}"
STATE = f"mutation State($input: UpdateProfileInput!) {{ updateProfile(input: $input) {ANSWER} }}"
CORRECT = f"mutation Correct($input: CorrectPreferenceInput!) {{ correctPreference(input: $input) {ANSWER} }}"
REASONS = """query List($user: String!, $first: Int! = 5) { recommendations(userId: $user, first: $first) {
  personalized usedData { categories } edges { node { itemId tags category reasons { code preferences } } } } }"""


@pytest.fixture
async def anna(room: RestRoom) -> Graph:
    await room.agree(ANNA)
    return caller(room.app, room.tenant, ANNA)


def stating(user: str = ANNA, **facets: dict[str, float] | None) -> dict[str, Any]:
    preferences = [
        {"facet": facet, "values": None if wanted is None else [{"value": v, "weight": w} for v, w in wanted.items()]}
        for facet, wanted in facets.items()
    ]
    return {"userId": user, "preferences": preferences}


def chosen(page: dict[str, Any]) -> list[dict[str, Any]]:
    """The items of a list that were not put there by chance."""
    nodes = [edge["node"] for edge in page["edges"]]
    return [node for node in nodes if node["reasons"][0]["code"] != "EXPLORATION"]


def correcting(facet: str, value: str, verdict: str, user: str = ANNA) -> dict[str, Any]:
    return {"userId": user, "facet": facet, "value": value, "verdict": verdict}


def acting(feature: str, times: int, **more: Any) -> dict[str, Any]:
    return {"userId": ANNA, "actions": [{"type": "template_used", "feature": feature, **more}] * times}


def values(profile: dict[str, Any], facet: str) -> dict[str, str]:
    """The values of a facet with their sources, in their order."""
    found = (f["values"] for f in profile["facets"] if f["name"] == facet)
    return {value["value"]: value["source"] for value in next(found, [])}


async def test_actions_projects_and_feedback_all_become_facets(room: RestRoom, anna: Graph) -> None:
    """The payload of the documented example."""
    async with room.caller(ANNA) as client:
        await client.post("/learn-preferences", json={"userId": ANNA, "behaviorData": LEARNT})
    await room.learn()
    profile = await anna.ask(READ, user=ANNA)
    learned = {facet["name"]: list(values(profile, facet["name"])) for facet in profile["facets"]}
    assert learned == {
        "aspect": ["style"],
        "category": ["business", "style", "tools"],
        "duration": ["16 to 30 s"],
        "feature": ["video_editor"],
        "tag": ["modern", "clean", "editing"],
        "template": ["modern_template"],
        "visual_style": ["modern"],
    }
    assert {source for facet in learned for source in values(profile, facet).values()} == {"LEARNED"}
    assert (profile["eventCount"], profile["learnedFrom"]) == (4, 4)
    assert profile["oldestEventAt"] == profile["latestEventAt"] is not None


async def test_more_behaviour_updates_the_profile(room: RestRoom, anna: Graph) -> None:
    def confidence(profile: dict[str, Any]) -> float:
        [facet] = [f for f in profile["facets"] if f["name"] == "template"]
        return float(facet["values"][0]["confidence"])

    seen = []
    for _ in range(3):
        await anna.ask(LEARN, input=acting("modern_template", 2))
        await room.learn()
        seen.append(confidence(await anna.ask(READ, user=ANNA)))
    assert seen == sorted(set(seen))


async def test_what_is_stated_is_on_top_at_once_and_stays_when_more_is_learned(room: RestRoom, anna: Graph) -> None:
    await anna.ask(LEARN, input={"userId": ANNA, "projects": [{"visualStyle": "retro"}] * 30})
    await room.learn()
    stated = await anna.ask(STATE, input=stating(visualStyle={"Modern": 1.0}))
    assert values(stated, "visual_style") == {"modern": "STATED", "retro": "LEARNED"}
    await anna.ask(LEARN, input={"userId": ANNA, "projects": [{"visualStyle": "retro"}] * 30})
    await room.learn()
    profile = await anna.ask(READ, user=ANNA)
    assert values(profile, "visual_style") == {"modern": "STATED", "retro": "LEARNED"}
    assert profile["statedRevision"] == 1
    taken_back = await anna.ask(STATE, input=stating(visualStyle=None))
    assert values(taken_back, "visual_style") == {"retro": "LEARNED"}


async def test_the_next_list_reflects_a_statement_and_says_so(room: RestRoom, anna: Graph) -> None:
    before = await anna.ask(REASONS, user=ANNA)
    assert not before["personalized"]
    await anna.ask(STATE, input=stating(tags={"editing": 1.0}))
    after = await anna.ask(REASONS, user=ANNA)
    first = chosen(after)[0]
    assert (first["itemId"], first["reasons"][0]["preferences"]) == ("video_editor", ["editing"])
    assert (after["personalized"], after["usedData"]["categories"]) == (True, ["stated_preferences"])
    await anna.ask(STATE, input=stating(tags={"editing": -1.0}))
    everything = chosen(await anna.ask(REASONS, user=ANNA, first=33))
    assert "video_editor" not in [node["itemId"] for node in everything[:-1]]
    await anna.ask(STATE, input=stating(tags=None))
    after = await anna.ask(REASONS, user=ANNA)
    assert (after["personalized"], after["usedData"]) == (False, before["usedData"])


async def test_a_stated_item_is_recommended(anna: Graph) -> None:
    await anna.ask(STATE, input=stating(features={"video_editor": 1.0}))
    assert chosen(await anna.ask(REASONS, user=ANNA))[0]["itemId"] == "video_editor"


@pytest.fixture(scope="module")
async def address(rest_app: Starlette) -> AsyncIterator[str]:
    async with served(rest_app) as address:
        yield address


async def test_a_statement_and_a_correction_are_told_live(room: RestRoom, anna: Graph, address: str) -> None:
    async with begun(address, f"Bearer {token(room.tenant, ANNA, OWN)}") as opened:
        version = (await anna.ask(READ, user=ANNA))["version"]
        await anna.ask(STATE, input=stating(pace={"fast": 1.0}))
        await anna.ask(STATE, input=stating(pace={"fast": 1.0}))
        await anna.ask(CORRECT, input=correcting("pace", "slow", "WRONG"))
        await opened.subscribe(FOLLOW, user=ANNA, after=_cursor(version))
        told = [await opened.next() for _ in range(2)]
    assert [update["version"] for update in told] == [version + 1, version + 2]
    assert [(update["kind"], update["body"]) for update in told] == [("PROFILE_UPDATED", {"facets": ["pace"]})] * 2


async def test_a_learned_preference_that_is_wrong_stays_away_until_restored(room: RestRoom, anna: Graph) -> None:
    await anna.ask(LEARN, input={"userId": ANNA, "projects": [{"visualStyle": "retro", "category": "sports"}] * 3})
    await room.learn()
    corrected = await anna.ask(CORRECT, input=correcting("visualStyle", "Retro", "WRONG"))
    assert "visual_style" not in {facet["name"] for facet in corrected["facets"]}
    await anna.ask(LEARN, input={"userId": ANNA, "projects": [{"visualStyle": "retro"}] * 5})
    await room.learn()
    profile = await anna.ask(READ, user=ANNA)
    assert values(profile, "visual_style") == {}
    assert values(profile, "category") == {"sports": "LEARNED"}
    assert profile["corrections"] == [{"facet": "visual_style", "value": "retro", "verdict": "WRONG"}]
    restored = await anna.ask(CORRECT, input=correcting("visual_style", "retro", "RESTORE"))
    assert values(restored, "visual_style") == {"retro": "LEARNED"}
    assert restored["corrections"] == []


async def test_a_wrong_preference_has_no_say_in_ranking(room: RestRoom, anna: Graph) -> None:
    unknown = await caller(room.app, room.tenant, "nobody").ids("nobody", first=33)
    await anna.ask(LEARN, input=acting("template_7", 3))
    assert (await anna.ask(REASONS, user=ANNA))["personalized"]
    await anna.ask(CORRECT, input=correcting("category", "business", "WRONG"))
    listed = [node["itemId"] for node in chosen(await anna.ask(REASONS, user=ANNA, first=33))]
    # What was used is still seen, and says nothing of what else to show.
    assert listed == [item for item in unknown if item in listed]
    assert "template_7" not in listed


async def test_more_and_less_are_marked_as_corrected(room: RestRoom, anna: Graph) -> None:
    await anna.ask(LEARN, input={"userId": ANNA, "projects": [{"category": "a"}] * 3 + [{"category": "b"}] * 2})
    await room.learn()
    corrected = await anna.ask(CORRECT, input=correcting("category", "b", "MORE"))
    assert values(corrected, "category") == {"b": "CORRECTED", "a": "LEARNED"}
    corrected = await anna.ask(CORRECT, input=correcting("category", "b", "LESS"))
    assert values(corrected, "category") == {"a": "LEARNED", "b": "CORRECTED"}


async def test_a_retry_changes_and_tells_nothing(anna: Graph) -> None:
    first = {**stating(pace={"fast": 1.0}), "idempotencyKey": "once"}
    await anna.ask(STATE, input=first)
    between = await anna.ask(STATE, input=stating(pace={"slow": 1.0}))
    assert await anna.ask(STATE, input=first) == between
    wrong = {**correcting("pace", "slow", "WRONG"), "idempotencyKey": "twice"}
    await anna.ask(CORRECT, input=wrong)
    restored = await anna.ask(CORRECT, input=correcting("pace", "slow", "RESTORE"))
    assert await anna.ask(CORRECT, input=wrong) == restored


async def test_of_two_who_write_at_once_over_a_revision_one_succeeds(anna: Graph) -> None:
    given = [{**stating(pace={str(n): 1.0}), "expectedRevision": 0} for n in range(4)]
    answers = await asyncio.gather(*(anna.ask(STATE, input=each) for each in given))
    assert sorted(answer["__typename"] for answer in answers) == ["ConflictProblem"] * 3 + ["Profile"]


async def test_nothing_is_kept_of_statements_without_consent(room: RestRoom) -> None:
    bert = caller(room.app, room.tenant, "bert")
    for query, given in (
        (STATE, stating("bert", pace={"fast": 1.0})),
        (CORRECT, correcting("pace", "a", "MORE", "bert")),
    ):
        refused = await bert.ask(query, input=given)
        assert (refused["__typename"], refused["field"]) == ("ConsentRequiredProblem", "userId")
    assert await bert.code(READ, user="bert") == "NOT_FOUND"


async def test_the_strict_may_state_with_a_consent_of_its_own(room: RestRoom, anna: Graph) -> None:
    await anna.ask(LEARN, input=acting("template_7", 3))
    await room.learn()
    user = UserId(ANNA)
    await room.services.privacy.update_settings(room.tenant, user, level=PrivacyLevel.STRICT, evidence=AGREED)
    assert (await anna.ask(STATE, input=stating(tags={"editing": 1.0})))["code"] == "CONSENT_REQUIRED"
    purposes = {ConsentPurpose.STATED_PREFERENCES}
    await room.services.privacy.record_consent(room.tenant, user, purposes, granted=True, evidence=AGREED)
    stated = await anna.ask(STATE, input=stating(tags={"editing": 1.0}))
    assert [facet["name"] for facet in stated["facets"]] == ["tag"]
    assert values(stated, "tag") == {"editing": "STATED"}
    page = await anna.ask(REASONS, user=ANNA)
    assert (page["edges"][0]["node"]["itemId"], page["usedData"]["categories"]) == (
        "video_editor",
        ["stated_preferences"],
    )
    await room.services.privacy.record_consent(room.tenant, user, purposes, granted=False, evidence=AGREED)
    assert not (await anna.ask(REASONS, user=ANNA))["personalized"]
    assert (await anna.ask(READ, user=ANNA))["facets"] == []


async def test_whoever_withdrew_personalization_gets_the_anonymous_list(room: RestRoom, anna: Graph) -> None:
    await anna.ask(STATE, input=stating(tags={"editing": 1.0}))
    purposes = {ConsentPurpose.PERSONALIZATION}
    await room.services.privacy.record_consent(room.tenant, UserId(ANNA), purposes, granted=False, evidence=AGREED)
    unknown = await caller(room.app, room.tenant, "nobody").ask(REASONS, user="nobody", first=33)
    assert await anna.ask(REASONS, user=ANNA, first=33) == unknown
    assert values(await anna.ask(READ, user=ANNA), "tag") == {"editing": "STATED"}


async def test_a_profile_outlives_sessions_and_processes(room: RestRoom, anna: Graph) -> None:
    for session in ("monday", "tuesday"):
        await anna.ask(LEARN, input={**acting("modern_template", 2), "sessionId": session})
    await anna.ask(STATE, input=stating(pace={"fast": 1.0}))
    await room.learn()
    profile = await anna.ask(READ, user=ANNA)
    async with application(room.settings) as another:
        assert await caller(another, room.tenant, ANNA).ask(READ, user=ANNA) == profile
        assert "modern_template" not in await caller(another, room.tenant, ANNA).ids(ANNA, first=33)
    assert profile["eventCount"] == 4


async def test_all_devices_make_one_profile_and_differ_where_they_differ(room: RestRoom, anna: Graph) -> None:
    for device, seconds in (("mobile", 10), ("desktop", 120)):
        projects = [{"duration": seconds, "category": "travel"}] * 25
        await anna.ask(LEARN, input={"userId": ANNA, "device": device, "projects": projects})
    await room.learn()
    profile = await anna.ask(READ, user=ANNA)
    assert set(values(profile, "duration")) == {"up to 15 s", "1 to 3 min"}
    assert set(values(profile, "device")) == {"mobile", "desktop"}
    assert profile["devices"] == [
        {"device": "desktop", "facets": [_only("duration", "1 to 3 min")]},
        {"device": "mobile", "facets": [_only("duration", "up to 15 s")]},
    ]


async def test_a_low_rating_speaks_against_its_item(room: RestRoom, anna: Graph) -> None:
    ratings = {"template_1": 5, "template_2": 5, "template_3": 5, "template_4": 1, "template_5": 4}
    actions = [{"type": "rated", "itemId": item, "value": float(stars)} for item, stars in ratings.items()]
    await anna.ask(LEARN, input={"userId": ANNA, "actions": actions})
    await room.learn()
    liked = values(await anna.ask(READ, user=ANNA), "template")
    assert set(liked) == {"template_1", "template_2", "template_3", "template_5"}


def _only(facet: str, value: str) -> dict[str, Any]:
    return {"name": facet, "values": [{"value": value, "source": "LEARNED"}]}


def _cursor(version: int) -> str:
    return str(Cursor(version))

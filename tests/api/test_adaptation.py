"""UI settings from both doors: what they rest on, how slowly they change, and that a person's word wins at once."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from domain.ids import UserId
from domain.privacy.model import ConsentPurpose
from domain.settings import Settings
from tests.api.graphql_room import OWN, Graph, caller
from tests.api.rest_room import AGREED, RestRoom, application, token
from tests.api.test_identities import MERGE

ANNA = "anna@example.com"
NOBODY = "nobody@example.com"

SETTINGS = """query S($user: String!, $context: UiContextInput) { uiSettings(userId: $user, context: $context) {
  device personalized usedData { categories purposes }
  density { value source confidence evidence { events days lastDay since } }
  theme { value source } layout { value source } onboarding { value source }
  defaultPanels { value source } pinnedTools { value source confidence evidence { days } }
  shortcuts { value { steps title } source } } }"""
STATE = """mutation U($input: UpdateUiSettingsInput!) { updateUiSettings(input: $input) { __typename
  ... on UiSettings { density { value source confidence } pinnedTools { value source } shortcuts { value { title } } }
  ... on Problem { code message field } } }"""

EDIT = ("video_editor", "tool_a", "tool_b", "tool_c", "tool_d", "tool_e")
"""A day of work with many tools; only the first is in the catalogue."""


def days_ago(days: int, minute: int = 0) -> str:
    """A moment at noon of an earlier day."""
    noon = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0)
    return (noon - timedelta(days=days) + timedelta(minutes=minute)).isoformat()


async def use(
    room: RestRoom, days: Sequence[int], tools: Sequence[str] = EDIT, device: str = "desktop", user: str = ANNA
) -> None:
    """Use tools on several days, 0 being today, each in a session of its own."""
    async with room.caller(user) as client:
        for day in days:
            actions = [
                {"type": "feature_used", "feature": tool} | ({"occurredAt": days_ago(day, minute)} if day else {})
                for minute, tool in enumerate(tools)
            ]
            data = {"actions": actions, "device": device, "sessionId": str(uuid4())}
            answer = await client.post("/learn-preferences", json={"userId": user, "behaviorData": data})
            assert answer.is_success, answer.text


async def shown(room: RestRoom, device: str | None = "desktop", user: str = ANNA, **context: Any) -> dict[str, Any]:
    """The settings over REST."""
    async with room.caller(user) as client:
        body = {"userId": user, "context": {**({} if device is None else {"device": device}), **context}}
        answer = await client.post("/ui-settings", json=body)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


@pytest.fixture
async def anna(room: RestRoom) -> Graph:
    await room.agree(ANNA)
    return caller(room.app, room.tenant, ANNA)


async def test_a_stranger_gets_what_suits_the_device(room: RestRoom) -> None:
    desktop, mobile = [await shown(room, device, NOBODY) for device in ("desktop", "iPhone")]
    assert (desktop["device"], mobile["device"]) == ("desktop", "mobile")
    assert (desktop["personalized"], desktop["usedData"]["categories"]) == (False, [])
    assert desktop["settings"]["density"] == {
        "value": "regular",
        "source": "default",
        "confidence": 0.0,
        "evidence": {"events": 0, "days": 0, "lastDay": None, "since": None},
    }
    assert (mobile["settings"]["density"]["value"], mobile["settings"]["density"]["source"]) == (
        "comfortable",
        "device",
    )
    assert mobile["settings"]["layout"]["value"] == "stacked"
    assert mobile["settings"]["defaultPanels"]["value"] == ["templates"]
    assert set(desktop["settings"]) == {
        "density", "theme", "layout", "onboarding", "defaultPanels", "pinnedTools", "shortcuts",
    }  # fmt: skip


async def test_days_of_use_change_settings_and_are_their_evidence(room: RestRoom, anna: Graph) -> None:
    await use(room, [5, 3, 1])
    found = await anna.ask(SETTINGS, user=ANNA, context={"device": "desktop"})
    assert (found["device"], found["personalized"]) == ("DESKTOP", True)
    assert found["usedData"] == {"categories": ["behaviour"], "purposes": ["personalization"]}
    density = found["density"]
    assert (density["value"], density["source"]) == ("COMPACT", "LEARNED")
    assert (density["evidence"]["days"], density["evidence"]["events"]) == (3, 18)
    assert 0 < density["confidence"] < 1
    assert density["evidence"]["since"] == density["evidence"]["lastDay"] == days_ago(1)[:10]
    assert found["pinnedTools"]["source"] == "LEARNED"
    assert set(found["pinnedTools"]["value"]) == set(EDIT)
    assert (found["onboarding"]["value"], found["defaultPanels"]["value"]) == ("HINTS", ["TOOLS"])
    assert [shortcut["title"] for shortcut in found["shortcuts"]["value"]]
    assert found["theme"] == {"value": "SYSTEM", "source": "DEFAULT"}


async def test_neither_a_click_nor_a_whole_day_changes_anything(room: RestRoom, anna: Graph) -> None:
    before = await shown(room)
    await use(room, [2, 1])
    assert (await shown(room))["settings"] == before["settings"]
    await use(room, [0], EDIT * 3)
    assert (await shown(room))["settings"] == before["settings"]
    await use(room, [3])
    assert (await shown(room))["settings"]["density"]["value"] == "compact"


async def test_devices_differ_where_behaviour_differs(room: RestRoom, anna: Graph) -> None:
    await use(room, range(1, 9))
    await use(room, range(1, 9), ("tool_a", "tool_m", "tool_a"), device="mobile")
    desktop, mobile = [(await shown(room, device))["settings"] for device in ("desktop", "mobile")]
    assert (desktop["density"]["value"], mobile["density"]["value"]) == ("compact", "comfortable")
    assert "tool_m" in mobile["pinnedTools"]["value"]
    assert "tool_m" not in desktop["pinnedTools"]["value"]
    assert len(mobile["pinnedTools"]["value"]) <= 4
    assert (desktop["onboarding"]["value"], mobile["onboarding"]["value"]) == ("none", "none")
    # Somebody who knows the product still gets hints on a device that they have not held before.
    assert (await shown(room, "tablet"))["settings"]["onboarding"]["value"] == "hints"


async def test_a_surface_has_settings_of_its_own(room: RestRoom, anna: Graph) -> None:
    async with room.caller(ANNA) as client:
        for day in range(1, 9):
            visit = {"userId": ANNA, "sessionId": f"gallery-{day}", "context": {"surface": "gallery"}}
            assert (await client.post("/session-data", json=visit)).is_success
            actions = [{"type": "theme_chosen", "feature": "dark", "occurredAt": days_ago(day)}]
            data = {"actions": actions, "sessionId": f"gallery-{day}"}
            await client.post("/learn-preferences", json={"userId": ANNA, "behaviorData": data})
            actions = [{"type": "theme_chosen", "feature": "light", "occurredAt": days_ago(day, 5)}]
            data = {"actions": actions, "sessionId": f"editor-{day}"}
            await client.post("/learn-preferences", json={"userId": ANNA, "behaviorData": data})
    assert (await shown(room))["settings"]["theme"]["value"] == "light"
    assert (await shown(room, surface="gallery"))["settings"]["theme"]["value"] == "dark"


async def test_what_is_stated_wins_at_once_and_can_be_reset(room: RestRoom, anna: Graph) -> None:
    await use(room, [3, 2, 1])
    stated = await anna.ask(STATE, input={"userId": ANNA, "device": "DESKTOP", "density": "COMFORTABLE"})
    assert stated["density"] == {"value": "COMFORTABLE", "source": "STATED", "confidence": 1.0}
    assert (await shown(room))["settings"]["density"]["source"] == "stated"
    assert (await shown(room))["usedData"]["categories"] == ["behaviour", "stated_preferences"]
    assert (await shown(room, "tablet"))["settings"]["density"]["source"] == "device"
    reset = await anna.ask(STATE, input={"userId": ANNA, "device": "DESKTOP", "reset": ["DENSITY"]})
    assert (reset["density"]["value"], reset["density"]["source"]) == ("COMPACT", "LEARNED")


async def test_what_is_stated_for_all_devices_fits_each(room: RestRoom, anna: Graph) -> None:
    steps = [["template_used", "feature_used:video_editor"]]
    tools = [f"tool_{n}" for n in range(6)]
    given = {"userId": ANNA, "density": "COMPACT", "pinnedTools": tools, "shortcuts": steps}
    stated = await anna.ask(STATE, input=given)
    assert (stated["density"]["value"], stated["pinnedTools"]["value"]) == ("COMPACT", tools)
    assert stated["shortcuts"]["value"] == [{"title": "Use a template → Video editor"}]
    mobile = (await shown(room, "mobile"))["settings"]
    assert (mobile["density"]["value"], mobile["pinnedTools"]["value"]) == ("regular", tools[:4])


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"device": "MOBILE", "density": "COMPACT"}, "density"),
        ({"device": "MOBILE", "defaultPanels": ["TOOLS", "STYLES"]}, "defaultPanels"),
        ({"pinnedTools": ["same", "same"]}, "pinnedTools"),
        ({"pinnedTools": ["x" * 301]}, "pinnedTools"),
        ({"shortcuts": [["alone"]]}, "shortcuts"),
        ({"device": "DESKTOP"}, "reset"),
    ],
)
async def test_what_is_out_of_bounds_is_refused(given: dict[str, Any], field: str, anna: Graph) -> None:
    refused = await anna.ask(STATE, input={"userId": ANNA, **given})
    assert (refused["code"], refused["field"]) == ("VALIDATION", field)


async def test_without_consent_the_answer_is_a_strangers(room: RestRoom, anna: Graph) -> None:
    await use(room, [3, 2, 1])
    assert (await shown(room))["personalized"]
    await room.services.privacy.record_consent(
        room.tenant, UserId(ANNA), [ConsentPurpose.PERSONALIZATION], granted=False, evidence=AGREED
    )
    assert await shown(room) == await shown(room, user=NOBODY)


async def test_nothing_is_kept_of_what_is_stated_without_consent(room: RestRoom) -> None:
    nobody = caller(room.app, room.tenant, NOBODY)
    refused = await nobody.ask(STATE, input={"userId": NOBODY, "theme": "DARK"})
    assert (refused["__typename"], refused["code"]) == ("ConsentRequiredProblem", "CONSENT_REQUIRED")


async def test_who_no_longer_agrees_to_statements_is_not_shown_them(room: RestRoom, anna: Graph) -> None:
    await anna.ask(STATE, input={"userId": ANNA, "theme": "DARK"})
    assert (await shown(room))["settings"]["theme"]["source"] == "stated"
    await room.services.privacy.record_consent(
        room.tenant, UserId(ANNA), [ConsentPurpose.STATED_PREFERENCES], granted=False, evidence=AGREED
    )
    assert (await shown(room))["settings"]["theme"]["source"] == "default"
    refused = await anna.ask(STATE, input={"userId": ANNA, "theme": "DARK"})
    assert refused["code"] == "CONSENT_REQUIRED"


async def test_changes_at_once_are_all_kept(room: RestRoom, anna: Graph) -> None:
    values = ({"theme": "DARK"}, {"layout": "FOCUS"}, {"density": "REGULAR"}, {"onboarding": "NONE"})
    given = [{"device": device, **value} for device in ("DESKTOP", "TABLET", "MOBILE") for value in values]
    await asyncio.gather(*(anna.ask(STATE, input={"userId": ANNA, **change}) for change in given))
    for device in ("desktop", "tablet", "mobile"):
        settings = (await shown(room, device))["settings"]
        assert {settings[name]["source"] for name in ("theme", "layout", "density", "onboarding")} == {"stated"}


async def test_a_statement_is_told_live(room: RestRoom, anna: Graph) -> None:
    subject = await room.services.directory.resolve(room.tenant, UserId(ANNA))
    await anna.ask(STATE, input={"userId": ANNA, "theme": "DARK"})
    after = await room.services.directory.resolve(room.tenant, UserId(ANNA))
    assert subject is not None
    assert after is not None
    assert after.version == subject.version + 1


async def test_what_a_visitor_did_and_said_is_the_users_after_login(room: RestRoom, anna: Graph) -> None:
    visitor = "visitor-1"
    await room.agree(visitor)
    await use(room, [3, 2, 1], user=visitor)
    await caller(room.app, room.tenant, visitor).ask(STATE, input={"userId": visitor, "theme": "DARK"})
    before = await shown(room, user=visitor)
    proof = token(room.tenant, visitor, OWN)
    merged = await anna.ask(MERGE, input={"userId": ANNA, "anonymousId": visitor, "anonymousToken": proof})
    assert merged["__typename"] == "IdentityMerged", merged
    assert await shown(room) == before
    assert before["usedData"]["categories"] == ["behaviour", "stated_preferences"]


async def test_without_learning_only_what_is_stated_differs(
    room: RestRoom, anna: Graph, rest_settings: Settings
) -> None:
    await use(room, [3, 2, 1])
    await anna.ask(STATE, input={"userId": ANNA, "theme": "DARK"})
    async with application(rest_settings.model_copy(update={"ml_enabled": False})) as app:
        found = await caller(app, room.tenant, ANNA).ask(SETTINGS, user=ANNA, context={"device": "desktop"})
        offers = await caller(app, room.tenant, ANNA).ask(
            "query W($u: String!) { workflowOptimizations(userId: $u) { sessions personalized } }", u=ANNA
        )
    assert found["theme"] == {"value": "DARK", "source": "STATED"}
    assert (found["density"]["value"], found["density"]["source"]) == ("REGULAR", "DEFAULT")
    assert offers == {"sessions": 0, "personalized": False}


async def test_other_peoples_interfaces_are_out_of_reach(room: RestRoom, anna: Graph) -> None:
    assert await anna.code(SETTINGS, user="bert", context={}) == "NOT_FOUND"
    async with room.caller(ANNA) as client:
        assert (await client.post("/ui-settings", json={"userId": "bert"})).status_code == 404
        assert (await client.get("/workflow-optimizations/bert")).status_code == 404
        unknown = await client.post("/ui-settings", json={"userId": ANNA, "context": {"colour": "red"}})
        assert (unknown.status_code, unknown.json()["field"]) == (400, "context.colour")

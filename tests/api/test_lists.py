"""Rules, the person's own word, chance, and questions about a list, from the doors."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from domain.ids import ItemId, UserId
from domain.recommendations.store import PostgresRecommendationStore
from domain.recommendations.wishes import Wish, past_of
from domain.settings import Settings
from domain.storage.postgres import Database
from graphql_api.auth import Scope
from tests.api.graphql_room import LEARN, TRACK, Graph, caller
from tests.api.rest_room import RestRoom, application

ANNA = "anna@example.com"
ACTED = {"userId": ANNA, "actions": [{"type": "template_used", "feature": "modern_template"}]}
PAGE = """query Page($user: String!, $first: Int! = 10, $after: String, $kind: ItemKind,
    $context: RecommendationContextInput, $filter: RecommendationFilterInput) {
  recommendations(userId: $user, first: $first, after: $after, kind: $kind, context: $context, filter: $filter) {
    edges { node { itemId category propensity ruleId position score reasons { code text weight evidence } sources } }
    pageInfo { hasNextPage endCursor } recommendationId policyVersion personalized degraded } }"""
UPSERT = """mutation U($input: UpsertRulesInput!) { upsertRules(input: $input) {
  __typename ... on Rules { version rules { ruleId kind } } ... on Problem { code message field } } }"""
DELETE = """mutation D($input: DeleteRulesInput!) { deleteRules(input: $input) {
  __typename ... on Rules { version rules { ruleId } } ... on Problem { code } } }"""
RULES = """{ rules { version rules { ruleId kind position factor amount atMost per
  items { itemIds kinds categories tags attributes } lists { kinds surfaces devices activeFrom activeUntil } } } }"""
WHY_NOT = """query W($user: String!, $item: String!, $kind: ItemKind, $first: Int! = 5,
    $context: RecommendationContextInput, $filter: RecommendationFilterInput) {
  whyNot(userId: $user, itemId: $item, kind: $kind, first: $first, context: $context, filter: $filter) {
    codes place of ruleId until } }"""
COUNTERFACTUAL = """query C($user: String!, $item: String!, $first: Int! = 5) {
  counterfactual(userId: $user, itemId: $item, first: $first) {
    place without placeWithout leavesPage text } }"""


@pytest.fixture
async def anna(room: RestRoom) -> Graph:
    return caller(room.app, room.tenant, ANNA)


async def page(graph: Graph, **asked: Any) -> list[dict[str, Any]]:
    return [edge["node"] for edge in (await graph.ask(PAGE, user=ANNA, **asked))["edges"]]


async def rule(graph: Graph, **parts: Any) -> dict[str, Any]:
    answer: dict[str, Any] = await graph.ask(UPSERT, input={"rules": [{"ruleId": "r", **parts}]})
    return answer


async def track(graph: Graph, item: str, action: str, **more: Any) -> None:
    said = await graph.ask(TRACK, input={"userId": ANNA, "itemId": item, "action": action, **more})
    assert said["__typename"] == "EventsRecorded", said


def ids(nodes: list[dict[str, Any]]) -> list[str]:
    return [node["itemId"] for node in nodes]


async def test_rules_filter_before_any_cut(anna: Graph) -> None:
    assert (await rule(anna, kind="EXCLUDE", items={"itemIds": [f"template_{n}" for n in range(25)]}))["version"] == 1
    assert len(await page(anna)) == 8
    await anna.ask(DELETE, input={"ruleIds": ["r", "never was"]})
    assert len(await page(anna, first=100)) == 33
    await rule(anna, kind="INCLUDE", items={"kinds": ["STYLE", "FEATURE"]})
    assert set(ids(await page(anna))) == {"modern", "video_editor"}
    await rule(anna, kind="INCLUDE", items={"tags": ["CLEAN"]}, lists={"surfaces": ["home"]})
    assert len(await page(anna, first=100)) == 33
    assert len(await page(anna, first=100, context={"surface": "home"})) == 31


async def test_a_pin_stands_at_its_place_and_says_so(anna: Graph) -> None:
    before = ids(await page(anna, first=100))
    await rule(anna, kind="PIN", items={"itemIds": [before[-1]]}, position=12)
    first = await anna.ask(PAGE, user=ANNA)
    assert before[-1] not in ids([edge["node"] for edge in first["edges"]])
    second = (await anna.ask(PAGE, user=ANNA, after=first["pageInfo"]["endCursor"]))["edges"][2]["node"]
    assert (second["itemId"], second["ruleId"]) == (before[-1], "r")
    assert [(reason["code"], reason["weight"]) for reason in second["reasons"]] == [("PINNED", 1.0)]
    assert second["sources"] == ["RULES"]
    now = datetime.now(UTC)
    over = {"activeUntil": (now - timedelta(hours=1)).isoformat()}
    await rule(anna, kind="PIN", items={"itemIds": [before[-1]]}, position=0, lists=over)
    assert ids(await page(anna, first=100)) == before


async def test_a_pinned_item_of_a_short_list_moves_up(anna: Graph) -> None:
    await rule(anna, kind="PIN", items={"itemIds": ["modern"]}, position=50)
    assert ids(await page(anna, kind="STYLE")) == ["modern"]


async def test_boosts_are_bounded_and_say_so(anna: Graph) -> None:
    last = ids(await page(anna, first=100))[-1]
    await rule(anna, kind="BOOST", items={"itemIds": [last]}, factor=20)
    top = (await page(anna))[0]
    assert top["itemId"] == last
    assert "PROMOTED" in [reason["code"] for reason in top["reasons"]]
    await rule(anna, kind="BOOST", items={"itemIds": [last]}, amount=-3)
    assert ids(await page(anna, first=100))[-1] == last


async def test_caps_leave_no_page_short(anna: Graph) -> None:
    await rule(anna, kind="CAP", items={"kinds": ["TEMPLATE"]}, atMost=3)
    capped = await page(anna)
    assert sorted(node["category"] for node in capped) == ["business"] * 3 + ["style", "tools"]
    await rule(anna, kind="CAP", atMost=1, per="CATEGORY")
    assert sorted(node["category"] for node in await page(anna)) == ["business", "style", "tools"]
    left_out = ids(await page(anna, first=100, filter={"exclude": ["modern"]}))
    assert len(left_out) == 2


async def test_rules_are_checked_and_contradictions_refused(room: RestRoom, anna: Graph) -> None:
    pinned = {"kind": "PIN", "items": {"itemIds": ["modern"]}, "position": 0}
    await rule(anna, **pinned)
    for other, code, field in (
        ({**pinned, "items": {"itemIds": ["template_1"]}}, "CONFLICT", "rules.0"),
        ({**pinned, "position": 3}, "CONFLICT", "rules.0"),
        ({"kind": "EXCLUDE", "items": {"itemIds": ["modern"]}}, "CONFLICT", "rules.0"),
        ({"kind": "INCLUDE", "items": {"itemIds": ["template_1"]}}, "CONFLICT", "rules.0"),
        ({**pinned, "position": None}, "VALIDATION", "rules.0.position"),
        ({"kind": "PIN", "items": {"tags": ["a"]}, "position": 1}, "VALIDATION", "rules.0.items"),
        ({"kind": "BOOST", "factor": 100}, "VALIDATION", "rules.0.factor"),
        ({"kind": "BOOST", "amount": 3.5}, "VALIDATION", "rules.0.amount"),
        ({"kind": "BOOST"}, "VALIDATION", "rules.0.factor"),
        ({"kind": "CAP", "position": 1}, "VALIDATION", "rules.0.position"),
        ({"kind": "CAP"}, "VALIDATION", "rules.0.atMost"),
        ({"kind": "EXCLUDE"}, "VALIDATION", "rules.0.items"),
        ({"kind": "EXCLUDE", "items": {"tags": ["a\x00b"]}}, "VALIDATION", "rules.0.items.tags"),
        ({"kind": "EXCLUDE", "items": {"attributes": {"a": "\x00"}}}, "VALIDATION", "rules.0.items.attributes.a"),
        ({"kind": "CAP", "atMost": 1, "lists": {"devices": ["\x00"]}}, "VALIDATION", "rules.0.lists.devices"),
        (
            {"kind": "CAP", "atMost": 1, "lists": {"activeFrom": "2026-01-01T00:00:00"}},
            "VALIDATION",
            "rules.0.lists.activeFrom",
        ),
    ):
        problem = await anna.ask(UPSERT, input={"rules": [{"ruleId": "other", **other}]})
        assert (problem["code"], problem["field"]) == (code, field), problem
    apart = {**pinned, "items": {"itemIds": ["template_1"]}, "lists": {"surfaces": ["home"]}}
    assert (await anna.ask(UPSERT, input={"rules": [{"ruleId": "other", **apart}]}))["code"] == "CONFLICT"
    stored = await anna.ask(RULES)
    assert [(r["ruleId"], r["kind"], r["items"]["itemIds"], r["position"]) for r in stored["rules"]] == [
        ("r", "PIN", ["modern"], 0)
    ]
    reader = caller(room.app, room.tenant, ANNA, [Scope.RECOMMENDATIONS_READ])
    assert await reader.code(RULES) == "FORBIDDEN"


async def test_what_a_person_says_of_an_item_holds_at_once_and_can_be_undone(room: RestRoom, anna: Graph) -> None:
    await room.agree(ANNA)
    everything = ids(await page(anna, first=100))
    await track(anna, "modern", "DISMISSED")
    await track(anna, "template_1", "SNOOZED")
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    await track(anna, "template_2", "SNOOZED", snoozedUntil=tomorrow)
    for asked in ({"first": 100}, {"first": 100, "filter": {"includeSeen": True}}):
        assert set(everything) - set(ids(await page(anna, **asked))) == {"modern", "template_1", "template_2"}
    assert ids(await page(anna, kind="STYLE")) == []
    said = await anna.ask(WHY_NOT, user=ANNA, item="template_2")
    assert (said["codes"], said["until"] is None) == (["SNOOZED"], False)
    assert (await anna.ask(WHY_NOT, user=ANNA, item="modern"))["codes"] == ["DISMISSED"]
    for item in ("modern", "template_1", "template_2"):
        await track(anna, item, "RESTORED")
    assert set(ids(await page(anna, first=100))) == set(everything)


async def test_a_snooze_ends_by_itself(room: RestRoom, anna: Graph) -> None:
    await room.agree(ANNA)
    then = datetime.now(UTC) - timedelta(hours=2)
    over = {"occurredAt": then.isoformat(), "snoozedUntil": (then + timedelta(hours=1)).isoformat()}
    await track(anna, "template_2", "SNOOZED", **over)
    assert "template_2" in ids(await page(anna, first=100))
    for broken in (
        {"action": "SNOOZED", "snoozedUntil": then.isoformat()},
        {"action": "USED", "snoozedUntil": "2036-01-01T00:00:00Z"},
    ):
        problem = await anna.ask(TRACK, input={"userId": ANNA, "itemId": "modern", **broken})
        assert (problem["code"], problem["field"]) == ("VALIDATION", "snoozedUntil")


@pytest.mark.parametrize("minutes", [1e30, -1e30])
async def test_a_snooze_of_any_length_leaves_a_list(minutes: float, room: RestRoom, anna: Graph) -> None:
    """Reports of behaviour take any type, with any number."""
    await room.agree(ANNA)
    snoozed = {"type": "recommendation_snoozed", "itemId": "template_2", "value": minutes}
    await anna.ask(LEARN, input={"userId": ANNA, "actions": [snoozed]})
    assert ("template_2" in ids(await page(anna, first=100))) is (minutes < 0)


async def test_a_snooze_lasts_however_much_happens_meanwhile(room: RestRoom, anna: Graph, database: Database) -> None:
    await room.agree(ANNA)
    then, until = datetime.now(UTC) - timedelta(days=20), datetime.now(UTC) + timedelta(days=20)
    times = {"occurredAt": then.isoformat(), "snoozedUntil": until.isoformat()}
    await track(anna, "template_2", "SNOOZED", **times)
    await anna.ask(LEARN, input=ACTED)
    person = await room.services.directory.resolve(room.tenant, UserId(ANNA))
    assert person is not None
    actions = await PostgresRecommendationStore(database).history(room.tenant, person.subject_id, 1)
    unwanted = past_of(actions, datetime.now(UTC)).unwanted
    assert [(item, why.wish) for item, why in unwanted.items()] == [("template_2", Wish.SNOOZED)]
    assert unwanted[ItemId("template_2")].until == pytest.approx(until, abs=timedelta(minutes=1))


async def test_items_for_another_device_stay_away(room: RestRoom, anna: Graph) -> None:
    item = {"itemId": "pocket", "kind": "STYLE", "title": "Pocket", "attributes": {"device": "mobile|tablet"}}
    write = "mutation W($input: UpsertCatalogItemsInput!) { upsertCatalogItems(input: $input) { __typename } }"
    await anna.ask(write, input={"items": [item]})
    found = [ids(await page(anna, kind="STYLE", context={"device": device})) for device in ("Mobile", "desktop", None)]
    assert found == [["modern", "pocket"], ["modern"], ["modern", "pocket"]]
    why = await anna.ask(WHY_NOT, user=ANNA, item="pocket", kind="STYLE", context={"device": "desktop"})
    assert why["codes"] == ["OTHER_DEVICE"]


async def test_whoever_is_not_personalized_gets_what_anybody_gets(room: RestRoom, anna: Graph) -> None:
    await room.agree(ANNA)
    await anna.ask(LEARN, input=ACTED)
    nobody = caller(room.app, room.tenant, "nobody")
    stranger = await nobody.ask(PAGE, user="nobody", first=30)
    strict = await anna.ask(PAGE, user=ANNA, first=30, filter={"personalized": False})
    for answer in (stranger, strict):
        answer.pop("recommendationId")
    assert strict == stranger
    assert {edge["node"]["propensity"] for edge in strict["edges"]} == {1.0}


async def test_chance_can_be_switched_off(room: RestRoom, rest_settings: Settings) -> None:
    await room.agree(ANNA)
    async with application(rest_settings.model_copy(update={"exploration_share": 0.0})) as app:
        answer = await caller(app, room.tenant, ANNA).ask(PAGE, user=ANNA, first=30)
    assert {edge["node"]["propensity"] for edge in answer["edges"]} == {1.0}
    assert "explore" not in answer["policyVersion"]


async def test_why_not_names_everything_that_keeps_an_item_off(room: RestRoom, anna: Graph) -> None:
    await room.agree(ANNA)
    await anna.ask(LEARN, input=ACTED)
    await rule(anna, kind="EXCLUDE", items={"categories": ["Tools"]})

    async def why(item: str, **asked: Any) -> tuple[list[str], str | None]:
        said = await anna.ask(WHY_NOT, user=ANNA, item=item, **asked)
        return said["codes"], said["ruleId"]

    listed = ids(await page(anna, first=5))
    assert await why(listed[0]) == (["ON_THE_LIST"], None)
    last = ids(await page(anna, first=100, filter={"personalized": False}))[-1]
    assert await why(last) == (["RANKED_LOWER"], None)
    assert await why("nothing") == (["NOT_IN_CATALOGUE"], None)
    assert await why("modern_template") == (["SEEN"], None)
    assert await why("video_editor") == (["EXCLUDED_BY_RULE"], "r")
    assert await why("video_editor", kind="STYLE") == (["OTHER_KIND", "EXCLUDED_BY_RULE"], "r")
    assert await why("template_1", filter={"exclude": ["template_1"]}) == (["EXCLUDED_BY_REQUEST"], None)
    await rule(anna, kind="CAP", items={"kinds": ["TEMPLATE"]}, atMost=1)
    assert await why(last) == (["CAPPED_BY_RULE"], "r")
    assert (await anna.ask(WHY_NOT, user=ANNA, item=last))["place"] > 5


async def test_without_a_model_nothing_of_the_past_holds_an_item(room: RestRoom, anna: Graph) -> None:
    await room.agree(ANNA)
    await anna.ask(LEARN, input=ACTED)
    first = ids(await page(anna, first=5))[0]
    said = await anna.ask(COUNTERFACTUAL, user=ANNA, item=first)
    assert (said["place"], said["without"], said["leavesPage"]) == (1, [], False)
    assert await anna.ask(COUNTERFACTUAL, user=ANNA, item="modern_template") is None


async def test_without_a_model_lists_come_and_say_so(room: RestRoom, anna: Graph) -> None:
    answer = await anna.ask(PAGE, user=ANNA)
    assert (len(answer["edges"]), answer["degraded"]) == (10, True)


async def test_without_redis_lists_come_as_ever(room: RestRoom, rest_settings: Settings) -> None:
    await room.agree(ANNA)
    await caller(room.app, room.tenant, ANNA).ask(LEARN, input=ACTED)
    async with application(rest_settings.model_copy(update={"redis_url": "redis://127.0.0.1:1/0"})) as app:
        answer = await caller(app, room.tenant, ANNA).ask(PAGE, user=ANNA)
    assert (len(answer["edges"]), answer["personalized"]) == (10, True)

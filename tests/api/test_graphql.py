"""Every root field of the schema against the real servers: what it answers, and what it says when it cannot."""

import base64
from uuid import uuid4

import pytest

from domain.settings import Settings
from tests.api.graphql_room import CONSENT, LEARN, LIST, TRACK, Graph, caller, consent
from tests.api.rest_room import RestRoom, application

ANNA = "anna@example.com"


ACTED = {"userId": ANNA, "actions": [{"type": "template_used", "feature": "modern_template"}]}


PROFILE = """query P($user: String!) { profile(userId: $user) {
  id userId privacyLevel eventCount updatedAt version facets { name values { value share confidence evidence } } } }"""


SETTINGS = """query S($user: String!) { privacySettings(userId: $user) {
  userId privacyLevel collects personalizes gpc receipts { consentId purpose granted policyVersion source
  jurisdiction legalBasis recordedAt } } }"""


UPSERT = """mutation U($input: UpsertCatalogItemsInput!) { upsertCatalogItems(input: $input) { __typename
  ... on UpsertedCatalogItems { inserted updated unchanged catalogVersion } ... on Problem { code message field } } }"""


NODE = "query N($id: ID!) { node(id: $id) { __typename id } }"


def node_id(kind: str, key: str) -> str:
    return base64.b64encode(f"{kind}:{key}".encode()).decode()


@pytest.fixture
async def anna(room: RestRoom) -> Graph:
    return caller(room.app, room.tenant, ANNA)


async def test_behaviour_changes_the_next_list_without_training(room: RestRoom, anna: Graph) -> None:
    await room.agree(ANNA)
    before = await anna.ask(LIST, user=ANNA)
    recorded = await anna.ask(LEARN, input={**ACTED, "sessionId": "session_123", "device": "desktop"})
    after = await anna.ask(LIST, user=ANNA)
    assert (recorded["__typename"], recorded["accepted"], recorded["duplicates"]) == ("EventsRecorded", 1, 0)
    assert (before["personalized"], before["usedData"]) == (False, {"categories": [], "purposes": []})
    assert after["personalized"]
    assert after["usedData"] == {"categories": ["behaviour"], "purposes": ["personalization"]}
    assert "modern_template" not in [edge["node"]["itemId"] for edge in after["edges"]]
    assert "modern_template" in await anna.ids(ANNA, first=100, filter={"includeSeen": True})


async def test_every_item_says_why(anna: Graph) -> None:
    page = await anna.ask(LIST, user=ANNA, first=10)
    assert [edge["node"]["position"] for edge in page["edges"]] == list(range(10))
    for edge in page["edges"]:
        assert edge["node"]["reasons"]
        assert sum(reason["weight"] for reason in edge["node"]["reasons"]) == pytest.approx(1)
        assert all(reason["text"] for reason in edge["node"]["reasons"])


async def test_pages_of_recommendations_repeat_nothing_while_the_person_acts(room: RestRoom, anna: Graph) -> None:
    await room.agree(ANNA)
    seen: list[str] = []
    after: str | None = None
    while True:
        page = await anna.ask(LIST, user=ANNA, first=7, after=after)
        seen += [edge["node"]["itemId"] for edge in page["edges"]]
        assert page["pageInfo"]["hasPreviousPage"] is (after is not None)
        after = page["pageInfo"]["endCursor"]
        if not page["pageInfo"]["hasNextPage"]:
            break
        assert page["edges"][-1]["cursor"] == after
        await anna.ask(TRACK, input={"userId": ANNA, "itemId": seen[-1], "action": "LIKED"})
    assert len(seen) == len(set(seen)) == 33


async def test_a_list_is_restricted_as_asked(anna: Graph) -> None:
    ids = await anna.ids(ANNA, first=100, filter={"exclude": ["modern", "template_3"], "personalized": False})
    assert len(ids) == 31
    query = 'query K($u: String!) { recommendations(userId: $u, kind: STYLE, context: {surface: "x"}) { edges { node '
    page = await anna.ask(query + "{ itemId kind item { id tags } } } } }", u=ANNA)
    assert [edge["node"]["itemId"] for edge in page["edges"]] == ["modern"]
    assert page["edges"][0]["node"]["item"] == {"id": node_id("CatalogItem", "modern"), "tags": ["modern"]}


@pytest.mark.parametrize("named", ["eventId", "idempotencyKey"])
async def test_a_retry_adds_nothing(named: str, room: RestRoom, anna: Graph) -> None:
    await room.agree(ANNA)
    chosen = str(uuid4())
    action = {"type": "template_used", "feature": "modern_template"}
    learned = {"userId": ANNA, "actions": [action | ({"eventId": chosen} if named == "eventId" else {})]}
    tracked = {"userId": ANNA, "itemId": "template_1", "action": "USED", named: str(uuid4())}
    learned |= {"idempotencyKey": chosen} if named == "idempotencyKey" else {}
    for query, given in ((LEARN, learned), (TRACK, tracked)):
        once, again = [await anna.ask(query, input=given) for _ in range(2)]
        assert (once["accepted"], again["accepted"], again["duplicates"]) == (1, 0, 1)
        assert (once["version"], once["eventIds"]) == (again["version"], again["eventIds"])
    assert (await anna.ask(PROFILE, user=ANNA))["version"] == again["version"]


async def test_an_interaction_belongs_to_its_list(room: RestRoom, anna: Graph) -> None:
    await room.agree(ANNA)
    page = await anna.ask(LIST, user=ANNA)
    top = page["edges"][0]["node"]["itemId"]
    clicked = {"userId": ANNA, "itemId": top, "action": "DISMISSED", "position": 0}
    recorded = await anna.ask(TRACK, input={**clicked, "recommendationId": page["recommendationId"]})
    assert recorded["accepted"] == 1
    assert top not in await anna.ids(ANNA)


async def test_a_profile_shows_what_was_learned(room: RestRoom, anna: Graph) -> None:
    await room.agree(ANNA)
    recorded = await anna.ask(LEARN, input={**ACTED, "projects": [{"visualStyle": "modern", "duration": 30}]})
    await room.learn()
    profile = await anna.ask(PROFILE, user=ANNA)
    assert profile["eventCount"] == 2
    assert profile["version"] > recorded["version"]
    facets = {facet["name"]: facet["values"] for facet in profile["facets"]}
    assert facets
    assert all(0 < value["share"] <= 1 for values in facets.values() for value in values)
    assert await anna.ask(NODE, id=profile["id"]) == {"__typename": "Profile", "id": profile["id"]}


async def test_consent_is_given_and_withdrawn_whole(room: RestRoom, anna: Graph) -> None:
    given = await anna.ask(CONSENT, input=consent(ANNA, granted=True, purposes=["STATED_PREFERENCES", "TRAINING"]))
    assert (given["privacyLevel"], given["collects"]) == ("STRICT", False)
    agreed = await anna.ask(CONSENT, input=consent(ANNA, granted=True))
    assert (agreed["privacyLevel"], agreed["collects"], agreed["personalizes"]) == ("STANDARD", True, True)
    granted = {receipt["purpose"] for receipt in agreed["receipts"] if receipt["granted"]}
    assert granted == {"BEHAVIOUR_COLLECTION", "PERSONALIZATION", "TRAINING", "EXPERIMENTS", "STATED_PREFERENCES"}
    withdrawn = await anna.ask(CONSENT, input=consent(ANNA, granted=False))
    assert (withdrawn["collects"], withdrawn["personalizes"]) == (False, False)
    latest = {receipt["purpose"]: receipt["granted"] for receipt in reversed(withdrawn["receipts"])}
    assert latest == dict.fromkeys(granted, False)


async def test_privacy_settings_leave_no_trace_and_follow_decisions(room: RestRoom, anna: Graph) -> None:
    assert (await anna.ask(SETTINGS, user=ANNA))["receipts"] == []
    assert await anna.code(PROFILE, user=ANNA) == "NOT_FOUND"
    update = """mutation U($input: UpdatePrivacyInput!) { updatePrivacy(input: $input) { __typename
      ... on PrivacySettings { privacyLevel } ... on Problem { code field } } }"""
    evidence = {"policyVersion": "2026-01", "jurisdiction": "DE", "source": "settings-page"}
    chosen = {"userId": ANNA, "privacyLevel": "PERMISSIVE", "evidence": evidence}
    assert await anna.ask(update, input=chosen) == {"__typename": "PrivacySettings", "privacyLevel": "PERMISSIVE"}
    await anna.ask(CONSENT, input=consent(ANNA, granted=True, purposes=["TRAINING"]))
    shown = await anna.ask(SETTINGS, user=ANNA)
    assert (shown["privacyLevel"], shown["receipts"][0]["policyVersion"]) == ("PERMISSIVE", "2026-01")
    for broken in ({"jurisdiction": "Germany"}, {"policyVersion": ""}, {"source": "<b>"}):
        problem = await anna.ask(update, input={**chosen, "evidence": {**evidence, **broken}})
        assert (problem["__typename"], problem["field"]) == ("ValidationProblem", next(iter(broken)))
    nothing = await anna.ask(CONSENT, input=consent(ANNA, granted=True, purposes=[]))
    assert (nothing["__typename"], nothing["field"]) == ("ValidationProblem", "purposes")


async def test_the_catalogue_is_read_item_by_item_and_page_by_page(anna: Graph) -> None:
    item = "query I($id: String!) { catalogItem(itemId: $id) { itemId kind title attributes sensitive } }"
    assert (await anna.ask(item, id="modern"))["title"] == "Modern style"
    for nothing in ("nothing", "", "x\u0000", "a b", "ü" * 500):
        assert await anna.ask(item, id=nothing) is None
    pages = """query C($after: String) { catalogItems(kind: TEMPLATE, first: 9, after: $after) {
      edges { cursor node { itemId } } pageInfo { hasNextPage endCursor } } }"""
    seen: list[str] = []
    after = None
    while True:
        page = await anna.ask(pages, after=after)
        seen += [edge["node"]["itemId"] for edge in page["edges"]]
        after = page["pageInfo"]["endCursor"]
        if not page["pageInfo"]["hasNextPage"]:
            break
    assert (len(seen), seen) == (31, sorted(set(seen)))
    assert await anna.code("{ catalogItems(first: 0) { edges { cursor } } }") == "VALIDATION"
    assert await anna.code('{ catalogItems(after: "!") { edges { cursor } } }') == "VALIDATION"


async def test_items_are_written_all_or_none(anna: Graph) -> None:
    new = {"itemId": "new_one", "kind": "TEMPLATE", "title": "New", "tags": ["a"], "attributes": {"minutes": 3}}
    written = await anna.ask(UPSERT, input={"items": [new, {**new, "itemId": "modern", "kind": "STYLE"}]})
    assert (written["inserted"], written["updated"], written["unchanged"]) == (1, 1, 0)
    assert (await anna.ask(UPSERT, input={"items": [new]}))["unchanged"] == 1
    assert "new_one" in await anna.ids(ANNA, first=100)
    for broken, field in (
        ({"itemId": "a b"}, "items.1.itemId"),
        ({"title": ""}, "items.1.title"),
        ({"attributes": [1]}, "items.1.attributes"),
        ({"availableFrom": "2024-01-01T00:00:00"}, "items.1.availableFrom"),
    ):
        items = [{**new, "itemId": "never"}, {**new, **broken}]
        problem = await anna.ask(UPSERT, input={"items": items})
        assert (problem["__typename"], problem["field"]) == ("ValidationProblem", field)
    assert await anna.ask('{ catalogItem(itemId: "never") { title } }') is None


@pytest.mark.parametrize(
    "identifier",
    [
        *("", "x", "a:b", "%%%", "é"),
        *map(
            node_id, ("Nothing", "Query", "Recommendation", "CatalogItem", "CatalogItem"), ("1", "1", "1", "", "\x00")
        ),
    ],
)
async def test_an_id_of_nothing_is_null(identifier: str, anna: Graph) -> None:
    assert await anna.code(NODE, id=identifier) == "NOT_FOUND"


async def test_a_global_id_finds_its_object(anna: Graph) -> None:
    wanted = node_id("CatalogItem", "modern")
    assert await anna.ask(NODE, id=wanted) == {"__typename": "CatalogItem", "id": wanted}
    title = "query N($id: ID!) { node(id: $id) { ... on CatalogItem { title } } }"
    assert await anna.ask(title, id=wanted) == {"title": "Modern style"}


async def test_operators_see_models_and_jobs(room: RestRoom, anna: Graph) -> None:
    assert await anna.ask("{ models { version status sha256 metrics sizeBytes } }") == []
    retrain = (
        "mutation { retrainModels { __typename ... on Job { jobId kind state progress } ... on Problem { code } } }"
    )
    job = await anna.ask(retrain)
    assert (job["__typename"], job["kind"], job["state"], job["progress"]) == ("Job", "RETRAIN", "QUEUED", 0)
    assert (await anna.ask(retrain))["jobId"] == job["jobId"]
    one = "query J($id: ID!) { job(jobId: $id) { jobId state error result } }"
    assert (await anna.ask(one, id=job["jobId"]))["state"] == "QUEUED"
    assert await anna.ask(one, id=str(uuid4())) is None
    assert await anna.code(one, id="1") == "VALIDATION"


async def test_health_needs_no_token(room: RestRoom) -> None:
    shown = await Graph(room.app, None).ask("{ health { status checkedAt checks { name status } } }")
    assert shown["status"] == "OK"
    assert {check["name"] for check in shown["checks"]} == {"postgres", "redis"}


async def test_switched_off_learning_serves_what_is_popular(room: RestRoom, rest_settings: Settings) -> None:
    await room.agree(ANNA)
    async with application(rest_settings.model_copy(update={"ml_enabled": False})) as app:
        anna = caller(app, room.tenant, ANNA)
        await anna.ask(LEARN, input=ACTED)
        page = await anna.ask(LIST, user=ANNA)
        assert (page["personalized"], page["degraded"]) == (False, True)
        nobody = caller(app, room.tenant, "nobody")
        assert [e["node"]["itemId"] for e in page["edges"]] == await nobody.ids("nobody")

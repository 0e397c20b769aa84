"""How many statements each root field costs, so that one more is noticed, and a new field is counted at once.

Three tables, one for each root type; a root field that is in none of them fails.
"""

import asyncio
import base64
import secrets
from collections.abc import AsyncIterator
from typing import Any

import pytest
from starlette.applications import Starlette

from domain.bootstrap import open_worker
from domain.ids import UserId
from domain.settings import Settings
from graphql_api.auth import Scope
from graphql_api.noting import ORDINARY
from graphql_api.schema import build_schema
from tests.api.experiment_room import EXPERIMENT_FIELDS
from tests.api.graphql_room import LEARN, Graph, Socket, begun, caller, served
from tests.api.rest_room import RestRoom, application, token
from tests.storage.test_model_store import artifact

ANNA = "anna@example.com"
ACTED = {"userId": ANNA, "actions": [{"type": "template_used", "feature": "modern_template"}]}
ATTEMPTS = 4
"""What is held for a second, the catalogue's version and the champion's, and what is cached is made by the first."""


def node_id(kind: str, key: str) -> str:
    return base64.b64encode(f"{kind}:{key}".encode()).decode()


QUERIES: dict[str, dict[str, int]] = {
    "node": {
        f'node(id: "{node_id("CatalogItem", "modern")}") {{ id }}': 1,
        f'node(id: "{node_id("Profile", ANNA)}") {{ id }}': 1,
    },
    "profile": {
        'profile(userId: "$user") { eventCount facets { name } }': 1,
        'profile(userId: "$user") { segment { segment } }': 2,
    },
    "recommendations": {
        'recommendations(userId: "$user", first: 30) { edges { node { title } } }': 1,
        'recommendations(userId: "$user", first: 30) { edges { node { item { title } } } }': 2,
    },
    "catalogItem": {
        'catalogItem(itemId: "modern") { title }': 1,
        'a: catalogItem(itemId: "modern") { title } b: catalogItem(itemId: "template_1") { title }': 2,
    },
    "catalogItems": {
        "catalogItems(first: 50) { edges { node { title } } }": 1,
        "catalogItems(first: 50) { edges { node { insights { source } } } }": 2,
    },
    "privacySettings": {'privacySettings(userId: "$user") { receipts { purpose } }': 2},
    "auditLog": {"auditLog { intact entries { action } }": 1},
    "dataMap": {"dataMap { entries { name } }": 0},
    "privacyRequest": {'privacyRequest(id: "$request") { state }': 1},
    "privacyRequests": {'privacyRequests(userId: "$user") { state }': 1},
    "models": {"models { version }": 1},
    "modelChanges": {"modelChanges { version }": 1},
    "health": {"health { status }": 0},
    "job": {'job(jobId: "0198c0de-0000-7000-8000-000000000000") { state }': 1},
    "segments": {"segments { segments { people } }": 0},
    "uiSettings": {'uiSettings(userId: "$user") { density { value } }': 3},
    "workflowOptimizations": {'workflowOptimizations(userId: "$user") { sessions }': 3},
    "users": {'users(userIds: ["$user"]) { roles }': 2},
    "metrics": {'metrics(userId: "$user") { engagement { events } }': 2},
    "generationParameters": {'generationParameters(userId: "$user") { parameters { name } }': 4},
    "templateRecommendations": {'templateRecommendations(userId: "$user") { nodes { fit { name } } }': 1},
    "styleRecommendations": {'styleRecommendations(userId: "$user") { nodes { similarity } }': 1},
    "featureRecommendations": {'featureRecommendations(userId: "$user") { nodes { level } }': 1},
    "trendingItems": {"trendingItems { items { itemId } }": 0},
    "whyNot": {'whyNot(userId: "$user", itemId: "modern") { codes }': 2},
    "counterfactual": {'counterfactual(userId: "$user", itemId: "modern") { place }': 2},
    "similarItems": {
        'similarItems(itemId: "modern") { title }': 0,
        'similarItems(itemId: "modern") { item { title } }': 1,
    },
    "rules": {"rules { version rules { ruleId } }": 2},
}
UNCACHED: dict[str, int] = {
    'profile(userId: "$user") { eventCount facets { name } }': 2,
    'recommendations(userId: "$user", first: 30) { edges { node { title } } }': 3,
    'templateRecommendations(userId: "$user") { nodes { fit { name } } }': 5,
    'styleRecommendations(userId: "$user") { nodes { similarity } }': 3,
    'featureRecommendations(userId: "$user") { nodes { level } }': 3,
}
"""What is cached, where it has to be made."""
MUTATIONS: dict[str, tuple[str, int]] = {
    "learnPreferences": ('userId: "$user", actions: [{ type: "viewed", feature: "thing_$n" }]', 7),
    "updateProfile": ('userId: "$user", preferences: [{ facet: "pace", values: [{ value: "fast_$n" }] }]', 10),
    "correctPreference": ('userId: "$user", facet: "visual_style", value: "style_$n", verdict: LESS', 10),
    "mergeIdentity": ('userId: "$user", anonymousId: "visitor_$n"', 63),
    "trackInteraction": ('userId: "$user", itemId: "template_$n", action: VIEWED', 7),
    "upsertCatalogItems": ('items: [{ itemId: "new_$n", kind: STYLE, title: "New $n" }]', 4),
    "importItems": ('items: [{ itemId: "new_$n", kind: STYLE, title: "New $n" }]', 4),
    "updatePrivacy": ('userId: "$user", privacyLevel: STANDARD, evidence: { policyVersion: "2026-0$n" }', 7),
    "recordConsent": ('userId: "$user", granted: true, evidence: { policyVersion: "2026-0$n" }', 8),
    "retrainModels": ("force: true", 3),
    "promoteModel": ('version: "$version"', 9),
    "rollbackModel": ('reason: "$n"', 10),
    "requestErasure": ('userId: "$user"', 4),
    "requestExport": ('userId: "$user"', 4),
    "issueExportLink": ('userId: "$user", requestId: "$version"', 4),
    "submitFeedback": ('userId: "$user", feedback: { type: "visual", sentiment: POSITIVE, aspect: "a$n" }', 7),
    "updateSession": ('userId: "$user", sessionId: "session", context: { surface: "s$n" }', 3),
    "updateUiSettings": ('userId: "$user", density: COMPACT, pinnedTools: ["tool_$n"]', 10),
    "dismissOptimization": ('userId: "$user", optimizationId: "a$n"', 10),
    "integrateVideoGeneration": ('userId: "$user", generationId: "g$n", outcome: ACCEPTED', 8),
    "syncUsers": ('users: [{ userId: "$user", revision: $n }]', 8),
    "upsertRules": ('rules: [{ ruleId: "r$n", kind: EXCLUDE, items: { itemIds: ["template_29"] } }]', 6),
    "deleteRules": ('ruleIds: ["r$n"]', 3),
    "integrateContentAnalysis": ('source: "s", itemId: "modern", results: { tags: [{ value: "t$n" }] }', 4),
}
NOTED = 6
"""What the audit log adds to changes that are not ordinary use: an entry before and an entry after."""

SUBSCRIPTIONS: dict[str, tuple[str, int]] = {
    "recommendationUpdates": ('recommendationUpdates(userId: "$user") { cursor }', 3),
    "realtimeUpdates": ('realtimeUpdates(userId: "$user") { __typename }', 2),
    "privacyRequest": ('privacyRequest(id: "$request") { state }', 1),
    "modelUpdates": ("modelUpdates { version }", 0),
    "serviceMetrics": ("serviceMetrics { at waitingEvents }", 1),
}
"""With the statements up to the first event."""


@pytest.fixture(scope="module")
async def debugged(rest_settings: Settings) -> AsyncIterator[Starlette]:
    async with application(rest_settings.model_copy(update={"debug": True})) as app:
        yield app


@pytest.fixture(scope="module")
async def address(debugged: Starlette) -> AsyncIterator[str]:
    async with served(debugged) as address:
        yield address


@pytest.fixture
async def anna(debugged: Starlette, room: RestRoom) -> Graph:
    await room.agree(ANNA)
    anna = caller(debugged, room.tenant, ANNA)
    await anna.ask(LEARN, input=ACTED)
    return anna


def test_every_root_field_is_counted() -> None:
    schema = build_schema()._schema
    for root, table in (
        (schema.query_type, QUERIES),
        (schema.mutation_type, MUTATIONS),
        (schema.subscription_type, SUBSCRIPTIONS),
    ):
        assert root is not None
        assert set(root.fields) == set(table) | set(EXPERIMENT_FIELDS[root.name])


def statements(answer: dict[str, Any]) -> int:
    assert "errors" not in answer, answer
    return int(answer["extensions"]["debug"]["sqlStatements"])


@pytest.mark.parametrize(
    ("field", "asked", "expected"), [(f, q, n) for f, cases in QUERIES.items() for q, n in cases.items()]
)
async def test_a_query_runs_so_many_statements_and_no_more(
    field: str, asked: str, expected: int, anna: Graph, room: RestRoom
) -> None:
    assert field in asked
    request = await room.services.rights.request_export(room.tenant, UserId(ANNA)) if "$request" in asked else None
    query = f"{{ {asked.replace('$user', ANNA).replace('$request', str(request and request.request_id))} }}"
    assert min([statements(await anna.whole(query)) for _ in range(ATTEMPTS)]) == expected


@pytest.mark.parametrize(("asked", "expected"), UNCACHED.items())
async def test_what_is_not_in_the_cache_takes_so_many_statements(
    asked: str, expected: int, anna: Graph, room: RestRoom, rest_settings: Settings
) -> None:
    async with application(rest_settings.model_copy(update={"debug": True, "cache_ttl": 0})) as app:
        graph = caller(app, room.tenant, ANNA)
        counted = [statements(await graph.whole(f"{{ {asked.replace('$user', ANNA)} }}")) for _ in range(ATTEMPTS)]
    assert min(counted) == expected
    assert statements(await anna.whole("{ health { status } }")) == 0


async def prepared(room: RestRoom, field: str) -> list[str]:
    """Give a mutation what it is about; the versions of models, the one that does not serve first."""
    if field == "mergeIdentity":
        for n in range(ATTEMPTS):
            await room.agree(f"visitor_{n}")
    if field == "issueExportLink":
        request = await room.services.rights.request_export(room.tenant, UserId(ANNA))
        return [str((await room.services.rights.finish(room.tenant, request.request_id)).request_id)]
    if field not in {"promoteModel", "rollbackModel"}:
        return [""]
    async with open_worker(room.settings) as worker:
        # Bytes that no other test has left in the folder of model files.
        fresh = [artifact(secrets.randbelow(10**6) + n / 10) for n in range(1, ATTEMPTS + 2)]
        records = [await worker.services.models.publish(room.tenant, one) for one in fresh]
    return [str(record.version) for record in records]


@pytest.mark.parametrize(("field", "given", "expected"), [(f, given, n) for f, (given, n) in MUTATIONS.items()])
async def test_a_mutation_runs_so_many_statements_and_no_more(
    field: str, given: str, expected: int, anna: Graph, room: RestRoom, debugged: Starlette
) -> None:
    versions = await prepared(room, field)
    graph = caller(debugged, room.tenant, ANNA, list(Scope)) if field == "mergeIdentity" else anna
    counted = []
    for n in range(ATTEMPTS):
        filled = given.replace("$user", ANNA).replace("$n", str(n)).replace("$version", versions[n % len(versions)])
        answer = await graph.whole(
            f"mutation {{ {field}(input: {{ {filled} }}) {{ __typename ... on Problem {{ message }} }} }}"
        )
        counted.append(statements(answer))
        assert not answer["data"][field]["__typename"].endswith("Problem"), answer
    assert min(counted) == expected + (0 if field in ORDINARY else NOTED)


async def caused(field: str, anna: Graph, room: RestRoom) -> None:
    """Make something happen that a listener is told of."""
    if field == "modelUpdates":
        async with open_worker(room.settings) as worker:
            await worker.services.models.publish(room.tenant, artifact(1.0))
    elif field == "realtimeUpdates":
        await anna.ask(LEARN, input=ACTED)


async def first_event(opened: Socket, field: str, anna: Graph, room: RestRoom) -> dict[str, Any]:
    """The next message; its cause is repeated, since nobody can tell when the listener has begun to listen."""
    received = asyncio.create_task(opened.receive())
    while not received.done():
        await caused(field, anna, room)
        await asyncio.wait([received], timeout=0.5)
    return received.result()


@pytest.mark.parametrize(("field", "asked", "expected"), [(f, asked, n) for f, (asked, n) in SUBSCRIPTIONS.items()])
async def test_a_first_event_takes_so_many_statements_and_no_more(
    field: str, asked: str, expected: int, anna: Graph, room: RestRoom, address: str
) -> None:
    counted = []
    if field == "privacyRequest":
        request = await room.services.rights.request_erasure(room.tenant, UserId(ANNA))
        asked = asked.replace("$request", str(request.request_id))
    async with begun(address, f"Bearer {token(room.tenant, ANNA)}") as opened:
        for n in range(2):
            await opened.subscribe(f"subscription {{ {asked.replace('$user', ANNA)} }}", str(n))
            message = await first_event(opened, field, anna, room)
            assert message["type"] == "next", message
            counted.append(statements(message["payload"]))
            await opened.send(type="complete", id=str(n))
    assert min(counted) == expected

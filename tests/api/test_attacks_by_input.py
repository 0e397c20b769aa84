"""Whatever is put into an input, at every place of every door: it is taken as text or refused, and nothing breaks."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from starlette.applications import Starlette

from domain.settings import Settings
from graphql_api.auth import Scope
from graphql_api.rest.operation import Operation
from graphql_api.rest.operations import OPERATIONS
from tests.api.attack_room import USER, Door, doors, leaves, put, request_of
from tests.api.graphql_room import Graph, begun, caller, served
from tests.api.rest_room import RestRoom, token

JSON = {"Content-Type": "application/json"}
ANNA = "anna"
RAW = "@@"
"""Stands for text that no JSON library would write."""

TEXTS: dict[str, Any] = {
    "sql": "'; DROP TABLE subjects; SELECT pg_sleep(9); --",
    "sql number": "1 OR 1=1",
    "nul": "a\u0000b",
    "format": "{0.__class__} %s %n ${jndi:ldap://x}",
    "path": "../../../../etc/passwd",
    "bidi": "\u202eabc\u2066",
    "long": "a" * 100_000,
    "number": 10**30,
    "negative": -(2**63) - 1,
    "list": [[["a"]]],
    "object": {"$gt": ""},
    "nothing": None,
    "nested": json.loads("[" * 200 + "]" * 200),
}
LITERALS = {"NaN": "NaN", "infinity": "-Infinity", "beyond floats": "1e999", "lone surrogate": '"\\ud800"'}
EXPERIMENT = """createExperiment(input: { key: "k", variations: [{ key: "a" }, { key: "b", parameters: { x: %s } }],
  metrics: [{ key: "m", kind: PROPORTION, source: { events: ["liked"] } }]"""
WRITTEN = tuple(
    f"mutation {{ {field} }} ) {{ __typename }} }}"
    for field in (
        'learnPreferences(input: { userId: "anna", actions: [{ type: "x", value: %s }]',
        'updateSession(input: { userId: "anna", sessionId: "s", context: { x: %s }',
        'upsertCatalogItems(input: { items: [{ itemId: "x", kind: STYLE, title: "x", attributes: { x: %s } }]',
        'upsertRules(input: { rules: [{ ruleId: "x", kind: BOOST, factor: 2, items: { attributes: { x: %s } } }]',
        'syncUsers(input: { users: [{ userId: "anna", revision: 1, attributes: { x: %s } }]',
        EXPERIMENT,
        EXPERIMENT.replace("%s", "1") + ", condition: { x: %s }",
    )
)
"""Documents that hold a value themselves: what no JSON could bring comes by them."""

OBJECTS: dict[str, tuple[dict[str, Any], str]] = {
    "learnPreferences": ({"userId": ANNA, "projects": [{"attributes": {}}]}, "projects.0.attributes"),
    "updateSession": ({"userId": ANNA, "sessionId": "s", "context": {}}, "context"),
    "upsertCatalogItems": (
        {"items": [{"itemId": "x", "kind": "STYLE", "title": "x", "attributes": {}}]},
        "items.0.attributes",
    ),
    "upsertRules": (
        {"rules": [{"ruleId": "x", "kind": "BOOST", "factor": 2.0, "items": {"attributes": {}}}]},
        "rules.0.items.attributes",
    ),
    "integrateContentAnalysis": ({"itemId": "modern", "source": "v", "results": {"scores": {}}}, "results.scores"),
    "integrateVideoGeneration": ({"userId": ANNA, "generationId": "g", "attributes": {}}, "attributes"),
}
"""Inputs with an object of named values, and where it stands."""

DEEP = "[" * 100_000 + "]" * 100_000
TABLES = {"subjects", "user_behavior_events", "ml_models", "catalog_items"}
SAFE = [door for door in doors(whole=True) if door.variables and door.kind != "subscription"]


@pytest.fixture
async def backend(room: RestRoom) -> Graph:
    """Who may do everything for anybody, so that no input is kept from the inside by a refusal before it."""
    await room.agree(ANNA)
    return caller(room.app, room.tenant, "backend", Scope)


@pytest.fixture(autouse=True)
async def nothing_waits_afterwards(room: RestRoom) -> AsyncIterator[None]:
    yield
    await room.leave_no_job()


def check(status: int, text: str) -> None:
    assert status < 500, text
    assert "INTERNAL" not in text, text
    for inside in ("asyncpg", "Traceback", "SELECT ", "personalization_service", "/domain/"):
        assert inside not in text.replace(TEXTS["sql"], ""), text


@pytest.mark.parametrize("door", SAFE, ids=lambda door: door.name)
async def test_no_input_of_a_field_breaks_it(door: Door, backend: Graph) -> None:
    given = {"first": 5, **door.variables} if "$first" in door.document else dict(door.variables)
    if door.is_about_somebody:
        given = door.about(ANNA)
    for path in leaves(given):
        for planted in TEXTS.values():
            body = {"query": door.document, "variables": put(given, path, planted)}
            answer = await backend.post(body)
            check(answer.status_code, answer.text)
        for literal in LITERALS.values():
            written = json.dumps({"query": door.document, "variables": put(given, path, RAW)})
            content = written.replace(f'"{RAW}"', literal)
            answer = await backend.http.post("/graphql", content=content, headers=JSON)
            check(answer.status_code, answer.text)
            assert answer.status_code == 400


@pytest.mark.parametrize("document", WRITTEN, ids=[str(n) for n in range(len(WRITTEN))])
async def test_no_literal_of_a_document_breaks_it(document: str, backend: Graph) -> None:
    for literal in ("1e999", "9" * 18, "9" * 19, "9" * 399, '"\\u0000"', "[]", "{}", "[[1]]", "null", "BARE"):
        answer = await backend.post({"query": document % literal})
        check(answer.status_code, answer.text)


@pytest.mark.parametrize("given", [[], 0, "", False], ids=repr)
async def test_what_is_no_object_is_refused_where_an_object_is_asked_for(given: Any, backend: Graph) -> None:
    for name, (input_, field) in OBJECTS.items():
        kind = name[0].upper() + name[1:]
        document = f"mutation M($input: {kind}Input!) {{ {name}(input: $input) {{ ... on Problem {{ field }} }} }}"
        variables = {"input": put(input_, tuple(int(p) if p.isdigit() else p for p in field.split(".")), given)}
        assert (await backend.ask(document, **variables)) == {"field": field}


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
async def test_no_input_of_a_route_breaks_it(operation: Operation[Any], room: RestRoom, backend: Graph) -> None:
    asked = request_of(operation, ANNA)
    async with room.caller("backend", Scope) as client:
        for path in leaves(asked.get("json", {})):
            if not path:
                continue
            for planted in TEXTS.values():
                answer = await client.request(**{**asked, "json": put(asked["json"], path, planted)})
                check(answer.status_code, answer.text)
            for literal in LITERALS.values():
                content = json.dumps(put(asked["json"], path, RAW)).replace(f'"{RAW}"', literal)
                answer = await client.request(asked["method"], asked["url"], content=content, headers=JSON)
                check(answer.status_code, answer.text)
                assert answer.status_code == 400


@pytest.mark.parametrize("operation", [o for o in OPERATIONS if "{" in o.path], ids=lambda operation: operation.name)
@pytest.mark.parametrize("named", ["%00", "'%20OR%201=1--", "%ff%fe", "%ed%a0%80", "a" * 5_000, "..%2f..%2fetc", "%0a"])
async def test_no_id_in_a_path_breaks_it(operation: Operation[Any], named: str, room: RestRoom) -> None:
    path = operation.path.replace("{userId}", named)
    async with room.caller("backend", Scope) as client:
        answer = await client.get(path)
        check(answer.status_code, answer.text)
        for query in ("?wait=NaN", "?days='", "?personalized=%00", "?after=%ff", "?limit=1e9", "?" + "a=1&" * 2_000):
            answer = await client.get(operation.path.replace("{userId}", "anna") + query)
            check(answer.status_code, answer.text)


@pytest.mark.parametrize("operation", [o for o in OPERATIONS if o.takes_body], ids=lambda operation: operation.name)
async def test_what_is_too_long_or_too_deep_is_refused_by_every_route(
    operation: Operation[Any], room: RestRoom
) -> None:
    async with room.caller(ANNA) as anna:
        send = anna.put if operation.method == "PUT" else anna.post
        long = await send(operation.path, content=b'{"userId": "' + b"a" * 10_000_000 + b'"}', headers=JSON)
        deep = await send(operation.path, content=f'{{"{USER}": {DEEP}}}', headers=JSON)
    assert (long.status_code, deep.status_code) == (413, 400)


async def test_what_is_too_long_or_too_deep_is_refused_by_graphql(room: RestRoom, backend: Graph) -> None:
    query = "query Q($u: String!) { profile(userId: $u) { id } }"
    for content, status in (
        (json.dumps({"query": query, "variables": {"u": "a" * 10_000_000}}), 413),
        (f'{{"query": "{query}", "variables": {DEEP}}}', 400),
        (f'{{"query": "{query}", "variables": {{"u": {DEEP}}}}}', 400),
        (f'{{"query": "{query}", "extensions": {{"a": {DEEP}}}}}', 400),
    ):
        answer = await backend.http.post("/graphql", content=content, headers=JSON)
        assert answer.status_code == status
        check(answer.status_code, answer.text)
    for variables in ("NaN", DEEP[:4_000], '{"u": 1e999}', "[]", '{"u": "\\u0000"}'):
        answer = await backend.http.get("/graphql", params={"query": query, "variables": variables})
        check(answer.status_code, answer.text)


async def test_a_socket_takes_the_same_and_lives_on(room: RestRoom, rest_app: Starlette) -> None:
    await room.agree(ANNA)
    async with served(rest_app) as address, begun(address, f"Bearer {token(room.tenant, 'b', Scope)}") as opened:
        for door in (door for door in doors(whole=True) if door.is_about_somebody and door.kind != "mutation"):
            for name in ("sql", "nul", "number", "object"):
                await opened.subscribe(door.document, "1", **door.about(TEXTS[name]))
                message = await opened.receive()
                check(400, json.dumps(message))
                if message["type"] == "next":
                    await opened.send(id="1", type="complete")
                    assert (await opened.receive())["type"] == "complete"
        await opened.subscribe("{ __typename }", "2")
        assert await opened.next() == "Query"


async def test_the_tables_are_still_there(room: RestRoom, rest_settings: Settings) -> None:
    async with room.caller(ANNA) as anna:
        for user in (TEXTS["sql"], "anna'; TRUNCATE subjects CASCADE; --"):
            await anna.post("/recommendations", json={"userId": user})
    async with room.services.directory._store._database.transaction(room.tenant) as tx:  # type: ignore[attr-defined]
        kept = {row["tablename"] for row in await tx.rows("SELECT tablename FROM pg_tables")}
    assert kept >= TABLES

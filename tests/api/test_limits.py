"""What one operation may cost, over HTTP and over sockets alike, and what production does not tell."""

import random
import re
from collections.abc import AsyncIterator
from typing import Any

import pytest
from graphql import parse

from domain.settings import Environment, Settings
from graphql_api.cost import cost
from graphql_api.limits import MAX_COST
from tests.api.graphql_room import NEGOTIATED, Graph, begun, caller, served
from tests.api.rest_room import RestRoom, application, token

ANNA = "anna"


def nested(depth: int) -> str:
    return "{ " + "a { " * (depth - 1) + "a" + " }" * depth


def bomb(levels: int) -> str:
    """Fragments that double with each level."""
    spreads = [f"fragment F{n} on Query {{ ...F{n + 1} ...F{n + 1} }}" for n in range(levels)]
    return "\n".join(["{ ...F0 }", *spreads, f"fragment F{levels} on Query {{ health {{ status }} }}"])


EDGES = "edges { node { itemId title kind category tags score position reasons { code text weight evidence } } }"
WIDE = " ".join(f"e{n}: {EDGES}" for n in range(5))
TOO_COMPLEX = {
    "depth": nested(8),
    "depth beyond parsing": nested(450),
    "depth of values": "{ profile(userId: " + "[" * 450 + "]" * 450 + ") { id } }",
    "depth in a fragment": "{ ...F } fragment F on Query " + nested(8),
    "depth in an inline fragment": "{ ... on Query " + nested(8) + " }",
    "aliases": "{ " + " ".join(f"a{n}: __typename" for n in range(16)) + " }",
    "aliases in fragments": "{ ...F } fragment F on Query { " + " ".join(f"a{n}: __typename" for n in range(16)) + " }",
    "directives": "{ __typename " + "@skip(if: false) " * 51 + "}",
    "tokens": "{ " + "__typename " * 1001 + "}",
    "cost": f'{{ recommendations(userId: "anna", first: 100) {{ {WIDE} }} }}',
    "cost by a default": f'query($n: Int! = 100) {{ recommendations(userId: "anna", first: $n) {{ {WIDE} }} }}',
    "cost of a bomb": bomb(20),
    "cost beyond numbers": bomb(70),
    "cost of digits": '{ recommendations(userId: "anna", first: ' + "9" * 5_000 + ") { degraded } }",
    "cost in a fragment": '{ recommendations(userId: "anna", first: 100) { ...F } } '
    f"fragment F on RecommendationConnection {{ {WIDE} }}",
}
JUST_FINE = {
    "aliases": "{ " + " ".join(f"a{n}: __typename" for n in range(15)) + " }",
    "directives": "{ __typename " + "@skip(if: false) " + "}",
    "fragments": bomb(8),
    "cost": f'{{ recommendations(userId: "anna", first: 100) {{ {EDGES} }} }}',
}


@pytest.fixture
async def anna(room: RestRoom) -> Graph:
    return caller(room.app, room.tenant, ANNA)


@pytest.fixture(scope="module")
async def address(rest_app: Any) -> AsyncIterator[str]:
    async with served(rest_app) as address:
        yield address


@pytest.mark.parametrize("query", TOO_COMPLEX.values(), ids=TOO_COMPLEX)
async def test_an_operation_that_is_too_complex_is_refused_before_it_runs(
    query: str, room: RestRoom, anna: Graph, address: str
) -> None:
    answer = await anna.post({"query": query}, Accept=NEGOTIATED)
    assert (answer.status_code, answer.headers["content-type"]) == (400, NEGOTIATED)
    assert "data" not in answer.json()
    assert answer.json()["errors"][0]["extensions"]["code"] == "QUERY_TOO_COMPLEX"
    assert (await anna.post({"query": query})).status_code == 400
    async with begun(address, f"Bearer {token(room.tenant, ANNA)}") as opened:
        await opened.subscribe(query)
        message = await opened.receive()
        assert (message["type"], message["id"]) == ("error", "1")
        assert message["payload"][0]["extensions"]["code"] == "QUERY_TOO_COMPLEX"
        await opened.subscribe("{ __typename }", "2")
        assert await opened.next() == "Query"


@pytest.mark.parametrize("query", JUST_FINE.values(), ids=JUST_FINE)
async def test_what_keeps_the_limits_runs(query: str, anna: Graph) -> None:
    assert "errors" not in await anna.whole(query)


@pytest.mark.parametrize(
    "query",
    [
        "{ ...A } fragment A on Query { ...A }",
        "{ ...A } fragment A on Query { ...B } fragment B on Query { ...A __typename }",
        "{ health { checks { ...C } } } fragment C on HealthCheck { name ...C }",
        "{ ...Nowhere }",
        "fragment A on Query { __typename }",
    ],
)
async def test_fragments_that_lead_nowhere_are_refused(query: str, anna: Graph) -> None:
    answer = await anna.post({"query": query}, Accept=NEGOTIATED)
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["extensions"]["code"] == "VALIDATION"


async def test_a_subscription_is_bounded_like_everything_else(room: RestRoom, address: str) -> None:
    async with begun(address, f"Bearer {token(room.tenant, ANNA)}") as opened:
        await opened.subscribe("subscription " + nested(8))
        assert (await opened.receive())["payload"][0]["extensions"]["code"] == "QUERY_TOO_COMPLEX"
        listed = "a: recommendations { edges { node { reasons { text code } } } } "
        wide = "".join(listed.replace("a:", f"a{n}:") for n in range(15))
        await opened.subscribe(f'subscription {{ recommendationUpdates(userId: "anna", first: 100) {{ {wide} }} }}')
        assert (await opened.receive())["payload"][0]["extensions"]["code"] == "QUERY_TOO_COMPLEX"


async def test_the_cost_is_told_and_counts_pages(anna: Graph) -> None:
    query = 'query Q($n: Int! = 3) { recommendations(userId: "anna", first: $n) { edges { cursor } } }'
    for variables, expected in (({}, 7), ({"n": 50}, 101), ({"n": 50.0}, 101)):
        extensions = (await anna.whole(query, **variables))["extensions"]
        assert extensions["cost"] == {"estimated": expected, "limit": MAX_COST}


def test_only_the_chosen_operation_counts() -> None:
    both = parse("query A { a b } query B { recommendations(first: 100) { a } }")
    assert (cost(both, "A", {}), cost(both, "B", {}), cost(both, "C", {})) == (2, 101, 0)


@pytest.mark.parametrize("seed", range(20))
async def test_no_document_is_a_fault_of_ours(seed: int, anna: Graph, room: RestRoom, address: str) -> None:
    """Random tokens of the language: every one is answered, none as an internal failure."""
    source = random.Random(seed)  # noqa: S311 - seeded, so that the test repeats itself
    words = ["{", "}", "(", ")", "...", "on", "Query", "fragment", "query", "$a", ":", "Int", "=", "1", '"x"', "[", "]"]
    words += ["health", "status", "node", "id", "@skip", "if", "true", "mutation", "subscription", "__schema", "!", "|"]
    async with begun(address, f"Bearer {token(room.tenant, ANNA)}") as opened:
        for n in range(20):
            query = " ".join(source.choices(words, k=source.randint(1, 40)))
            answer = await anna.post({"query": query, "variables": {"a": source.choice([1, None, [], {}, "x"])}})
            assert answer.status_code in {200, 400}
            assert "INTERNAL" not in answer.text
            await opened.subscribe(query, str(n))
            message = await opened.receive()
            assert (message["type"], message["id"]) == ("error", str(n))
            assert message["payload"][0]["extensions"]["code"] in {"VALIDATION", "QUERY_TOO_COMPLEX"}


TYPOS = {
    "field": "{ healt { status } }",
    "argument": '{ profile(userIdd: "x") { id } }',
    "enum value": "{ catalogItems(kind: TEMPLAT) { edges { cursor } } }",
    "type": '{ node(id: "x") { ... on CatalogItm { id } } }',
    "input field": 'mutation { learnPreferences(input: {userIdd: "x"}) { __typename } }',
    "variable": "query($i: LearnPreferencesInputt) { __typename }",
}


@pytest.mark.parametrize("query", TYPOS.values(), ids=TYPOS)
async def test_production_does_not_suggest_what_it_has(query: str, room: RestRoom, rest_settings: Settings) -> None:
    shown = await caller(room.app, room.tenant, ANNA).whole(query)
    assert shown["errors"][0]["extensions"]["code"] == "VALIDATION"
    assert "Did you mean" not in str(shown)
    development = rest_settings.model_copy(update={"environment": Environment.DEVELOPMENT})
    async with application(development) as app:
        assert "Did you mean" in str(await caller(app, room.tenant, ANNA).whole(query))


async def test_a_wrong_value_of_a_variable_is_not_corrected_either(anna: Graph) -> None:
    answer = await anna.whole("query Q($k: ItemKind) { catalogItems(kind: $k) { edges { cursor } } }", k="TEMPLAT")
    assert answer["errors"][0]["extensions"]["code"] == "VALIDATION"
    assert "TEMPLATE" not in str(answer).replace("TEMPLAT'", "")


@pytest.mark.parametrize("query", ["{ __schema { types { name } } }", '{ __type(name: "Query") { name } }'])
async def test_the_schema_can_be_asked_for_in_development_only(
    query: str, room: RestRoom, rest_settings: Settings
) -> None:
    refused = await caller(room.app, room.tenant, ANNA).whole(query)
    assert refused["errors"][0]["extensions"]["code"] == "VALIDATION"
    development = rest_settings.model_copy(update={"environment": Environment.DEVELOPMENT})
    async with application(development) as app:
        assert "errors" not in await caller(app, room.tenant, ANNA).whole(query)
        page = await Graph(app, None).http.get("/graphql", headers={"Accept": "text/html"})
        assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
        home = await Graph(app, None).http.get("/")
        for place in re.findall('href="([^"]*)"', home.text):
            assert (await Graph(app, None).http.get(place, headers={"Accept": "text/html"})).status_code == 200, place
    assert (await Graph(room.app, None).http.get("/graphql", headers={"Accept": "text/html"})).status_code == 404
    assert (await Graph(room.app, None).http.get("/")).status_code == 404

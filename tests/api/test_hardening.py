"""What production keeps shut, on each transport alike: HTTP, WebSocket and event stream."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, TypeAlias

import httpx
import pytest
from graphql import GraphQLObjectType
from starlette.applications import Starlette

from domain.settings import Environment, Settings
from graphql_api.cost import PAGED
from graphql_api.schema import build_schema
from tests.api.graphql_room import NEGOTIATED, PATIENCE_SECONDS, begun, served
from tests.api.rest_room import RestRoom, application, token
from tests.api.test_limits import JUST_FINE, TOO_COMPLEX, TYPOS

ANNA = "anna"
INTROSPECTION = {
    "schema": "{ __schema { types { name } } }",
    "type": '{ __type(name: "Query") { name } }',
    "in a fragment": "{ ...F } fragment F on Query { s: __schema { queryType { name } } }",
}
CIRCULAR = {
    "itself": "{ ...A } fragment A on Query { ...A }",
    "each other": "{ ...A } fragment A on Query { ...B } fragment B on Query { ...A __typename }",
    "below": "{ health { checks { ...C } } } fragment C on HealthCheck { name ...C }",
}
REFUSED = {
    **{f"introspection: {name}": (query, "VALIDATION") for name, query in INTROSPECTION.items()},
    **{f"circular: {name}": (query, "VALIDATION") for name, query in CIRCULAR.items()},
    **{f"typo: {name}": (query, "VALIDATION") for name, query in TYPOS.items()},
    **{f"bomb: {name}": (query, "QUERY_TOO_COMPLEX") for name, query in TOO_COMPLEX.items()},
}
Ask: TypeAlias = Callable[[str], Awaitable[dict[str, Any]]]
"""Asks a query of one transport; the answer, its errors under `errors`."""


@pytest.fixture(scope="module")
async def production(rest_app: Starlette) -> AsyncIterator[str]:
    async with served(rest_app) as address:
        yield address


@pytest.fixture(scope="module")
async def development(rest_settings: Settings) -> AsyncIterator[str]:
    async with (
        application(rest_settings.model_copy(update={"environment": Environment.DEVELOPMENT})) as app,
        served(app) as address,
    ):
        yield address


def over(transport: str, address: str, anna: str) -> Ask:
    async def posted(query: str, accept: str) -> httpx.Response:
        headers = {"Authorization": anna, "Accept": accept}
        async with httpx.AsyncClient(timeout=PATIENCE_SECONDS) as http:
            return await http.post(f"http://{address}/graphql", json={"query": query}, headers=headers)

    async def http(query: str) -> dict[str, Any]:
        answer: dict[str, Any] = (await posted(query, NEGOTIATED)).json()
        return answer

    async def stream(query: str) -> dict[str, Any]:
        told = (await posted(query, "text/event-stream")).text
        answer: dict[str, Any] = json.loads(told.partition("data: ")[2].splitlines()[0])
        return answer

    async def socket(query: str) -> dict[str, Any]:
        async with begun(address, anna) as opened:
            await opened.subscribe(query)
            message = await opened.receive()
        payload = message["payload"]
        return {"errors": payload} if message["type"] == "error" else payload

    return {"http": http, "socket": socket, "stream": stream}[transport]


@pytest.mark.parametrize("transport", ["http", "socket", "stream"])
@pytest.mark.parametrize(("query", "code"), REFUSED.values(), ids=REFUSED)
async def test_every_transport_refuses_alike(
    transport: str, query: str, code: str, production: str, room: RestRoom
) -> None:
    answer = await over(transport, production, f"Bearer {token(room.tenant, ANNA)}")(query)
    assert answer["errors"][0]["extensions"]["code"] == code
    assert answer.get("data") is None
    assert "Did you mean" not in str(answer)


@pytest.mark.parametrize("transport", ["http", "socket", "stream"])
async def test_every_transport_reports_the_cost(transport: str, production: str, room: RestRoom) -> None:
    ask = over(transport, production, f"Bearer {token(room.tenant, ANNA)}")
    for query in JUST_FINE.values():
        answer = await ask(query)
        assert "errors" not in answer
        assert 0 < answer["extensions"]["cost"]["estimated"] <= answer["extensions"]["cost"]["limit"] == 5000


@pytest.mark.parametrize("transport", ["http", "socket", "stream"])
async def test_development_tells_of_the_schema_on_every_transport(
    transport: str, development: str, room: RestRoom
) -> None:
    ask = over(transport, development, f"Bearer {token(room.tenant, ANNA)}")
    for query in INTROSPECTION.values():
        assert "errors" not in await ask(query)
    assert "Did you mean" in str(await ask(TYPOS["field"]))


async def test_what_is_no_operation_in_json_is_refused_with_and_without_a_stream(production: str) -> None:
    field = '--x\r\nContent-Disposition: form-data; name="operations"\r\n\r\n{"query": "{__typename}"}\r\n--x--\r\n'
    asked: list[dict[str, Any]] = [
        {"json": [{"query": "{ __typename }"}]},
        {"data": {"query": "{ __typename }"}},
        {"content": field, "headers": {"Content-Type": "multipart/form-data; boundary=x"}},
        {"content": '{"query": "{ __typename }"}', "headers": {"Content-Type": "text/plain"}},
        {"content": "{ __typename }", "headers": {"Content-Type": "application/graphql"}},
        {"content": '{"query": "{ __typename }"}'},
    ]
    async with httpx.AsyncClient() as http:
        for request in asked:
            for accept in ("application/json", NEGOTIATED, "text/event-stream"):
                headers = {"Accept": accept, **request.get("headers", {})}
                answer = await http.post(f"http://{production}/graphql", **{**request, "headers": headers})
                assert (answer.status_code, answer.json()["errors"][0]["extensions"]["code"]) == (400, "VALIDATION")


async def test_a_mutation_by_get_is_refused_whatever_is_accepted(production: str, development: str) -> None:
    query = {"query": "mutation { retrainModels { __typename } }"}
    async with httpx.AsyncClient() as http:
        for address in (production, development):
            for accept in ("application/json", NEGOTIATED, "text/event-stream", "text/html"):
                answer = await http.get(f"http://{address}/graphql", params=query, headers={"Accept": accept})
                assert (answer.status_code, answer.headers["allow"]) == (405, "POST")


def test_the_cost_knows_every_field_that_has_pages() -> None:
    schema = build_schema()._schema
    roots = [kind for kind in (schema.query_type, schema.subscription_type) if isinstance(kind, GraphQLObjectType)]
    fields = [(name, field) for kind in roots for name, field in kind.fields.items() if "first" in field.args]
    shown = {name: field.args["first"].default_value for name, field in fields}
    assert {name: length for name, length in shown.items() if name not in {"whyNot", "counterfactual"}} == PAGED

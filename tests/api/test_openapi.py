"""The OpenAPI document and the page made of it: valid, complete, and usable without a network."""

import re
from html.parser import HTMLParser
from typing import Any

import httpx
import pytest
from jsonschema import Draft202012Validator

from graphql_api.rest.operations import OPERATIONS
from tests.api.declared import DOCUMENT, validate
from tests.api.rest_room import RestRoom

OPERATION_OBJECTS = [
    (path, method, operation) for path, methods in DOCUMENT["paths"].items() for method, operation in methods.items()
]
DOCUMENTED = {
    ("POST", "/api/personalization/learn-preferences"),
    ("GET", "/api/personalization/profile/{userId}"),
    ("PUT", "/api/personalization/profile"),
    ("POST", "/api/personalization/recommendations"),
    ("POST", "/api/personalization/track-interaction"),
    ("GET", "/api/personalization/template-recommendations/{userId}"),
    ("GET", "/api/personalization/style-recommendations/{userId}"),
    ("GET", "/api/personalization/feature-recommendations/{userId}"),
    ("POST", "/api/personalization/privacy"),
    ("POST", "/api/personalization/ui-settings"),
    ("GET", "/api/personalization/workflow-optimizations/{userId}"),
    ("POST", "/api/personalization/feedback"),
    ("POST", "/api/personalization/session-data"),
    ("POST", "/api/personalization/generation-params"),
    ("POST", "/api/personalization/integrate-video-generation"),
    ("POST", "/api/personalization/integrate-content-analysis"),
    ("GET", "/api/personalization/metrics/{userId}"),
    ("GET", "/api/personalization/realtime-updates/{userId}"),
    ("GET", "/api/personalization/health"),
}


async def served(room: RestRoom, path: str) -> httpx.Response:
    async with room.anonymous() as nobody:
        return await nobody.get(path)


async def test_the_document_is_served_to_everybody(room: RestRoom) -> None:
    answer = await served(room, "/openapi.json")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
    assert answer.json() == DOCUMENT
    assert DOCUMENT["openapi"].startswith("3.1.")


def test_it_declares_the_documented_routes() -> None:
    assert {(method.upper(), path) for path, method, _ in OPERATION_OBJECTS} == DOCUMENTED


def test_every_schema_is_valid_and_every_reference_leads_somewhere() -> None:
    schemas = DOCUMENT["components"]["schemas"]
    for schema in schemas.values():
        Draft202012Validator.check_schema(schema)
    references = set(re.findall(r"'\$ref': '([^']+)'", str(DOCUMENT)))
    assert references == {f"#/components/schemas/{name}" for name in schemas}


@pytest.mark.parametrize(("path", "method", "operation"), OPERATION_OBJECTS)
def test_every_operation_is_described_in_full(path: str, method: str, operation: dict[str, Any]) -> None:
    assert operation["summary"]
    assert operation["description"]
    declared = {parameter["name"] for parameter in operation.get("parameters", ()) if parameter["in"] == "path"}
    assert declared == set(re.findall(r"\{(\w+)\}", path))
    assert ("requestBody" in operation) == (method in {"post", "put"})
    assert all(response["description"] for response in operation["responses"].values())


def test_operation_ids_are_unique() -> None:
    names = [operation["operationId"] for _, _, operation in OPERATION_OBJECTS]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize(
    "operation", [operation for operation in OPERATIONS if operation.takes_body], ids=lambda operation: operation.name
)
def test_every_example_is_what_its_route_takes(operation: Any) -> None:
    declared = DOCUMENT["paths"][f"/api/personalization{operation.path}"][operation.method.lower()]["requestBody"][
        "content"
    ]
    validate(declared["application/json"]["schema"], operation.example)


class _Page(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.ids: list[str] = []
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag != "meta":
            self.open.append(tag)
        for name, value in attrs:
            if name in {"href", "src"}:
                self.links.append(value or "")
            if name == "id":
                self.ids.append(value or "")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


async def test_the_page_needs_nothing_from_elsewhere(room: RestRoom) -> None:
    answer = await served(room, "/docs")
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    found = _Page(answer.text)
    assert found.open == []
    assert len(set(found.ids)) == len(found.ids)
    inside = {link.removeprefix("#") for link in found.links if link.startswith("#")}
    assert inside <= set(found.ids)
    assert {link for link in found.links if not link.startswith("#")} == {"/api/personalization/openapi.json"}
    assert "<script" not in answer.text


async def test_the_page_shows_every_route_with_a_line_to_paste(room: RestRoom) -> None:
    text = (await served(room, "/docs")).text
    for path, _, operation in OPERATION_OBJECTS:
        assert f'id="{operation["operationId"]}"' in text
        assert f"curl -s $API{path.replace('{userId}', 'user_123')}" in text
    assert "behaviorData.actions[].occurredAt" in text
    assert "recommendations[].reasons[].evidence" in text


async def test_problems_lead_to_their_explanation(room: RestRoom) -> None:
    async with room.anonymous() as nobody:
        problem = (await nobody.get("/profile/anna")).json()
    page, _, anchor = problem["type"].partition("#")
    text = (await served(room, page.removeprefix("/api/personalization"))).text
    assert anchor in _Page(text).ids

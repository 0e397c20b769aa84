"""GraphQL over HTTP: which request is one, which media type answers, and which status says what."""

import json
from typing import Any

import httpx
import pytest

from domain.health import HealthService
from domain.settings import Settings
from tests.api.graphql_room import NEGOTIATED, OWN, Graph, caller
from tests.api.rest_room import RestRoom, application, token

HEALTH = "{ health { status } }"
JSON = "application/json"
PARTIAL = 'query { __typename recommendations(userId: "anna", first: 0) { degraded } }'


@pytest.fixture
async def anna(room: RestRoom) -> Graph:
    return caller(room.app, room.tenant, "anna")


def errors(answer: httpx.Response) -> str:
    """The codes of an answer's errors."""
    return " ".join(error["extensions"]["code"] for error in answer.json().get("errors", []))


@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        ("{ __typename", 400, "VALIDATION"),
        (HEALTH, 200, ""),
        (PARTIAL, 294, "VALIDATION"),
        ('{ recommendations(userId: "bert") { degraded } }', 294, "NOT_FOUND"),
        ("{", 400, "VALIDATION"),
        ("{ nothing }", 400, "VALIDATION"),
        ("query Q($a: Int!) { health { status } catalogItems(first: $a) { edges { cursor } } }", 400, "VALIDATION"),
        ("query A { __typename } query B { __typename }", 400, "VALIDATION"),
    ],
)
async def test_the_media_type_decides_about_the_status(query: str, status: int, code: str, anna: Graph) -> None:
    negotiated = await anna.post({"query": query}, Accept=NEGOTIATED)
    assert (negotiated.status_code, errors(negotiated)) == (status, code)
    plain = await anna.post({"query": query}, Accept=JSON)
    assert (plain.status_code, errors(plain)) == (200, code)
    assert plain.headers["content-type"] == JSON
    assert plain.json().get("data") == negotiated.json().get("data")
    if status == 400:
        assert "data" not in negotiated.json()
    else:
        assert negotiated.headers["content-type"] == NEGOTIATED


async def test_data_that_is_null_was_executed_all_the_same(anna: Graph, monkeypatch: pytest.MonkeyPatch) -> None:
    async def bug(_health: object) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr(HealthService, "readiness", bug)
    for accept, status in ((NEGOTIATED, 294), (JSON, 200)):
        answer = await anna.post({"query": HEALTH}, Accept=accept)
        assert (answer.status_code, answer.json()["data"], errors(answer)) == (status, None, "INTERNAL")


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("*/*", JSON),
        ("application/*", JSON),
        ("text/html, */*", JSON),
        (f"{NEGOTIATED}, application/json;q=0.9", NEGOTIATED),
        (f"{NEGOTIATED}; charset=utf-8, {JSON}; charset=utf-8", NEGOTIATED),
        (f"{NEGOTIATED}, application/graphql+json, {JSON}, text/event-stream, multipart/mixed", NEGOTIATED),
        (f"{JSON}, text/event-stream", JSON),
        (f"text/event-stream, {JSON}", "text/event-stream"),
    ],
)
async def test_what_is_accepted_is_answered(accept: str, expected: str, anna: Graph) -> None:
    answer = await anna.post({"query": HEALTH}, Accept=accept)
    assert (answer.status_code, answer.headers["content-type"]) == (200, expected)


@pytest.mark.parametrize(
    "body",
    [
        *(b"", b"{", b"null", b"5", b'"x"', b"true", b"\xff", b'{"query": "{__typename}"} {}'),
        *(b"{}", b'{"query": null}', b'{"query": ""}', b'{"query": 5}', b'{"query": ["{__typename}"]}'),
        b'{"query": "\\ud800"}',
        *(
            b'{"query": "{__typename}", "variables": ' + v + b"}"
            for v in (b"[1]", b'"x"', b"5", b'{"a": NaN}', b"1e999")
        ),
        b'{"query": "{__typename}", "extensions": []}',
        b'{"query": "{__typename}", "operationName": "nothing"}',
        b'{"query": "{__typename}", "operationName": 5}',
        b'{"query": "{__typename}", "operationName": {"a": 1}}',
        b'[{"query": "{__typename}"}]',
        b"[]",
        b"[" * 100_000,
    ],
    ids=lambda value: repr(value[:60]),
)
@pytest.mark.parametrize("accept", [JSON, NEGOTIATED])
async def test_what_is_no_request_is_refused(body: bytes, accept: str, anna: Graph) -> None:
    headers = {"Content-Type": JSON, "Accept": accept}
    answer = await anna.http.post("/graphql", content=body, headers=headers)
    assert (answer.status_code, errors(answer)) == (400, "VALIDATION")
    assert "data" not in answer.json()


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/x-www-form-urlencoded", "query=%7B__typename%7D"),
        ("multipart/form-data; boundary=x", '--x\r\nContent-Disposition: form-data; name="query"\r\n\r\n{a}\r\n--x--'),
        ("text/plain", json.dumps({"query": HEALTH})),
        ("application/graphql", HEALTH),
        ("", json.dumps({"query": HEALTH})),
    ],
)
async def test_another_media_type_is_refused(content_type: str, body: str, anna: Graph) -> None:
    answer = await anna.http.post("/graphql", content=body, headers={"Content-Type": content_type})
    assert (answer.status_code, errors(answer)) == (400, "VALIDATION")


async def test_reading_works_with_get(anna: Graph) -> None:
    query = "query Q($id: String!) { catalogItem(itemId: $id) { title } } query R { __typename }"
    given = {"query": query, "variables": json.dumps({"id": "modern"}), "operationName": "Q"}
    answer = await anna.http.get("/graphql", params=given)
    assert answer.json()["data"] == {"catalogItem": {"title": "Modern style"}}
    for broken in ("{", "[1]", "5", '"x"'):
        answer = await anna.http.get("/graphql", params={**given, "variables": broken})
        assert (answer.status_code, errors(answer)) == (400, "VALIDATION")


@pytest.mark.parametrize("accept", [JSON, NEGOTIATED, "text/html"])
async def test_writing_with_get_is_refused(accept: str, anna: Graph) -> None:
    query = "mutation { retrainModels { __typename } }"
    answer = await anna.http.get("/graphql", params={"query": query}, headers={"Accept": accept})
    assert (answer.status_code, answer.headers["allow"], errors(answer)) == (405, "POST", "VALIDATION")


@pytest.mark.parametrize("accept", [JSON, NEGOTIATED, "multipart/mixed;subscriptionSpec=1.0"])
async def test_listening_needs_a_stream(accept: str, anna: Graph) -> None:
    query = "subscription { modelUpdates { version } }"
    answer = await anna.post({"query": query}, Accept=accept)
    assert (answer.status_code, errors(answer)) == (400, "VALIDATION")
    assert "subscriptions" in answer.json()["errors"][0]["message"]


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
async def test_another_method_is_refused(method: str, anna: Graph) -> None:
    answer = await anna.http.request(method, "/graphql")
    assert answer.status_code == 405
    assert {"GET", "POST"} <= set(answer.headers["allow"].split(", "))


@pytest.mark.parametrize("announced", [True, False])
async def test_a_body_over_a_megabyte_is_refused(announced: bool, anna: Graph) -> None:
    body = json.dumps({"query": HEALTH, "variables": {"a": "x" * 1_000_000}}).encode()

    async def chunks() -> Any:
        for start in range(0, len(body), 65_536):
            yield body[start : start + 65_536]

    answer = await anna.http.post("/graphql", content=body if announced else chunks(), headers={"Content-Type": JSON})
    assert (answer.status_code, errors(answer)) == (413, "VALIDATION")
    just_fits = json.dumps({"query": HEALTH, "extensions": {"a": "x" * 990_000}})
    assert (await anna.http.post("/graphql", content=just_fits, headers={"Content-Type": JSON})).status_code == 200


async def test_every_answer_carries_the_security_headers(anna: Graph) -> None:
    for answer in (await anna.post({"query": HEALTH}), await anna.post({}), await anna.http.get("/nowhere")):
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["x-frame-options"] == "DENY"
        assert answer.headers["cache-control"] == "no-store"
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert answer.headers["cross-origin-resource-policy"] == "same-origin"
        assert len(answer.headers["x-correlation-id"]) == 32


async def test_browsers_of_allowed_origins_only_may_call(room: RestRoom, rest_settings: Settings) -> None:
    allowed = rest_settings.model_copy(update={"allowed_origins": "https://app.example, https://b.example"})
    preflight = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}
    async with application(allowed) as app:
        graph = caller(app, room.tenant, "anna", OWN)
        for origin, expected in (("https://app.example", "https://app.example"), ("https://evil.example", None)):
            answer = await graph.post({"query": HEALTH}, Origin=origin)
            assert answer.headers.get("access-control-allow-origin") == expected
            asked = await graph.http.options("/graphql", headers={"Origin": origin, **preflight})
            assert (asked.status_code == 200) is (expected is not None)
    closed = await Graph(room.app, f"Bearer {token(room.tenant, 'anna')}").post(
        {"query": HEALTH}, Origin="https://app.example"
    )
    assert "access-control-allow-origin" not in closed.headers

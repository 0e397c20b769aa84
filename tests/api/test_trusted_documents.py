"""Trusted documents: asked for by id on every transport, nothing else where only they are allowed, checked at start."""

import hashlib
import json
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette

from domain.errors import DomainError, ValidationFailed
from domain.settings import Settings
from graphql_api.app import create_app
from tests.api.command import personalization, result
from tests.api.graphql_room import NEGOTIATED, Graph, begun, caller, served
from tests.api.rest_room import RestRoom, application, token

ANNA = "anna"
ITEM = "query Item($id: String!) { catalogItem(itemId: $id) { title } }\n"
MODELS = "subscription { modelUpdates { version } }"
MUTATION = "mutation { retrainModels { __typename } }"
MODERN = {"catalogItem": {"title": "Modern style"}}
STREAM = {"Accept": "text/event-stream"}


def id_of(text: str) -> str:
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


UNKNOWN = id_of("{ __typename }")
DOCUMENTS = {id_of(text): text for text in (ITEM, MODELS, MUTATION)}


def written(folder: Path, documents: Mapping[str, Any]) -> Path:
    path = folder / "trusted.json"
    path.write_text(json.dumps(documents))
    return path


@pytest.fixture(scope="module")
def trusting(rest_settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    manifest = written(tmp_path_factory.mktemp("trusted"), DOCUMENTS)
    return rest_settings.model_copy(update={"trusted_documents_file": manifest})


@pytest.fixture(scope="module")
async def app(trusting: Settings) -> AsyncIterator[Starlette]:
    async with application(trusting) as app:
        yield app


@pytest.fixture(scope="module")
async def strict_app(trusting: Settings) -> AsyncIterator[Starlette]:
    async with application(trusting.model_copy(update={"trusted_documents_only": True})) as app:
        yield app


@pytest.fixture
async def anna(app: Starlette, room: RestRoom) -> Graph:
    return caller(app, room.tenant, ANNA)


@pytest.fixture
async def bound(strict_app: Starlette, room: RestRoom) -> Graph:
    return caller(strict_app, room.tenant, ANNA)


def outcome(answer: httpx.Response) -> tuple[int, str]:
    [error] = answer.json()["errors"]
    return answer.status_code, error["extensions"]["code"]


async def test_a_document_is_asked_for_by_id(anna: Graph) -> None:
    asked = {"documentId": id_of(ITEM), "variables": {"id": "modern"}}
    for accept in ("application/json", NEGOTIATED):
        answer = await anna.post(asked, Accept=accept)
        assert (answer.status_code, answer.json()["data"]) == (200, MODERN)
    for headers in ({}, {"Accept": "text/html, */*"}):
        got = await anna.http.get("/graphql", params={**asked, "variables": '{"id": "modern"}'}, headers={**headers})
        assert (got.status_code, got.json()["data"]) == (200, MODERN)
    streamed = await anna.post(asked, **STREAM)
    assert streamed.headers["content-type"].startswith("text/event-stream")
    assert json.loads(streamed.text.split("data: ")[1].splitlines()[0])["data"] == MODERN
    assert (await anna.whole("{ __typename }"))["data"] == {"__typename": "Query"}


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({"documentId": UNKNOWN}, (404, "NOT_FOUND")),
        ({"documentId": "sha256:" + "A" * 64}, (400, "VALIDATION")),
        ({"documentId": ""}, (400, "VALIDATION")),
        ({"documentId": 5}, (400, "VALIDATION")),
        ({"documentId": {"a": 1}}, (400, "VALIDATION")),
        ({"documentId": id_of(ITEM), "query": ITEM}, (400, "VALIDATION")),
        ({"documentId": None}, (400, "VALIDATION")),
    ],
)
async def test_what_names_no_document_is_refused(asked: Any, expected: tuple[int, str], anna: Graph) -> None:
    for headers in ({}, {"Accept": NEGOTIATED}, STREAM):
        answer = await anna.post({**asked, "variables": {"id": "modern"}}, **headers)
        assert outcome(answer) == expected
        assert "data" not in answer.json()


async def test_a_trusted_mutation_is_not_run_by_get(anna: Graph) -> None:
    assert outcome(await anna.http.get("/graphql", params={"documentId": id_of(MUTATION)})) == (405, "VALIDATION")


@pytest.mark.parametrize("asked", [{"query": ITEM}, {"query": "{ __typename }"}, {"query": "{"}, {}])
async def test_nothing_else_is_answered_where_nothing_else_is_allowed(asked: Any, bound: Graph) -> None:
    for headers in ({}, {"Accept": NEGOTIATED}, STREAM):
        answer = await bound.post({**asked, "variables": {"id": "modern"}}, **headers)
        assert outcome(answer) == (403, "FORBIDDEN")
    if asked:
        assert outcome(await bound.http.get("/graphql", params=asked)) == (403, "FORBIDDEN")
    answer = await bound.post({"documentId": id_of(ITEM), "variables": {"id": "modern"}})
    assert answer.json()["data"] == MODERN


async def test_a_socket_takes_ids_and_refuses_alike(app: Starlette, strict_app: Starlette, room: RestRoom) -> None:
    anna = f"Bearer {token(room.tenant, ANNA)}"
    asked: Any = {"documentId": id_of(ITEM), "variables": {"id": "modern"}}
    for served_app, other in ((app, "next"), (strict_app, "error")):
        async with served(served_app) as address, begun(address, anna) as opened:
            await opened.send(id="1", type="subscribe", payload=asked)
            assert await opened.next() == MODERN["catalogItem"]
            assert (await opened.receive())["type"] == "complete"
            await opened.send(id="2", type="subscribe", payload={"documentId": UNKNOWN})
            refused = await opened.receive()
            assert (refused["type"], refused["payload"][0]["extensions"]["code"]) == ("error", "NOT_FOUND")
            await opened.subscribe("{ __typename }", "3")
            answer = await opened.receive()
            assert answer["type"] == other
            if other == "error":
                assert answer["payload"][0]["extensions"]["code"] == "FORBIDDEN"


async def test_a_socket_refuses_before_it_looks_for_documents(strict_app: Starlette) -> None:
    async with served(strict_app) as address, begun(address, None) as opened:
        await opened.send(id="1", type="subscribe", payload={"variables": {}})
        assert await opened.closed() == 4400


BROKEN: dict[str, tuple[Any, str]] = {
    "another text": ({UNKNOWN: ITEM}, "is not the id of its text"),
    "another form of id": ({id_of(ITEM).removeprefix("sha256:"): ITEM}, "is not the id of its text"),
    "no text": ({UNKNOWN: 5}, "is not the id of its text"),
    "no object": ([ITEM], "JSON object"),
    "an unknown field": ({id_of("{ nothing }"): "{ nothing }"}, "nothing"),
    "no document": ({id_of("{"): "{"}, "Syntax Error"),
    "too deep": ({id_of(deep): deep for deep in ["{" + "a{" * 8 + "a" + "}" * 9]}, "levels deep"),
}


@pytest.mark.parametrize(("documents", "said"), BROKEN.values(), ids=BROKEN)
def test_a_manifest_that_cannot_be_trusted_is_refused_at_start(
    documents: Any, said: str, tmp_path: Path, rest_settings: Settings
) -> None:
    broken = rest_settings.model_copy(update={"trusted_documents_file": written(tmp_path, documents)})
    with pytest.raises(ValidationFailed, match=said) as refused:
        create_app(broken)
    assert refused.value.field == "PERSONALIZATION_TRUSTED_DOCUMENTS_FILE"


@pytest.mark.parametrize("content", [None, "{", '"x"'])
def test_a_manifest_that_cannot_be_read_is_refused_at_start(
    content: str | None, tmp_path: Path, rest_settings: Settings
) -> None:
    path = tmp_path / "trusted.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(DomainError, match=r"trusted\.json"):
        create_app(rest_settings.model_copy(update={"trusted_documents_file": path}))


def test_the_command_makes_a_manifest_that_the_service_takes(tmp_path: Path, rest_settings: Settings) -> None:
    folder, manifest = tmp_path / "queries", tmp_path / "trusted.json"
    (folder / "more").mkdir(parents=True)
    (folder / "item.graphql").write_text(ITEM)
    (folder / "more" / "models.graphql").write_text(MODELS)
    built = result("documents", "build", str(folder), "--file", str(manifest))
    assert set(built["documents"].values()) == {id_of(ITEM), id_of(MODELS)}
    assert json.loads(manifest.read_text()) == {id_of(ITEM): ITEM, id_of(MODELS): MODELS}
    assert result("documents", "check", "--file", str(manifest))["documents"] == 2
    create_app(rest_settings.model_copy(update={"trusted_documents_file": manifest}))


def test_the_command_makes_no_manifest_of_what_cannot_be_run(tmp_path: Path) -> None:
    manifest, source = tmp_path / "trusted.json", tmp_path / "broken.graphql"
    source.write_text("{ healt { status } }")
    ran = personalization("documents", "build", str(source), "--file", str(manifest))
    assert (ran.returncode, manifest.exists()) == (1, False)
    assert "broken.graphql" in ran.stderr
    assert "healt" in ran.stderr
    manifest.write_text(json.dumps({UNKNOWN: ITEM}))
    ran = personalization("documents", "check", "--file", str(manifest))
    assert (ran.returncode, UNKNOWN in ran.stderr) == (2, True)
    (tmp_path / "empty").mkdir()
    assert personalization("documents", "build", str(tmp_path / "empty")).returncode == 2

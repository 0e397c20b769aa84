"""Every operation has an example in the documentation, and every example of the two references is answered."""

import json
import re
import shlex
from collections.abc import AsyncIterator, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
import pytest
from graphql import DocumentNode, OperationDefinitionNode, OperationType, parse
from starlette.applications import Starlette

from domain.bootstrap import open_worker
from graphql_api.auth import Scope
from graphql_api.schema import build_schema
from tests.api.experiment_room import started
from tests.api.graphql_room import CONSENT, Graph, begun, caller, consent, served
from tests.api.rest_room import RestRoom, token
from tests.api.test_openapi import DOCUMENTED
from tests.storage.test_model_store import artifact

DOCS = Path(__file__).resolve().parents[2] / "docs"
USER = "user_123"
VERSION = "20260310T020000Z-1"
EXPERIMENT = "EXPERIMENT"
"""What examples call the id that creating an experiment answers."""


def examples(language: str, *files: Path) -> list[str]:
    texts = (file.read_text(encoding="utf-8") for file in files)
    return [example for text in texts for example in re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)]


def roots(document: DocumentNode) -> Iterator[tuple[OperationType, str]]:
    for operation in document.definitions:
        assert isinstance(operation, OperationDefinitionNode)
        for field in operation.selection_set.selections:
            yield operation.operation, field.name.value  # type: ignore[attr-defined]  # no fragments at the root


def kind_of(example: str) -> OperationType:
    return next(roots(parse(example)))[0]


OURS = examples("graphql", DOCS / "api.md", DOCS / "content.md")
ASKED = [example for example in OURS if kind_of(example) is not OperationType.SUBSCRIPTION]
LISTENED = [example for example in OURS if kind_of(example) is OperationType.SUBSCRIPTION]
REQUESTS = examples("sh", DOCS / "rest.md")


def test_every_root_field_has_an_example() -> None:
    schema = build_schema()._schema
    kinds = (
        (OperationType.QUERY, schema.query_type),
        (OperationType.MUTATION, schema.mutation_type),
        (OperationType.SUBSCRIPTION, schema.subscription_type),
    )
    offered = {(kind, name) for kind, root in kinds if root is not None for name in root.fields}
    told = {root for example in examples("graphql", *DOCS.glob("*.md")) for root in roots(parse(example))}
    assert offered - told == set()


async def test_the_examples_of_graphql_are_answered_one_after_the_other(room: RestRoom) -> None:
    async with open_worker(room.settings) as worker:
        records = [await worker.services.models.publish(room.tenant, artifact(n)) for n in (1.0, 2.0)]
    graph, experiment = caller(room.app, room.tenant, USER, list(Scope)), ""
    for example in ASKED:
        answer = await graph.whole(example.replace(VERSION, str(records[0].version)).replace(EXPERIMENT, experiment))
        assert "errors" not in answer, (example, answer)
        [value] = answer["data"].values()
        experiment = value.get("experimentId", experiment) if isinstance(value, dict) else experiment
        if kind_of(example) is OperationType.MUTATION:
            assert value, (example, "it was refused, and does not ask why")
            assert "code" not in value, (example, value)


@pytest.fixture
async def agreed(room: RestRoom) -> Graph:
    graph = caller(room.app, room.tenant, USER)
    await graph.ask(CONSENT, input=consent(USER, granted=True))
    return graph


@pytest.mark.parametrize("example", LISTENED, ids=lambda text: next(roots(parse(text)))[1])
async def test_an_example_of_a_subscription_is_answered(
    example: str, agreed: Graph, room: RestRoom, rest_app: Starlette
) -> None:
    async with open_worker(room.settings) as worker:
        await worker.services.models.publish(room.tenant, artifact(1.0))
    experiment = await started(agreed) if EXPERIMENT in example else ""
    async with served(rest_app) as address, begun(address, f"Bearer {token(room.tenant, USER)}") as opened:
        await opened.subscribe(example.replace(EXPERIMENT, experiment))
        assert await opened.next()


@pytest.fixture
async def http(rest_app: Starlette) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(rest_app), base_url="http://test") as client:
        yield client


def request_of(command: str, authorization: str) -> dict[str, Any]:
    """What a `curl` line sends."""
    words = shlex.split(command.replace("$URL", "").replace("Bearer $TOKEN", authorization))
    named = dict(pairwise(words))
    headers = [words[place + 1] for place, word in enumerate(words) if word == "-H"]
    return {
        "method": named.get("-X", "GET"),
        "url": next(word for word in words[1:] if word.startswith("/")),
        "headers": dict(header.split(": ", 1) for header in headers),
        "content": named.get("-d"),
    }


async def test_the_requests_of_rest_are_answered_one_after_the_other(room: RestRoom, http: httpx.AsyncClient) -> None:
    authorization = f"Bearer {token(room.tenant, USER)}"
    for command in REQUESTS:
        answer = await http.request(**request_of(command, authorization))
        assert answer.status_code == 200, (command, answer.text)
        assert json.loads(answer.text)


def test_every_documented_route_has_a_request() -> None:
    sent = [request_of(command, "") for command in REQUESTS]
    told = {(one["method"], one["url"].partition("?")[0].replace(f"/{USER}", "/{userId}")) for one in sent}
    assert told == DOCUMENTED

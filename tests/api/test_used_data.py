"""What answers used of a person, on every field and route that personalises, and the same answers without it."""

from typing import Any

import httpx
import pytest

from graphql_api.rest import openapi, paths
from graphql_api.rest.operations import OPERATIONS
from graphql_api.schema import build_schema
from tests.api.graphql_room import LEARN, Graph, caller
from tests.api.rest_room import LEARNT, RestRoom

ANNA = "anna"
BERT = "bert"
USED = "usedData { categories purposes modelVersion }"
PAGE = f"page {{ personalized {USED} edges {{ node {{ itemId score reasons {{ text }} }} }} }}"
IMPERSONAL = "filter: { personalized: false }"
FIELDS: dict[str, tuple[str, str]] = {
    "recommendations": (IMPERSONAL, f"personalized {USED} edges {{ node {{ itemId score reasons {{ text }} }} }}"),
    "templateRecommendations": (IMPERSONAL, f"nodes {{ fit {{ name match }} }} {PAGE}"),
    "styleRecommendations": (IMPERSONAL, f"nodes {{ similarity relation like }} {PAGE}"),
    "featureRecommendations": (IMPERSONAL, f"nodes {{ level personLevel nextStep }} {PAGE}"),
    "whyNot": (IMPERSONAL, f"codes place {USED}"),
    "counterfactual": (IMPERSONAL, f"place without text {USED}"),
    "uiSettings": ("personalized: false", f"personalized {USED} density {{ value source }} pinnedTools {{ value }}"),
    "workflowOptimizations": ("personalized: false", f"personalized {USED} sessions optimizations {{ title }}"),
    "metrics": ("personalized: false", f"{USED} engagement {{ events }} recommendations {{ lists }}"),
    "generationParameters": ("personalized: false", f"personalized {USED} parameters {{ name value source }}"),
}
"""The argument that asks for the answer without a person's data, and what to ask for."""
REQUIRED = {"whyNot": 'itemId: "template_3"', "counterfactual": 'itemId: "template_3", first: 100'}

ROUTES: dict[str, tuple[str, str, dict[str, Any]]] = {
    "recommendations": ("POST", "/recommendations", {"options": {"personalized": False}}),
    "uiSettings": ("POST", "/ui-settings", {"personalized": False}),
    "generationParameters": ("POST", "/generation-params", {"personalized": False}),
    "templateRecommendations": ("GET", "/template-recommendations/{}", {"personalized": "false"}),
    "styleRecommendations": ("GET", "/style-recommendations/{}", {"personalized": "false"}),
    "featureRecommendations": ("GET", "/feature-recommendations/{}", {"personalized": "false"}),
    "metrics": ("GET", "/metrics/{}", {"personalized": "false"}),
    "workflowOptimizations": ("GET", "/workflow-optimizations/{}", {"personalized": "false"}),
}
NOT_HERS = {"recommendationId", "next"}


@pytest.fixture
async def anna(room: RestRoom) -> Graph:
    """Somebody with a history of her own; nobody knows Bert."""
    await room.agree(ANNA)
    anna = caller(room.app, room.tenant, ANNA)
    data = {**LEARNT, "feedback": [], "userId": ANNA}
    await anna.ask(LEARN, input=data)
    video = {"userId": ANNA, "generationId": "g", "outcome": "ACCEPTED", "parameters": {"pace": "slow"}}
    stated = {"userId": ANNA, "density": "COMPACT", "pinnedTools": ["video_editor"]}
    said = """mutation U($input: UpdateUiSettingsInput!) { updateUiSettings(input: $input) { __typename } }"""
    assert not (await anna.ask(said, input=stated))["__typename"].endswith("Problem")
    asked = """mutation V($input: IntegrateVideoGenerationInput!) {
      integrateVideoGeneration(input: $input) { __typename } }"""
    assert not (await anna.ask(asked, input=video))["__typename"].endswith("Problem")
    return anna


def used(found: dict[str, Any]) -> Any:
    return (found.get("page") or found)["usedData"]


@pytest.mark.parametrize(("field", "impersonal", "selection"), [(f, *parts) for f, parts in FIELDS.items()])
async def test_every_personal_field_says_what_it_used_and_answers_without_it(
    field: str, impersonal: str, selection: str, anna: Graph, room: RestRoom
) -> None:
    required = REQUIRED.get(field, "")
    personal = await anna.ask(f'{{ {field}(userId: "{ANNA}", {required}) {{ {selection} }} }}')
    assert used(personal)["categories"]
    assert used(personal)["purposes"] == ["personalization"]
    refused = await anna.ask(f'{{ {field}(userId: "{ANNA}", {required} {impersonal}) {{ {selection} }} }}')
    assert used(refused)["categories"] == used(refused)["purposes"] == []
    unknown = await caller(room.app, room.tenant, BERT).ask(
        f'{{ {field}(userId: "{BERT}", {required}) {{ {selection} }} }}'
    )
    assert refused == unknown


@pytest.mark.parametrize(("method", "path", "impersonal"), ROUTES.values(), ids=ROUTES)
async def test_every_personal_route_says_what_it_used_and_answers_without_it(
    method: str, path: str, impersonal: dict[str, Any], anna: Graph, room: RestRoom
) -> None:
    async def asked(user: str, given: dict[str, Any]) -> dict[str, Any]:
        async with room.caller(user) as client:
            answer = await _call(client, method, path, user, given)
        assert answer.status_code == 200, answer.text
        return {name: value for name, value in answer.json().items() if name not in NOT_HERS}

    personal, without, unknown = await asked(ANNA, {}), await asked(ANNA, impersonal), await asked(BERT, {})
    assert personal["usedData"]["categories"]
    assert personal["usedData"]["purposes"] == ["personalization"]
    assert "modelVersion" in personal["usedData"]
    assert without["usedData"]["categories"] == without["usedData"]["purposes"] == []
    assert without == unknown


async def _call(client: httpx.AsyncClient, method: str, path: str, user: str, given: dict[str, Any]) -> httpx.Response:
    if method == "GET":
        return await client.get(path.format(user), params=given)
    return await client.post(path, json={"userId": user, **given})


async def test_the_parameter_is_true_or_false(anna: Graph, room: RestRoom) -> None:
    async with room.caller(ANNA) as client:
        answer = await client.get(f"/template-recommendations/{ANNA}", params={"personalized": "maybe"})
    assert (answer.status_code, answer.json()["code"], answer.json()["field"]) == (400, "VALIDATION", "personalized")


def test_nothing_personal_is_left_out_of_these_tables() -> None:
    """Whatever answers with `usedData`, or a page that does, is asked above; so is every route."""
    schema = build_schema()._schema
    assert schema.query_type is not None
    saying = {
        name
        for name, field in schema.query_type.fields.items()
        if {"usedData", "page"} & set(getattr(field.type, "fields", {}))
    }
    assert saying == set(FIELDS)
    document = openapi.document(OPERATIONS, paths.PREFIX)
    answers = {
        name for name, one in document["components"]["schemas"].items() if "usedData" in one.get("properties", {})
    }
    said = {operation.name for operation in OPERATIONS if operation.answer.__name__ in answers}
    assert said == {"generationParams" if name == "generationParameters" else name for name in ROUTES}

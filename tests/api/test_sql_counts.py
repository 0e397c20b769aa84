"""How many statements each root field costs, so that one more is noticed."""

import base64
from collections.abc import AsyncIterator

import pytest
from starlette.applications import Starlette

from domain.settings import Settings
from tests.api.graphql_room import LEARN, caller
from tests.api.rest_room import RestRoom, application

ANNA = "anna@example.com"


ACTED = {"userId": ANNA, "actions": [{"type": "template_used", "feature": "modern_template"}]}


def node_id(kind: str, key: str) -> str:
    return base64.b64encode(f"{kind}:{key}".encode()).decode()


@pytest.fixture(scope="module")
async def debugged(rest_settings: Settings) -> AsyncIterator[Starlette]:
    async with application(rest_settings.model_copy(update={"debug": True})) as app:
        yield app


SQL_COUNTS = {
    "{ __typename }": 0,
    f'{{ profile(userId: "{ANNA}") {{ eventCount facets {{ name }} }} }}': 2,
    f'{{ privacySettings(userId: "{ANNA}") {{ receipts {{ purpose }} }} }}': 2,
    '{ catalogItem(itemId: "modern") { title } }': 1,
    '{ similarItems(itemId: "modern") { title } }': 0,
    '{ similarItems(itemId: "modern") { item { title } } }': 1,
    "{ catalogItems(first: 50) { edges { node { title } } } }": 1,
    f'{{ node(id: "{node_id("CatalogItem", "modern")}") {{ id }} }}': 1,
    '{ a: catalogItem(itemId: "modern") { title } b: catalogItem(itemId: "template_1") { title } }': 2,
    f'{{ recommendations(userId: "{ANNA}", first: 30) {{ edges {{ node {{ title }} }} }} }}': 3,
    f'{{ recommendations(userId: "{ANNA}", first: 30) {{ edges {{ node {{ item {{ title }} }} }} }} }}': 4,
    "{ catalogItems(first: 50) { edges { node { insights { source } } } } }": 2,
    f'{{ generationParameters(userId: "{ANNA}") {{ parameters {{ name }} }} }}': 4,
    f'{{ uiSettings(userId: "{ANNA}") {{ density {{ value }} }} }}': 3,
    f'{{ workflowOptimizations(userId: "{ANNA}") {{ sessions }} }}': 3,
    "{ models { version } }": 1,
    "{ rules { version rules { ruleId } } }": 2,
    "{ trendingItems { items { itemId } } }": 0,
    f'{{ templateRecommendations(userId: "{ANNA}") {{ nodes {{ fit {{ name }} }} }} }}': 5,
    f'{{ styleRecommendations(userId: "{ANNA}") {{ nodes {{ similarity }} }} }}': 3,
    f'{{ featureRecommendations(userId: "{ANNA}") {{ nodes {{ level }} }} }}': 3,
    f'{{ whyNot(userId: "{ANNA}", itemId: "modern") {{ codes }} }}': 2,
    f'{{ counterfactual(userId: "{ANNA}", itemId: "modern") {{ place }} }}': 2,
    "{ modelChanges { version } }": 1,
}


@pytest.mark.parametrize(("query", "statements"), SQL_COUNTS.items())
async def test_a_field_runs_so_many_statements_and_no_more(
    query: str, statements: int, debugged: Starlette, room: RestRoom
) -> None:
    await room.agree(ANNA)
    anna = caller(debugged, room.tenant, ANNA)
    await anna.ask(LEARN, input=ACTED)
    # What is held for a second, the catalogue's version and the champion's, is looked up by the first call.
    counted = []
    for _ in range(4):
        answer = await anna.whole(query)
        assert "errors" not in answer, answer
        counted.append(answer["extensions"]["debug"]["sqlStatements"])
    assert min(counted) == statements

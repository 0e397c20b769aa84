"""The examples of the guide to recommendations, each run as written."""

import re
from pathlib import Path

import pytest

from tests.api.graphql_room import LEARN, Graph, caller
from tests.api.rest_room import LEARNT, RestRoom

GUIDE = Path(__file__).resolve().parents[2] / "docs" / "recommendations.md"
EXAMPLES = re.findall(r"```graphql\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)
USER = "user_123"


@pytest.fixture
async def graph(room: RestRoom) -> Graph:
    await room.agree(USER)
    made = caller(room.app, room.tenant, USER)
    await made.ask(LEARN, input={"userId": USER, "actions": LEARNT["actions"]})
    return made


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda text: re.search(r"\w+ (\w+)", text)[1])
async def test_an_example_is_answered(example: str, graph: Graph) -> None:
    answer = await graph.ask(example)
    assert answer is None or "code" not in answer


def test_every_operation_on_lists_has_an_example() -> None:
    told = " ".join(EXAMPLES)
    for name in (
        "recommendations", "trackInteraction", "templateRecommendations", "styleRecommendations",
        "featureRecommendations", "trendingItems", "upsertRules", "rules", "deleteRules", "counterfactual", "whyNot",
    ):  # fmt: skip
        assert re.search(rf"\b{name}\b", told), name

"""When items may be recommended and rules hold: at the edges of the calendar, where other systems write "always" and
"never".
"""

from typing import Any

import pytest

from domain.catalog.model import CatalogItem
from domain.ids import ItemId
from graphql_api.auth import Scope
from tests.api.graphql_room import Graph, caller
from tests.api.rest_room import RestRoom
from tests.api.test_item_import import IMPORT, row

RULES = (
    """mutation R($input: UpsertRulesInput!) { upsertRules(input: $input) { __typename ... on Problem { field } } }"""
)
BEYOND = (
    "0001-01-01T00:00:00Z",
    "0001-01-01T00:00:00+14:00",
    "9999-12-31T23:59:59.999999Z",
    "9999-12-31T23:59:59-14:00",
)


@pytest.fixture
def editor(room: RestRoom) -> Graph:
    return caller(room.app, room.tenant, "editor", {Scope.CATALOG_WRITE, Scope.RECOMMENDATIONS_READ})


async def lists(editor: Graph) -> list[str]:
    found = await editor.ask('{ recommendations(userId: "editor", first: 100) { edges { node { itemId } } } }')
    return [edge["node"]["itemId"] for edge in found["edges"]]


@pytest.mark.parametrize("moment", BEYOND)
async def test_what_is_no_moment_everywhere_is_refused_and_lists_live_on(moment: str, editor: Graph) -> None:
    rows = [row("x1", availableFrom=moment), row("x2", availableUntil=moment), row("x3")]
    imported = await editor.ask(IMPORT, input={"items": rows})
    assert [bad["problem"]["field"] for bad in imported["refused"]] == [
        "items.0.availableFrom",
        "items.1.availableUntil",
    ]
    for name in ("activeFrom", "activeUntil"):
        rule: dict[str, Any] = {"ruleId": "r", "kind": "EXCLUDE", "items": {"itemIds": ["x3"]}, "lists": {name: moment}}
        refused = await editor.ask(RULES, input={"rules": [rule]})
        assert refused == {"__typename": "ValidationProblem", "field": f"rules.0.lists.{name}"}
    assert "x3" in await lists(editor)


async def test_the_last_millisecond_of_the_calendar_is_far_away(room: RestRoom, editor: Graph) -> None:
    ends = "9999-12-31T23:59:59.999Z"
    await editor.ask(IMPORT, input={"items": [row("x1", availableUntil=ends)]})
    rule: dict[str, Any] = {"ruleId": "r", "kind": "BOOST", "factor": 2.0, "lists": {"activeUntil": ends}}
    assert (await editor.ask(RULES, input={"rules": [rule]}))["__typename"] == "Rules"
    assert "x1" in await lists(editor)
    found = await editor.ask('{ catalogItem(itemId: "x1") { availableUntil } }')
    assert found["availableUntil"] == "9999-12-31T23:59:59.999000+00:00"
    assert isinstance(await room.services.catalog.item(room.tenant, ItemId("x1")), CatalogItem)


async def test_a_fault_names_attributes_as_they_were_written(editor: Graph) -> None:
    imported = await editor.ask(IMPORT, input={"items": [row("x1", attributes={"max_seconds": [1]})]})
    assert imported["refused"][0]["problem"]["field"] == "items.0.attributes.max_seconds"
    rule = {"ruleId": "r", "kind": "EXCLUDE", "items": {"attributes": {"max_seconds": 2**53}}}
    refused = await editor.ask(RULES, input={"rules": [rule]})
    assert refused["field"] == "rules.0.items.attributes.max_seconds"

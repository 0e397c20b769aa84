"""Importing items over GraphQL: a broken row costs only itself, and the same import twice changes nothing."""

from typing import Any

import pytest

from domain.ids import ItemId
from graphql_api.auth import Scope
from tests.api.graphql_room import Graph, caller
from tests.api.rest_room import RestRoom

IMPORT = """mutation I($input: ImportItemsInput!) { importItems(input: $input) { __typename
  ... on ImportedItems { inserted updated unchanged catalogVersion
    refused { index itemId problem { __typename code field message } } }
  ... on Problem { code field } } }"""


def row(item_id: str, **more: Any) -> dict[str, Any]:
    return {"itemId": item_id, "kind": "TEMPLATE", "title": f"Title of {item_id}", **more}


@pytest.fixture
def editor(room: RestRoom) -> Graph:
    return caller(room.app, room.tenant, "editor", {Scope.CATALOG_WRITE})


async def test_a_broken_row_costs_only_itself(room: RestRoom, editor: Graph) -> None:
    rows = [row("new_1"), row("not an id"), row("new_2", title=" "), row("new_3", attributes={"a": [1]}), row("modern")]
    found = await editor.ask(IMPORT, input={"items": rows})
    assert [found[name] for name in ("inserted", "updated", "unchanged")] == [1, 1, 0]
    assert [(bad["index"], bad["itemId"], bad["problem"]["field"]) for bad in found["refused"]] == [
        (1, "not an id", "items.1.itemId"),
        (2, "new_2", "items.2.title"),
        (3, "new_3", "items.3.attributes.a"),
    ]
    assert {(bad["problem"]["__typename"], bad["problem"]["code"]) for bad in found["refused"]} == {
        ("ValidationProblem", "VALIDATION")
    }
    ids = [ItemId(one["itemId"]) for one in rows]
    assert set(await room.services.catalog.items_by_id(room.tenant, ids)) == {"new_1", "modern"}


async def test_the_same_import_again_changes_nothing(editor: Graph) -> None:
    rows = [row("new_1"), row("new_2"), row("new_2", title="Later"), row("")]
    first = await editor.ask(IMPORT, input={"items": rows})
    again = await editor.ask(IMPORT, input={"items": rows})
    assert (first["inserted"], again["unchanged"]) == (2, 2)
    assert (again["inserted"], again["updated"], again["catalogVersion"]) == (0, 0, first["catalogVersion"])
    assert again["refused"] == first["refused"]


async def test_an_import_of_broken_rows_alone_changes_nothing(editor: Graph) -> None:
    found = await editor.ask(IMPORT, input={"items": [row("!")]})
    assert (found["__typename"], found["inserted"], len(found["refused"])) == ("ImportedItems", 0, 1)


@pytest.mark.parametrize("count", [0, 1001])
async def test_an_import_is_bounded(count: int, editor: Graph) -> None:
    problem = await editor.ask(IMPORT, input={"items": [row(f"new_{n}") for n in range(count)]})
    assert problem == {"__typename": "ValidationProblem", "code": "VALIDATION", "field": "items"}


async def test_a_field_that_items_do_not_have_refuses_the_request(editor: Graph) -> None:
    answer = await editor.whole(IMPORT, input={"items": [row("new_1", colour="red")]})
    assert "colour" in answer["errors"][0]["message"]

"""Attributes read straight through are answered as graphql-core answers them, faults and order included."""

import asyncio
import enum
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
import strawberry
from strawberry.scalars import JSON
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext

from graphql_api.execution import PlainReading


@strawberry.enum
class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


@strawberry.interface
class Named:
    name: str


@strawberry.type
class Leaf(Named):
    size: int


@strawberry.type
class Branch:
    name: str
    weight: float | None
    colour: Colour
    tags: list[str]
    maybe: list[int | None] | None
    more: JSON = None
    leaf: Leaf | None = None
    named: Named | None = None
    below: list["Branch"] = strawberry.field(default_factory=list)
    only: "Branch | None" = None

    @strawberry.field
    def computed(self, times: int = 2) -> str:
        return self.name * times

    @strawberry.field
    async def awaited(self) -> str:
        await asyncio.sleep(0)
        return self.name.upper()


def branch(**changed: Any) -> Branch:
    values = {"name": "n", "weight": None, "colour": Colour.RED, "tags": ["a", "b"], "maybe": [1, None], **changed}
    return Branch(**values)


async def nothing() -> str:
    return "late"


TREES = {
    "whole": branch(
        leaf=Leaf(name="l", size=3),
        named=Leaf(name="i", size=4),
        below=[branch(name="x", below=[branch(name="z")]), branch(name="y", weight=1.5, maybe=None)],
        only=branch(name="o", only=branch(name="p")),
    ),
    "null where there must be none": branch(below=[branch(name="x"), branch(name=None)]),
    "null in a list": branch(tags=["a", None]),
    "no list": branch(tags="ab", below=[branch()]),
    "exception for any value": branch(more=ValueError("broken")),
    "any value": branch(more={"a": [1]}),
    "exception": branch(below=[branch(name=ValueError("broken")), branch()]),
    "exception for an object": branch(only=ValueError("broken")),
    "wrong kind": branch(weight="heavy", colour="green", only=branch(maybe=["x"])),
    "nested null": branch(only=branch(only=branch(colour=None))),
    "beyond 32 bits": branch(maybe=[2**40]),
}
SELECTIONS = [
    "name weight colour tags maybe more",
    "maybe name only { only { colour } name }",
    "below { name below { name colour } } tags",
    "computed name below { computed(times: 3) name awaited tags } weight",
    "a: name b: name awaited below { awaited x: weight y: weight only { name } }",
    "leaf { name size __typename } named { name __typename ... on Leaf { size } } __typename",
    "...F below { ...F ... { weight } } fragment",
    "name @skip(if: $no) weight @include(if: $no) below { name @include(if: $yes) colour @skip(if: $yes) }",
    "only { tags only { colour } } below { colour weight tags maybe } name",
]


def question(selection: str) -> str:
    selected, fragment, _ = selection.partition(" fragment")
    extra = " fragment F on Branch { name tags only { name } }" if fragment else ""
    variables = "($yes: Boolean!, $no: Boolean!)" if "$" in selection else ""
    return f"query Q{variables} {{ tree {{ {selected} }} trees {{ {selected} }} }}{extra}"


def schema(executor: type[StrawberryGraphQLCoreExecutionContext], tree: Branch) -> strawberry.Schema:
    @strawberry.type
    class Query:
        @strawberry.field
        async def tree(self) -> Branch | None:
            return tree

        @strawberry.field
        def trees(self) -> list[Branch | None]:
            return [None, tree]

    return strawberry.Schema(Query, types=[Leaf], execution_context_class=executor)


async def told(executor: type[StrawberryGraphQLCoreExecutionContext], tree: Branch, selection: str) -> str:
    answer = await schema(executor, tree).execute(question(selection), {"yes": True, "no": False})
    errors = [(error.message, error.path, str(error.locations)) for error in answer.errors or []]
    return json.dumps([answer.data, sorted(errors, key=str)], indent=1)


@pytest.mark.parametrize("selection", SELECTIONS)
@pytest.mark.parametrize("tree", list(TREES))
@pytest.mark.filterwarnings("ignore:coroutine .* was never awaited")
async def test_it_answers_as_graphql_core_does(tree: str, selection: str) -> None:
    expected = await told(StrawberryGraphQLCoreExecutionContext, TREES[tree], selection)
    assert await told(PlainReading, TREES[tree], selection) == expected


async def test_what_can_be_read_only_once_is_read_once() -> None:
    tree = branch(below=(branch(name=f"b{n}") for n in range(2)))
    answer = await schema(PlainReading, tree).execute("{ tree { below { name tags } } }")
    assert answer.errors is None
    assert [found["name"] for found in answer.data["tree"]["below"]] == ["b0", "b1"]


async def test_an_attribute_that_must_be_awaited_is_awaited() -> None:
    tree = branch(name=nothing(), more=nothing())
    answer = await schema(PlainReading, tree).execute("{ tree { name more tags } }")
    assert answer.data == {"tree": {"name": "late", "more": "late", "tags": ["a", "b"]}}


async def test_attributes_are_read_without_resolvers(monkeypatch: pytest.MonkeyPatch) -> None:
    resolved: list[str] = []
    original = PlainReading.execute_field

    def noted(self: PlainReading, parent: Any, source: Any, details: Any, path: Any, context: Any) -> Any:
        resolved.append(path.key)
        return original(self, parent, source, details, path, context)

    monkeypatch.setattr(PlainReading, "execute_field", noted)
    await schema(PlainReading, TREES["whole"]).execute(
        "{ tree { name computed below { name colour below { tags } } } }"
    )
    assert resolved == ["tree", "computed"]


async def test_a_subscription_remembers_nothing_of_events_that_are_over() -> None:
    @strawberry.type
    class Subscription:
        @strawberry.subscription
        async def trees(self) -> AsyncIterator[Branch]:
            for _ in range(50):
                yield TREES["whole"]

    remembered: set[int] = set()

    class Watched(PlainReading):
        def build_per_event_executor(self, payload: Any) -> PlainReading:
            remembered.add(len(self._plan.below) + len(self._plan.readings))
            return super().build_per_event_executor(payload)

    answering = strawberry.Schema(Branch, subscription=Subscription, types=[Leaf], execution_context_class=Watched)
    events = await answering.subscribe("subscription { trees { name below { computed below { name } } } }")
    assert [event.data["trees"]["name"] async for event in events] == ["n"] * 50
    assert len(remembered) == 1

"""What is kept of an operation answers it the next time as graphql-core does, whatever the variables and the data."""

import json
from typing import Any

import pytest
import strawberry
from graphql import FragmentDefinitionNode, OperationDefinitionNode, parse
from hypothesis import given, settings
from hypothesis import strategies as st
from strawberry.extensions import SchemaExtension
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext

from graphql_api.execution import reading_by
from graphql_api.plans import HELD, SelectionPlans
from tests.unit.test_plain_reading import TREES, Branch, Leaf

FIELDS = ("name", "weight", "colour", "tags", "maybe", "more", "__typename", "computed", "awaited")
OBJECTS = ("below", "only")


def selections() -> st.SearchStrategy[str]:
    """Any selection of a branch, with aliases, arguments, fragments and now and then a directive."""
    leaf = st.sampled_from(
        [
            *FIELDS,
            "a: name",
            "b: computed(times: $times)",
            "...F",
            "... on Branch { c: tags }",
            "d: name @skip(if: $yes)",
        ]
    )
    below = lambda inner: st.builds(  # noqa: E731 - how Hypothesis extends
        lambda name, found: f"{name} {{ {' '.join(found)} }}",
        st.sampled_from(OBJECTS),
        st.lists(inner, min_size=1, max_size=4),
    )
    return st.lists(st.recursive(leaf, below, max_leaves=8), min_size=1, max_size=5).map(" ".join)


class Held(SchemaExtension):
    """Answers every question with the document that was parsed for it first, as `OperationLimits` does."""

    documents: dict[str, Any] = {}  # noqa: RUF012 - of this test

    def on_parse(self) -> Any:
        context = self.execution_context
        text = str(context.query)
        context.graphql_document = self.documents.setdefault(text, parse(text))
        yield


def answering(executor: type[StrawberryGraphQLCoreExecutionContext]) -> strawberry.Schema:
    @strawberry.type
    class Query:
        @strawberry.field
        async def tree(self, named: str) -> Branch | None:
            return TREES[named]

    return strawberry.Schema(Query, types=[Leaf], execution_context_class=executor, extensions=[Held])


PLANS = SelectionPlans()
KEEPING, PLAIN = answering(reading_by(PLANS)), answering(StrawberryGraphQLCoreExecutionContext)


async def told(schema: strawberry.Schema, selection: str, variables: dict[str, Any]) -> str:
    selected = f"tree(named: $named) {{ times: computed(times: $times) {selection} }}"
    fragment = " fragment F on Branch { name only { name tags } }" if "...F" in selection else ""
    conditional = ", $yes: Boolean!" if "$yes" in selection else ""
    text = f"query Q($named: String!, $times: Int!{conditional}) {{ {selected} }}{fragment}"
    told_of = {name: value for name, value in variables.items() if f"${name}:" in text}
    answer = await schema.execute(text, told_of)
    errors = [(error.message, error.path, str(error.locations)) for error in answer.errors or []]
    return json.dumps([answer.data, sorted(errors, key=str)])


@pytest.mark.filterwarnings("ignore:coroutine .* was never awaited")
@settings(max_examples=80)
@given(selections(), st.lists(st.sampled_from(sorted(TREES)), min_size=2, max_size=4), st.integers(0, 3), st.booleans())
async def test_a_kept_plan_answers_as_graphql_core_does(
    selection: str, trees: list[str], times: int, skipping: bool
) -> None:
    for number, named in enumerate(trees):
        # The same document again and again, with other variables and other data each time.
        variables = {"named": named, "times": times + number, "yes": skipping ^ bool(number % 2)}
        assert await told(KEEPING, selection, variables) == await told(PLAIN, selection, variables)


def operation_of(text: str) -> OperationDefinitionNode:
    [operation, *_] = parse(text).definitions
    assert isinstance(operation, OperationDefinitionNode)
    return operation


def test_an_operation_that_comes_again_finds_its_plan() -> None:
    plans, operation = SelectionPlans(), operation_of("{ a { b } }")
    first = plans.of(operation, {})
    assert first is not None
    assert plans.of(operation, {}) is first
    assert (plans.hits, plans.misses) == (1, 1)


@pytest.mark.parametrize("text", ["{ a @skip(if: true) }", "query @x { a }", "{ ... @include(if: true) { a } }"])
def test_an_operation_whose_selection_may_differ_has_none(text: str) -> None:
    plans, operation = SelectionPlans(), operation_of(text)
    assert plans.of(operation, {}) is None
    assert plans.of(operation, {}) is None
    assert (plans.hits, plans.misses) == (0, 2)


def test_a_directive_in_a_fragment_counts() -> None:
    operation, fragment = parse("{ ...F } fragment F on Query { a @skip(if: true) }").definitions
    assert isinstance(operation, OperationDefinitionNode)
    assert isinstance(fragment, FragmentDefinitionNode)
    assert SelectionPlans().of(operation, {"F": fragment}) is None


def test_a_subscription_has_none() -> None:
    assert SelectionPlans().of(operation_of("subscription { a }"), {}) is None


def test_no_more_than_so_many_are_held() -> None:
    plans = SelectionPlans()
    operations = [operation_of(f"{{ a{number} }}") for number in range(HELD + 1)]
    for operation in operations:
        plans.of(operation, {})
    plans.of(operations[-1], {})
    plans.of(operations[0], {})
    assert (plans.hits, plans.misses) == (1, HELD + 2)


async def test_a_plan_does_not_grow() -> None:
    plans = SelectionPlans()
    schema = answering(reading_by(plans))
    for named in sorted(TREES) * 3:
        await told(schema, "below { name only { computed awaited } } tags", {"named": named, "times": 1})
    assert plans.hits >= 2 * len(TREES)
    [plan] = {id(plan): plan for _, plan in plans._held._entries.values()}.values()
    assert plan is not None
    assert len(plan.below) <= 4
    assert len(plan.readings) <= 4

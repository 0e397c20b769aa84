"""What an operation asks for, measured without running it: how deep it goes, and what it costs.

Fragments are measured once however often they are spread, so that a bomb of fragments costs nothing.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    InlineFragmentNode,
    IntValueNode,
    OperationDefinitionNode,
    SelectionSetNode,
    VariableNode,
)

MAX_DIGITS: Final = 18
"""Integers of so many digits can be written as JSON; no scalar of the schema needs more."""
HIGHEST_COST: Final = 10**9
"""What is beyond is reported as this: doubled by fragments often enough, a cost is no number that JSON could carry."""
PAGED: Final[Mapping[str, int]] = MappingProxyType(
    {
        "auditLog": 50,
        "catalogItems": 10,
        "experimentResults": 1,
        "experiments": 10,
        "featureRecommendations": 10,
        "recommendationUpdates": 10,
        "recommendations": 10,
        "similarItems": 10,
        "styleRecommendations": 10,
        "templateRecommendations": 10,
        "trendingItems": 10,
    }
)
"""Fields that have pages, and how long one is where the operation does not say."""


def cost(document: DocumentNode, operation_name: str | None, variables: Mapping[str, Any]) -> int:
    """The cost of one operation: a field costs 1, and what a paged field selects counts for each of its places."""
    measure = Measure(document, variables)
    chosen = [o for o in measure.operations if operation_name is None or (o.name and o.name.value == operation_name)]
    return min(sum(map(measure.operation_cost, chosen)), HIGHEST_COST)


class Measure:
    """Depth and cost of selections; each fragment is measured once, and one that contains itself counts as nothing."""

    def __init__(self, document: DocumentNode, variables: Mapping[str, Any] | None = None) -> None:
        definitions = document.definitions
        self.operations = [node for node in definitions if isinstance(node, OperationDefinitionNode)]
        self._fragments = {n.name.value: n for n in definitions if isinstance(n, FragmentDefinitionNode)}
        self._variables: Mapping[str, Any] = variables or {}
        self._depths: dict[str, int] = {}
        self._costs: dict[str, int] = {}

    def depth(self, selections: SelectionSetNode) -> int:
        """How many levels deep a selection goes."""
        deepest = 0
        for node in selections.selections:
            if isinstance(node, FieldNode):
                # The schema's own description is deep by nature, and guarded by its own rule.
                below = node.selection_set and not node.name.value.startswith("__")
                deepest = max(deepest, 1 + (self.depth(node.selection_set) if below and node.selection_set else 0))
            elif isinstance(node, InlineFragmentNode):
                deepest = max(deepest, self.depth(node.selection_set))
            elif isinstance(node, FragmentSpreadNode):
                deepest = max(deepest, self._of_fragment(node, self._depths, self.depth))
        return deepest

    def operation_cost(self, operation: OperationDefinitionNode) -> int:
        """The cost of an operation with these variables."""
        # A variable that was not given counts by its default, and a fragment by the operation that spreads it.
        given, self._costs = self._variables, {}
        self._variables = {**_defaults(operation), **given}
        try:
            return self.cost(operation.selection_set)
        finally:
            self._variables = given

    def cost(self, selections: SelectionSetNode) -> int:
        """The cost of a selection."""
        total = 0
        for node in selections.selections:
            if isinstance(node, FieldNode):
                total += 1 + (self._page(node) * self.cost(node.selection_set) if node.selection_set else 0)
            elif isinstance(node, InlineFragmentNode):
                total += self.cost(node.selection_set)
            elif isinstance(node, FragmentSpreadNode):
                total += self._of_fragment(node, self._costs, self.cost)
        return total

    def _of_fragment(self, node: FragmentSpreadNode, known: dict[str, int], measure: Any) -> int:
        name = node.name.value
        fragment = self._fragments.get(name)
        if fragment is None:
            return 0
        if name not in known:
            known[name] = 0
            known[name] = measure(fragment.selection_set)
        return known[name]

    def _page(self, node: FieldNode) -> int:
        for argument in node.arguments or ():
            if argument.name.value == "first":
                value: Any = None
                if isinstance(argument.value, IntValueNode):
                    value = _integer(argument.value)
                elif isinstance(argument.value, VariableNode):
                    value = self._variables.get(argument.value.name.value)
                # A page of 100.0 is one of 100: the schema takes both.
                if isinstance(value, int | float):
                    return max(1, int(value))
        return PAGED.get(node.name.value, 1)


def _defaults(operation: OperationDefinitionNode) -> dict[str, Any]:
    return {
        definition.variable.name.value: _integer(definition.default_value)
        for definition in operation.variable_definitions or ()
        if isinstance(definition.default_value, IntValueNode)
    }


def _integer(node: IntValueNode) -> int:
    return int(node.value) if len(node.value) <= MAX_DIGITS else HIGHEST_COST

"""What was laid out for an operation is kept for the next time that the same document is asked for.

What a selection collects depends on variables only through directives. So a document without directives selects the
same fields every time, and laying them out once is enough: for queries and mutations the plan below takes the place of
what graphql-core remembers within one execution. A subscription has a memory of its own for each event.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from graphql import (
    DirectiveNode,
    FragmentDefinitionNode,
    GraphQLObjectType,
    OperationDefinitionNode,
    OperationType,
    Visitor,
    visit,
)
from graphql.execution.collect_fields import CollectedFields, FieldDetailsList, GroupedFieldSet
from graphql.language import BREAK

from domain.privacy.lru import LruCache

HELD: Final = 500
"""So many operations' plans are kept, as many as documents are."""

Reading: TypeAlias = Callable[[Any], Any]
"""Makes the answer out of a value, or raises whatever it likes."""


@dataclass(slots=True)
class SelectionPlan:
    """How the selections of one operation are answered.

    What is looked up by the `id` of a selection is kept together with it, so that the id stays its own.

    Attributes:
        root: the root fields; None before the first execution.
        below: what graphql-core collects below fields.
        readings: how attributes are read, by the id of their selection.
    """

    root: GroupedFieldSet | None = None
    below: dict[tuple[GraphQLObjectType, int], tuple[FieldDetailsList, CollectedFields]] = field(default_factory=dict)
    readings: dict[int, tuple[GroupedFieldSet, dict[str, Reading]]] = field(default_factory=dict)


class SelectionPlans:
    """Plans of one schema's operations.

    Attributes:
        hits: executions whose plan was there.
        misses: executions that made a plan, or whose operation can have none.
    """

    def __init__(self) -> None:
        self._held: LruCache[int, tuple[OperationDefinitionNode, SelectionPlan | None]] = LruCache(HELD)
        self.hits = 0
        self.misses = 0

    def of(
        self, operation: OperationDefinitionNode, fragments: dict[str, FragmentDefinitionNode]
    ) -> SelectionPlan | None:
        """The plan of an operation, known by identity; None if what it selects may differ from time to time."""
        held = self._held.get(id(operation))
        if held is None:
            held = operation, SelectionPlan() if _always_alike(operation, fragments) else None
            self._held.put(id(operation), held)
            self.misses += 1
        elif held[1] is None:
            self.misses += 1
        else:
            self.hits += 1
        return held[1]


def _always_alike(operation: OperationDefinitionNode, fragments: dict[str, FragmentDefinitionNode]) -> bool:
    if operation.operation is OperationType.SUBSCRIPTION:
        return False
    directives = _Directives()
    for definition in (operation, *fragments.values()):
        visit(definition, directives)
    return not directives.found


class _Directives(Visitor):
    found = False

    def enter_directive(self, _node: DirectiveNode, *_: Any) -> Any:
        self.found = True
        return BREAK

"""Counts what a caller asks for, the same over HTTP, sockets, event streams and REST, before anything of it runs.

A root field of GraphQL and the REST route that does the same are one operation, so that no door has its own allowance.
"""

import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionSetNode,
)
from strawberry import Schema
from strawberry.extensions import SchemaExtension

from domain.errors import RateLimited
from domain.limiting.service import RateLimiter
from graphql_api.auth import Principal, Scope
from graphql_api.context import GraphQLContext

REFUSED: Final = "refused"
"""What documents that are refused count as: reading them costs time, too."""


class CallRates(SchemaExtension):
    """Refuses an operation whose caller has made too many of the kind; stands behind `OperationLimits`."""

    def on_validate(self) -> Iterator[None]:
        """Count every root field once for each name that it answers under."""
        execution = self.execution_context
        context: GraphQLContext = execution.context
        if context.principal is not None and execution.graphql_document is not None:
            refused = bool(execution.pre_execution_errors)
            asked = [REFUSED] if refused else roots(execution.graphql_document, execution.operation_name)
            try:
                for operation in asked:
                    admit(context.services.rates, context.principal, operation)
            except RateLimited as error:
                execution.pre_execution_errors = [GraphQLError(error.message, original_error=error)]
        yield


def admit(rates: RateLimiter, principal: Principal, operation: str) -> None:
    """Count one call. Raises `RateLimited`."""
    acts_for_others = Scope.ACT_AS in principal.scopes
    rates.admit(principal.tenant, principal.user_id, operation, acts_for_others=acts_for_others)


def retry_header(seconds: float | None) -> dict[str, str]:
    """The header that says when to come back; none where that is not known."""
    return {} if seconds is None else {"Retry-After": str(max(1, math.ceil(seconds)))}


def roots(document: DocumentNode, operation_name: str | None) -> list[str]:
    """The root fields of one operation, one entry for each name that the answer has; those of introspection aside."""
    names = [field.name.value for field in root_fields(document, operation_name).values()]
    return [name for name in names if not name.startswith("__")]


def root_fields(document: DocumentNode, operation_name: str | None) -> dict[str, FieldNode]:
    """The root fields of one operation by the names that the answer has, those of its fragments included.

    Args:
        document: where the operation stands.
        operation_name: which one; None for the only one.
    """
    definitions = document.definitions
    fragments = {node.name.value: node for node in definitions if isinstance(node, FragmentDefinitionNode)}
    found: dict[str, FieldNode] = {}
    for node in definitions:
        if isinstance(node, OperationDefinitionNode) and operation_name in {None, node.name and node.name.value}:
            _gather(node.selection_set, fragments, set(), found)
    return found


def unknown_operations(schema: Schema, rest: Iterable[str], named: Iterable[str]) -> list[str]:
    """Those of the names that are no root field and no route, and so would limit nothing."""
    graph = schema._schema  # noqa: SLF001 - no public way
    kinds = (graph.query_type, graph.mutation_type, graph.subscription_type)
    known = {name for kind in kinds if kind is not None for name in kind.fields} | set(rest)
    return sorted(set(named) - known)


def _gather(
    selections: SelectionSetNode, fragments: Mapping[str, Any], spread: set[str], found: dict[str, FieldNode]
) -> None:
    for node in selections.selections:
        if isinstance(node, FieldNode):
            found[(node.alias or node.name).value] = node
        elif isinstance(node, InlineFragmentNode):
            _gather(node.selection_set, fragments, spread, found)
        # A fragment adds the same names however often it is spread.
        elif isinstance(node, FragmentSpreadNode) and node.name.value not in spread and node.name.value in fragments:
            spread.add(node.name.value)
            _gather(fragments[node.name.value].selection_set, fragments, spread, found)

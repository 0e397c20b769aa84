"""Rate, errors and duration of GraphQL operations: to HTTP they are all one route, and a socket is one request."""

import time
from collections.abc import Iterator
from typing import Final

from graphql import FieldNode, OperationDefinitionNode
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from strawberry.extensions import SchemaExtension
from strawberry.types.execution import ExecutionContext, PreExecutionError

from graphql_api.errors import INTERNAL
from graphql_api.middleware import BUCKETS

REFUSED: Final = "refused"
"""Stands for an operation that never ran; what it named could be anything."""
SEVERAL: Final = "several"
"""Stands for an operation of more than one root field, so that clients cannot multiply the labels."""
OK: Final = "OK"


class OperationMetrics:
    """What is counted of operations and sockets.

    Args:
        registry: where it appears; one registry holds one set.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self.operations = Counter(
            "personalization_graphql_operations",
            "Operations that ended, by root field and by the code of their first error.",
            ["operation", "outcome"],
            registry=registry,
        )
        self.seconds = Histogram(
            "personalization_graphql_operation_seconds",
            "Time of queries and mutations.",
            ["operation"],
            buckets=BUCKETS,
            registry=registry,
        )
        self.sockets = Gauge("personalization_sockets_open", "Open WebSockets.", registry=registry)


class CountedOperations(SchemaExtension):
    """Counts one operation when it ends; a subscription ends with its listener."""

    def __init__(self, metrics: OperationMetrics) -> None:
        self._metrics = metrics

    def on_operation(self) -> Iterator[None]:
        """Around the operation."""
        started = time.perf_counter()
        try:
            yield
        finally:
            self._count(time.perf_counter() - started)

    def _count(self, seconds: float) -> None:
        kind, name = _named(self.execution_context)
        self._metrics.operations.labels(name, _outcome(self.execution_context)).inc()
        if kind != "subscription":
            self._metrics.seconds.labels(name).observe(seconds)


def _named(context: ExecutionContext) -> tuple[str, str]:
    """The operation's kind, and its root field if it has exactly one."""
    if context.graphql_document is None or isinstance(context.result, PreExecutionError):
        return "", REFUSED
    wanted = context.operation_name
    for node in context.graphql_document.definitions:
        if isinstance(node, OperationDefinitionNode) and (wanted is None or (node.name and node.name.value == wanted)):
            roots = node.selection_set.selections
            [root] = roots if len(roots) == 1 else [None]
            return node.operation.value, root.name.value if isinstance(root, FieldNode) else SEVERAL
    return "", REFUSED


def _outcome(context: ExecutionContext) -> str:
    errors = getattr(context.result, "errors", None)
    return OK if not errors else str((errors[0].extensions or {}).get("code", INTERNAL))

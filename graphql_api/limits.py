"""What one operation may cost, decided before anything runs, over HTTP and sockets alike.

A document is parsed and validated once and remembered; what depends on variables, the cost, is counted for each
operation.
"""

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from math import isinf
from typing import Any, Final

from graphql import (
    DocumentNode,
    FieldNode,
    FloatValueNode,
    GraphQLError,
    GraphQLSchema,
    IntValueNode,
    NameNode,
    OperationDefinitionNode,
    OperationType,
    SelectionSetNode,
    Visitor,
    parse,
    specified_rules,
    validate,
    visit,
)
from graphql.validation import NoSchemaIntrospectionCustomRule
from strawberry.extensions import SchemaExtension
from strawberry.types.execution import ExecutionContext

from domain.errors import QueryTooComplex
from graphql_api.cost import MAX_DIGITS, Measure, cost

MAX_DEPTH: Final = 7
"""The root field and six levels below it."""
MAX_ALIASES: Final = 15
MAX_DIRECTIVES: Final = 50
MAX_TOKENS: Final = 1000
MAX_COST: Final = 5000
REMEMBERED_DOCUMENTS: Final = 500
MAX_REMEMBERED_LENGTH: Final = 20_000


@dataclass(frozen=True, slots=True)
class PreparedDocument:
    """A document and what is wrong with it."""

    document: DocumentNode
    errors: tuple[GraphQLError, ...]


class DocumentCache:
    """Documents of one schema, parsed, measured and validated.

    Args:
        introspection: whether documents may ask for the schema.
    """

    def __init__(self, *, introspection: bool) -> None:
        self._rules = [*specified_rules] if introspection else [*specified_rules, NoSchemaIntrospectionCustomRule]
        self._remembered: OrderedDict[str, PreparedDocument] = OrderedDict()
        self.hits = 0
        self.misses = 0

    def prepared(self, schema: GraphQLSchema, query: str) -> PreparedDocument:
        """The document of `query`; raises a syntax error, or `QueryTooComplex` for too many tokens."""
        found = self._remembered.get(query)
        if found is not None:
            self.hits += 1
            self._remembered.move_to_end(query)
            return found
        self.misses += 1
        document = _parsed(query)
        # What is too large is not validated: validation is what the limits protect.
        errors = too_large(document) or tuple(validate(schema, document, self._rules, max_errors=10))
        prepared = PreparedDocument(document, errors)
        if len(query) <= MAX_REMEMBERED_LENGTH:
            self._remembered[query] = prepared
            if len(self._remembered) > REMEMBERED_DOCUMENTS:
                self._remembered.popitem(last=False)
        return prepared


class OperationLimits(SchemaExtension):
    """Parses, validates and weighs an operation; reports its cost."""

    def __init__(self, cache: DocumentCache) -> None:
        self._cache = cache
        self._cost = 0
        self._errors: tuple[GraphQLError, ...] = ()

    def on_parse(self) -> Iterator[None]:
        """Take the document from the cache."""
        context = self.execution_context
        if context.query is not None:
            try:
                prepared = self._cache.prepared(context.schema._schema, context.query)  # noqa: SLF001 - no public way
            except GraphQLError as error:
                # Raised from here it would end a socket's operation without a word; validation can answer with it.
                prepared = PreparedDocument(_nothing(context.operation_name), (error,))
            context.graphql_document, self._errors = prepared.document, prepared.errors
        yield

    def on_validate(self) -> Iterator[None]:
        """Answer with the remembered errors, or weigh the operation."""
        context = self.execution_context
        errors = list(self._errors)
        if not errors and context.graphql_document is not None:
            errors = _unnamed(context)
            self._cost = cost(context.graphql_document, context.operation_name, context.variables or {})
            if self._cost > MAX_COST:
                errors = [_complex(f"the operation costs {self._cost}; at most {MAX_COST} are allowed")]
        context.pre_execution_errors = errors
        yield

    def get_results(self) -> dict[str, Any]:
        """The cost, for whoever wants to stay below the limit."""
        return {"cost": {"estimated": self._cost, "limit": MAX_COST}} if self._cost else {}


def too_large(document: DocumentNode) -> tuple[GraphQLError, ...]:
    """What is too large in a document, whatever its variables."""
    counter = _Counter()
    visit(document, counter)
    measure = Measure(document)
    deepest = max((measure.depth(o.selection_set) for o in measure.operations), default=0)
    found = (
        (deepest, MAX_DEPTH, "levels deep"),
        (counter.aliases, MAX_ALIASES, "aliases"),
        (counter.directives, MAX_DIRECTIVES, "directives"),
        (counter.digits, MAX_DIGITS, "digits of one integer"),
    )
    if counter.endless:
        return (GraphQLError("a number is larger than any that JSON has"),)
    return tuple(
        _complex(f"{value} {what}; at most {limit} are allowed") for value, limit, what in found if value > limit
    )


class _Counter(Visitor):
    def __init__(self) -> None:
        super().__init__()
        self.aliases = 0
        self.directives = 0
        self.digits = 0
        self.endless = False

    def enter_field(self, node: FieldNode, *_: Any) -> None:
        self.aliases += node.alias is not None

    def enter_int_value(self, node: IntValueNode, *_: Any) -> None:
        self.digits = max(self.digits, len(node.value))

    def enter_float_value(self, node: FloatValueNode, *_: Any) -> None:
        self.endless = self.endless or isinf(float(node.value))

    def enter_directive(self, *_: Any) -> None:
        self.directives += 1


def _unnamed(context: ExecutionContext) -> list[GraphQLError]:
    """The error of a request that does not say which of several operations it means; Strawberry would run the first."""
    document, named = context.graphql_document, context._provided_operation_name  # noqa: SLF001 - no public way
    several = document is not None and sum(isinstance(d, OperationDefinitionNode) for d in document.definitions) > 1
    return [GraphQLError("the request must name one of its operations")] if several and named is None else []


def _nothing(name: str | None) -> DocumentNode:
    """A document that stands for one that cannot be read."""
    named = None if name is None else NameNode(value=name)
    query = OperationDefinitionNode(
        operation=OperationType.QUERY,
        name=named,
        variable_definitions=(),
        directives=(),
        selection_set=SelectionSetNode(selections=()),
    )
    return DocumentNode(definitions=(query,))


def _parsed(query: str) -> DocumentNode:
    try:
        return parse(query, max_tokens=MAX_TOKENS)
    except GraphQLError as error:
        if "tokens" in error.message:
            raise _complex(f"more than {MAX_TOKENS} tokens") from None
        if "nested too deeply" in error.message:
            raise _complex("nested too deeply") from None
        raise
    except RecursionError:
        raise _complex("nested too deeply") from None


def _complex(message: str) -> GraphQLError:
    problem = QueryTooComplex(message)
    return GraphQLError(message, original_error=problem, extensions={"code": problem.code})

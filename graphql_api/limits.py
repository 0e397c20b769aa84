"""What one operation may cost, decided before anything runs, over HTTP and sockets alike.

A document is parsed and validated once and remembered; what depends on variables, the cost, is counted for each
operation. Fragments are measured once however often they are spread, so that a bomb of fragments costs nothing.
"""

from collections import OrderedDict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    GraphQLSchema,
    InlineFragmentNode,
    IntValueNode,
    NameNode,
    OperationDefinitionNode,
    OperationType,
    SelectionSetNode,
    VariableNode,
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

MAX_DEPTH: Final = 7
"""The root field and six levels below it."""
MAX_ALIASES: Final = 15
MAX_DIRECTIVES: Final = 50
MAX_TOKENS: Final = 1000
MAX_DIGITS: Final = 400
"""Python refuses to read integers of thousands of digits; no scalar of the schema needs as many."""
MAX_COST: Final = 5000
HIGHEST_COST: Final = 10**9
"""What is beyond is reported as this: doubled by fragments often enough, a cost is no number that JSON could carry."""
DEFAULT_PAGE: Final = 10
PAGED: Final = frozenset(
    {
        "auditLog",
        "catalogItems",
        "experimentResults",
        "experiments",
        "featureRecommendations",
        "recommendationUpdates",
        "recommendations",
        "similarItems",
        "styleRecommendations",
        "templateRecommendations",
        "trendingItems",
    }
)
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
    measure = _Measure(document)
    deepest = max((measure.depth(o.selection_set) for o in measure.operations), default=0)
    found = (
        (deepest, MAX_DEPTH, "levels deep"),
        (counter.aliases, MAX_ALIASES, "aliases"),
        (counter.directives, MAX_DIRECTIVES, "directives"),
        (counter.digits, MAX_DIGITS, "digits of one integer"),
    )
    return tuple(
        _complex(f"{value} {what}; at most {limit} are allowed") for value, limit, what in found if value > limit
    )


def cost(document: DocumentNode, operation_name: str | None, variables: Mapping[str, Any]) -> int:
    """The cost of one operation: a field costs 1, and what a paged field selects counts for each of its places."""
    measure = _Measure(document, variables)
    chosen = [o for o in measure.operations if operation_name is None or (o.name and o.name.value == operation_name)]
    return min(sum(map(measure.operation_cost, chosen)), HIGHEST_COST)


class _Counter(Visitor):
    def __init__(self) -> None:
        super().__init__()
        self.aliases = 0
        self.directives = 0
        self.digits = 0

    def enter_field(self, node: FieldNode, *_: Any) -> None:
        self.aliases += node.alias is not None

    def enter_int_value(self, node: IntValueNode, *_: Any) -> None:
        self.digits = max(self.digits, len(node.value))

    def enter_directive(self, *_: Any) -> None:
        self.directives += 1


class _Measure:
    """Depth and cost of selections; each fragment is measured once, and one that contains itself counts as nothing."""

    def __init__(self, document: DocumentNode, variables: Mapping[str, Any] | None = None) -> None:
        definitions = document.definitions
        self.operations = [node for node in definitions if isinstance(node, OperationDefinitionNode)]
        self._fragments = {n.name.value: n for n in definitions if isinstance(n, FragmentDefinitionNode)}
        self._variables: Mapping[str, Any] = variables or {}
        self._depths: dict[str, int] = {}
        self._costs: dict[str, int] = {}

    def depth(self, selections: SelectionSetNode) -> int:
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
        # A variable that was not given counts by its default, and a fragment by the operation that spreads it.
        given, self._costs = self._variables, {}
        self._variables = {**_defaults(operation), **given}
        try:
            return self.cost(operation.selection_set)
        finally:
            self._variables = given

    def cost(self, selections: SelectionSetNode) -> int:
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
                return max(1, value) if isinstance(value, int) else DEFAULT_PAGE
        return DEFAULT_PAGE if node.name.value in PAGED else 1


def _defaults(operation: OperationDefinitionNode) -> dict[str, Any]:
    return {
        definition.variable.name.value: _integer(definition.default_value)
        for definition in operation.variable_definitions or ()
        if isinstance(definition.default_value, IntValueNode)
    }


def _unnamed(context: ExecutionContext) -> list[GraphQLError]:
    """The error of a request that does not say which of several operations it means; Strawberry would run the first."""
    document, named = context.graphql_document, context._provided_operation_name  # noqa: SLF001 - no public way
    several = document is not None and sum(isinstance(d, OperationDefinitionNode) for d in document.definitions) > 1
    return [GraphQLError("the request must name one of its operations")] if several and named is None else []


def _integer(node: IntValueNode) -> int:
    return int(node.value) if len(node.value) <= MAX_DIGITS else HIGHEST_COST


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

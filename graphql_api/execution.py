"""Reads what is already in memory without asking how: plain attributes, and lists and objects of them.

graphql-core resolves every field alike: it describes the field, its path and its parent, calls a resolver, and asks
whether the answer is awaitable. For an attribute none of that is looked at by anybody. Here a selection is laid out
once for each operation, and whatever consists of attributes alone is then read straight through. A value that is not
as the schema says (null where there must be none, an exception, something to wait for) is left to graphql-core, which
reads the same attributes again and knows what to say of them.
"""

from collections.abc import Awaitable, Callable
from inspect import isawaitable
from operator import attrgetter
from typing import Any, Final, TypeAlias, cast

from graphql import (
    GraphQLLeafType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLOutputType,
    Undefined,
    is_enum_type,
    is_leaf_type,
    is_specified_scalar_type,
)
from graphql.execution.collect_fields import FieldDetailsList, GroupedFieldSet
from graphql.pyutils import Path
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext

DEFINITION: Final = "strawberry-definition"
_LATER: Final = object()

Reading: TypeAlias = Callable[[Any], Any]
"""Makes the answer out of a value, or raises whatever it likes."""


class PlainReading(StrawberryGraphQLCoreExecutionContext):
    """Executes one operation."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        if self.middleware_manager is not None and not self.middleware_manager.middlewares:
            # Strawberry hands over one that has nothing to do, too.
            self.middleware_manager = None
        self._laid_out: dict[int, tuple[GroupedFieldSet, dict[str, Reading]]] = {}

    def build_per_event_executor(self, payload: Any) -> "PlainReading":
        """The same operation for one event of a subscription.

        What is remembered of selections begins anew, as each event collects its own: graphql-core's memory of them is
        shared by all events of a subscription, and would grow with each for as long as it lasts.
        """
        executor = cast("PlainReading", super().build_per_event_executor(payload))
        executor._laid_out, executor._relevant_sub_fields = {}, {}  # noqa: SLF001 - its own
        return executor

    def execute_fields(
        self,
        parent_type: GraphQLObjectType,
        source_value: Any,
        path: Path | None,
        grouped_field_set: GroupedFieldSet,
        position_context: Any,
    ) -> Any:
        """Answer a selection of one object; fields beside attributes make it something to wait for, as ever."""
        plain = self._readings(parent_type, grouped_field_set)
        if not plain:
            return super().execute_fields(parent_type, source_value, path, grouped_field_set, position_context)
        # What is left for later keeps its place, so that the answer comes in the order of the question.
        found, rest = dict[str, Any](), dict[str, FieldDetailsList]()
        for name, details in grouped_field_set.items():
            reading = plain.get(name)
            try:
                found[name] = _LATER if reading is None else reading(source_value)
            except Exception:  # noqa: BLE001  # whatever is wrong with a value, graphql-core says it
                found[name] = _LATER
            if found[name] is _LATER:
                rest[name] = details
        if not rest:
            return found
        others: Any = super().execute_fields(parent_type, source_value, path, rest, position_context)
        return _awaited(found, others) if self.is_awaitable(others) else found | others

    def _readings(self, parent: GraphQLObjectType, selection: GroupedFieldSet) -> dict[str, Reading]:
        """How the attributes among these fields are read."""
        known = self._laid_out.get(id(selection))
        if known is None:
            laid_out = ((name, self._field(parent, details)) for name, details in selection.items())
            # The selection is kept as well, so that its id stays its own.
            known = selection, {name: reading for name, reading in laid_out if reading is not None}
            self._laid_out[id(selection)] = known
        return known[1]

    def _field(self, parent: GraphQLObjectType, details: FieldDetailsList) -> Reading | None:
        name = details[0].node.name.value
        if name == "__typename":
            return lambda _source: parent.name
        field = parent.fields.get(name)
        if field is None or field.args or self.middleware_manager or not getattr(field.resolve, "_is_default", False):
            return None
        attribute = attrgetter(field.extensions[DEFINITION].python_name)
        complete = self._value(field.type, details)
        return None if complete is None else lambda source: complete(attribute(source))

    def _value(self, kind: GraphQLOutputType, details: FieldDetailsList) -> Reading | None:
        if isinstance(kind, GraphQLNonNull):
            inner = self._value(kind.of_type, details)
            return None if inner is None else _required(inner)
        if isinstance(kind, GraphQLList):
            inner = self._value(kind.of_type, details)
            return None if inner is None else _list_of(inner)
        if isinstance(kind, GraphQLObjectType):
            return self._object(kind, details)
        return _leaf(kind) if is_leaf_type(kind) else None

    def _object(self, kind: GraphQLObjectType, details: FieldDetailsList) -> Reading | None:
        if kind.is_type_of is not None:
            return None
        selection, deferred, _ = self.collect_subfields(kind, details)
        readings = self._readings(kind, selection)
        if deferred or len(readings) < len(selection):
            return None
        fields = tuple((name, readings[name]) for name in selection)
        return lambda value: None if value is None else {name: reading(value) for name, reading in fields}


async def _awaited(found: dict[str, Any], others: Awaitable[dict[str, Any]]) -> dict[str, Any]:
    return found | await others


def _leaf(kind: GraphQLLeafType) -> Reading:
    coerce = kind.coerce_output_value
    # The types of GraphQL itself refuse what is none of their values; others may take whatever comes.
    careful = not (is_specified_scalar_type(kind) or is_enum_type(kind))

    def read(value: Any) -> Any:
        if value is None:
            return None
        if careful and (isinstance(value, Exception) or isawaitable(value)):
            raise TypeError
        answer = coerce(value)
        if answer is None or answer is Undefined:
            raise TypeError
        return answer

    return read


def _required(inner: Reading) -> Reading:
    def read(value: Any) -> Any:
        answer = inner(value)
        if answer is None:
            raise TypeError
        return answer

    return read


def _list_of(inner: Reading) -> Reading:
    def read(value: Any) -> Any:
        if value is None:
            return None
        if not isinstance(value, list | tuple):
            raise TypeError
        return [inner(item) for item in value]

    return read

"""Reads what is already in memory without asking how: plain attributes, and lists and objects of them.

graphql-core resolves every field alike: it describes the field, its path and its parent, calls a resolver, and asks
whether the answer is awaitable. For an attribute none of that is looked at by anybody. Here a selection is laid out
once for each document (`plans`), and whatever consists of attributes alone is then read straight through. A value that
is not as the schema says (null where there must be none, an exception, something to wait for) is left to graphql-core,
which reads the same attributes again and knows what to say of them.
"""

from collections.abc import Awaitable, Sequence
from inspect import isawaitable
from math import isfinite
from operator import attrgetter
from typing import Any, ClassVar, Final, NamedTuple, cast

from graphql import (
    GraphQLBoolean,
    GraphQLFloat,
    GraphQLID,
    GraphQLInt,
    GraphQLLeafType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLString,
    Undefined,
    is_enum_type,
    is_leaf_type,
    is_specified_scalar_type,
)
from graphql.execution.collect_fields import FieldDetailsList, GroupedFieldSet
from graphql.pyutils import Path
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext

from graphql_api.plans import Reading, SelectionPlan, SelectionPlans

DEFINITION: Final = "strawberry-definition"
LARGEST_INT: Final = 2**31 - 1
_LATER: Final = object()


class _Attribute(NamedTuple):
    """A field that is an attribute of the object that it belongs to.

    Attributes:
        name: of the attribute.
        exact: values of exactly this type are answers as they are; None if no type's are.
        complete: makes the answer out of the attribute's value.
    """

    name: str
    exact: type | None
    complete: Reading

    @property
    def read(self) -> Reading:
        """Makes the answer out of the object."""
        attribute, complete = attrgetter(self.name), self.complete
        return lambda source: complete(attribute(source))


class PlainReading(StrawberryGraphQLCoreExecutionContext):
    """Executes one operation.

    Attributes:
        plans: what is kept from one execution to the next; None keeps nothing.
    """

    plans: ClassVar[SelectionPlans | None] = None

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        if self.middleware_manager is not None and not self.middleware_manager.middlewares:
            # Strawberry hands over one that has nothing to do, too.
            self.middleware_manager = None
        plan = None if self.plans is None else self.plans.of(self.operation, self.fragment_definitions)
        self._plan = plan or SelectionPlan()
        self._relevant_sub_fields = self._plan.below

    def build_per_event_executor(self, payload: Any) -> "PlainReading":
        """The same operation for one event of a subscription.

        What is remembered of selections begins anew, as each event collects its own: graphql-core's memory of them is
        shared by all events of a subscription, and would grow with each for as long as it lasts.
        """
        executor = cast("PlainReading", super().build_per_event_executor(payload))
        executor._plan = SelectionPlan()  # noqa: SLF001 - its own
        executor._relevant_sub_fields = executor._plan.below  # noqa: SLF001
        return executor

    def execute_root_grouped_field_set(
        self,
        root_type: GraphQLObjectType,
        root_value: Any,
        grouped_field_set: GroupedFieldSet,
        serially: bool,
        position_context: Any,
    ) -> Any:
        """Answer the root fields, as they were collected for the plan: all that it knows hangs on their identity."""
        if self._plan.root is None:
            self._plan.root = grouped_field_set
        return super().execute_root_grouped_field_set(
            root_type, root_value, self._plan.root, serially, position_context
        )

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
        known = self._plan.readings.get(id(selection))
        if known is None:
            laid_out = ((name, self._attribute(parent, details)) for name, details in selection.items())
            known = selection, {name: found.read for name, found in laid_out if found is not None}
            self._plan.readings[id(selection)] = known
        return known[1]

    def _attribute(self, parent: GraphQLObjectType, details: FieldDetailsList) -> "_Attribute | None":
        name = details[0].node.name.value
        if name == "__typename":
            return _Attribute("__class__", None, lambda _value: parent.name)
        field = parent.fields.get(name)
        if field is None or field.args or self.middleware_manager or not getattr(field.resolve, "_is_default", False):
            return None
        complete = self._value(field.type, details)
        if complete is None:
            return None
        return _Attribute(field.extensions[DEFINITION].python_name, _as_it_is(field.type), complete)

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
        found = [(name, self._attribute(kind, below)) for name, below in selection.items()]
        attributes = [(name, attribute) for name, attribute in found if attribute is not None]
        return None if deferred or len(attributes) < len(found) else _object_of(attributes)


def reading_by(plans: SelectionPlans) -> type[PlainReading]:
    """The executor of a schema that keeps plans."""
    return type("PlainReading", (PlainReading,), {"plans": plans})


async def _awaited(found: dict[str, Any], others: Awaitable[dict[str, Any]]) -> dict[str, Any]:
    return found | await others


def _object_of(attributes: Sequence[tuple[str, _Attribute]]) -> Reading:
    """Objects whose fields are all attributes; `attrgetter` reads several at once, as a tuple."""
    if len(attributes) < 2:
        readings = [(name, attribute.read) for name, attribute in attributes]
        return lambda value: None if value is None else {name: reading(value) for name, reading in readings}
    values = attrgetter(*(attribute.name for _, attribute in attributes))
    fields = tuple((name, attribute.exact, attribute.complete) for name, attribute in attributes)

    def read(value: Any) -> Any:
        if value is None:
            return None
        return {
            name: found if type(found) is exact else complete(found)
            for (name, exact, complete), found in zip(fields, values(value), strict=True)
        }

    return read


def _as_it_is(kind: GraphQLOutputType) -> type | None:
    """The type whose values are answers as they are."""
    inner = kind.of_type if isinstance(kind, GraphQLNonNull) else kind
    if inner is GraphQLBoolean:
        return bool
    return str if inner is GraphQLString or inner is GraphQLID else None


def _leaf(kind: GraphQLLeafType) -> Reading:
    coerce = kind.coerce_output_value
    usual = _usual(kind)
    # The types of GraphQL itself refuse what is none of their values; others may take whatever comes.
    careful = not (is_specified_scalar_type(kind) or is_enum_type(kind))

    def read(value: Any) -> Any:
        if value is None:
            return None
        answer = usual(value)
        if answer is not None:
            return answer
        if careful and (isinstance(value, Exception) or isawaitable(value)):
            raise TypeError
        answer = coerce(value)
        if answer is None or answer is Undefined:
            raise TypeError
        return answer

    return read


def _usual(kind: GraphQLLeafType) -> Reading:
    """Answers what coercion would to values of the type that is to be expected, and None to others."""
    if kind is GraphQLFloat:
        return lambda value: value if type(value) is float and isfinite(value) else None
    if kind is GraphQLInt:
        return lambda value: value if type(value) is int and -LARGEST_INT <= value <= LARGEST_INT else None
    if is_enum_type(kind) and (members := getattr(kind, "wrapped_cls", None)) is not None:
        names = {member: kind.coerce_output_value(member) for member in members}
        return lambda value: names.get(value) if type(value) is members else None
    exact = _as_it_is(kind)
    return lambda value: value if type(value) is exact else None


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

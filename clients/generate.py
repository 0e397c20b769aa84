"""Writes python/operations.py, a typed method for each operation of operations.graphql, from the service's schema.

python -m clients.generate [--check]
"""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from graphql import (
    FieldNode,
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLSchema,
    InlineFragmentNode,
    OperationDefinitionNode,
    OperationType,
    SelectionSetNode,
    build_schema,
    is_required_input_field,
    parse,
    print_ast,
    type_from_ast,
)

HERE = Path(__file__).parent / "python"
SCHEMA = HERE.parents[1] / "schema.graphql"
SCALARS = {
    "String": "str",
    "ID": "str",
    "DateTime": "str",
    "Date": "str",
    "Int": "int",
    "Float": "float",
    "Boolean": "bool",
}
HEAD = '''"""Every operation, typed; written by `make client` from operations.graphql and the schema."""

from collections.abc import AsyncGenerator
from typing import Any, Literal, NotRequired, TypedDict, cast

from clients.python.transport import Transport
'''


class Writer:
    """The module, definition by definition; what something needs stands before it.

    Args:
        schema: what the operations are asked of.
    """

    def __init__(self, schema: GraphQLSchema) -> None:
        self._schema = schema
        self._definitions: dict[str, str] = {}
        self._queries: list[str] = []
        self._methods: list[str] = []

    def add(self, operation: OperationDefinitionNode) -> None:
        """Write the types and the method of one operation."""
        assert operation.name is not None, "an operation has a name"
        name = operation.name.value
        root = self._schema.get_root_type(operation.operation)
        assert root is not None
        [field] = [node for node in operation.selection_set.selections if isinstance(node, FieldNode)]
        result = self._output(root.fields[field.name.value].type, field.selection_set, name)
        self._queries.append(f'{_constant(name)} = """{print_ast(operation)}"""')
        self._methods.append(self._method(operation, name, result))

    def text(self) -> str:
        """The whole module."""
        head = 'class Client(Transport):\n    """The service, as one user reaches it."""\n'
        return "\n\n".join((HEAD, *self._definitions.values(), *self._queries, head + "\n".join(self._methods))) + "\n"

    def _method(self, operation: OperationDefinitionNode, name: str, result: str) -> str:
        arguments, names = [], []
        for variable in operation.variable_definitions or ():
            kind = type_from_ast(self._schema, variable.type)
            given = variable.variable.name.value
            optional = not isinstance(kind, GraphQLNonNull) or variable.default_value is not None
            of = self._input(kind.of_type if isinstance(kind, GraphQLNonNull) else kind)
            arguments.append(f"{_snake(given)}: {of} | None = None" if optional else f"{_snake(given)}: {of}")
            names.append(f'"{given}": {_snake(given)}')
        arguments.sort(key=lambda argument: " = " in argument)
        given, values = ", ".join(arguments), "{" + ", ".join(names) + "}"
        if operation.operation is OperationType.SUBSCRIPTION:
            return (
                f"\n    def {_snake(name)}(self, *, {given}) -> AsyncGenerator[{result}, None]:\n"
                f'        """Listen as `{name}` does."""\n'
                f"        return self.listen({_constant(name)}, {values})"
            )
        return (
            f"\n    async def {_snake(name)}(self, *, {given}) -> {result}:\n"
            f'        """Ask as `{name}` does."""\n'
            f"        return cast({_quoted(result)}, await self.ask({_constant(name)}, {values}))"
        )

    def _input(self, kind: object) -> str:
        if isinstance(kind, GraphQLNonNull):
            return self._input(kind.of_type)
        if isinstance(kind, GraphQLList):
            return f"list[{self._input(kind.of_type)}]"
        if isinstance(kind, GraphQLInputObjectType):
            if kind.name not in self._definitions:
                lines = []
                for name, field in kind.fields.items():
                    of = self._input(field.type)
                    given = of if isinstance(field.type, GraphQLNonNull) else f"{of} | None"
                    lines.append((name, of if is_required_input_field(field) else f"NotRequired[{given}]"))
                self._define(kind.name, f"What `{kind.name}` takes.", lines)
            return kind.name
        return self._leaf(kind)

    def _output(self, kind: object, selected: SelectionSetNode | None, name: str) -> str:
        if isinstance(kind, GraphQLNonNull):
            return self._output(kind.of_type, selected, name).removesuffix(" | None")
        if isinstance(kind, GraphQLList):
            return f"list[{self._output(kind.of_type, selected, name)}] | None"
        if selected is None:
            return f"{self._leaf(kind)} | None"
        lines = [
            (field, f"NotRequired[{of}]" if partly else of) for field, of, partly in self._fields(kind, selected, name)
        ]
        self._define(name, f"What is selected of `{kind}`.", lines)
        return f"{name} | None"

    def _fields(self, kind: object, selected: SelectionSetNode, name: str) -> Iterator[tuple[str, str, bool]]:
        seen: set[str] = set()
        for node in selected.selections:
            if isinstance(node, InlineFragmentNode):
                assert node.type_condition is not None
                part = self._schema.get_type(node.type_condition.name.value)
                for field, of, _ in self._fields(part, node.selection_set, name):
                    if field not in seen:
                        yield field, of, True
                    seen.add(field)
            elif isinstance(node, FieldNode) and node.name.value == "__typename":
                yield "__typename", "str", False
            elif isinstance(node, FieldNode):
                assert isinstance(kind, GraphQLObjectType | GraphQLInterfaceType)
                field = node.name.value
                of = self._output(kind.fields[field].type, node.selection_set, name + field[0].upper() + field[1:])
                seen.add(field)
                yield field, of, False

    def _leaf(self, kind: object) -> str:
        if isinstance(kind, GraphQLEnumType):
            values = ", ".join(f'"{value}"' for value in kind.values)
            self._definitions.setdefault(kind.name, f"{kind.name} = Literal[{values}]")
            return kind.name
        return SCALARS.get(str(kind), "Any")

    def _define(self, name: str, meaning: str, lines: list[tuple[str, str]]) -> None:
        fields = "\n".join(f'        "{field}": {of},' for field, of in lines)
        # The functional form, for a name with underscores at its beginning would be mangled in a class.
        self._definitions[name] = f'{name} = TypedDict(\n    "{name}",\n    {{\n{fields}\n    }},\n)\n"""{meaning}"""'


def generated() -> str:
    """The module, formatted."""
    writer = Writer(build_schema(SCHEMA.read_text(encoding="utf-8")))
    for operation in parse((HERE / "operations.graphql").read_text(encoding="utf-8")).definitions:
        assert isinstance(operation, OperationDefinitionNode)
        writer.add(operation)
    ruff = [str(Path(sys.executable).with_name("ruff")), "format", "-"]
    return subprocess.run(ruff, input=writer.text(), capture_output=True, text=True, check=True).stdout


def _constant(name: str) -> str:
    return _snake(name).upper()


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


def _quoted(text: str) -> str:
    return f'"{text}"'


if __name__ == "__main__":
    target = HERE / "operations.py"
    if "--check" in sys.argv[1:]:
        sys.exit(target.read_text(encoding="utf-8") != generated())
    target.write_text(generated(), encoding="utf-8")
    print(f"wrote {target.relative_to(Path.cwd())}")

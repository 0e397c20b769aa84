"""Values for every field of every door, read from the schema and the OpenAPI document, each with an unmistakable mark.

A new field of an input is filled without a word here. One that takes no mark needs a word in `USUAL`, or its door
refuses the whole request and the canary's test says so.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from graphql import (
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
)

from tests.api.attack_room import Path

MARK: Final = "zq7canary"
CANARY: Final = f"{MARK}@example.com"
NUMBER: Final = 717_171.25
WHOLE_NUMBER: Final = 71_717
NAMED: Final = "7a717171-7171-4717-8717-717171717171"
"""The marks: of texts, of user ids, of numbers, of whole numbers, of ids."""

OMITTED: Final = object()
DEEPEST: Final = 4

Usual = Mapping[str, Any]
"""By `Type.field`, or `field(argument)`: what a field holds where a mark would be refused; `OMITTED` for nothing."""


@dataclass
class Filled:
    """A whole value, and where in it something can be said.

    Attributes:
        places: the path and the mark of everything that is no choice among few, by its name in the schema.
        marked: those whose mark stands in `value`.
    """

    value: Any = None
    places: dict[str, tuple[Path, Any]] = field(default_factory=dict)
    marked: set[str] = field(default_factory=set)

    def say(self, name: str, path: Path, mark: Any, usual: Usual) -> Any:
        """What stands at a place: what is usual there, else the mark."""
        self.places.setdefault(name, (path, mark))
        said = usual.get(name, mark)
        if MARK in str(said) or said in (NUMBER, WHOLE_NUMBER, NAMED):
            self.marked.add(name)
        return said

    def variants(self) -> Iterator[tuple[str, Path, Any]]:
        """The places that hold no mark yet, with the mark that was not said there."""
        for name, (path, mark) in self.places.items():
            if name not in self.marked:
                yield name, path, mark


def of_field(name: str, declared: GraphQLField, usual: Usual) -> Filled:
    """Variables for all arguments of a root field."""
    filled = Filled()
    filled.value = {}
    for argument, given in declared.args.items():
        value = _of_type(filled, given.type, f"{name}({argument})", (argument,), usual)
        if value is not OMITTED:
            filled.value[argument] = value
    return filled


MARKS: Final = {
    "String": MARK,
    "ID": NAMED,
    "Float": NUMBER,
    "Int": WHOLE_NUMBER,
    "JSON": {f"{MARK} name": f"{MARK} value", f"{MARK} number": NUMBER},
}
CERTAIN: Final = {"Boolean": True, "DateTime": "2026-01-01T00:00:00Z"}


def _of_type(filled: Filled, kind: Any, name: str, path: Path, usual: Usual, depth: int = 0) -> Any:
    if isinstance(kind, GraphQLNonNull):
        return _of_type(filled, kind.of_type, name, path, usual, depth)
    if isinstance(kind, GraphQLList):
        if isinstance(usual.get(name), list):
            return filled.say(name, path, MARK, usual)
        one = _of_type(filled, kind.of_type, name, (*path, 0), usual, depth)
        return OMITTED if one is OMITTED else [one]
    if isinstance(kind, GraphQLEnumType):
        return usual.get(name, next(iter(kind.values)))
    if isinstance(kind, GraphQLInputObjectType):
        parts = {
            part: _of_type(filled, declared.type, f"{kind.name}.{part}", (*path, part), usual, depth + 1)
            for part, declared in kind.fields.items()
        }
        return {part: value for part, value in parts.items() if value is not OMITTED}
    if kind.name in CERTAIN:
        return usual.get(name, CERTAIN[kind.name])
    mark = f"{MARK}_{path[-1]}" if kind.name == "String" else MARKS[kind.name]
    return filled.say(name, path, mark, usual)


def fields_of(root: GraphQLObjectType, names: Iterator[str]) -> set[str]:
    """The name of everything that some root fields take, found without filling anything."""
    found: set[str] = set()
    todo: list[tuple[str, Any]] = [
        (f"{name}({argument})", given.type) for name in names for argument, given in root.fields[name].args.items()
    ]
    seen: set[str] = set()
    while todo:
        name, kind = todo.pop()
        while isinstance(kind, GraphQLNonNull | GraphQLList):
            kind = kind.of_type
        if isinstance(kind, GraphQLInputObjectType):
            if kind.name not in seen:
                seen.add(kind.name)
                todo += [(f"{kind.name}.{part}", declared.type) for part, declared in kind.fields.items()]
        elif not isinstance(kind, GraphQLEnumType) and kind.name not in CERTAIN:
            found.add(name)
    return found


def of_body(name: str, document: Mapping[str, Any], usual: Usual) -> Filled:
    """The JSON body of a route, from its schema in the OpenAPI document."""
    filled = Filled()
    filled.value = _of_schema(filled, document, {"$ref": f"#/components/schemas/{name}"}, name, (), usual)
    return filled


def _of_schema(
    filled: Filled, document: Mapping[str, Any], schema: Mapping[str, Any], name: str, path: Path, usual: Usual
) -> Any:
    if "$ref" in schema:
        below = schema["$ref"].rpartition("/")[2]
        return _of_schema(filled, document, document["components"]["schemas"][below], name, path, usual)
    if "anyOf" in schema:
        return _of_schema(filled, document, schema["anyOf"][0], name, path, usual)
    if "enum" in schema or "const" in schema:
        return usual.get(name, schema.get("const", schema.get("enum", [None])[0]))
    if schema.get("properties"):
        title = schema["title"]
        parts = {
            part: _of_schema(filled, document, declared, f"{title}.{part}", (*path, part), usual)
            for part, declared in schema["properties"].items()
        }
        return {part: value for part, value in parts.items() if value is not OMITTED}
    if schema["type"] == "array":
        one = _of_schema(filled, document, schema["items"], name, (*path, 0), usual)
        return OMITTED if one is OMITTED else [one]
    return _of_simple(filled, schema, name, path, usual)


def _of_simple(filled: Filled, schema: Mapping[str, Any], name: str, path: Path, usual: Usual) -> Any:
    match schema["type"], schema.get("format"):
        case "boolean", _:
            return usual.get(name, True)
        case "string", "date-time":
            return usual.get(name, CERTAIN["DateTime"])
        case "string", "uuid":
            return filled.say(name, path, NAMED, usual)
        case "string", _:
            return filled.say(name, path, f"{MARK}_{path[-1]}", usual)
        case "number", _:
            return filled.say(name, path, NUMBER, usual)
        case "integer", _:
            return filled.say(name, path, WHOLE_NUMBER, usual)
        case _:
            return filled.say(name, path, MARKS["JSON"], usual)

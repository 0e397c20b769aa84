"""Every door of the service, read from the schema and the routes, so that new ones are attacked without a word."""

from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass
from functools import cache
from typing import Any

from graphql import (
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    get_named_type,
    is_leaf_type,
)

from graphql_api.rest.operation import Operation
from graphql_api.rest.operations import OPERATIONS
from graphql_api.schema import build_schema

SCALARS: Mapping[str, Any] = {
    "String": "x",
    "ID": "0198c0de-0000-7000-8000-000000000000",
    "Int": 1,
    "Float": 0.5,
    "Boolean": False,
    "DateTime": "2026-01-01T00:00:00Z",
    "JSON": {},
}
DEEPEST = 4
USER = "userId"
SOMEBODYS = frozenset({USER, "contentId"})
"""Inputs that make an operation one about a person, also where they may be left out."""

Path = tuple[str | int, ...]


@dataclass(frozen=True)
class Door:
    """One root field, with variables for it."""

    kind: str
    name: str
    document: str
    variables: Mapping[str, Any]

    def about(self, user: str) -> dict[str, Any]:
        """The variables, about another person."""
        changed = deepcopy(dict(self.variables))
        if "userIds" in changed:
            return changed | {"userIds": [user]}
        where = changed if USER in changed else changed["input"]
        where[USER] = user
        return changed

    @property
    def is_about_somebody(self) -> bool:
        return bool({USER, "userIds"} & {*self.variables, *self.variables.get("input", {})})


@cache
def doors(*, whole: bool = False) -> list[Door]:
    """All root fields; with `whole`, optional inputs are given as well."""
    schema = build_schema()._schema
    kinds = {"query": schema.query_type, "mutation": schema.mutation_type, "subscription": schema.subscription_type}
    return [
        _door(kind, name, field, whole=whole)
        for kind, kept in kinds.items()
        if isinstance(kept, GraphQLObjectType)
        for name, field in kept.fields.items()
    ]


def routes_about_somebody() -> list[Operation[Any]]:
    """All routes that a user id leads to."""
    return [o for o in OPERATIONS if "{userId}" in o.path or "user_id" in o.body.model_fields]


def request_of(operation: Operation[Any], user: str) -> dict[str, Any]:
    """What to send to a route about one person."""
    path = operation.path.replace("{userId}", user)
    if not operation.takes_body:
        return {"method": operation.method, "url": path}
    body = dict(deepcopy(operation.example or {}))
    if "user_id" in operation.body.model_fields:
        body[USER] = user
    if "content_id" in operation.body.model_fields:
        body = {"contentId": "x"} | {name: part for name, part in body.items() if name != "itemId"}
    return {"method": operation.method, "url": path, "json": body}


def leaves(value: Any, path: Path = ()) -> Iterator[Path]:
    """The places of everything in `value` that is neither an object nor a list."""
    if isinstance(value, dict) and value:
        for name, part in value.items():
            yield from leaves(part, (*path, name))
    elif isinstance(value, list) and value:
        for place, part in enumerate(value):
            yield from leaves(part, (*path, place))
    else:
        yield path


def put(value: Any, path: Path, planted: Any) -> Any:
    """A copy of `value` with something else at one place."""
    changed: Any = deepcopy(value)
    where: Any = changed
    for step in path[:-1]:
        where = where[step]
    where[path[-1]] = planted
    return changed


def _door(kind: str, name: str, field: GraphQLField, *, whole: bool) -> Door:
    given = {
        n: a
        for n, a in field.args.items()
        if whole or n in SOMEBODYS or (isinstance(a.type, GraphQLNonNull) and n != "first")
    }
    declared = ", ".join(f"${n}: {a.type}" for n, a in given.items())
    passed = ", ".join(f"{n}: ${n}" for n in given)
    selected = "" if is_leaf_type(get_named_type(field.type)) else " { __typename }"
    document = f"{kind} Q{f'({declared})' if declared else ''} {{ {name}{f'({passed})' if passed else ''}{selected} }}"
    return Door(kind, name, document, {n: _value(a.type, n, whole=whole) for n, a in given.items()})


def _value(kind: Any, name: str, *, whole: bool, depth: int = 0) -> Any:
    if isinstance(kind, GraphQLNonNull):
        return _value(kind.of_type, name, whole=whole, depth=depth)
    if isinstance(kind, GraphQLList):
        return [_value(kind.of_type, name, whole=whole, depth=depth)]
    if isinstance(kind, GraphQLEnumType):
        return next(iter(kind.values))
    if isinstance(kind, GraphQLInputObjectType):
        return {
            n: _value(f.type, n, whole=whole, depth=depth + 1)
            for n, f in kind.fields.items()
            if isinstance(f.type, GraphQLNonNull) or n in SOMEBODYS or (whole and depth < DEEPEST)
        }
    return SCALARS.get(kind.name, "x")

"""The schema as clients see it: exported as it is, and described throughout."""

from pathlib import Path

from graphql import GraphQLEnumType, GraphQLInputObjectType, GraphQLNamedType

from graphql_api.schema import build_schema, export


def test_the_exported_schema_is_current() -> None:
    assert Path("schema.graphql").read_text() == export()


def undescribed(named: GraphQLNamedType) -> list[str]:
    found = [] if named.description else [named.name]
    if isinstance(named, GraphQLEnumType):
        return found + [f"{named.name}.{name}" for name, value in named.values.items() if not value.description]
    for name, field in getattr(named, "fields", {}).items():
        found += [] if field.description else [f"{named.name}.{name}"]
        if not isinstance(named, GraphQLInputObjectType):
            found += [f"{named.name}.{name}({arg})" for arg, value in field.args.items() if not value.description]
    return found


def test_everything_in_the_schema_is_described() -> None:
    types = build_schema()._schema.type_map.values()
    mine = [named for named in types if not named.name.startswith("__")]
    missing = [place for named in mine for place in undescribed(named)]
    assert missing == []

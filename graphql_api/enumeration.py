"""How an enumeration of the domain becomes one of the schema."""

from enum import EnumMeta
from typing import Any

import strawberry


def register(kind: EnumMeta, name: str, description: str, values: dict[str, str]) -> None:
    """Make `kind` a GraphQL enum of that name, each value with its own description."""
    registered: Any = strawberry.enum(kind, name=name, description=description)
    for value in registered.__strawberry_definition__.values:
        value.description = values[value.name]

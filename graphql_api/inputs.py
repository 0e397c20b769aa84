"""What several inputs have in common: named values, and how a part of an input is named."""

from typing import Any

from strawberry.utils.str_converters import to_camel_case

from domain.errors import ValidationFailed

NAMED = "attributes."


def named_values(given: object, field: str) -> dict[str, Any]:
    """The texts, numbers and booleans of a JSON object by name; none for null. Raises `ValidationFailed`."""
    if given is None:
        return {}
    if not isinstance(given, dict) or not all(isinstance(value, str | float | int) for value in given.values()):
        raise ValidationFailed("are named texts, numbers and booleans", field=field)
    return given


def path_of(field: str) -> str:
    """A part's path as clients write it: in camel case but for the names that they chose themselves."""
    whole, named, name = field.partition(NAMED)
    return ".".join(map(to_camel_case, whole.split("."))) + named + name

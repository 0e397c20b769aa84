"""Parameters of a generation under test: they take the place of what was learned, and never of what a person stated."""

from typing import Any

from domain.errors import ValidationFailed
from domain.experiments.levers import Area
from domain.exposures.steering import Steering
from domain.generation.parameters import PARAMETERS, Value, camel
from domain.generation.stated import Wishes

_BY_NAME = {camel(parameter.name): parameter for parameter in PARAMETERS.values()}


def wrong_parameter(name: str, value: Any) -> str | None:
    """What keeps a value from being a parameter of a variation; None if nothing does."""
    if name not in _BY_NAME:
        return f"there are {', '.join(_BY_NAME)}"
    try:
        _BY_NAME[name].checked(value, name)
    except ValidationFailed as error:
        return error.message
    return None


def tried(steering: Steering, wishes: Wishes) -> dict[str, Value]:
    """What a person's variations set; a parameter that the person stated counts as not shown.

    Args:
        steering: what experiments change for the person.
        wishes: what the person said of parameters; values only, bounds do not keep a variation from being shown.
    """
    found: dict[str, Value] = {}
    for name, parameter in _BY_NAME.items():
        if parameter.name in wishes.values:
            continue
        value = steering.get(f"{Area.GENERATION}.{name}")
        if value is not None:
            found[parameter.name] = parameter.checked(value, name)
    return found

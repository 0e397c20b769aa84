"""Targeting conditions: whom an experiment is for, as an object in the manner of MongoDB queries.

`{"country": "PT", "visits": {"$gte": 3}}` holds if each of its entries does. A name with dots looks inside objects. An
attribute that is missing is null: it is equal to null, different from everything else, and not comparable.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from domain.errors import ValidationFailed

MAX_DEPTH: Final = 16

Attributes = Mapping[str, Any]
Groups = Mapping[str, list[Any]]
"""Name -> the values that belong to a saved group."""


def check_condition(
    condition: Mapping[str, Any], field: str = "condition", depth: int = 0, *, groups: bool = True
) -> None:
    """Raise `ValidationFailed` unless each operator is known and has an operand of the right shape.

    Args:
        condition: what is checked.
        field: its name.
        depth: how deep it lies in another.
        groups: whether there are saved groups that it may name.
    """
    if depth > MAX_DEPTH:
        raise ValidationFailed(f"a condition is at most {MAX_DEPTH} levels deep", field=field)
    for name, operand in condition.items():
        where = f"{field}.{name}"
        if name in _LOGIC:
            if not isinstance(operand, list) or not all(isinstance(part, Mapping) for part in operand):
                raise ValidationFailed(f"{name} needs a list of conditions", field=where)
            for part in operand:
                check_condition(part, where, depth + 1, groups=groups)
        elif name == "$not":
            check_condition(_mapping(operand, name, where), where, depth + 1, groups=groups)
        elif name.startswith("$"):
            raise ValidationFailed(f"unknown operator {name}", field=where)
        elif _is_operators(operand):
            _check_operators(operand, where, depth + 1, groups=groups)


def meets(condition: Mapping[str, Any], attributes: Attributes, groups: Groups) -> bool:
    """Whether somebody with these attributes is meant by a condition that `check_condition` passed."""
    return all(_entry_holds(name, operand, attributes, groups) for name, operand in condition.items())


def _entry_holds(name: str, operand: Any, attributes: Attributes, groups: Groups) -> bool:
    if name in _LOGIC:
        return _LOGIC[name]([meets(part, attributes, groups) for part in operand])
    if name == "$not":
        return not meets(operand, attributes, groups)
    return _value_holds(operand, _value_at(name, attributes), groups)


def _value_holds(operand: Any, value: Any, groups: Groups) -> bool:
    if not _is_operators(operand):
        return _same(value, operand)
    return all(_operator_holds(name, argument, value, groups) for name, argument in operand.items())


def _operator_holds(name: str, argument: Any, value: Any, groups: Groups) -> bool:
    if name == "$not":
        return not _value_holds(argument, value, groups)
    if name in ("$inGroup", "$notInGroup"):
        return _among(value, groups.get(argument, [])) == (name == "$inGroup")
    return _COMPARISONS[name](value, argument)


def _check_operators(operators: Mapping[str, Any], field: str, depth: int, *, groups: bool) -> None:
    if depth > MAX_DEPTH:
        raise ValidationFailed(f"a condition is at most {MAX_DEPTH} levels deep", field=field)
    for name, argument in operators.items():
        where = f"{field}.{name}"
        if name == "$not":
            if _is_operators(argument):
                _check_operators(argument, where, depth + 1, groups=groups)
        elif name in ("$in", "$nin"):
            if not isinstance(argument, list):
                raise ValidationFailed(f"{name} needs a list", field=where)
        elif name in ("$inGroup", "$notInGroup"):
            _check_group(argument, name, where, groups=groups)
        elif name not in _COMPARISONS:
            raise ValidationFailed(f"unknown operator {name}", field=where)


def _check_group(argument: Any, name: str, where: str, *, groups: bool) -> None:
    if not groups:
        raise ValidationFailed("there are no saved groups; list the values with $in or $nin", field=where)
    if not isinstance(argument, str):
        raise ValidationFailed(f"{name} needs the name of a group", field=where)


def _mapping(operand: Any, name: str, where: str) -> Mapping[str, Any]:
    if not isinstance(operand, Mapping):
        raise ValidationFailed(f"{name} needs a condition", field=where)
    return operand


def _is_operators(operand: Any) -> bool:
    return isinstance(operand, Mapping) and bool(operand) and any(name.startswith("$") for name in operand)


def _value_at(path: str, attributes: Attributes) -> Any:
    value: Any = attributes
    for name in path.split("."):
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def _same(one: Any, other: Any) -> bool:
    return isinstance(one, bool) == isinstance(other, bool) and bool(one == other)


def _among(value: Any, members: list[Any]) -> bool:
    values = value if isinstance(value, list) else [value]
    return any(_same(one, member) for one in values for member in members)


def _ordered(holds: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    def compare(value: Any, argument: Any) -> bool:
        both_text = isinstance(value, str) and isinstance(argument, str)
        return (both_text or (_is_number(value) and _is_number(argument))) and holds(value, argument)

    return compare


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


_LOGIC: Final[Mapping[str, Callable[[list[bool]], bool]]] = {
    "$and": all,
    "$or": lambda parts: any(parts) or not parts,
    "$nor": lambda parts: not any(parts),
}

_COMPARISONS: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "$eq": _same,
    "$ne": lambda value, argument: not _same(value, argument),
    "$lt": _ordered(lambda value, argument: bool(value < argument)),
    "$lte": _ordered(lambda value, argument: bool(value <= argument)),
    "$gt": _ordered(lambda value, argument: bool(value > argument)),
    "$gte": _ordered(lambda value, argument: bool(value >= argument)),
    "$in": _among,
    "$nin": lambda value, argument: not _among(value, argument),
    "$exists": lambda value, argument: (value is not None) == bool(argument),
}

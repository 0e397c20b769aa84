"""What of an experiment can be kept and told as JSON; whatever else is written is refused by its place."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from domain.errors import ValidationFailed

LARGEST: Final = 2**53 - 1
"""Whole numbers beyond it lose digits where JSON is read."""
DEEPEST: Final = 32
"""Levels of objects and lists; a condition has at most half as many."""


def require_storable(written: Any, field: str = "", depth: int = 0) -> None:
    """Raise `ValidationFailed` for a text with a NUL, a number that JSON does not carry, or too many levels."""
    if depth > DEEPEST:
        raise ValidationFailed(f"at most {DEEPEST} levels deep", field=field)
    if isinstance(written, str) and "\x00" in written:
        raise ValidationFailed(f"{field}: a text holds no NUL", field=field)
    if isinstance(written, int | float) and not abs(written) <= LARGEST:
        raise ValidationFailed(f"{field}: is not a number within ±(2^53 - 1)", field=field)
    for name, part in _parts(written):
        where = f"{field}.{name}" if field else str(name)
        if "\x00" in where:
            raise ValidationFailed("a name holds no NUL", field=field)
        require_storable(part, where, depth + 1)


def _parts(written: Any) -> Iterator[tuple[Any, Any]]:
    if isinstance(written, Mapping):
        yield from written.items()
    elif isinstance(written, list | tuple):
        yield from enumerate(written)

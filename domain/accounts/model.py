"""What a user management service says of a user, and what came of saying it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final

from domain.errors import DomainError, ValidationFailed
from domain.ids import UserId

LARGEST: Final = 2**53 - 1
"""Numbers beyond it lose digits in JSON."""
MAX_ATTRIBUTES: Final = 50
MAX_ROLES: Final = 50
MAX_TEXT: Final = 256
_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_.:-]{0,63}")

Attribute = str | int | float | bool


class SyncOutcome(StrEnum):
    """What came of one change."""

    APPLIED = "applied"
    DELETED = "deleted"
    UNCHANGED = "unchanged"
    """This very change was applied before."""
    STALE = "stale"
    """A later change was applied before; nothing was written."""
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class AccountChange:
    """The whole of what holds for a user from a revision on.

    Attributes:
        user_id: who.
        revision: grows with each change of the user in the other system, 0 to 2^53 - 1.
        attributes: name -> value; what is not among them is gone.
        roles: what the user is there, such as `editor`.
        deleted: the user is gone, and nothing may be kept of them.

    Raises:
        ValidationFailed: a part means nothing; `field` names it.
    """

    user_id: UserId
    revision: int
    attributes: Mapping[str, Attribute] = field(default_factory=dict)
    roles: tuple[str, ...] = ()
    deleted: bool = False

    def __post_init__(self) -> None:
        if not 0 <= self.revision <= LARGEST:
            raise ValidationFailed("must be a whole number from 0 to 2^53 - 1", field="revision")
        if self.deleted and (self.attributes or self.roles):
            raise ValidationFailed("a user who is gone has neither attributes nor roles", field="deleted")
        _require_names(self.attributes, "attributes", MAX_ATTRIBUTES)
        _require_names(self.roles, "roles", MAX_ROLES)
        for name, value in self.attributes.items():
            if isinstance(value, str) and len(value) > MAX_TEXT:
                raise ValidationFailed(f"at most {MAX_TEXT} characters", field=f"attributes.{name}")
            if isinstance(value, int | float) and not abs(value) <= LARGEST:
                raise ValidationFailed("is not a number within ±(2^53 - 1)", field=f"attributes.{name}")


@dataclass(frozen=True, slots=True)
class Account:
    """What the other system said last.

    Attributes:
        revision: of the change.
        synced_at: when it was applied.
    """

    attributes: Mapping[str, Attribute]
    roles: tuple[str, ...]
    revision: int
    synced_at: datetime


@dataclass(frozen=True, slots=True)
class Synced:
    """What came of the change of one user.

    Attributes:
        problem: why it was refused; None otherwise.
    """

    user_id: UserId
    outcome: SyncOutcome
    problem: DomainError | None = None


def _require_names(names: Mapping[str, Attribute] | tuple[str, ...], place: str, most: int) -> None:
    if len(names) > most:
        raise ValidationFailed(f"at most {most}", field=place)
    for name in names:
        if not _NAME.fullmatch(name):
            raise ValidationFailed(
                "a name begins with a letter and has at most 64 letters, digits, `_`, `.`, `:` and `-`", field=place
            )

"""What an erasure reached in each store."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any


class Level(StrEnum):
    """How far an erasure reached in a store."""

    LOGICAL = "logical"
    """The data are deleted; bytes may lie in free space until they are written over, or `scrub` runs."""
    PHYSICAL = "physical"
    """The bytes are gone from the store's files."""
    CRYPTOGRAPHIC = "cryptographic"
    """The only key that opens the bytes is destroyed."""
    PENDING = "pending"
    """It will be reached by the date that is named."""
    OUT_OF_SCOPE = "out_of_scope"
    """Nothing about the person is kept there, or the service cannot reach it; the detail says which."""


@dataclass(frozen=True, slots=True)
class Reached:
    """What an erasure reached in one place.

    Attributes:
        store: which store.
        name: which table, kind of key or folder.
        level: how far.
        detail: in words.
        count: how many rows or keys; None where nothing is counted.
        until: when a pending level will be reached.
    """

    store: str
    name: str
    level: Level
    detail: str = ""
    count: int | None = None
    until: datetime | None = None

    def as_json(self) -> dict[str, Any]:
        """As it stands in receipts."""
        until = None if self.until is None else self.until.isoformat()
        told = {"store": self.store, "name": self.name, "level": self.level.value, "detail": self.detail}
        return told | {key: value for key, value in (("count", self.count), ("until", until)) if value is not None}

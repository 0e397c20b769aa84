"""Pages of a list that changes while it is read: a cursor names what was shown, so that no page repeats an item.

A position or a score would not do: each action of the user reorders the list between two pages.
"""

import base64
import binascii
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self
from zlib import crc32

from domain.errors import ValidationFailed
from domain.ids import ItemId

MAX_SHOWN = 500
_DIGEST_BYTES = 4


@dataclass(frozen=True, slots=True)
class Shown:
    """The items that earlier pages showed, as CRC-32 digests.

    Two of 20,000 items share a digest with one of 100 shown with probability 5e-4; the one that was not shown is then
    left out of the next page, which is all that happens.
    """

    digests: frozenset[int] = frozenset()

    @property
    def may_grow(self) -> bool:
        """Whether a page may follow; a cursor that names more items than the limit is refused."""
        return len(self.digests) <= MAX_SHOWN

    def and_also(self, items: Iterable[ItemId]) -> Self:
        """What was shown once these items have been as well."""
        return type(self)(self.digests | {crc32(item.encode()) for item in items})

    def among(self, items: Iterable[ItemId]) -> frozenset[ItemId]:
        """Those of `items` that were shown."""
        return (
            frozenset(item for item in items if crc32(item.encode()) in self.digests) if self.digests else frozenset()
        )

    def __str__(self) -> str:
        packed = struct.pack(f">{len(self.digests)}I", *sorted(self.digests))
        return base64.urlsafe_b64encode(packed).decode().rstrip("=")

    @classmethod
    def parse(cls, text: str, field: str = "after") -> Self:
        """The cursor that was written as `text`.

        Raises:
            ValidationFailed: no cursor is written like that.
        """
        try:
            packed = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        except (binascii.Error, ValueError):
            packed = b"?"
        if len(packed) % _DIGEST_BYTES or len(packed) > MAX_SHOWN * _DIGEST_BYTES:
            raise ValidationFailed("this is not a cursor that the service gave out", field=field)
        return cls(frozenset(struct.unpack(f">{len(packed) // _DIGEST_BYTES}I", packed)))


NOTHING_SHOWN = Shown()

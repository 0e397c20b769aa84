"""An answer as it is kept: with the question it answers, how long it holds and what it cost to make, all of it sealed.

The seal keeps personal data from whoever reads Redis, and lets nobody who can write there plant an answer. The question
is inside of it, so that an answer that was moved or has been overtaken is recognised.
"""

import struct
from dataclasses import dataclass
from typing import Final

from domain.caching.model import DIGEST_BYTES, Question
from domain.errors import DomainError
from domain.privacy.encryption import FieldSealer

# The question's identity, the moment until which the answer holds, and the seconds that it took to make.
_HEADER: Final = struct.Struct(f">{DIGEST_BYTES}sdf")
_TABLE: Final = "cache"


@dataclass(frozen=True, slots=True)
class Held:
    """A kept answer.

    Attributes:
        body: as it was encoded.
        until: seconds since the epoch.
        cost_seconds: what making it took.
    """

    body: bytes
    until: float
    cost_seconds: float


def seal(sealer: FieldSealer, question: Question, held: Held) -> bytes:
    """The answer for Redis; 57 bytes longer than its body."""
    header = _HEADER.pack(question.identity, held.until, held.cost_seconds)
    return sealer.seal(_TABLE, question.cache, header + held.body)


def unseal(sealer: FieldSealer, question: Question, sealed: bytes) -> Held | None:
    """The answer; None if these bytes are none to this question."""
    try:
        plain = sealer.open(_TABLE, question.cache, sealed)
        identity, until, cost = _HEADER.unpack_from(plain)
    except (DomainError, struct.error):
        return None
    return Held(plain[_HEADER.size :], until, cost) if identity == question.identity else None

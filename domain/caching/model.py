"""The words of caching: a question, what its answer depends on, and what came of looking for an answer to it."""

import hashlib
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Generic, TypeVar

import orjson

from domain.ids import SubjectId, TenantId
from domain.privacy.model import Subject

DIGEST_BYTES = 16

T = TypeVar("T")


class CacheName(StrEnum):
    """What is cached; the value names it in headers and metrics."""

    PROFILES = "profiles"
    RECOMMENDATIONS = "recommendations"
    SIMILAR = "similar"


class Outcome(StrEnum):
    """What came of looking for an answer."""

    HIT = "hit"
    MISS = "miss"
    BYPASS = "bypass"


class Bypass(StrEnum):
    """Why an answer was made without looking for one."""

    OFF = "off"
    """`PERSONALIZATION_CACHE_TTL` is 0."""
    UNAVAILABLE = "unavailable"
    """Redis cannot be reached, or the person's key cannot be used."""
    UNCACHED = "uncached"
    """Answers to such questions are not kept: nobody would ask again, or the person's level lets nothing be kept."""


@dataclass(frozen=True, slots=True)
class Question:
    """A question whose answer may be kept.

    Attributes:
        cache: what is asked for.
        tenant: whose data.
        subject: whose answer it is; None for an answer that is the same for everybody and rests on nobody's data.
        asked: names the question among those about the subject, as `digest` makes it.
        stamp: digest of the version of all that the answer depends on, read before the answer is looked for. An answer
            under another stamp is none.
    """

    cache: CacheName
    tenant: TenantId
    subject: SubjectId | None
    asked: bytes
    stamp: bytes

    @property
    def identity(self) -> bytes:
        """What a kept answer must carry to be an answer to this, 16 bytes."""
        return digest(self.cache, self.tenant, str(self.subject), self.asked.hex(), self.stamp.hex())


@dataclass(frozen=True, slots=True)
class Made(Generic[T]):
    """A new answer, and the moment at which it stops holding by itself; None for never."""

    value: T
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Lookup:
    """What came of one question.

    Attributes:
        ttl_seconds: how long a kept answer may still be served; None if none is kept.
        stored: whether a new answer was kept.
        collapsed: whether the answer was fetched or made for another caller who asked the same at that moment.
        bypass: why the cache was not asked.
    """

    cache: CacheName
    outcome: Outcome
    ttl_seconds: int | None = None
    stored: bool = False
    collapsed: bool = False
    bypass: Bypass | None = None


@dataclass(frozen=True, slots=True)
class Recalled:
    """An answer from the memory of this process.

    Attributes:
        lookup: what came of its question if its versions still hold.
        beside: what was made of the answer and may be used again; forgotten together with it.
    """

    value: Any
    lookup: Lookup
    beside: dict[Any, Any]


lookups: ContextVar[list[Lookup] | None] = ContextVar("lookups", default=None)
"""When set to a list, what comes of every question of this context is appended to it."""


def digest(*parts: object) -> bytes:
    """A digest of values that have a JSON form, 16 bytes; values that are sets must come sorted."""
    return hashlib.blake2b(orjson.dumps(parts), digest_size=DIGEST_BYTES).digest()


def stamp_of(subject: Subject) -> bytes:
    """The version of all that is kept of a person, consent included."""
    allowed = (subject.privacy_level, subject.personalizes, subject.keeps_stated, subject.uses_stated)
    return digest(subject.version, subject.unannounced, *allowed)

"""The vocabulary of live updates, so that publisher, bus and transports mean the same by version, cursor and resync.

Each update of a person has the version that the person's record reached with it: 1, 2, 3 and so on without holes. A
missing number therefore is a missed update, and anyone on the way can see it.
"""

import base64
import binascii
from dataclasses import dataclass
from enum import StrEnum
from typing import Self

from domain.errors import ValidationFailed
from domain.ids import SubjectId, TenantId

_CURSOR_BYTES = 8
_MAX_VERSION = 2**63 - 1


class UpdateKind(StrEnum):
    """What an update is about.

    The body of a replaceable kind states the whole of what it is about, so that a later one makes it superfluous.
    """

    PROFILE_UPDATED = "profile_updated"
    RECOMMENDATIONS_CHANGED = "recommendations_changed"
    INTERACTION_TRACKED = "interaction_tracked"
    CONSENT_CHANGED = "consent_changed"
    MODEL_UPDATED = "model_updated"
    EXPERIMENT_UPDATED = "experiment_updated"
    ERASED = "erased"
    IDENTITY_MERGED = "identity_merged"
    """Two ids turned out to be one person: fetch anew what is known, and follow the one that remains."""


REPLACEABLE = frozenset(
    {
        UpdateKind.PROFILE_UPDATED,
        UpdateKind.RECOMMENDATIONS_CHANGED,
        UpdateKind.MODEL_UPDATED,
        UpdateKind.IDENTITY_MERGED,
    }
)
KINDS = frozenset(UpdateKind)


@dataclass(frozen=True, slots=True)
class SubjectTopic:
    """One person's updates."""

    tenant: TenantId
    subject: SubjectId


@dataclass(frozen=True, slots=True)
class TenantTopic:
    """The updates that concern everyone of a tenant."""

    tenant: TenantId


Topic = SubjectTopic | TenantTopic


@dataclass(frozen=True, slots=True, order=True)
class Cursor:
    """How far a client has read. Clients keep its text and never look inside: base64url of the version, 8 bytes."""

    version: int

    def __str__(self) -> str:
        return base64.urlsafe_b64encode(self.version.to_bytes(_CURSOR_BYTES, "big")).rstrip(b"=").decode()

    @classmethod
    def parse(cls, text: str, field: str = "after") -> Self:
        """The cursor that was written as `text`.

        Args:
            text: exactly what `str(cursor)` gave.
            field: the input that the error names.

        Raises:
            ValidationFailed: no cursor is written like that.
        """
        try:
            version = int.from_bytes(base64.b64decode(text + "=", altchars=b"-_", validate=True), "big")
        except (binascii.Error, ValueError):
            version = -1
        # One version has one text: unused bits, a shorter form or the standard alphabet are refused.
        if not 0 <= version <= _MAX_VERSION or str(cls(version)) != text:
            raise ValidationFailed("this is not a cursor that the service gave out", field=field)
        return cls(version)


@dataclass(frozen=True, slots=True)
class Entry:
    """One update as it travels.

    Attributes:
        version: the person's version; for an update to a whole tenant, a number that grows.
        kind: an `UpdateKind`, or what only a newer release of the service knows.
        sealed: the body, encrypted for its person; plain for an update to a whole tenant.
    """

    version: int
    kind: str
    sealed: bytes


@dataclass(frozen=True, slots=True)
class Position:
    """Where a person's updates stand, according to Postgres.

    Attributes:
        current: the newest committed version, 0 for a person unknown or erased.
        published: the newest version up to which every update has been handed to Redis.
    """

    current: int
    published: int


NOWHERE = Position(0, 0)


@dataclass(frozen=True, slots=True)
class Update:
    """One update as a subscriber receives it.

    Attributes:
        version: the version it brought the person to.
        kind: what it is about.
        body: what it says, opened.
        conflated: how many updates right before it were left out because later ones replace them.
    """

    version: int
    kind: UpdateKind
    body: bytes
    conflated: int = 0

    @property
    def cursor(self) -> Cursor:
        """Where to go on reading after this update."""
        return Cursor(self.version)


class ResyncReason(StrEnum):
    """Why a subscriber has to fetch anew."""

    MISSED = "missed"
    """What was missed is no longer in the replay window."""

    SLOW = "slow"
    """The subscriber read more slowly than updates came."""

    MERGED = "merged"
    """Two ids turned out to be one person; what follows is about both."""

    UNKNOWN_KIND = "unknown_kind"
    """A newer release of the service published something that this one cannot read."""


@dataclass(frozen=True, slots=True)
class ResyncRequired:
    """Updates up to and including `version` may not have been delivered; what follows is complete again.

    `version` is None on a tenant's topic, which has no versions.
    """

    version: int | None
    reason: ResyncReason

    @property
    def cursor(self) -> Cursor | None:
        """Where to go on reading once everything has been fetched anew."""
        return None if self.version is None else Cursor(self.version)


@dataclass(frozen=True, slots=True)
class TenantUpdate:
    """One update that concerns everyone of a tenant; it says nothing about a person."""

    kind: UpdateKind
    body: bytes

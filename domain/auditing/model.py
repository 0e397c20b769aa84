"""An entry of the audit log, and the seal that ties it to the one before."""

import hashlib
import hmac
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import orjson

from domain.ids import TenantId

BEGINNING: Final = b"\0" * 32
"""What stands for the digest before a tenant's first entry."""

OK: Final = "OK"
ATTEMPTED: Final = "ATTEMPTED"
"""The outcome of an entry that is written before its act; another entry that concludes it says what came of it."""


@dataclass(frozen=True, slots=True)
class Act:
    """Something that is about to be done, was done, or was refused.

    Attributes:
        action: the operation's name, the same through every door.
        actor: the pseudonym of who asked, 16 bytes.
        subject: the pseudonym of the person whom it was about, if it was about one.
        object: what it was about otherwise, such as a model's version; never a text about a person.
        outcome: `ATTEMPTED`, `OK`, or the code of the refusal.
        door: `graphql`, `rest`, `command` or `worker`.
        correlation: under which the request was logged.
        done_at: when.
        concludes: the number of the entry that told of the attempt; None for an attempt.
    """

    action: str
    actor: bytes
    subject: bytes | None
    object: str | None
    outcome: str
    door: str
    correlation: str
    done_at: datetime
    concludes: int | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """An act in its place.

    Attributes:
        number: 1 for a tenant's first; there are no holes.
        previous: the digest of the entry before, 32 bytes.
        digest: its own, HMAC-SHA256 over all of it and `previous`.
    """

    number: int
    act: Act
    previous: bytes
    digest: bytes


def sealed(key: bytes, tenant: TenantId, number: int, act: Act, previous: bytes) -> Entry:
    """The entry of an act behind the one that has the digest `previous`."""
    return Entry(number, act, previous, _digest(key, tenant, number, act, previous))


def is_sealed(key: bytes, tenant: TenantId, entry: Entry) -> bool:
    """Whether nothing of an entry was changed since it was written."""
    return hmac.compare_digest(entry.digest, _digest(key, tenant, entry.number, entry.act, entry.previous))


def follows(entry: Entry, before: Entry) -> bool:
    """Whether no entry was taken out between two, put between them, or moved."""
    return entry.number == before.number + 1 and entry.previous == before.digest


def _digest(key: bytes, tenant: TenantId, number: int, act: Act, previous: bytes) -> bytes:
    content = {
        "tenant": tenant,
        "number": number,
        "action": act.action,
        "actor": act.actor.hex(),
        "subject": act.subject and act.subject.hex(),
        "object": act.object,
        "outcome": act.outcome,
        "door": act.door,
        "correlation": act.correlation,
        "done_at": act.done_at.isoformat(timespec="microseconds"),
        "previous": previous.hex(),
    }
    if act.concludes is not None:
        # Left out where there is none, so that entries from before attempts were noted keep their seals.
        content["concludes"] = act.concludes
    return hmac.digest(key, orjson.dumps(content, option=orjson.OPT_SORT_KEYS), hashlib.sha256)

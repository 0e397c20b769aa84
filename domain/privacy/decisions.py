"""What one decision about privacy leaves behind: the person as they are from now on, dated receipts, a live update."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import uuid4

from domain.ids import SubjectId
from domain.privacy.encryption import SubjectKey
from domain.privacy.model import ConsentPurpose, Subject
from domain.privacy.receipts import ConsentReceipt, Evidence

_TICK = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Standing:
    """A person at the moment of a decision.

    Attributes:
        subject: as stored, locked until the decision is written.
        last_recorded_at: the time of the person's latest receipt.
    """

    subject: Subject
    last_recorded_at: datetime | None


@dataclass(frozen=True, slots=True)
class Decision:
    """What a decision leaves behind.

    Attributes:
        subject: the person from now on.
        receipts: what is added to the record.
        announcement: the sealed live update; None if nothing changed that a person could see.
    """

    subject: Subject
    receipts: Sequence[ConsentReceipt]
    announcement: bytes | None


def receipts_of(
    standing: Standing, after: Subject, evidence: Evidence, now: datetime, always: frozenset[ConsentPurpose]
) -> list[ConsentReceipt]:
    """The receipts of a decision: one for each purpose that it changed, and for each of `always`."""
    # The latest receipt counts, so a decision is never dated before an earlier one, whichever host's clock is behind.
    last = standing.last_recorded_at
    recorded_at = now if last is None else max(now, last + _TICK)
    before = standing.subject.consents
    changed = (after.consents.granted - before.granted) | (after.consents.withdrawn - before.withdrawn)
    return [
        evidence.receipt(uuid4(), purpose, recorded_at, granted=purpose in after.consents.granted)
        for purpose in sorted(changed | always)
    ]


def announcement(subject: Subject, keys: Mapping[SubjectId, SubjectKey]) -> bytes | None:
    """What is told to whoever listens to a person, sealed; None if the person's key is gone."""
    key = keys.get(subject.subject_id)
    if key is None:
        return None
    body = {
        "privacyLevel": subject.privacy_level,
        "collects": subject.collects,
        "personalizes": subject.personalizes,
        "gpc": subject.gpc,
    }
    return key.seal_json("outbox", "body_sealed", body)

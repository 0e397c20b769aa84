"""What may be done with a person once another id turns out to be theirs: the stricter word counts, and none is lost."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import uuid4

from domain.privacy.model import ConsentPurpose, Consents, PrivacyLevel, Subject, decided
from domain.privacy.receipts import ConsentReceipt, Evidence

_TICK = timedelta(microseconds=1)
_FROM_STRICT: Final = tuple(PrivacyLevel)


def joined(account: Subject, other: Subject) -> Subject:
    """`account` from now on, once `other` is known to be the same person.

    Whoever has said nothing takes over what the other said. Where both have spoken the stricter level holds, and a
    purpose is granted only if each side allows it, be it by its word or by its level. Global Privacy Control of one is
    that of both.
    """
    gpc = account.gpc or other.gpc
    if not _has_spoken(other):
        return decided(account, account.privacy_level, account.consents, gpc=gpc)
    if not _has_spoken(account):
        return decided(account, other.privacy_level, other.consents, gpc=gpc)
    level = min(account.privacy_level, other.privacy_level, key=_FROM_STRICT.index)
    spoken = account.consents.spoken | other.consents.spoken
    granted = frozenset(purpose for purpose in spoken if _allows(account, purpose) and _allows(other, purpose))
    return decided(account, level, Consents(granted, spoken - granted), gpc=gpc)


def joining_receipts(
    person: Subject, evidence: Evidence, now: datetime, last: Sequence[datetime | None]
) -> list[ConsentReceipt]:
    """One receipt for each purpose that was spoken of under either id, later than every receipt there is.

    Args:
        person: as they are from now on.
        evidence: how this was decided.
        now: the time, by this host's clock.
        last: when each side spoke last.
    """
    recorded_at = max([now, *(at + _TICK for at in last if at is not None)])
    granted = person.consents.granted
    return [
        evidence.receipt(uuid4(), purpose, recorded_at, granted=purpose in granted)
        for purpose in sorted(person.consents.spoken)
    ]


def _has_spoken(subject: Subject) -> bool:
    return bool(subject.consents.spoken) or subject.privacy_level is not PrivacyLevel.STRICT


def _allows(subject: Subject, purpose: ConsentPurpose) -> bool:
    """Whether a side's word allows a purpose or, where it said nothing of it, its level does."""
    if purpose in subject.consents.spoken:
        return purpose in subject.consents.granted
    if purpose is ConsentPurpose.BEHAVIOUR_COLLECTION:
        return False
    if purpose is ConsentPurpose.TRAINING:
        return subject.privacy_level is PrivacyLevel.PERMISSIVE
    return subject.rules.learns_profile

"""Use cases of what people say about themselves: they state, correct, and are heard by the next answer.

A statement needs a consent of its own, counts at once, is told live in the same transaction, and is never changed by
learning.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from domain.behavior.model import require_text
from domain.clock import Clock
from domain.errors import ConsentRequired, Unavailable, ValidationFailed
from domain.ids import SubjectId, TenantId, UserId
from domain.privacy.encryption import SubjectKey
from domain.privacy.lru import LruCache
from domain.privacy.model import Subject
from domain.profiles.model import NOTHING_LEARNED, Correction, Verdict
from domain.profiles.portrait import NO_TASTE, Taste, portrait, taste_of
from domain.profiles.sealing import open_learned, open_stated, seal_stated
from domain.profiles.service import StoredProfile
from domain.profiles.stated import NOTHING_STATED, Stated, StatedChange, checked_facet, checked_value

HELD_TASTES = 20_000
ATTEMPTS = 3
"""How often a person is looked up anew who became part of another while they were written about."""

REFUSED = "This user has not agreed to stated preferences being kept."


@dataclass(frozen=True, slots=True)
class Rewritten:
    """Statements as they are from now on, with the sealed body of the live update; None if nobody could see it."""

    stated_sealed: bytes
    announcement: bytes | None


Rewrite = Callable[[Subject, StoredProfile | None], Rewritten | None]


class StatedStore(Protocol):
    """The statements' column."""

    async def profile(self, tenant: TenantId, subject: SubjectId) -> StoredProfile | None:
        """The profile's row, if something was learned or stated."""
        ...

    async def rewrite(self, tenant: TenantId, subject: SubjectId, rewrite: Rewrite, now: datetime) -> bool:
        """Lock a person, let `rewrite` look at them, write and announce what it says unless that is None.

        Returns:
            False if there is no such person any more.
        """
        ...


class Consent(Protocol):
    """The part of the privacy room that statements need."""

    async def stating_subject(self, tenant: TenantId, user_id: UserId) -> Subject:
        """The person; raises `ConsentRequired` unless they agreed."""
        ...


class SubjectKeys(Protocol):
    """Where a person's key comes from."""

    async def key_for(self, tenant: TenantId, subject: SubjectId) -> SubjectKey:
        """The sealer of one person's fields."""
        ...


class Publisher(Protocol):
    """Who tells live updates once they are committed."""

    async def publish(self, tenant: TenantId, subjects: Iterable[SubjectId]) -> int:
        """Publish what waits for these people; how many updates."""
        ...


class StatingService:
    """What people say about themselves.

    Args:
        store: where it is kept.
        consent: knows who agreed.
        keys: seal it.
        publisher: tells live updates.
        clock: dates it.
    """

    def __init__(
        self, store: StatedStore, consent: Consent, keys: SubjectKeys, publisher: Publisher, clock: Clock
    ) -> None:
        self._store = store
        self._consent = consent
        self._keys = keys
        self._publisher = publisher
        self._clock = clock
        self._tastes: LruCache[SubjectId, tuple[int, Taste]] = LruCache(HELD_TASTES)

    async def state(self, tenant: TenantId, user_id: UserId, change: StatedChange) -> None:
        """State preferences, or take statements back; a change that changes nothing tells nobody.

        Raises:
            ConsentRequired: the person has not agreed to statements being kept.
            Conflict: the statements are not at the expected revision.
            ValidationFailed: there would be too many.
        """
        require_text(change.request, "idempotencyKey")
        now = self._clock.now()
        await self._rewrite(tenant, user_id, lambda stated: stated.after(change, now), now)

    async def correct(
        self,
        tenant: TenantId,
        user_id: UserId,
        facet: str,
        value: str,
        verdict: Verdict,
        idempotency_key: str | None = None,
    ) -> None:
        """Correct what was learned, or take a correction back; raises as `state` does."""
        require_text(idempotency_key, "idempotencyKey")
        if not value.strip():
            raise ValidationFailed("is required", field="value")
        now, name = self._clock.now(), checked_facet(facet, "facet")
        correction = Correction(name, checked_value(name, value, "value"), verdict, now)
        await self._rewrite(tenant, user_id, lambda stated: stated.corrected(correction, idempotency_key), now)

    async def taste(self, subject: Subject) -> Taste:
        """What recommending may take from what this person said.

        Every change of it takes the person's next version, so what is held for their version is what holds.
        """
        if not subject.uses_stated:
            return NO_TASTE
        held = self._tastes.get(subject.subject_id)
        if held is None or held[0] != subject.version:
            held = subject.version, await self._read(subject)
            self._tastes.put(subject.subject_id, held)
        return held[1]

    async def _read(self, subject: Subject) -> Taste:
        stored = await self._store.profile(subject.tenant, subject.subject_id)
        if stored is None or stored.stated_sealed is None:
            return NO_TASTE
        key = await self._keys.key_for(subject.tenant, subject.subject_id)
        return taste_of(open_stated(key, stored.stated_sealed))

    async def _rewrite(
        self, tenant: TenantId, user_id: UserId, change: Callable[[Stated], Stated], now: datetime
    ) -> None:
        for _ in range(ATTEMPTS):
            subject = await self._consent.stating_subject(tenant, user_id)
            key = await self._keys.key_for(tenant, subject.subject_id)
            if await self._store.rewrite(tenant, subject.subject_id, _rewriting(key, change), now):
                await self._publisher.publish(tenant, (subject.subject_id,))
                return
        raise Unavailable("This user is being changed at this moment.", retry_after_seconds=1)


def _rewriting(key: SubjectKey, change: Callable[[Stated], Stated]) -> Rewrite:
    def rewrite(subject: Subject, stored: StoredProfile | None) -> Rewritten | None:
        # Consent may have been withdrawn since the person was looked up.
        if not subject.keeps_stated:
            raise ConsentRequired(REFUSED, field="userId")
        before = NOTHING_STATED if stored is None else open_stated(key, stored.stated_sealed)
        after = change(before)
        if after is before:
            return None
        sealed = seal_stated(key, after)
        if after.revision == before.revision:
            return Rewritten(sealed, None)
        learned = NOTHING_LEARNED
        if stored is not None and subject.personalizes:
            learned = open_learned(key, stored.learned_sealed)
        names = [facet.name for facet in portrait(learned, after)]
        return Rewritten(sealed, key.seal_json("outbox", "body_sealed", {"facets": names}))

    return rewrite

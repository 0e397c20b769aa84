"""Use cases of profiles: learn from a batch of the log, and show a person what was learned of them.

A profile is a pure function of the latest events of its person, so a batch that is delivered twice, late or in another
order leaves the same profile.
"""

from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, Protocol

import structlog
from pydantic import TypeAdapter

from domain.caching.model import CacheName, Made, Question, stamp_of
from domain.caching.service import AnswerCache
from domain.catalog.snapshot import CatalogSnapshot
from domain.clock import Clock
from domain.errors import DomainError, NotFound
from domain.ids import SubjectId, TenantId, UserId
from domain.privacy.encryption import SubjectKey
from domain.privacy.model import Subject
from domain.profiles.lessons import Lesson, LogRow, lesson_of
from domain.profiles.model import NOTHING_LEARNED, Profile
from domain.profiles.portrait import device_portraits, portrait
from domain.profiles.sealing import open_learned, open_stated
from domain.profiles.stated import NOTHING_STATED

BATCH_SIZE = 100
MAX_ATTEMPTS = 5
"""How often an event that cannot be read is tried before it is set aside."""

LEARNED_FROM = 1000
"""The latest events of a person that their profile rests on."""

_KEPT: Final = TypeAdapter(Profile)

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class StoredProfile:
    """A profile's row."""

    learned_sealed: bytes | None
    stated_sealed: bytes | None
    event_count: int
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class BatchOutcome:
    """What came of one batch: events learned from, events set aside, and whose profiles changed."""

    processed: int
    set_aside: int
    subjects: Mapping[TenantId, frozenset[SubjectId]]

    def __add__(self, other: "BatchOutcome") -> "BatchOutcome":
        tenants = [*self.subjects, *(tenant for tenant in other.subjects if tenant not in self.subjects)]
        nobody: frozenset[SubjectId] = frozenset()
        changed = {one: self.subjects.get(one, nobody) | other.subjects.get(one, nobody) for one in tenants}
        return BatchOutcome(self.processed + other.processed, self.set_aside + other.set_aside, changed)


NOTHING_DONE: Final = BatchOutcome(0, 0, {})


@dataclass(frozen=True, slots=True)
class Lessons:
    """What the logs of a batch teach.

    Attributes:
        learned: by person; whoever has no key is left out.
        locked: people whose key cannot be used, with the reason: their events are tried again, and then set aside.
    """

    learned: Mapping[SubjectId, Lesson]
    locked: Mapping[SubjectId, str]


LearnBatch = Callable[[TenantId, Mapping[SubjectId, Sequence[LogRow]]], Awaitable[Lessons]]
Learn = Callable[[TenantId, Mapping[SubjectId, Sequence[LogRow]]], Awaitable[Mapping[SubjectId, Lesson]]]


class ProfileStore(Protocol):
    """Profiles and the log that they are learned from."""

    async def apply_batch(self, size: int, learn_from: LearnBatch, now: datetime) -> BatchOutcome:
        """Take up to `size` waiting events, learn from their people's logs, and write profile and progress at once."""
        ...

    async def try_one(self, learn_from: LearnBatch, now: datetime) -> BatchOutcome:
        """The same with the event that has waited longest; if it breaks that, this is noted as a try of it."""
        ...

    async def relearn(
        self, tenant: TenantId, subjects: Sequence[SubjectId], learn_from: Learn, now: datetime
    ) -> BatchOutcome:
        """Write the profiles of `subjects` anew from their logs."""
        ...

    async def profile(self, tenant: TenantId, subject: SubjectId) -> StoredProfile | None:
        """The profile's row, if something was learned."""
        ...


class Directory(Protocol):
    """The part of the directory that profiles need."""

    async def resolve(self, tenant: TenantId, user_id: UserId) -> Subject | None:
        """The person, or None."""
        ...

    async def resolve_many(self, tenant: TenantId, user_ids: Iterable[UserId]) -> dict[UserId, Subject]:
        """The people among `user_ids` of whom something is kept."""
        ...


class SubjectKeys(Protocol):
    """Where people's keys come from."""

    async def keys_for(self, tenant: TenantId, subjects: Iterable[SubjectId]) -> dict[SubjectId, SubjectKey]:
        """The sealers of these people; those without a key are left out."""
        ...

    async def usable_keys(
        self, tenant: TenantId, subjects: Iterable[SubjectId]
    ) -> tuple[dict[SubjectId, SubjectKey], dict[SubjectId, str]]:
        """As `keys_for`, and the people whose key cannot be used with the reason."""
        ...


class Catalog(Protocol):
    """The part of the catalogue that profiles need."""

    async def snapshot(self, tenant: TenantId) -> CatalogSnapshot:
        """The catalogue as columns."""
        ...


class Publisher(Protocol):
    """Who tells live updates once they are committed."""

    async def publish(self, tenant: TenantId, subjects: Iterable[SubjectId]) -> int:
        """Publish what waits for these people; how many updates."""
        ...


class Segmenter(Protocol):
    """Who puts people into segments."""

    async def refresh(self, tenant: TenantId, subjects: Collection[SubjectId]) -> None:
        """Compute the segments of these people anew and keep them."""
        ...


class ProfileService:
    """What was learned of people."""

    def __init__(
        self,
        store: ProfileStore,
        directory: Directory,
        keys: SubjectKeys,
        catalog: Catalog,
        publisher: Publisher,
        segmenter: Segmenter,
        cache: AnswerCache,
        clock: Clock,
    ) -> None:
        self._store = store
        self._directory = directory
        self._keys = keys
        self._catalog = catalog
        self._publisher = publisher
        self._segmenter = segmenter
        self._cache = cache
        self._clock = clock

    async def profile(self, tenant: TenantId, user_id: UserId) -> Profile:
        """A person's profile; its facets are empty if nothing may be learned of them and nothing they said kept.

        Every change of it takes the person's next version, so what is kept for their version is what holds.

        Raises:
            NotFound: nothing is kept of such a person.
            ValidationFailed: `user_id` cannot be a user id.
        """
        subject = await self._directory.resolve(tenant, user_id)
        if subject is None:
            raise NotFound("There is no such user.", field="userId")
        person = subject

        async def made() -> Made[Profile]:
            return Made(await self._profile(person))

        if not subject.personalizes:
            return replace(await self._cache.uncached(CacheName.PROFILES, made), user_id=user_id)
        question = Question(CacheName.PROFILES, tenant, subject.subject_id, b"", stamp_of(subject))
        # The external id is no part of what is kept: several may lead to one person.
        return replace(await self._cache.answer(question, _KEPT, made), user_id=user_id)

    async def _profile(self, subject: Subject) -> Profile:
        stored = await self._store.profile(subject.tenant, subject.subject_id)
        key = None if stored is None else await self._key(subject)
        learned, stated = NOTHING_LEARNED, NOTHING_STATED
        if stored is not None and key is not None:
            learned = open_learned(key, stored.learned_sealed) if subject.personalizes else NOTHING_LEARNED
            stated = open_stated(key, stored.stated_sealed) if subject.keeps_stated else NOTHING_STATED
        return Profile(
            user_id=UserId(""),
            privacy_level=subject.privacy_level,
            facets=portrait(learned, stated),
            devices=device_portraits(learned, stated),
            corrections=tuple(stated.standing),
            stated_revision=stated.revision,
            event_count=stored.event_count if stored else 0,
            learned_from=learned.events,
            oldest_event_at=learned.oldest_at,
            latest_event_at=learned.latest_at,
            updated_at=stored.updated_at if stored else None,
            version=subject.version,
        )

    async def learn_batch(self, size: int = BATCH_SIZE) -> BatchOutcome:
        """Learn from up to `size` waiting events of whatever tenants, and tell the people whose profiles changed.

        An event that breaks its batch holds up no other: they are taken one by one then.
        """
        try:
            outcome = await self._store.apply_batch(size, self._batch_lessons, self._clock.now())
        except DomainError:
            raise
        except Exception:
            log.exception("batch_broke")
            outcome = await self._one_by_one(size)
        return await self._published(outcome)

    async def _one_by_one(self, size: int) -> BatchOutcome:
        outcome = NOTHING_DONE
        for _ in range(size):
            one = await self._store.try_one(self._batch_lessons, self._clock.now())
            if not one.processed + one.set_aside:
                break
            outcome += one
        return outcome

    async def relearn(self, tenant: TenantId, user_ids: Collection[UserId]) -> BatchOutcome:
        """Learn the profiles of these people anew from their logs, as after an import."""
        people = await self._directory.resolve_many(tenant, user_ids)
        subjects = sorted(subject.subject_id for subject in people.values() if subject.collects)
        outcome = await self._store.relearn(tenant, subjects, self.lessons, self._clock.now())
        return await self._published(outcome)

    async def _published(self, outcome: BatchOutcome) -> BatchOutcome:
        for tenant, subjects in outcome.subjects.items():
            await self._publisher.publish(tenant, subjects)
            await self._segmenter.refresh(tenant, subjects)
        return outcome

    async def _key(self, subject: Subject) -> SubjectKey | None:
        return (await self._keys.keys_for(subject.tenant, (subject.subject_id,))).get(subject.subject_id)

    async def lessons(self, tenant: TenantId, logs: Mapping[SubjectId, Sequence[LogRow]]) -> Mapping[SubjectId, Lesson]:
        """What these people's logs teach; nothing of whoever has no key."""
        return await self._learned(tenant, logs, await self._keys.keys_for(tenant, logs))

    async def _batch_lessons(self, tenant: TenantId, logs: Mapping[SubjectId, Sequence[LogRow]]) -> Lessons:
        keys, locked = await self._keys.usable_keys(tenant, logs)
        return Lessons(await self._learned(tenant, logs, keys), locked)

    async def _learned(
        self, tenant: TenantId, logs: Mapping[SubjectId, Sequence[LogRow]], keys: Mapping[SubjectId, SubjectKey]
    ) -> dict[SubjectId, Lesson]:
        snapshot = await self._catalog.snapshot(tenant)
        return {subject: lesson_of(rows, keys[subject], snapshot) for subject, rows in logs.items() if subject in keys}

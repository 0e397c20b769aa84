"""Use cases of behaviour: a report is checked, turned into events, and stored only if its person agreed.

An answer of success comes after the commit. Learning from the events is somebody else's work and happens later; live
updates are told at once.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol
from uuid import UUID

from domain.behavior.conversions import Conversion
from domain.behavior.events import event_ids, event_of, events_of
from domain.behavior.model import (
    Backlog,
    BehaviorData,
    Interaction,
    Receipt,
    require_text,
    texts_of,
)
from domain.behavior.sealing import (
    SealedEvent,
    SealedFeedback,
    SealedSession,
    announcement,
    sealed_event,
    sealed_feedback,
    sealed_session,
)
from domain.clock import Clock
from domain.errors import ConsentRequired, NotFound, ValidationFailed
from domain.ids import EventId, ItemId, SubjectId, TenantId, UserId
from domain.privacy.encryption import SubjectKey
from domain.privacy.model import Subject


@dataclass(frozen=True, slots=True)
class Report:
    """Everything that one call adds to the log, in one transaction.

    Attributes:
        announcement: the sealed body of the live update.
    """

    events: Sequence[SealedEvent]
    announcement: bytes
    received_at: datetime
    feedback: Sequence[SealedFeedback] = ()
    interactions: Mapping[EventId, Interaction] = field(default_factory=dict)
    session: SealedSession | None = None


@dataclass(frozen=True, slots=True)
class Appended:
    """What the log answered: how many events were new, and the person's version afterwards."""

    accepted: int
    version: int


class BehaviorStore(Protocol):
    """The log."""

    async def append(self, tenant: TenantId, subject: SubjectId, report: Report) -> Appended:
        """Add a report; events that are there already are left alone, and nothing is announced for them.

        Raises:
            ConsentRequired: the person does not, or no longer, agree; nothing was written.
        """
        ...

    async def backlog(self, tenant: TenantId | None = None) -> Backlog:
        """What waits to be learned from, of one tenant or of all."""
        ...


class Catalog(Protocol):
    """The part of the catalogue that behaviour needs."""

    async def known(self, tenant: TenantId, item_ids: Collection[ItemId]) -> set[ItemId]:
        """Those of the ids that the catalogue holds."""
        ...


class Consent(Protocol):
    """The part of the privacy room that behaviour needs."""

    async def collecting_subject(self, tenant: TenantId, user_id: UserId) -> Subject:
        """The person; raises `ConsentRequired` unless they agreed."""
        ...

    def identity(self, tenant: TenantId, user_id: UserId) -> UUID:
        """What stands for an external id, whoever it leads to."""
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


class EventRates(Protocol):
    """How many events there may be about one person."""

    def admit_events(self, tenant: TenantId, subject: SubjectId, amount: int) -> None:
        """Count them. Raises `RateLimited` for too many."""


class BehaviorService:
    """What people did.

    Args:
        store: the log.
        consent: knows who agreed.
        keys: seal what clients say.
        catalog: knows which strings are items.
        publisher: tells live updates.
        rates: keep a flood of events about one person from bending what is learned or measured.
        session_key: 32-byte secret that turns a client's session id into ours.
        clock: dates what clients leave undated.
    """

    def __init__(
        self,
        store: BehaviorStore,
        consent: Consent,
        keys: SubjectKeys,
        catalog: Catalog,
        publisher: Publisher,
        rates: EventRates,
        session_key: bytes,
        clock: Clock,
    ) -> None:
        self._store = store
        self._consent = consent
        self._keys = keys
        self._catalog = catalog
        self._publisher = publisher
        self._rates = rates
        self._session_key = session_key
        self._clock = clock

    async def learn_preferences(
        self, tenant: TenantId, user_id: UserId, data: BehaviorData, idempotency_key: str | None = None
    ) -> Receipt:
        """Store a report of behaviour, to be learned from.

        Raises:
            ConsentRequired: the person has not agreed to it.
            ValidationFailed: a part of the report means nothing; `field` says which.
        """
        data.check()
        require_text(idempotency_key, "idempotencyKey")
        subject = await self._consent.collecting_subject(tenant, user_id)
        known = await self._catalog.known(tenant, {ItemId(text) for text in texts_of(data)})
        now, identity = self._clock.now(), self._consent.identity(tenant, user_id)
        events = events_of(data, known, now, event_ids(identity, "learn", idempotency_key))

        def report(key: SubjectKey) -> Report:
            return Report(
                events=[sealed_event(event, key) for event in events],
                announcement=announcement(events, key),
                received_at=now,
                feedback=sealed_feedback(data, events, key),
                session=self._session(data, key),
            )

        return await self._append(subject, user_id, report)

    async def track_interaction(
        self, tenant: TenantId, user_id: UserId, interaction: Interaction, idempotency_key: str | None = None
    ) -> Receipt:
        """Store what a person did with a recommended item.

        Raises:
            ConsentRequired: the person has not agreed to it.
            ValidationFailed: a part of it means nothing, or the item is not in the catalogue.
        """
        interaction.check()
        require_text(idempotency_key, "idempotencyKey")
        subject = await self._consent.collecting_subject(tenant, user_id)
        if not await self._catalog.known(tenant, {interaction.item_id}):
            raise ValidationFailed("the catalogue holds no such item", field="itemId")
        now, identity = self._clock.now(), self._consent.identity(tenant, user_id)
        event = event_of(interaction, now, event_ids(identity, "track", idempotency_key))

        def report(key: SubjectKey) -> Report:
            return Report(
                events=[sealed_event(event, key)],
                announcement=announcement([event], key),
                received_at=now,
                interactions={event.event_id: interaction},
            )

        return await self._append(subject, user_id, report)

    async def record_conversion(
        self, tenant: TenantId, user_id: UserId, conversion: Conversion, idempotency_key: str | None = None
    ) -> Receipt:
        """Store that a person reached a goal that an experiment asks about.

        Raises:
            ConsentRequired: the person has not agreed to it.
            ValidationFailed: a part of it means nothing.
        """
        conversion.check()
        require_text(idempotency_key, "idempotencyKey")
        subject = await self._consent.collecting_subject(tenant, user_id)
        now, identity = self._clock.now(), self._consent.identity(tenant, user_id)
        event = conversion.event(now, event_ids(identity, "convert", idempotency_key))

        def report(key: SubjectKey) -> Report:
            return Report(events=[sealed_event(event, key)], announcement=announcement([event], key), received_at=now)

        return await self._append(subject, user_id, report)

    async def backlog(self, tenant: TenantId | None = None) -> Backlog:
        """What waits to be learned from, of one tenant or of all."""
        return await self._store.backlog(tenant)

    async def _append(self, subject: Subject, user_id: UserId, report_for: Callable[[SubjectKey], Report]) -> Receipt:
        """Seal a report for its person and add it; for whoever they became a part of, if that happens meanwhile."""
        while True:
            try:
                report = report_for(await self._keys.key_for(subject.tenant, subject.subject_id))
                self._rates.admit_events(subject.tenant, subject.subject_id, len(report.events))
                appended = await self._store.append(subject.tenant, subject.subject_id, report)
                break
            except (ConsentRequired, NotFound):
                now = await self._consent.collecting_subject(subject.tenant, user_id)
                if now.subject_id == subject.subject_id:
                    raise
                subject = now
        if appended.accepted:
            await self._publisher.publish(subject.tenant, (subject.subject_id,))
        ids = tuple(sealed.event.event_id for sealed in report.events)
        return Receipt(appended.accepted, len(ids) - appended.accepted, appended.version, ids)

    def _session(self, data: BehaviorData, key: SubjectKey) -> SealedSession | None:
        if data.session_id is None:
            return None
        return sealed_session(self._session_key, data.session_id, data.device, key)

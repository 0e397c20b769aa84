"""Use cases of video generation: say how a video should be made for somebody, and learn from what came of it."""

import hashlib
import hmac
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol
from uuid import UUID

import structlog

from domain.behavior.model import plausible_moment
from domain.clock import Clock
from domain.errors import DomainError
from domain.experiments.levers import Area
from domain.exposures.steering import Steering
from domain.generation.filing import COLUMN, TABLE, Filing, Recording
from domain.generation.model import Context, GenerationParameters, GenerationReceipt, GenerationReport, Observation
from domain.generation.personalizing import Known, personalize
from domain.generation.pooling import EVERYBODY, Pools
from domain.generation.stated import wishes_of
from domain.generation.tracking import tracked_from_json
from domain.generation.trial import tried
from domain.ids import ItemId, SubjectId, TenantId, UserId
from domain.privacy.encryption import SubjectKey
from domain.privacy.model import Subject
from domain.profiles.portrait import Taste

log = structlog.get_logger(__name__)

LEARNED_FROM = 200
"""The latest generations of a person that an answer rests on."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """What was written: events new to the log, and the person's version afterwards."""

    accepted: int
    version: int


@dataclass(frozen=True, slots=True)
class Own:
    """What is stored of a person's generations: the sealed rows, and the group of people that they belong to."""

    sealed: Sequence[bytes]
    segment: str | None


class GenerationStore(Protocol):
    """Generations, and what groups of people chose."""

    async def record(
        self,
        tenant: TenantId,
        subject: SubjectId,
        generation_id: UUID,
        change: Callable[[bytes | None], Recording | None],
    ) -> Recorded:
        """Lock the person, hand the stored generation to `change`, and write what it answers; nothing for None.

        Raises:
            ConsentRequired: the person does not, or no longer, agree; nothing was written.
        """
        ...

    async def own(self, tenant: TenantId, subject: SubjectId, limit: int) -> Own:
        """The latest generations of a person, and their segment."""
        ...

    async def pools(self, tenant: TenantId, groups: Collection[str], context: Context) -> Mapping[str, Pools]:
        """What each group of people chose in a context and the wider ones; one without enough people is left out."""
        ...


class Directory(Protocol):
    """The part of the directory that answering needs."""

    async def resolve(self, tenant: TenantId, user_id: UserId) -> Subject | None:
        """The person, or None."""
        ...


class Consent(Protocol):
    """The part of the privacy room that storing needs."""

    async def collecting_subject(self, tenant: TenantId, user_id: UserId) -> Subject:
        """The person; raises `ConsentRequired` unless they agreed."""
        ...


class SubjectKeys(Protocol):
    """Where people's keys come from."""

    async def key_for(self, tenant: TenantId, subject: SubjectId) -> SubjectKey:
        """The sealer of one person's fields."""
        ...


class Catalog(Protocol):
    """The part of the catalogue that reports need."""

    async def known(self, tenant: TenantId, item_ids: Collection[ItemId]) -> set[ItemId]:
        """Those of the ids that the catalogue holds."""
        ...


class StatedPreferences(Protocol):
    """Where what people say about themselves comes from."""

    async def taste(self, subject: Subject) -> Taste:
        """What the person said; nothing where it may not be kept."""
        ...


class Publisher(Protocol):
    """Who tells live updates once they are committed."""

    async def publish(self, tenant: TenantId, subjects: Iterable[SubjectId]) -> int:
        """Publish what waits for these people; how many updates."""
        ...


class Experiments(Protocol):
    """Who knows what experiments change for a person."""

    async def steering(self, user_id: UserId, subject: Subject | None, area: Area) -> Steering:
        """What they change in an area."""
        ...

    async def shown(self, subject: Subject | None, steering: Steering) -> None:
        """Note what an answer showed."""
        ...


class GenerationService:
    """Personalized parameters, and the outcomes that they are learned from.

    Args:
        store: generations and pools.
        directory: finds people and what they agreed to.
        consent: knows who agreed to being observed.
        keys: seal what is reported.
        catalog: knows which names are items.
        stated: what people say about themselves.
        publisher: tells live updates.
        experiments: what they change for a person.
        identity_key: secret that turns a generator's id into ours.
        clock: dates what clients leave undated, and the age of what was learned.
        ml_enabled: False answers by statements and defaults alone.
    """

    def __init__(
        self,
        store: GenerationStore,
        directory: Directory,
        consent: Consent,
        keys: SubjectKeys,
        catalog: Catalog,
        stated: StatedPreferences,
        publisher: Publisher,
        experiments: Experiments,
        identity_key: bytes,
        clock: Clock,
        *,
        ml_enabled: bool = True,
    ) -> None:
        self._store = store
        self._directory = directory
        self._consent = consent
        self._keys = keys
        self._catalog = catalog
        self._stated = stated
        self._publisher = publisher
        self._experiments = experiments
        self._identity_key = identity_key
        self._clock = clock
        self._ml_enabled = ml_enabled

    async def parameters(
        self, tenant: TenantId, user_id: UserId, context: Context, *, personalized: bool = True
    ) -> GenerationParameters:
        """How a video should be made for a person; whoever has not agreed to it gets the anonymous answer.

        Args:
            tenant: whose person.
            user_id: for whom.
            context: what the video is for, and where it will be seen.
            personalized: False asks for the anonymous answer.

        Raises:
            ValidationFailed: a part of the context cannot be a name, or `user_id` no user id.
        """
        context.check("context.")
        subject = await self._directory.resolve(tenant, user_id)
        reader = subject if subject is not None and subject.personalizes and personalized else None
        known = await (self._known(reader, context) if reader else self._anonymous(tenant, context))
        steering = await self._experiments.steering(user_id, subject if personalized else None, Area.GENERATION)
        answer = personalize(context, replace(known, tried=tried(steering, known.wishes)), self._clock.now())
        await self._experiments.shown(subject, steering)
        return answer

    async def report(self, tenant: TenantId, user_id: UserId, report: GenerationReport) -> GenerationReceipt:
        """Store how a video was made, what came of it, or both; the next parameters and recommendations reflect it.

        The order of reports does not matter, and one that came before changes nothing.

        Raises:
            ConsentRequired: the person has not agreed to it.
            ValidationFailed: a part of it means nothing; `field` says which.
            Conflict: too many different reports of one generation.
        """
        report.check()
        subject = await self._consent.collecting_subject(tenant, user_id)
        key = await self._keys.key_for(tenant, subject.subject_id)
        now = self._clock.now()
        filing = Filing(
            report=report,
            series=self._identity(tenant, report.generation_id),
            at=plausible_moment(report.occurred_at, now, "occurredAt"),
            received_at=now,
            known=await self._catalog.known(tenant, report.items),
            key=key,
        )
        recorded = await self._store.record(tenant, subject.subject_id, filing.series, filing.recording)
        if not filing.duplicate:
            await self._publisher.publish(tenant, (subject.subject_id,))
        return GenerationReceipt(
            generation_id=report.generation_id,
            outcome=filing.outcome,
            duplicate=filing.duplicate,
            accepted=recorded.accepted,
            version=recorded.version,
        )

    async def _anonymous(self, tenant: TenantId, context: Context) -> Known:
        if not self._ml_enabled:
            return Known()
        pools = await self._store.pools(tenant, (EVERYBODY,), context.listed)
        return Known(everybody=pools.get(EVERYBODY, {}))

    async def _known(self, subject: Subject, context: Context) -> Known:
        wishes = wishes_of(await self._stated.taste(subject))
        if not self._ml_enabled:
            return Known(wishes=wishes)
        own = await self._store.own(subject.tenant, subject.subject_id, LEARNED_FROM)
        groups = [EVERYBODY] if own.segment is None else [EVERYBODY, own.segment]
        pools = await self._store.pools(subject.tenant, groups, context.listed)
        key = await self._keys.key_for(subject.tenant, subject.subject_id)
        return Known(
            observations=observations_of(own.sealed, key),
            wishes=wishes,
            segment={} if own.segment is None else pools.get(own.segment, {}),
            everybody=pools.get(EVERYBODY, {}),
        )

    def _identity(self, tenant: TenantId, generation_id: str) -> UUID:
        digest = hmac.digest(self._identity_key, f"{tenant}\0{generation_id}".encode(), hashlib.sha256)
        return UUID(bytes=digest[:16], version=4)


def observations_of(sealed: Iterable[bytes], key: SubjectKey) -> list[Observation]:
    """What a person's stored generations say; those of which nothing has come, or that cannot be read, are left out."""
    found: list[Observation] = []
    for one in sealed:
        try:
            observation = tracked_from_json(key.open_json(TABLE, COLUMN, one)).observation()
        except (DomainError, ValueError, TypeError, KeyError) as error:
            log.warning("generation_unreadable", reason=type(error).__name__)
            continue
        if observation is not None:
            found.append(observation)
    return found

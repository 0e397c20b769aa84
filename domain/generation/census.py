"""Counts what people chose for their videos, group by group, off the request path.

Every count starts anew from the generations of those who agree at that moment, so whoever withdrew or was erased is in
no later one.
"""

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol

import structlog

from domain.clock import Clock
from domain.generation.pooling import EVERYBODY, Ballot, Pools, ballot, pooled
from domain.generation.service import LEARNED_FROM, observations_of
from domain.ids import SubjectId, TenantId
from domain.privacy.encryption import SubjectKey

CHUNK: Final = 500
"""How many people are read at once."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class PersonRows:
    """The generations of one person, sealed, and the segment that they belong to."""

    subject: SubjectId
    segment: str | None
    sealed: Sequence[bytes]


class CensusStore(Protocol):
    """What is read of people and written about groups."""

    def people(self, tenant: TenantId, chunk: int) -> AsyncIterator[list[SubjectId]]:
        """Those with generations who agreed to training, in chunks."""
        ...

    async def generations(self, tenant: TenantId, subjects: Sequence[SubjectId], limit: int) -> list[PersonRows]:
        """The latest generations of each of these people, and their segments."""
        ...

    async def replace(self, tenant: TenantId, pools: Mapping[str, Pools], at: datetime) -> None:
        """Write what each group chose in place of what was there."""
        ...


class SubjectKeys(Protocol):
    """Where people's keys come from."""

    async def keys_for(self, tenant: TenantId, subjects: Iterable[SubjectId]) -> dict[SubjectId, SubjectKey]:
        """The sealers of these people; those without a key are left out."""
        ...


class GenerationCensus:
    """What groups of people chose."""

    def __init__(self, store: CensusStore, keys: SubjectKeys, clock: Clock) -> None:
        self._store = store
        self._keys = keys
        self._clock = clock

    async def count(self, tenant: TenantId) -> int:
        """Count the tenant's people anew; how many there were."""
        now = self._clock.now()
        ballots: dict[str, list[Ballot]] = {EVERYBODY: []}
        async for subjects in self._store.people(tenant, CHUNK):
            rows = await self._store.generations(tenant, subjects, LEARNED_FROM)
            keys = await self._keys.keys_for(tenant, [person.subject for person in rows])
            for person in rows:
                if person.subject in keys:
                    votes = ballot(observations_of(person.sealed, keys[person.subject]), now)
                    for group in {EVERYBODY, person.segment or EVERYBODY}:
                        ballots.setdefault(group, []).append(votes)
        pools = {group: pooled(found) for group, found in ballots.items()}
        await self._store.replace(tenant, pools, now)
        log.info("generations_counted", tenant=tenant, people=len(ballots[EVERYBODY]))
        return len(ballots[EVERYBODY])

"""Holds each tenant's live counts for a moment, so that however many lists are made, they are read once in it."""

from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol

from domain.clock import Clock
from domain.errors import Unavailable
from domain.ids import TenantId
from domain.interest.model import FADED_AWAY, NOTHING_COUNTED, LiveInterest

REREAD_SECONDS: Final = 2.0
HELD_TENANTS: Final = 64


class InterestStore(Protocol):
    """Where live counts are kept."""

    async def read(self, tenant: TenantId, at: datetime) -> LiveInterest:
        """The counts as they have faded by `at`."""
        ...

    async def sweep(self, tenant: TenantId, before: datetime) -> None:
        """Delete the counts that nobody has added to since `before`."""
        ...


class InterestService:
    """What people take to at this moment."""

    def __init__(self, store: InterestStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._held: OrderedDict[TenantId, _Held] = OrderedDict()

    async def current(self, tenant: TenantId) -> LiveInterest:
        """The tenant's counts, at most `REREAD_SECONDS` old; the last known ones while the database is away."""
        now, held = self._clock.now(), self._held.get(tenant)
        if held is not None and 0 <= (now - held.read_at).total_seconds() < REREAD_SECONDS:
            return held.interest
        try:
            interest = await self._store.read(tenant, now)
        except Unavailable:
            return NOTHING_COUNTED if held is None else held.interest
        self._held[tenant] = _Held(interest, now)
        self._held.move_to_end(tenant)
        if len(self._held) > HELD_TENANTS:
            self._held.popitem(last=False)
        return interest

    async def sweep(self, tenant: TenantId) -> None:
        """Delete what has faded away."""
        await self._store.sweep(tenant, self._clock.now() - FADED_AWAY)


@dataclass(frozen=True, slots=True)
class _Held:
    interest: LiveInterest
    read_at: datetime

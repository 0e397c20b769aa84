"""Watches what people take of their lists, and returns to the version before when the new one loses them.

Each person counts once a day, with their first list: whether they took something of it within half an hour. The bounds
of the rate hold at every look at once (`domain.models.confidence`), so that looking every few minutes for months rolls
back a version that is no worse with a chance of `ERROR_RATE` at most.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol

import numpy as np
import structlog

from domain.clock import Clock
from domain.errors import Conflict
from domain.ids import ModelVersion, TenantId
from domain.models.confidence import lower_bound, upper_bound
from domain.models.service import ModelRegistry

ERROR_RATE: Final = 0.02
"""Chance that a version which is as good as the one before it is ever rolled back."""

TOLERATED: Final = 0.1
"""Share of the earlier version's rate that may be lost; seasons and campaigns move rates as well."""

WATCHED: Final = 20_000
"""The first lists of a version that are looked at; one that kept its people so long is not doubted any more."""

ACTOR: Final = "watch"

log = structlog.get_logger(__name__)


class ServedLists(Protocol):
    """What came of lists."""

    async def first_lists(self, tenant: TenantId, version: ModelVersion, now: datetime, limit: int) -> list[bool]:
        """Of each person and day the first list of a version, in time order: whether something of it was taken."""
        ...


@dataclass(frozen=True, slots=True)
class Rates:
    """Two rates, and how far they can be told apart.

    Attributes:
        champion: of the version that serves.
        at_most: its upper bound.
        before: of the version before it.
        at_least: its lower bound.
    """

    champion: float
    at_most: float
    before: float
    at_least: float

    @property
    def fallen(self) -> bool:
        """Whether the champion's rate is surely below what is tolerated."""
        return self.at_most < (1.0 - TOLERATED) * self.at_least


class ModelWatch:
    """Compares the live rate of each tenant's champion with that of the version before it."""

    def __init__(self, lists: ServedLists, models: ModelRegistry, clock: Clock) -> None:
        self._lists = lists
        self._models = models
        self._clock = clock

    async def look(self, tenant: TenantId) -> bool:
        """Roll back if the champion lost people; whether that was done."""
        champion, before = await self._models.champion(tenant), await self._models.previous(tenant)
        if champion is None or before is None:
            return False
        now = self._clock.now()
        taken, taken_before = [
            await self._lists.first_lists(tenant, version, now, WATCHED)
            for version in (champion.version, before.version)
        ]
        rates = await asyncio.to_thread(rates_of, taken, taken_before)
        if not rates.fallen:
            return False
        reason = (
            f"click-through rate {rates.champion:.4f}, at most {rates.at_most:.4f}, fell below the {rates.before:.4f}, "
            f"at least {rates.at_least:.4f}, of {before.version}"
        )
        try:
            await self._models.roll_back(tenant, actor=ACTOR, reason=reason, expected=champion.version)
        except Conflict as conflict:
            # Somebody else changed the champion meanwhile, or the version before cannot be served.
            log.warning("model_not_rolled_back", tenant=tenant, version=champion.version, reason=conflict.message)
            return False
        log.warning("model_rolled_back", tenant=tenant, version=champion.version, to=before.version, reason=reason)
        return True


def rates_of(champion: Sequence[bool], before: Sequence[bool]) -> Rates:
    """The rates of two sequences of lists, each bound holding with half of the error rate."""
    now, then = (np.array(taken, dtype=np.float64) for taken in (champion, before))
    return Rates(
        champion=float(now.mean()) if len(now) else 0.0,
        at_most=upper_bound(now, ERROR_RATE / 2),
        before=float(then.mean()) if len(then) else 0.0,
        at_least=lower_bound(then, ERROR_RATE / 2),
    )

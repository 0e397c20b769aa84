"""Whether this process can do its work: without Postgres it cannot, without Redis it can with losses that it names."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from domain.errors import DomainError
from domain.ids import ModelVersion, TenantId

CHECK_SECONDS = 2.0

Check = Callable[[], Awaitable[None]]


class Status(StrEnum):
    """How well something is."""

    OK = "ok"
    DEGRADED = "degraded"
    UNAVAILABLE = "unavailable"


@dataclass(frozen=True, slots=True)
class Readiness:
    """The state of this process and of each part it needs; `switched_off` names what the operator does without."""

    status: Status
    checks: Mapping[str, Status]
    checked_at: datetime
    switched_off: Sequence[str] = ()

    @property
    def ready(self) -> bool:
        """Whether requests should be sent here."""
        return self.status is not Status.UNAVAILABLE


@dataclass(frozen=True, slots=True)
class ServingState:
    """What a tenant is served by, and what of its events waits to be learned from; None where that is not told."""

    model_version: ModelVersion | None
    waiting_events: int | None
    oldest_waiting_at: datetime | None


class HealthService:
    """Asks the parts how they are.

    Args:
        essential: parts without which nothing works, by name.
        helpful: parts whose loss degrades answers, by name.
        serving: looks up what a tenant is served by.
        now: the current time.
        switched_off: what the settings do without.
    """

    def __init__(
        self,
        essential: Mapping[str, Check],
        helpful: Mapping[str, Check],
        serving: Callable[[TenantId], Awaitable[ServingState]],
        now: Callable[[], datetime],
        switched_off: Sequence[str] = (),
    ) -> None:
        self._essential = essential
        self._helpful = helpful
        self._serving = serving
        self._now = now
        self._switched_off = switched_off
        self._draining = False

    def drain(self) -> None:
        """Say from now on that no more requests should be sent here, because the process is about to end."""
        self._draining = True

    async def readiness(self) -> Readiness:
        """How this process is, asked afresh; never raises."""
        names = [*self._essential, *self._helpful]
        checks = [*self._essential.values(), *self._helpful.values()]
        answers = dict(zip(names, await asyncio.gather(*map(_answers, checks)), strict=True))
        if self._draining or not all(answers[name] for name in self._essential):
            status = Status.UNAVAILABLE
        elif not all(answers[name] for name in self._helpful):
            status = Status.DEGRADED
        else:
            status = Status.OK
        states = {name: Status.OK if answers else Status.UNAVAILABLE for name, answers in answers.items()}
        return Readiness(status, states, self._now(), self._switched_off)

    async def serving(self, tenant: TenantId) -> ServingState:
        """What a tenant is served by, and how far learning is behind. Raises `Unavailable`."""
        return await self._serving(tenant)


async def _answers(check: Check) -> bool:
    try:
        async with asyncio.timeout(CHECK_SECONDS):
            await check()
    except (DomainError, TimeoutError, OSError):
        return False
    return True

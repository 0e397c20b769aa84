"""Learns from the log in batches: as soon as a hundred events wait, or the oldest has waited for a second."""

import asyncio
from datetime import timedelta

import structlog

from domain.behavior.service import BehaviorService
from domain.clock import Clock
from domain.errors import DomainError
from domain.profiles.service import BATCH_SIZE, ProfileService

LONGEST_WAIT = timedelta(seconds=1)
LOOK_EVERY_SECONDS = 0.2
PAUSE_AFTER_FAILURE_SECONDS = 1.0

log = structlog.get_logger(__name__)


class BatchLoop:
    """One worker's loop over the log; any number may run at once, since a batch is claimed by row locks."""

    def __init__(self, behavior: BehaviorService, profiles: ProfileService, clock: Clock) -> None:
        self._behavior = behavior
        self._profiles = profiles
        self._clock = clock

    async def run(self) -> None:
        """Learn until cancelled; a failure is logged and the batch tried again."""
        while True:
            try:
                learned = await self.step()
            except DomainError as error:
                log.warning("batch_delayed", code=error.code, reason=error.message)
                await asyncio.sleep(PAUSE_AFTER_FAILURE_SECONDS)
            except Exception:
                log.exception("batch_broke")
                await asyncio.sleep(PAUSE_AFTER_FAILURE_SECONDS)
            else:
                if not learned:
                    await asyncio.sleep(LOOK_EVERY_SECONDS)

    async def step(self) -> bool:
        """Learn from one batch if it is due; whether there was one."""
        backlog = await self._behavior.backlog()
        if not backlog.waiting or backlog.oldest_received_at is None:
            return False
        age = self._clock.now() - backlog.oldest_received_at
        if backlog.waiting < BATCH_SIZE and age < LONGEST_WAIT:
            return False
        outcome = await self._profiles.learn_batch()
        if outcome.set_aside:
            log.error("events_unreadable", count=outcome.set_aside)
        log.debug("batch_learned", events=outcome.processed)
        return outcome.processed + outcome.set_aside > 0

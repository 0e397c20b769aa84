"""How much of the log waits to be learned from or was set aside, for Prometheus: all tenants together, at each look."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime

import structlog
from prometheus_client import CollectorRegistry, Gauge

from domain.behavior.model import Backlog
from domain.disclosure import FEWEST_PEOPLE, in_steps
from domain.errors import Unavailable
from domain.ids import EventId, SubjectId

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class SetAside:
    """An event that broke learning too often; `reason` is the name of the error."""

    subject_id: SubjectId
    event_id: EventId
    received_at: datetime
    quarantined_at: datetime
    reason: str


class BacklogWatch:
    """Keeps gauges of the log up to date.

    Args:
        backlog: tells how it stands. Raises `Unavailable`.
        registry: where the gauges appear; one registry holds one set.
    """

    def __init__(self, backlog: Callable[[], Awaitable[Backlog]], registry: CollectorRegistry) -> None:
        self._backlog = backlog
        self._waiting = Gauge(
            "personalization_events_waiting", "Events not yet learned from, in steps of five.", registry=registry
        )
        self._oldest = Gauge(
            "personalization_events_oldest_timestamp_seconds",
            "Since when the oldest of them waits; NaN if none does.",
            registry=registry,
        )
        self._quarantined = Gauge(
            "personalization_events_quarantined", "Events set aside, as they break learning.", registry=registry
        )

    async def look(self) -> None:
        """Ask again; while Postgres is away the figures stay as they were."""
        try:
            found = await self._backlog()
        except Unavailable as error:
            log.warning("backlog_not_seen", reason=error.message)
            return
        enough = found.waiting >= FEWEST_PEOPLE and found.oldest_received_at is not None
        self._waiting.set(in_steps(found.waiting) if enough else 0)
        self._oldest.set(found.oldest_received_at.timestamp() if found.oldest_received_at and enough else float("nan"))
        self._quarantined.set(found.quarantined)

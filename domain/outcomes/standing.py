"""How the experiments that run are doing, all tenants together, for whoever operates the service.

Prometheus is told of no tenant, experiment or person. The figures are asked of Postgres when somebody looks, since the
worker that counts and evaluates is another process.
"""

import time
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol

import structlog
from prometheus_client import CollectorRegistry, Gauge

from domain.disclosure import FEWEST_PEOPLE, in_steps
from domain.errors import Unavailable

RECHECK_SECONDS: Final = 10.0

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Standing:
    """The experiments that run.

    Attributes:
        running: how many.
        held: those among them whose latest evaluation says that no figure can be trusted.
        units: how many people are counted in them, all phases together.
        evaluated_at: of the one that has waited longest, the latest evaluation or else the start; None if none runs.
    """

    running: int
    held: int
    units: int
    evaluated_at: datetime | None


class Standings(Protocol):
    """Where the figures are."""

    async def standing(self) -> Standing:
        """How experiments are doing now. Raises `Unavailable`."""
        ...


class StandingWatch:
    """Keeps gauges of experiments up to date.

    Args:
        store: where the figures are.
        registry: where the gauges appear; one registry holds one set.
    """

    def __init__(self, store: Standings, registry: CollectorRegistry) -> None:
        self._store = store
        self._looked_at: float | None = None
        self._running = Gauge("personalization_experiments_running", "Experiments that run.", registry=registry)
        self._held = Gauge(
            "personalization_experiments_held",
            "Experiments that run and whose latest evaluation says that no figure can be trusted.",
            registry=registry,
        )
        self._units = Gauge(
            "personalization_experiment_units",
            "People who are counted in experiments that run, in steps of five.",
            registry=registry,
        )
        self._evaluated_at = Gauge(
            "personalization_experiment_evaluated_timestamp_seconds",
            "Latest evaluation, or start, of the running experiment that has waited longest; NaN if none runs.",
            registry=registry,
        )

    async def look(self) -> None:
        """Ask again, at most every `RECHECK_SECONDS`; while Postgres is away the figures stay as they were."""
        now = time.monotonic()
        if self._looked_at is not None and now - self._looked_at < RECHECK_SECONDS:
            return
        self._looked_at = now
        try:
            found = await self._store.standing()
        except Unavailable as error:
            log.warning("experiments_not_seen", reason=error.message)
            return
        self._running.set(found.running)
        self._held.set(found.held)
        self._units.set(in_steps(found.units) if found.units >= FEWEST_PEOPLE else 0)
        self._evaluated_at.set(float("nan") if found.evaluated_at is None else found.evaluated_at.timestamp())

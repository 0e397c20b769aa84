"""A piece of work off the request path and the states it goes through."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from domain.errors import DomainError, error_noted
from domain.ids import JobId, TenantId

MAX_ATTEMPTS = 5
HEARTBEAT_SECONDS = 5.0
ABANDONED_AFTER = timedelta(seconds=30)
"""A running job whose heartbeat is older than this has lost its worker."""


class JobKind(StrEnum):
    """What a job does."""

    RETRAIN = "retrain"
    WORKFLOWS = "workflows"
    PRIVACY = "privacy"


class JobState(StrEnum):
    """Where a job is; the last two are final."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Job:
    """A job's row.

    Attributes:
        progress: 0 to 1.
        stage: what it is at, in words; None before the first word of its worker.
        attempts: how often a worker has started it.
        correlation: the id under which whatever handed it in is logged.
        result: what it answered, once done.
        error: why it failed, for a person: `CODE: sentence` where that was expected.
    """

    job_id: JobId
    tenant: TenantId
    kind: JobKind
    state: JobState
    arguments: Mapping[str, Any]
    progress: float
    attempts: int
    result: Mapping[str, Any] | None
    error: str | None
    created_at: datetime
    finished_at: datetime | None
    correlation: str | None = None
    stage: str | None = None

    @property
    def finished(self) -> bool:
        """Whether nothing more will happen to it."""
        return self.state in {JobState.DONE, JobState.FAILED}

    @property
    def failure(self) -> DomainError | None:
        """What it failed with, as its handler raised it; None unless it failed."""
        return error_noted(self.error or "") if self.state is JobState.FAILED else None

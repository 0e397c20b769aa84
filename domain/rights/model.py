"""What a person can ask for, and how far it is."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

from domain.ids import SubjectId, TenantId

MODELS_RETIRED_AFTER: Final = timedelta(days=30)
"""By then no model is kept that learned from somebody who was erased, whatever the gate says of newer ones."""

TRAINING_TAKES_AT_MOST: Final = timedelta(hours=6)
"""A training that read its rows before an erasure has published its version by then."""

LONGEST_RETRY: Final = timedelta(minutes=5)


class RequestKind(StrEnum):
    """What is asked for."""

    ERASURE = "erasure"
    EXPORT = "export"


class RequestState(StrEnum):
    """Where a request is; the last two are final."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


class Checkpoint(StrEnum):
    """The steps of an erasure in their order; one that is behind is never taken again."""

    FOUND = "found"
    ROWS = "rows"
    JOURNAL = "journal"
    KEYS = "keys"
    CACHES = "caches"
    MODELS = "models"
    SIGNED = "signed"


STEPS: Final = tuple(Checkpoint)


@dataclass(frozen=True, slots=True)
class PrivacyRequest:
    """A request of a person.

    Attributes:
        identity_hash: the keyed hash of the id under which it was made; all that is left of that id.
        subjects: whose data it is about, once that was looked up.
        checkpoint: the last step that is behind; None before the first.
        evidence: what each step noted for the receipt, by step.
        attempts: how often it was begun.
        taught_since: from when on models may have learned from the person; None if they never agreed to that.
        erased_at: when their rows were deleted.
        error: why the last attempt did not finish, in words for a person.
    """

    tenant: TenantId
    request_id: UUID
    kind: RequestKind
    state: RequestState
    identity_hash: bytes
    requested_at: datetime
    subjects: Sequence[SubjectId] = ()
    checkpoint: Checkpoint | None = None
    evidence: Mapping[str, Any] = field(default_factory=dict)
    attempts: int = 0
    taught_since: datetime | None = None
    erased_at: datetime | None = None
    finished_at: datetime | None = None
    error: str | None = None

    @property
    def finished(self) -> bool:
        """Whether nothing more will happen to it."""
        return self.state in {RequestState.DONE, RequestState.FAILED}

    @property
    def progress(self) -> float:
        """How much is behind, 0 to 1."""
        if self.state is RequestState.DONE:
            return 1.0
        return 0.0 if self.checkpoint is None else (STEPS.index(self.checkpoint) + 1) / len(STEPS)

    def is_behind(self, step: Checkpoint) -> bool:
        """Whether a step is behind."""
        return self.checkpoint is not None and STEPS.index(step) <= STEPS.index(self.checkpoint)


@dataclass(frozen=True, slots=True)
class Tombstone:
    """An erasure as the journal keeps it beside the database, for the case that an older backup is restored.

    Attributes:
        identity_hash: the keyed hash of the id.
        subjects: the random ids whose rows were deleted.
    """

    tenant: TenantId
    request_id: UUID
    identity_hash: bytes
    subjects: tuple[SubjectId, ...]
    erased_at: datetime


def retry_at(attempts: int, now: datetime) -> datetime:
    """When a request that was begun so often is begun again, unless it is finished by then."""
    return now + min(timedelta(seconds=2.0 ** min(attempts, 20)), LONGEST_RETRY)

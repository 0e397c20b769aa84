"""One report on its way into the store: what is known of its generation before and after it."""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final
from uuid import UUID

from domain.behavior.model import Event
from domain.behavior.sealing import MAX_ANNOUNCED_ITEMS, SealedEvent
from domain.behavior.service import Report
from domain.generation.model import Context, GenerationReport, Outcome
from domain.generation.tracking import Tracked, events_of, tracked_from_json, tracked_to_json
from domain.ids import ItemId
from domain.privacy.encryption import SubjectKey

TABLE: Final = "video_generation_tracking"
COLUMN: Final = "parameters_sealed"


@dataclass(frozen=True, slots=True)
class GenerationRow:
    """One generation as it is stored: in the open only what can name nobody."""

    context: Context
    outcome: Outcome | None
    parameters_sealed: bytes
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Recording:
    """What one report changes, in one transaction: the generation's row, the log, and what subscribers are told."""

    row: GenerationRow
    log: Report


@dataclass(slots=True)
class Filing:
    """A report, and what came of filing it.

    Attributes:
        series: the id under which the generation is kept.
        at: the moment that the report speaks of.
        known: which of the generation's items the catalogue holds.
        duplicate: it was there already.
        outcome: the latest outcome known afterwards.
    """

    report: GenerationReport
    series: UUID
    at: datetime
    received_at: datetime
    known: Collection[ItemId]
    key: SubjectKey
    duplicate: bool = field(default=False, init=False)
    outcome: Outcome | None = field(default=None, init=False)

    def recording(self, stored: bytes | None) -> Recording | None:
        """What is to be written where `stored` is kept of the generation; None for a report that is known.

        Raises:
            Conflict: too many different reports of one generation.
        """
        before = Tracked(self.report.generation_id)
        if stored is not None:
            before = tracked_from_json(self.key.open_json(TABLE, COLUMN, stored))
        self.duplicate = before.knows(self.report)
        after = before.after(self.report, self.at, self.known)
        self.outcome = after.outcome
        return None if self.duplicate else Recording(self._row(after), self._log(after))

    def _row(self, tracked: Tracked) -> GenerationRow:
        sealed = self.key.seal_json(TABLE, COLUMN, tracked_to_json(tracked))
        return GenerationRow(tracked.context.listed, tracked.outcome, sealed, tracked.started_at)

    def _log(self, tracked: Tracked) -> Report:
        events = events_of(tracked, self.series)
        return Report([self._sealed(event) for event in events], self._announcement(tracked), self.received_at)

    def _sealed(self, event: Event) -> SealedEvent:
        return SealedEvent(event, self.key.seal_json("user_behavior_events", "payload_sealed", dict(event.payload)))

    def _announcement(self, tracked: Tracked) -> bytes:
        body = {
            "generationId": tracked.generation_id,
            "outcome": tracked.outcome and tracked.outcome.value,
            "itemIds": list(tracked.items)[:MAX_ANNOUNCED_ITEMS],
        }
        return self.key.seal_json("outbox", "body_sealed", body)

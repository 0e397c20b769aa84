"""From rows of files, or of the demo, to a tenant: in batches, consent first, and the same rows only once."""

import gc
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from typing import Final, TypeAlias

from cli.importing.records import ImportedEvent, ImportedItem, ItemTag, RejectedRow
from domain.behavior.importing import ImportedBehavior
from domain.bootstrap import Services
from domain.ids import TenantId, UserId
from domain.privacy.receipts import Evidence

Row: TypeAlias = ImportedItem | ImportedEvent | ItemTag | RejectedRow

ROWS_AT_ONCE: Final = 10_000
PEOPLE_AT_ONCE: Final = 100
COLLECT_AFTER: Final = 1_000_000


@dataclass
class Loaded:
    """What came of an import.

    Attributes:
        items: catalogue items written or found unchanged.
        events: events written.
        duplicates: events that were there already, or stood twice in the files.
        refused: events of people who have not agreed.
        rejected: rows that were not understood.
        people: ids of everybody whose behaviour was read.
    """

    items: int = 0
    events: int = 0
    duplicates: int = 0
    refused: int = 0
    rejected: int = 0
    people: set[UserId] = field(default_factory=set)

    @property
    def rows(self) -> int:
        """All rows that were read."""
        return self.items + self.events + self.duplicates + self.refused + self.rejected


class Loader:
    """Writes rows to one tenant.

    Args:
        services: of the installation.
        tenant: whose data; it must exist.
        evidence: what the receipt of each imported person says; None records no consent.
        reject: told each row that was not understood.
    """

    def __init__(
        self, services: Services, tenant: TenantId, evidence: Evidence | None, reject: Callable[[RejectedRow], None]
    ) -> None:
        self.loaded = Loaded()
        self._services = services
        self._tenant = tenant
        self._evidence = evidence
        self._reject = reject

    async def load(self, rows: Iterable[Row], advance: Callable[[int], None]) -> Loaded:
        """Write all rows, telling `advance` the size of each batch once it is committed; raises what writing raises."""
        with _rare_collections():
            for batch in _batches(rows):
                await self._write(batch)
                advance(len(batch))
        return self.loaded

    async def learn(self, advance: Callable[[int], None]) -> None:
        """Learn the profiles of everybody whose behaviour was loaded, telling `advance` how many more are done."""
        people = sorted(self.loaded.people)
        for start in range(0, len(people), PEOPLE_AT_ONCE):
            chunk = people[start : start + PEOPLE_AT_ONCE]
            await self._services.profiles.relearn(self._tenant, chunk)
            advance(len(chunk))

    async def _write(self, batch: Sequence[Row]) -> None:
        await self._write_items([row for row in batch if isinstance(row, ImportedItem)])
        await self._write_events([row for row in batch if isinstance(row, ImportedEvent)])
        for row in batch:
            if isinstance(row, RejectedRow):
                self.loaded.rejected += 1
                self._reject(row)

    async def _write_items(self, items: Sequence[ImportedItem]) -> None:
        if items:
            await self._services.catalog.upsert(self._tenant, items)
            self.loaded.items += len(items)

    async def _write_events(self, events: Sequence[ImportedEvent]) -> None:
        if not events:
            return
        await self._record_consents({event.user_id for event in events})
        receipt = await self._services.imports.import_events(self._tenant, [_behavior(event) for event in events])
        self.loaded.events += receipt.accepted
        self.loaded.duplicates += receipt.duplicates
        self.loaded.refused += receipt.refused

    async def _record_consents(self, people: set[UserId]) -> None:
        newcomers = people - self.loaded.people
        self.loaded.people |= newcomers
        if newcomers and self._evidence is not None:
            await self._services.privacy.record_consents_bulk(self._tenant, newcomers, evidence=self._evidence)


@contextmanager
def _rare_collections() -> Iterator[None]:
    # A batch is many thousands of live objects without cycles; searching them for cycles took a quarter of the time.
    before = gc.get_threshold()
    gc.set_threshold(COLLECT_AFTER, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)


def _batches(rows: Iterable[Row]) -> Iterator[list[Row]]:
    source = iter(rows)
    while batch := list(islice(source, ROWS_AT_ONCE)):
        yield batch


def _behavior(event: ImportedEvent) -> ImportedBehavior:
    return ImportedBehavior(
        user_id=event.user_id,
        type=event.type,
        item_id=event.item_id,
        occurred_at=event.occurred_at,
        value=event.value,
        device=event.device,
        session=event.session,
        context=event.context,
    )

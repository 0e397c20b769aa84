"""What is done before a process is ready where an older backup was restored: nobody who was erased is there again."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Final, Protocol
from uuid import UUID

import structlog

from domain.clock import Clock
from domain.ids import SubjectId, TenantId
from domain.receipts.book import ReceiptBook
from domain.rights.journal import Journal
from domain.rights.model import Tombstone

KEYS_AT_A_TIME: Final = 500

log = structlog.get_logger(__name__)


class ReplayStore(Protocol):
    """The rows of requests and receipts, as far as a backup may lack them."""

    async def restore_receipts(self, tenant: TenantId) -> int:
        """Put back the receipts that only the book has; how many they were."""
        ...

    async def known(self, tenant: TenantId, request_ids: Sequence[UUID]) -> set[UUID]:
        """Those of these requests whose rows have been deleted."""
        ...

    async def restore(self, tombstone: Tombstone, now: datetime) -> bool:
        """Keep the request of a tombstone again, as one whose people are found; False if the tenant is unknown."""
        ...


class Keys(Protocol):
    """Where people's keys end."""

    async def destroy_left(self, tenant: TenantId, subjects: Sequence[SubjectId]) -> int:
        """Destroy the keys of those who still, or again, have one; how many they were."""
        ...


class Replay:
    """Holds the journal and the book of receipts against the database, once a process.

    Args:
        store: the rows of requests and receipts.
        journal: what was erased.
        book: what was signed.
        keys: where keys end.
        finish: takes the steps of a request that are left.
        clock: dates the requests.
    """

    def __init__(
        self,
        store: ReplayStore,
        journal: Journal,
        book: ReceiptBook,
        keys: Keys,
        finish: Callable[[TenantId, UUID], Awaitable[object]],
        clock: Clock,
    ) -> None:
        self._store = store
        self._journal = journal
        self._book = book
        self._keys = keys
        self._finish = finish
        self._clock = clock
        self._under_way: asyncio.Task[int] | None = None
        self._done = False

    async def run(self) -> int:
        """Bring back what an older backup does not know: erasures are done again, receipts kept again; once a process.

        It goes on where whoever waits for it gives up.

        Returns:
            How many erasures were done again.

        Raises:
            Unavailable: a part is down; nothing should be answered before this succeeds.
        """
        if self._done:
            return 0
        if self._under_way is None or self._under_way.done():
            self._under_way = asyncio.create_task(self._replay())
        return await asyncio.shield(self._under_way)

    async def close(self) -> None:
        """End what is under way."""
        if self._under_way is not None:
            self._under_way.cancel()
            await asyncio.gather(self._under_way, return_exceptions=True)

    async def _replay(self) -> int:
        for tenant in await asyncio.to_thread(self._book.tenants):
            if receipts := await self._store.restore_receipts(tenant):
                log.warning("receipts_restored", tenant=tenant, receipts=receipts)
        again, pages = 0, self._journal.read()
        while (page := await asyncio.to_thread(next, pages, None)) is not None:
            for tombstone in await self._resurrected(page):
                if await self._store.restore(tombstone, self._clock.now()):
                    await self._finish(tombstone.tenant, tombstone.request_id)
                    log.warning("erased_again", tenant=tombstone.tenant, request_id=str(tombstone.request_id))
                    again += 1
        self._done = True
        return again

    async def _resurrected(self, page: Sequence[Tombstone]) -> list[Tombstone]:
        """Those of a part of the journal that the database does not know, each once."""
        once = {tombstone.request_id: tombstone for tombstone in page}
        for tenant in sorted({tombstone.tenant for tombstone in page}):
            own = [tombstone for tombstone in once.values() if tombstone.tenant == tenant]
            await self._destroy_restored(tenant, [subject for tombstone in own for subject in tombstone.subjects])
            for request_id in await self._store.known(tenant, [tombstone.request_id for tombstone in own]):
                del once[request_id]
        return list(once.values())

    async def _destroy_restored(self, tenant: TenantId, erased: Sequence[SubjectId]) -> None:
        """The vault may have been restored alone: then the database knows of erasures whose keys are back."""
        for start in range(0, len(erased), KEYS_AT_A_TIME):
            if back := await self._keys.destroy_left(tenant, erased[start : start + KEYS_AT_A_TIME]):
                log.warning("keys_destroyed_again", tenant=tenant, keys=back)

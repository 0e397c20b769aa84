"""Use cases of a catalogue; one snapshot per tenant is held, so that serving asks the database for a version alone."""

import asyncio
from collections import OrderedDict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final, Protocol

from domain.catalog.insights import Analysis
from domain.catalog.model import CatalogChange, CatalogItem, CatalogPage, ItemKind, is_item_id
from domain.catalog.snapshot import CatalogSnapshot
from domain.clock import Clock
from domain.errors import NotFound, ValidationFailed
from domain.ids import ItemId, TenantId

PAGE_LIMIT: Final = 500
RECHECK_SECONDS: Final = 1.0
"""A snapshot is at most this much older than the database; a change made through the same service shows at once."""
CACHED_TENANTS: Final = 64


class CatalogStore(Protocol):
    """Where catalogues are kept."""

    async def ensure_tenant(self, tenant: TenantId, name: str) -> None:
        """Create the tenant unless it exists."""
        ...

    async def upsert(self, tenant: TenantId, items: Sequence[CatalogItem], at: datetime) -> CatalogChange:
        """Write items with distinct ids in one transaction; the version grows if anything changed."""
        ...

    async def items_by_id(self, tenant: TenantId, item_ids: Collection[ItemId]) -> list[CatalogItem]:
        """Those of the items that exist, in no particular order."""
        ...

    async def page(
        self, tenant: TenantId, kind: ItemKind | None, after: ItemId | None, limit: int
    ) -> list[CatalogItem]:
        """Up to `limit` items with an id greater than `after`, in the order of their ids."""
        ...

    async def existing(self, tenant: TenantId, item_ids: Collection[ItemId]) -> set[ItemId]:
        """Those of the ids that the catalogue holds."""
        ...

    async def annotate(self, tenant: TenantId, item_id: ItemId, analysis: Analysis) -> tuple[bool, int]:
        """Keep an analysis unless a later one of its source is there; whether it was kept, and the version."""
        ...

    async def insights(self, tenant: TenantId, item_ids: Collection[ItemId]) -> dict[ItemId, list[Analysis]]:
        """What was found in each of the items, by source."""
        ...

    async def version(self, tenant: TenantId) -> int:
        """The catalogue's version; 0 for a tenant without one."""
        ...

    async def snapshot(self, tenant: TenantId) -> CatalogSnapshot:
        """The whole catalogue as columns, no older than its version."""
        ...


class CatalogService:
    """What a tenant can recommend: written in batches, paged by id, and held as one snapshot for serving."""

    def __init__(self, store: CatalogStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._cached: OrderedDict[TenantId, _CachedSnapshot] = OrderedDict()

    async def ensure_tenant(self, tenant: TenantId, name: str) -> None:
        """Create the tenant unless it exists."""
        await self._store.ensure_tenant(tenant, name)

    async def upsert(self, tenant: TenantId, items: Iterable[CatalogItem]) -> CatalogChange:
        """Insert or replace items, all or none; of two with the same id the later one counts."""
        latest = {item.item_id: item for item in items}
        change = await self._store.upsert(tenant, tuple(latest.values()), self._clock.now())
        self._slot(tenant).expire()
        return change

    async def item(self, tenant: TenantId, item_id: ItemId) -> CatalogItem:
        """One item.

        Raises:
            NotFound: the catalogue holds no such item.
        """
        found = await self.items_by_id(tenant, (item_id,))
        if item_id not in found:
            raise NotFound("the catalogue holds no such item", field="item_id")
        return found[item_id]

    async def items_by_id(self, tenant: TenantId, item_ids: Collection[ItemId]) -> Mapping[ItemId, CatalogItem]:
        """Those of the items that exist, by id, in one query."""
        # What no item can be called is not asked for: it may be text that the database cannot even compare.
        possible = list(filter(is_item_id, item_ids))
        if not possible:
            return {}
        return {item.item_id: item for item in await self._store.items_by_id(tenant, possible)}

    async def items(
        self, tenant: TenantId, *, kind: ItemKind | None = None, after: ItemId | None = None, first: int = 50
    ) -> CatalogPage:
        """One page in the order of ids, starting behind `after`.

        Raises:
            ValidationFailed: `first` is not within 1 to 500.
        """
        if not 1 <= first <= PAGE_LIMIT:
            raise ValidationFailed(f"must be within 1 to {PAGE_LIMIT}", field="first")
        found = await self._store.page(tenant, kind, after, first + 1)
        return CatalogPage(items=tuple(found[:first]), has_next=len(found) > first)

    async def annotate(self, tenant: TenantId, item_id: ItemId, analysis: Analysis) -> tuple[bool, int]:
        """Keep what an analysis found in an item, unless a later one of the same source is there.

        Returns:
            Whether it was kept, and the catalogue's version after it.

        Raises:
            NotFound: the catalogue holds no such item.
        """
        if not is_item_id(item_id):
            raise NotFound("the catalogue holds no such item", field="itemId")
        kept = await self._store.annotate(tenant, item_id, analysis)
        self._slot(tenant).expire()
        return kept

    async def insights(self, tenant: TenantId, item_ids: Collection[ItemId]) -> Mapping[ItemId, Sequence[Analysis]]:
        """What was found in each of the items, by source; those of which nothing is known are left out."""
        return await self._store.insights(tenant, list(filter(is_item_id, item_ids)))

    async def snapshot(self, tenant: TenantId) -> CatalogSnapshot:
        """The catalogue for serving, at most `RECHECK_SECONDS` old; empty for an unknown tenant."""
        return await self._slot(tenant).current()

    async def known(self, tenant: TenantId, item_ids: Collection[ItemId]) -> set[ItemId]:
        """Those of the ids that the catalogue holds; only ids that the snapshot misses are asked of the store."""
        rows = (await self.snapshot(tenant)).rows
        found = {item_id for item_id in item_ids if item_id in rows}
        missing = {item_id for item_id in item_ids if item_id not in found and is_item_id(item_id)}
        return found | await self._store.existing(tenant, missing) if missing else found

    def _slot(self, tenant: TenantId) -> "_CachedSnapshot":
        slot = self._cached.get(tenant)
        if slot is None:
            slot = self._cached[tenant] = _CachedSnapshot(tenant, self._store, self._clock)
            if len(self._cached) > CACHED_TENANTS:
                self._cached.popitem(last=False)
        self._cached.move_to_end(tenant)
        return slot


class _CachedSnapshot:
    """One tenant's snapshot; however many callers ask at once, one refresh runs and all share its outcome."""

    def __init__(self, tenant: TenantId, store: CatalogStore, clock: Clock) -> None:
        self._tenant = tenant
        self._store = store
        self._clock = clock
        self._snapshot: CatalogSnapshot | None = None
        self._checked_at: datetime | None = None
        self._refresh: asyncio.Task[CatalogSnapshot] | None = None

    def expire(self) -> None:
        """Let the next caller check the version, also one that would have joined a refresh already under way."""
        self._checked_at = None
        self._refresh = None

    async def current(self) -> CatalogSnapshot:
        if self._snapshot is not None and self._is_fresh():
            return self._snapshot
        if self._refresh is None or self._refresh.done():
            self._refresh = asyncio.create_task(self._refreshed())
            self._refresh.add_done_callback(_retrieve_failure)
        return await asyncio.shield(self._refresh)

    def _is_fresh(self) -> bool:
        if self._checked_at is None:
            return False
        return 0 <= (self._clock.now() - self._checked_at).total_seconds() < RECHECK_SECONDS

    async def _refreshed(self) -> CatalogSnapshot:
        task, started_at, held = asyncio.current_task(), self._clock.now(), self._snapshot
        version = await self._store.version(self._tenant)
        fresh = held if held is not None and held.version == version else await self._store.snapshot(self._tenant)
        if self._refresh is task:
            self._snapshot, self._checked_at = fresh, started_at
        return fresh


def _retrieve_failure(task: asyncio.Task[CatalogSnapshot]) -> None:
    """Every waiter may have been cancelled; without this the loop would report the failure as never seen."""
    if not task.cancelled():
        task.exception()

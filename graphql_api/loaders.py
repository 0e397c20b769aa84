"""Loaders: however many places of an answer need a row, it is asked for once, together with the others."""

from collections.abc import Sequence
from functools import cached_property

from strawberry.dataloader import DataLoader

from domain.bootstrap import Services
from domain.catalog.insights import Analysis
from domain.catalog.model import CatalogItem
from domain.ids import ItemId, TenantId

ItemKey = tuple[TenantId, ItemId]


class Loaders:
    """The loaders of one operation."""

    def __init__(self, services: Services) -> None:
        self._services = services

    @cached_property
    def items(self) -> DataLoader[ItemKey, CatalogItem | None]:
        """Catalogue items by tenant and id; None for one that does not exist."""
        return DataLoader(load_fn=self._load_items)

    @cached_property
    def insights(self) -> DataLoader[ItemKey, Sequence[Analysis]]:
        """What analyses found in items, by tenant and id."""
        return DataLoader(load_fn=self._load_insights)

    async def _load_insights(self, keys: Sequence[ItemKey]) -> list[Sequence[Analysis]]:
        found: dict[ItemKey, Sequence[Analysis]] = {}
        for tenant in dict.fromkeys(tenant for tenant, _ in keys):
            wanted = [item_id for owner, item_id in keys if owner == tenant]
            insights = await self._services.catalog.insights(tenant, wanted)
            found |= {(tenant, item_id): analyses for item_id, analyses in insights.items()}
        return [found.get(key, ()) for key in keys]

    async def _load_items(self, keys: Sequence[ItemKey]) -> list[CatalogItem | None]:
        found: dict[ItemKey, CatalogItem] = {}
        for tenant in dict.fromkeys(tenant for tenant, _ in keys):
            wanted = [item_id for owner, item_id in keys if owner == tenant]
            items = await self._services.catalog.items_by_id(tenant, wanted)
            found |= {(tenant, item_id): item for item_id, item in items.items()}
        return [found.get(key) for key in keys]

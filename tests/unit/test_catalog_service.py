"""What the catalogue asks of its store: as little as possible, once for many, and never an outdated answer."""

import asyncio
from collections.abc import Collection, Sequence
from datetime import UTC, datetime, timedelta

import pytest

from domain.catalog.model import CatalogChange, CatalogItem, ItemKind
from domain.catalog.service import CACHED_TENANTS, CatalogService
from domain.catalog.snapshot import CatalogSnapshot, SnapshotRow, build_snapshot
from domain.clock import FixedClock
from domain.errors import NotFound, Unavailable, ValidationFailed
from domain.ids import ItemId, TenantId

TENANT = TenantId("films")
NOON = datetime(2026, 3, 5, 12, tzinfo=UTC)


class MemoryStore:
    """Catalogues in memory, which count what they are asked and can be held up or fail."""

    def __init__(self) -> None:
        self.items: dict[TenantId, dict[ItemId, CatalogItem]] = {}
        self.versions: dict[TenantId, int] = {}
        self.asked: list[str] = []
        self.down = False
        self.loading = asyncio.Event()
        self.open = asyncio.Event()
        self.open.set()

    async def ensure_tenant(self, tenant: TenantId, name: str) -> None:
        self.versions.setdefault(tenant, 0)

    async def upsert(self, tenant: TenantId, items: Sequence[CatalogItem], at: datetime) -> CatalogChange:
        self.items.setdefault(tenant, {}).update({item.item_id: item for item in items})
        self.versions[tenant] = self.versions.get(tenant, 0) + 1
        return CatalogChange(inserted=len(items), updated=0, unchanged=0, version=self.versions[tenant])

    async def items_by_id(self, tenant: TenantId, item_ids: Collection[ItemId]) -> list[CatalogItem]:
        self.asked.append("items")
        return [item for item in self.items.get(tenant, {}).values() if item.item_id in item_ids]

    async def page(
        self, tenant: TenantId, kind: ItemKind | None, after: ItemId | None, limit: int
    ) -> list[CatalogItem]:
        ordered = sorted(self.items.get(tenant, {}).values(), key=lambda item: item.item_id)
        return [item for item in ordered if item.item_id > (after or "") and kind in (None, item.kind)][:limit]

    async def existing(self, tenant: TenantId, item_ids: Collection[ItemId]) -> set[ItemId]:
        self.asked.append("existing")
        return set(self.items.get(tenant, {})) & set(item_ids)

    async def version(self, tenant: TenantId) -> int:
        self.asked.append("version")
        if self.down:
            raise Unavailable("down")
        return self.versions.get(tenant, 0)

    async def snapshot(self, tenant: TenantId) -> CatalogSnapshot:
        self.asked.append("snapshot")
        version, found = self.versions.get(tenant, 0), tuple(self.items.get(tenant, {}).values())
        gate = self.open
        self.loading.set()
        await gate.wait()
        rows = [SnapshotRow(item.item_id, item.kind, item.title, (), "", None, None, sensitive=False) for item in found]
        return build_snapshot(tenant, version, rows)


def item(name: str, kind: ItemKind = ItemKind.CONTENT, title: str = "A film") -> CatalogItem:
    return CatalogItem(ItemId(name), kind, title)


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(NOON)


@pytest.fixture
def catalog(store: MemoryStore, clock: FixedClock) -> CatalogService:
    return CatalogService(store, clock)


async def test_a_snapshot_is_loaded_once_and_its_version_checked_once_a_second(
    catalog: CatalogService, store: MemoryStore, clock: FixedClock
) -> None:
    await catalog.snapshot(TENANT)
    await catalog.snapshot(TENANT)
    clock.set(NOON + timedelta(seconds=0.9))
    await catalog.snapshot(TENANT)
    assert store.asked == ["version", "snapshot"]

    clock.set(NOON + timedelta(seconds=1))
    await catalog.snapshot(TENANT)
    assert store.asked == ["version", "snapshot", "version"]


async def test_a_change_by_another_process_shows_after_a_second(
    catalog: CatalogService, store: MemoryStore, clock: FixedClock
) -> None:
    await catalog.snapshot(TENANT)
    await store.upsert(TENANT, [item("a")], NOON)

    clock.set(NOON + timedelta(seconds=1))

    assert (await catalog.snapshot(TENANT)).item_ids == ("a",)


async def test_a_change_through_the_service_shows_at_once(catalog: CatalogService) -> None:
    await catalog.snapshot(TENANT)

    await catalog.upsert(TENANT, [item("a")])

    assert (await catalog.snapshot(TENANT)).item_ids == ("a",)


async def test_a_clock_set_back_does_not_keep_an_old_snapshot(
    catalog: CatalogService, store: MemoryStore, clock: FixedClock
) -> None:
    await catalog.snapshot(TENANT)
    await store.upsert(TENANT, [item("a")], NOON)

    clock.set(NOON - timedelta(hours=1))

    assert len(await catalog.snapshot(TENANT)) == 1


async def test_many_callers_share_one_load(catalog: CatalogService, store: MemoryStore) -> None:
    store.open.clear()
    calls = [asyncio.create_task(catalog.snapshot(TENANT)) for _ in range(20)]
    await asyncio.sleep(0)
    calls[0].cancel()
    await asyncio.sleep(0)
    store.open.set()

    answers = await asyncio.gather(*calls, return_exceptions=True)

    assert isinstance(answers[0], asyncio.CancelledError)
    assert len({id(answer) for answer in answers[1:]}) == 1
    assert store.asked == ["version", "snapshot"]


async def test_a_load_that_began_before_a_change_is_not_kept(catalog: CatalogService, store: MemoryStore) -> None:
    slow, fast = asyncio.Event(), store.open
    store.open = slow
    early = asyncio.create_task(catalog.snapshot(TENANT))
    await store.loading.wait()
    store.open = fast
    await catalog.upsert(TENANT, [item("a")])
    assert len(await catalog.snapshot(TENANT)) == 1

    slow.set()

    assert len(await early) == 0
    assert len(await catalog.snapshot(TENANT)) == 1


async def test_a_failed_check_reaches_every_caller_and_the_next_one_tries_again(
    catalog: CatalogService, store: MemoryStore
) -> None:
    store.down = True
    answers = await asyncio.gather(*(catalog.snapshot(TENANT) for _ in range(3)), return_exceptions=True)
    assert all(isinstance(answer, Unavailable) for answer in answers)
    assert store.asked == ["version"]

    store.down = False
    assert (await catalog.snapshot(TENANT)).version == 0


async def test_snapshots_of_many_tenants_do_not_pile_up(catalog: CatalogService, store: MemoryStore) -> None:
    for number in range(CACHED_TENANTS + 1):
        await catalog.snapshot(TenantId(f"t{number}"))
    store.asked.clear()

    await catalog.snapshot(TenantId(f"t{CACHED_TENANTS}"))
    await catalog.snapshot(TenantId("t0"))

    assert store.asked == ["version", "snapshot"]


async def test_of_two_items_with_one_id_the_later_counts(catalog: CatalogService) -> None:
    change = await catalog.upsert(TENANT, [item("a", title="Old"), item("b"), item("a", title="New")])

    assert change.inserted == 2
    assert (await catalog.item(TENANT, ItemId("a"))).title == "New"


async def test_an_item_that_is_not_there_is_not_found(catalog: CatalogService) -> None:
    with pytest.raises(NotFound):
        await catalog.item(TENANT, ItemId("a"))


async def test_ids_that_no_item_can_have_are_not_asked_for(catalog: CatalogService, store: MemoryStore) -> None:
    assert await catalog.items_by_id(TENANT, [ItemId("a\x00"), ItemId("")]) == {}
    assert await catalog.known(TENANT, [ItemId("a\x00")]) == set()
    assert "items" not in store.asked
    assert "existing" not in store.asked


async def test_known_ids_come_from_the_snapshot_and_only_others_from_the_store(
    catalog: CatalogService, store: MemoryStore
) -> None:
    await catalog.upsert(TENANT, [item("a")])
    assert await catalog.known(TENANT, [ItemId("a")]) == {"a"}
    assert "existing" not in store.asked

    await store.upsert(TENANT, [item("b")], NOON)
    assert await catalog.known(TENANT, [ItemId("a"), ItemId("b"), ItemId("c")]) == {"a", "b"}


async def test_pages_follow_each_other_without_gap_or_overlap(catalog: CatalogService) -> None:
    await catalog.upsert(TENANT, [item(f"i{number}") for number in range(5)])
    await catalog.upsert(TENANT, [item("j", ItemKind.STYLE)])

    first = await catalog.items(TENANT, kind=ItemKind.CONTENT, first=3)
    second = await catalog.items(TENANT, kind=ItemKind.CONTENT, after=first.items[-1].item_id, first=2)

    assert [found.item_id for found in (*first.items, *second.items)] == ["i0", "i1", "i2", "i3", "i4"]
    assert (first.has_next, second.has_next) == (True, False)


@pytest.mark.parametrize("first", [0, -1, 501])
async def test_a_page_has_a_sensible_size(first: int, catalog: CatalogService) -> None:
    with pytest.raises(ValidationFailed):
        await catalog.items(TENANT, first=first)

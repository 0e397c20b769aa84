"""Catalogues in a real Postgres: what is written comes back, versions tell of every change, tenants never meet."""

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from domain.catalog.model import CatalogItem, ItemKind
from domain.catalog.store import CHUNK_ROWS, PostgresCatalogStore
from domain.clock import FixedClock
from domain.ids import ItemId, TenantId
from domain.storage.postgres import Database

NOON = datetime(2026, 3, 5, 12, tzinfo=UTC)

FULL = CatalogItem(
    item_id=ItemId("full"),
    kind=ItemKind.TEMPLATE,
    title="Tite\u0301 \U0001f3ac 'quoted' \"twice\"",
    description="Line one\nline two, with {braces} and \\ backslash",
    tags=("z last", "a, first", 'with "quotes"', "{}", "null"),
    category="business",
    attributes={"seconds": 8, "ratio": 0.1, "whole": 2.0, "dark": False, "palette": "cool", "tiny": 5e-324},
    available_from=NOON,
    available_until=NOON + timedelta(days=1),
    sensitive=True,
)


def item(name: str, title: str = "A film", kind: ItemKind = ItemKind.CONTENT) -> CatalogItem:
    return CatalogItem(ItemId(name), kind, title)


@pytest.fixture
def store(database: Database) -> PostgresCatalogStore:
    return PostgresCatalogStore(database, FixedClock(NOON))


async def test_an_item_comes_back_as_it_was_written(store: PostgresCatalogStore, tenant: TenantId) -> None:
    plain = item("plain")
    await store.upsert(tenant, [FULL, plain], NOON)

    found = {found.item_id: found for found in await store.items_by_id(tenant, [ItemId("full"), ItemId("plain")])}

    assert found == {"full": FULL, "plain": plain}
    assert found[ItemId("full")].tags == FULL.tags
    assert {name: type(value) for name, value in found[ItemId("full")].attributes.items()} == {
        name: type(value) for name, value in FULL.attributes.items()
    }


async def test_a_change_says_what_it_did_and_the_version_grows_only_then(
    store: PostgresCatalogStore, tenant: TenantId
) -> None:
    first = await store.upsert(tenant, [FULL, item("a"), item("b")], NOON)
    again = await store.upsert(tenant, [FULL, item("a"), item("b")], NOON + timedelta(hours=1))
    mixed = await store.upsert(tenant, [item("a", "Another title"), item("b"), item("c")], NOON)

    assert (first.inserted, first.updated, first.unchanged, first.version) == (3, 0, 0, 1)
    assert (again.inserted, again.updated, again.unchanged, again.version) == (0, 0, 3, 1)
    assert (mixed.inserted, mixed.updated, mixed.unchanged, mixed.version) == (1, 1, 1, 2)
    assert await store.version(tenant) == 2


async def test_nothing_to_write_changes_nothing(store: PostgresCatalogStore, tenant: TenantId) -> None:
    change = await store.upsert(tenant, [], NOON)

    assert (change.inserted, change.version) == (0, 0)


async def test_a_tenant_is_made_when_its_first_item_comes(store: PostgresCatalogStore) -> None:
    tenant = TenantId(f"t-{uuid4().hex[:12]}")

    await store.upsert(tenant, [item("a")], NOON)
    await store.ensure_tenant(tenant, "Named later")

    assert await store.version(tenant) == 1


async def test_more_items_than_a_chunk_are_one_change(store: PostgresCatalogStore, tenant: TenantId) -> None:
    count = CHUNK_ROWS + 7
    change = await store.upsert(tenant, [item(f"i{number:05d}") for number in reversed(range(count))], NOON)

    snapshot = await store.snapshot(tenant)

    assert (change.inserted, change.version) == (count, 1)
    assert (len(snapshot), snapshot.version) == (count, 1)
    assert list(snapshot.item_ids) == sorted(snapshot.item_ids)


async def test_pages_are_in_order_and_of_one_kind(store: PostgresCatalogStore, tenant: TenantId) -> None:
    films = [item(f"film-{number}") for number in range(4)]
    await store.upsert(tenant, [*films, item("style", kind=ItemKind.STYLE)], NOON)

    first = await store.page(tenant, ItemKind.CONTENT, None, 3)
    rest = await store.page(tenant, ItemKind.CONTENT, first[-1].item_id, 3)
    everything = await store.page(tenant, None, None, 10)

    assert [*first, *rest] == films
    assert len(everything) == 5


async def test_a_snapshot_holds_what_serving_needs(store: PostgresCatalogStore, tenant: TenantId) -> None:
    await store.upsert(tenant, [FULL, item("a")], NOON)

    snapshot = await store.snapshot(tenant)
    row = snapshot.rows[ItemId("full")]

    assert (snapshot.titles[row], snapshot.tags[row]) == (FULL.title, FULL.tags)
    assert (snapshot.category_of(row), snapshot.kind_of(row)) == ("business", ItemKind.TEMPLATE)
    assert snapshot.sensitive[row]
    assert snapshot.eligible(NOON)[row]
    assert not snapshot.eligible(NOON + timedelta(days=1))[row]


async def test_tenants_do_not_see_each_other(store: PostgresCatalogStore, tenant: TenantId) -> None:
    other = TenantId(f"t-{uuid4().hex[:12]}")
    await store.upsert(tenant, [item("a", "Here")], NOON)
    await store.upsert(other, [item("a", "There")], NOON)

    assert [found.title for found in await store.page(tenant, None, None, 10)] == ["Here"]
    assert await store.existing(other, [ItemId("a"), ItemId("b")]) == {"a"}


async def test_what_is_unknown_is_empty(store: PostgresCatalogStore) -> None:
    nowhere = TenantId("never-made")

    assert await store.version(nowhere) == 0
    assert len(await store.snapshot(nowhere)) == 0
    assert await store.items_by_id(nowhere, [ItemId("a")]) == []
    assert await store.existing(nowhere, [ItemId("a")]) == set()


async def test_writers_with_overlapping_items_take_turns(store: PostgresCatalogStore, tenant: TenantId) -> None:
    names = [f"i{number:05d}" for number in range(3 * CHUNK_ROWS)]
    batches = [[item(name, f"By {writer}") for name in names[:: (-1) ** writer]] for writer in range(4)]

    changes = await asyncio.gather(*(store.upsert(tenant, batch, NOON) for batch in batches))

    assert sorted(change.version for change in changes) == [1, 2, 3, 4]
    assert len(set((await store.snapshot(tenant)).titles)) == 1

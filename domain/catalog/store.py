"""The SQL of catalogues: batched writes that raise the tenant's catalogue version, keyset pages, snapshot columns."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Final

import orjson
from asyncpg import Record

from domain.catalog.insights import (
    Analysis,
    analysis_from_json,
    analysis_to_json,
    with_found_attributes,
    with_found_tags,
)
from domain.catalog.model import CatalogChange, CatalogItem, ItemKind
from domain.catalog.snapshot import CatalogSnapshot, SnapshotRow, build_snapshot
from domain.clock import Clock
from domain.errors import NotFound
from domain.ids import ItemId, TenantId
from domain.storage.postgres import Database, Transaction

CHUNK_ROWS: Final = 1000

_ITEM: Final = """
SELECT item_id, kind, title, description, tags, category, attributes, available_from, available_until, sensitive
  FROM catalog_items"""

_ENSURE_TENANT: Final = """
INSERT INTO tenants (tenant_id, name, created_at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING"""

# Writers of one catalogue take turns, so that two overlapping batches cannot lock each other's rows crosswise.
_LOCK_TENANT: Final = "SELECT catalog_version FROM tenants WHERE tenant_id = $1 FOR NO KEY UPDATE"

_RAISE_VERSION: Final = """
UPDATE tenants SET catalog_version = catalog_version + 1 WHERE tenant_id = $1 RETURNING catalog_version"""

# Tags travel as JSON because unnest would flatten an array of arrays.
_UPSERT: Final = """
INSERT INTO catalog_items AS held (tenant_id, item_id, kind, title, description, tags, category, attributes,
                                   available_from, available_until, sensitive, created_at, updated_at)
SELECT $1, x.item_id, x.kind, x.title, x.description, ARRAY(SELECT jsonb_array_elements_text(x.tags)), x.category,
       x.attributes, x.available_from, x.available_until, x.sensitive, $2, $2
  FROM unnest($3::text[], $4::text[], $5::text[], $6::text[], $7::jsonb[], $8::text[], $9::jsonb[],
              $10::timestamptz[], $11::timestamptz[], $12::boolean[])
       AS x(item_id, kind, title, description, tags, category, attributes, available_from, available_until, sensitive)
    ON CONFLICT (tenant_id, item_id) DO UPDATE
   SET kind = excluded.kind, title = excluded.title, description = excluded.description, tags = excluded.tags,
       category = excluded.category, attributes = excluded.attributes, available_from = excluded.available_from,
       available_until = excluded.available_until, sensitive = excluded.sensitive, updated_at = excluded.updated_at
 WHERE (held.kind, held.title, held.description, held.tags, held.category, held.attributes, held.available_from,
        held.available_until, held.sensitive)
       IS DISTINCT FROM
       (excluded.kind, excluded.title, excluded.description, excluded.tags, excluded.category, excluded.attributes,
        excluded.available_from, excluded.available_until, excluded.sensitive)
RETURNING (xmax = 0) AS inserted"""

_BY_ID: Final = _ITEM + " WHERE tenant_id = $1 AND item_id = ANY ($2::text[])"

_PAGE: Final = (
    _ITEM
    + """
 WHERE tenant_id = $1 AND item_id > $2 AND ($3::text IS NULL OR kind = $3)
 ORDER BY item_id LIMIT $4"""
)

_EXISTING: Final = "SELECT item_id FROM catalog_items WHERE tenant_id = $1 AND item_id = ANY ($2::text[])"

_VERSION: Final = "SELECT catalog_version FROM tenants WHERE tenant_id = $1"

_SNAPSHOT: Final = """
SELECT item_id, kind, title, description, tags, category, attributes, available_from, available_until, sensitive,
       (SELECT jsonb_object_agg(f.source, f.insights) FROM catalog_insights f
         WHERE f.tenant_id = i.tenant_id AND f.item_id = i.item_id) AS insights
  FROM catalog_items i WHERE tenant_id = $1"""

# Of two analyses of one moment the greater text counts, so that their order does not.
_ANNOTATE: Final = """
INSERT INTO catalog_insights AS held (tenant_id, item_id, source, insights, analysed_at)
VALUES ($1, $2, $3, $4::jsonb, $5)
    ON CONFLICT (tenant_id, item_id, source) DO UPDATE
   SET insights = excluded.insights, analysed_at = excluded.analysed_at
 WHERE (held.analysed_at, held.insights) < (excluded.analysed_at, excluded.insights)
RETURNING 1"""

_INSIGHTS: Final = """
SELECT item_id, source, insights, analysed_at FROM catalog_insights
 WHERE tenant_id = $1 AND item_id = ANY ($2::text[]) ORDER BY item_id, source"""


class PostgresCatalogStore:
    """Catalogues in Postgres."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def ensure_tenant(self, tenant: TenantId, name: str) -> None:
        """Create the tenant unless it exists."""
        async with self._database.transaction(tenant) as tx:
            await tx.execute(_ENSURE_TENANT, tenant, name, self._clock.now())

    async def upsert(self, tenant: TenantId, items: Sequence[CatalogItem], at: datetime) -> CatalogChange:
        """Write items with distinct ids in one transaction; the version grows if anything changed."""
        inserted = updated = 0
        async with self._database.transaction(tenant) as tx:
            await tx.execute(_ENSURE_TENANT, tenant, tenant, at)
            version = await tx.value(_LOCK_TENANT, tenant)
            for start in range(0, len(items), CHUNK_ROWS):
                written = await _write(tx, tenant, items[start : start + CHUNK_ROWS], at)
                inserted += sum(written)
                updated += len(written) - sum(written)
            if inserted or updated:
                version = await tx.value(_RAISE_VERSION, tenant)
        unchanged = len(items) - inserted - updated
        return CatalogChange(inserted=inserted, updated=updated, unchanged=unchanged, version=version)

    async def items_by_id(self, tenant: TenantId, item_ids: Collection[ItemId]) -> list[CatalogItem]:
        """Those of the items that exist, in no particular order."""
        async with self._database.transaction(tenant) as tx:
            return [_item(row) for row in await tx.rows(_BY_ID, tenant, list(item_ids))]

    async def page(
        self, tenant: TenantId, kind: ItemKind | None, after: ItemId | None, limit: int
    ) -> list[CatalogItem]:
        """Up to `limit` items with an id greater than `after`, in the order of their ids."""
        async with self._database.transaction(tenant) as tx:
            return [_item(row) for row in await tx.rows(_PAGE, tenant, after or "", kind, limit)]

    async def existing(self, tenant: TenantId, item_ids: Collection[ItemId]) -> set[ItemId]:
        """Those of the ids that the catalogue holds."""
        async with self._database.transaction(tenant) as tx:
            return {row["item_id"] for row in await tx.rows(_EXISTING, tenant, list(item_ids))}

    async def version(self, tenant: TenantId) -> int:
        """The catalogue's version; 0 for a tenant without one."""
        async with self._database.transaction(tenant) as tx:
            return int(await tx.value(_VERSION, tenant) or 0)

    async def annotate(self, tenant: TenantId, item_id: ItemId, analysis: Analysis) -> tuple[bool, int]:
        """Keep an analysis unless a later one of its source is there; whether it was kept, and the version."""
        found = orjson.dumps(analysis_to_json(analysis)).decode()
        async with self._database.transaction(tenant) as tx:
            version = await tx.value(_LOCK_TENANT, tenant)
            if not await tx.rows(_EXISTING, tenant, [item_id]):
                raise NotFound("the catalogue holds no such item", field="itemId")
            kept = await tx.rows(_ANNOTATE, tenant, item_id, analysis.source, found, analysis.analysed_at)
            if kept:
                version = await tx.value(_RAISE_VERSION, tenant)
        return bool(kept), int(version)

    async def insights(self, tenant: TenantId, item_ids: Collection[ItemId]) -> dict[ItemId, list[Analysis]]:
        """What was found in each of the items, by source."""
        async with self._database.transaction(tenant) as tx:
            rows = await tx.rows(_INSIGHTS, tenant, list(item_ids))
        found: dict[ItemId, list[Analysis]] = {}
        for row in rows:
            analysis = analysis_from_json(row["source"], orjson.loads(row["insights"]), row["analysed_at"])
            found.setdefault(ItemId(row["item_id"]), []).append(analysis)
        return found

    async def snapshot(self, tenant: TenantId) -> CatalogSnapshot:
        """The whole catalogue as columns, no older than its version."""
        rows: list[SnapshotRow] = []
        async with self._database.transaction(tenant) as tx:
            # Read before the rows: a change that commits between the two is then seen again at the next check.
            version = int(await tx.value(_VERSION, tenant) or 0)
            async for chunk in tx.stream(_SNAPSHOT, tenant):
                rows.extend(map(_snapshot_row, chunk))
        return build_snapshot(tenant, version, rows)


async def _write(tx: Transaction, tenant: TenantId, items: Sequence[CatalogItem], at: datetime) -> list[bool]:
    """Upsert one chunk; one answer per row that changed: whether it is new."""
    ordered = sorted(items, key=lambda item: item.item_id)
    rows = await tx.rows(
        _UPSERT,
        tenant,
        at,
        [item.item_id for item in ordered],
        [item.kind.value for item in ordered],
        [item.title for item in ordered],
        [item.description for item in ordered],
        [orjson.dumps(item.tags).decode() for item in ordered],
        [item.category for item in ordered],
        [orjson.dumps(dict(item.attributes)).decode() for item in ordered],
        [item.available_from for item in ordered],
        [item.available_until for item in ordered],
        [item.sensitive for item in ordered],
    )
    return [row["inserted"] for row in rows]


def _item(row: Record) -> CatalogItem:
    return CatalogItem(
        item_id=ItemId(row["item_id"]),
        kind=ItemKind(row["kind"]),
        title=row["title"],
        description=row["description"],
        tags=tuple(row["tags"]),
        category=row["category"],
        attributes=orjson.loads(row["attributes"]),
        available_from=row["available_from"],
        available_until=row["available_until"],
        sensitive=row["sensitive"],
    )


def _snapshot_row(row: Record) -> SnapshotRow:
    stored = orjson.loads(row["insights"]) if row["insights"] else {}
    analyses = [analysis_from_json(source, found) for source, found in stored.items()]
    return SnapshotRow(
        item_id=ItemId(row["item_id"]),
        kind=ItemKind(row["kind"]),
        title=row["title"],
        tags=with_found_tags(row["tags"], analyses),
        category=row["category"],
        available_from=row["available_from"],
        available_until=row["available_until"],
        sensitive=row["sensitive"],
        description=row["description"],
        attributes=with_found_attributes(orjson.loads(row["attributes"]), analyses),
    )

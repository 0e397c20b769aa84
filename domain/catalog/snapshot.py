"""One tenant's catalogue as arrays, because serving scores and filters thousands of items at once, not one by one."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from domain.catalog.model import AttributeValue, ItemKind
from domain.ids import ItemId, TenantId

_ScalarT = TypeVar("_ScalarT", bound=np.generic)


class SnapshotRow(NamedTuple):
    """What serving keeps of one item."""

    item_id: ItemId
    kind: ItemKind
    title: str
    tags: tuple[str, ...]
    category: str
    available_from: datetime | None
    available_until: datetime | None
    sensitive: bool
    attributes: Mapping[str, AttributeValue] = MappingProxyType({})
    description: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class CatalogSnapshot:
    """An immutable view of a catalogue with n items; row i of every column is the same item.

    Rows are in the order of the item ids.

    Attributes:
        version: the catalogue version that it shows; it grows with every change.
        item_ids: the n ids.
        rows: id -> row.
        titles: the n titles.
        tags: the n tag tuples.
        kinds: int8[n], `ItemKind.code`.
        categories: the distinct categories; "" stands for none.
        category_codes: int32[n], index into `categories`.
        available_from: float64[n], seconds since the epoch, -inf for always.
        available_until: float64[n], seconds since the epoch, +inf for never.
        sensitive: bool[n].
        descriptions: the n descriptions; empty for none.
        attributes: the n items' named texts, numbers and booleans.
    """

    tenant: TenantId
    version: int
    item_ids: tuple[ItemId, ...]
    rows: Mapping[ItemId, int]
    titles: tuple[str, ...]
    tags: tuple[tuple[str, ...], ...]
    kinds: NDArray[np.int8]
    categories: tuple[str, ...]
    category_codes: NDArray[np.int32]
    available_from: NDArray[np.float64]
    available_until: NDArray[np.float64]
    sensitive: NDArray[np.bool_]
    descriptions: tuple[str, ...]
    attributes: tuple[Mapping[str, AttributeValue], ...]

    def __len__(self) -> int:
        return len(self.item_ids)

    def rows_of(self, item_ids: Sequence[ItemId]) -> NDArray[np.int32]:
        """The row of each id, int32[len(item_ids)]; -1 where the catalogue does not hold it."""
        return np.fromiter((self.rows.get(item, -1) for item in item_ids), dtype=np.int32, count=len(item_ids))

    def kind_of(self, row: int) -> ItemKind:
        """The kind of the item in `row`."""
        return _KINDS[int(self.kinds[row])]

    def category_of(self, row: int) -> str:
        """The category of the item in `row`; empty for none."""
        return self.categories[int(self.category_codes[row])]

    def eligible(self, at: datetime, kinds: Collection[ItemKind] | None = None) -> NDArray[np.bool_]:
        """Which items may be recommended at `at`, bool[n]; of every kind unless `kinds` names some."""
        seconds = at.timestamp()
        mask: NDArray[np.bool_] = (self.available_from <= seconds) & (seconds < self.available_until)
        if kinds is not None:
            mask &= np.isin(self.kinds, np.array([kind.code for kind in kinds], dtype=np.int8))
        return mask


_KINDS = tuple(ItemKind)


def build_snapshot(tenant: TenantId, version: int, rows: Iterable[SnapshotRow]) -> CatalogSnapshot:
    """Lay `rows` out as columns, in the order of their ids."""
    ordered = sorted(rows, key=lambda row: row.item_id)
    categories = sorted({row.category for row in ordered})
    codes = {category: code for code, category in enumerate(categories)}
    return CatalogSnapshot(
        tenant=tenant,
        version=version,
        item_ids=tuple(row.item_id for row in ordered),
        rows=MappingProxyType({row.item_id: index for index, row in enumerate(ordered)}),
        titles=tuple(row.title for row in ordered),
        tags=tuple(row.tags for row in ordered),
        kinds=_frozen(np.array([row.kind.code for row in ordered], dtype=np.int8)),
        categories=tuple(categories),
        category_codes=_frozen(np.array([codes[row.category] for row in ordered], dtype=np.int32)),
        available_from=_frozen(_seconds([row.available_from for row in ordered], missing=-np.inf)),
        available_until=_frozen(_seconds([row.available_until for row in ordered], missing=np.inf)),
        sensitive=_frozen(np.array([row.sensitive for row in ordered], dtype=np.bool_)),
        descriptions=tuple(row.description for row in ordered),
        attributes=tuple(row.attributes for row in ordered),
    )


def _seconds(moments: Sequence[datetime | None], *, missing: float) -> NDArray[np.float64]:
    return np.array([missing if moment is None else moment.timestamp() for moment in moments], dtype=np.float64)


def _frozen(column: NDArray[_ScalarT]) -> NDArray[_ScalarT]:
    column.flags.writeable = False
    return column

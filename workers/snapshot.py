"""What a training reads: consented rows as arrays over the catalogue, and the places of lists that chance filled."""

from array import array
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np

from domain.behavior.model import TrainingRow
from domain.behavior.served import ExploredPlace, TakenList
from domain.behavior.vocabulary import EVENT_TYPES
from domain.catalog.snapshot import CatalogSnapshot
from domain.ids import ItemId, SubjectId, TenantId
from domain.models.item_terms import catalog_terms
from domain.models.situations import situation_names
from workers.training.clicks import ExploredPlaces
from workers.training.drift import Behaviour
from workers.training.interactions import ServedLists, TrainingSet

EXPLORED_LIMIT: Final = 50_000
LISTS_LIMIT: Final = 10_000
_TYPES: Final = tuple(EVENT_TYPES)
_CODES: Final = {name: code for code, name in enumerate(_TYPES)}


class TrainingRows(Protocol):
    """Where the rows come from."""

    def chunks(self, tenant: TenantId) -> AsyncIterator[list[TrainingRow]]:
        """Every consented row about a catalogue item, in chunks."""
        ...

    async def explored(self, tenant: TenantId, limit: int) -> list[ExploredPlace]:
        """The newest places of served lists that chance had a part in."""
        ...

    async def taken_lists(self, tenant: TenantId, limit: int) -> list[TakenList]:
        """The newest served lists of which something was taken."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Snapshot:
    """The rows of one training.

    Attributes:
        behaviour: them, and the type of each.
        people: how users are numbered; it leaves the worker's memory with the training.
        places: the place of each item.
    """

    behaviour: Behaviour
    people: Mapping[SubjectId, int]
    places: Mapping[ItemId, int]

    @property
    def training_set(self) -> TrainingSet:
        """The rows."""
        return self.behaviour.training_set

    def explored(self, found: list[ExploredPlace]) -> ExploredPlaces:
        """Places of served lists in this snapshot's numbers."""
        return ExploredPlaces(
            users=np.array([self.people.get(place.subject_id, -1) for place in found], dtype=np.int64),
            items=np.array([self.places.get(place.item_id, -1) for place in found], dtype=np.int64),
            served_at=np.array([place.served_at.timestamp() for place in found], dtype=np.float64),
            propensities=np.array([place.propensity for place in found], dtype=np.float64),
            rewards=np.array([place.succeeded for place in found], dtype=np.float64),
        )


async def snapshot_of(rows: TrainingRows, catalog: CatalogSnapshot, tenant: TenantId) -> Snapshot:
    """The tenant's consented rows over its catalogue, as arrays; items that left the catalogue are left out."""
    people: dict[SubjectId, int] = {}
    users, items, weights, moments = array("q"), array("q"), array("d"), array("d")
    types = array("b")
    async for chunk in rows.chunks(tenant):
        for row in chunk:
            place, kind = catalog.rows.get(row.item_id), EVENT_TYPES.get(row.type)
            if place is not None and kind is not None and kind.weight:
                users.append(people.setdefault(row.subject_id, len(people)))
                items.append(place)
                weights.append(kind.weight)
                moments.append(row.occurred_at.timestamp())
                types.append(_CODES[row.type])
    training_set = TrainingSet(
        item_ids=catalog.item_ids,
        item_kinds=catalog.kinds,
        user_index=np.array(users, dtype=np.int64),
        item_index=np.array(items, dtype=np.int64),
        weight=np.array(weights, dtype=np.float64),
        occurred_at=np.array(moments, dtype=np.float64),
        item_terms=catalog_terms(catalog),
        item_facets=[_facets(catalog, row) for row in range(len(catalog))],
        served=_served(await rows.taken_lists(tenant, LISTS_LIMIT), people, catalog.rows),
    )
    return Snapshot(Behaviour(training_set, np.array(types, dtype=np.int8), _TYPES), people, catalog.rows)


def _facets(catalog: CatalogSnapshot, row: int) -> tuple[str, ...]:
    """Category and tags of an item, without regard to case."""
    return tuple({name.casefold() for name in (*catalog.tags[row], catalog.category_of(row)) if name})


def _served(
    found: list[TakenList], people: Mapping[SubjectId, int], places: Mapping[ItemId, int]
) -> ServedLists | None:
    """Served lists in a snapshot's numbers; items that left the catalogue are left out."""
    if not found:
        return None
    shown = [[(places[item], item in set(entry.taken)) for item in entry.item_ids if item in places] for entry in found]
    return ServedLists(
        users=np.array([people.get(entry.subject_id, -1) for entry in found], dtype=np.int64),
        served_at=np.array([entry.served_at.timestamp() for entry in found], dtype=np.float64),
        offsets=np.concatenate(([0], np.cumsum([len(entry) for entry in shown]))).astype(np.int64),
        items=np.array([place for entry in shown for place, _ in entry], dtype=np.int64),
        taken=np.array([taken for entry in shown for _, taken in entry], dtype=np.bool_),
        situations=[situation_names(entry.device, entry.surface, entry.purpose) for entry in found],
    )

"""What a person's past says of items: each action by its type, its rating, and what the person corrected about it."""

from collections.abc import Sequence

from domain.behavior.ratings import RATED, rating_strengths
from domain.behavior.vocabulary import event_type
from domain.catalog.snapshot import CatalogSnapshot
from domain.profiles.facets import item_facets, item_statements
from domain.profiles.portrait import Taste
from domain.recommendations.model import HistoryEntry
from domain.recommendations.page import PastAction


def weighed(past: Sequence[PastAction], taste: Taste, catalog: CatalogSnapshot) -> list[HistoryEntry]:
    """The actions that say something, in their order.

    One whose item stands for a preference that the person called wrong stays with weight 0: it speaks for nothing, and
    its item was still seen.
    """
    rated = [(place, action.value) for place, action in enumerate(past) if action.type == RATED]
    values = [value for _, value in rated if value is not None]
    strengths = iter(rating_strengths(values))
    by_place = {place: 1.0 if value is None else next(strengths) for place, value in rated}
    entries: list[HistoryEntry] = []
    for place, action in enumerate(past):
        weight = event_type(action.type).weight * by_place.get(place, 1.0)
        if action.type == RATED or weight:
            entries.append(HistoryEntry(action.item_id, _corrected(weight, action, taste, catalog), action.occurred_at))
    return entries


def _corrected(weight: float, action: PastAction, taste: Taste, catalog: CatalogSnapshot) -> float:
    if weight <= 0 or not taste.factors:
        return weight
    found = item_facets((action.item_id,), catalog)
    return weight * taste.factor(s for item_id, item in found.items() for s in item_statements(item_id, item))

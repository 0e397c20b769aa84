"""What is like an item, for everybody alike: people take to it together, or the same is said of both.

No person has a part in the answer. Where few have used the item, what is said of it counts more; where nobody has, and
before the first training, it is all that counts.
"""

from collections import Counter, OrderedDict, defaultdict
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter

from domain.caching.model import CacheName, Made, Question, digest
from domain.caching.service import AnswerCache
from domain.catalog.model import ItemKind
from domain.catalog.snapshot import CatalogSnapshot
from domain.clock import Clock
from domain.disclosure import FEWEST_PEOPLE, coarse
from domain.errors import NotFound, ValidationFailed
from domain.ids import ItemId, TenantId
from domain.models.factor_model import FactorModel
from domain.models.item_terms import catalog_terms
from domain.recommendations.grounds import Grounds, Prepared
from domain.recommendations.model import RecommendationQuery
from domain.recommendations.new_items import shared_terms
from domain.recommendations.retrieval import top

SIMILAR_LIMIT: Final = 100
ENOUGH_PEOPLE: Final = 5.0
"""People who used an item at which use and content count the same."""

LEAST_SCORE: Final = 0.01
HELD_INDEXES: Final = 16


class SimilarityCode(StrEnum):
    """Why two items are alike."""

    USED_TOGETHER = "USED_TOGETHER"
    SIMILAR_CONTENT = "SIMILAR_CONTENT"


@dataclass(frozen=True, slots=True)
class Likeness:
    """One reason.

    Attributes:
        weight: its share of the score; the shares of an item sum to 1.
        features: tags, attributes and words that both have; empty for use.
    """

    code: SimilarityCode
    weight: float
    features: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SimilarItem:
    """An item that is like another; `score` is above 0 and at most 1."""

    item_id: ItemId
    kind: ItemKind
    title: str
    score: float
    reasons: tuple[Likeness, ...]


_KEPT: Final = TypeAdapter(tuple[SimilarItem, ...])


class ContentIndex:
    """Which items of a catalogue have which terms; TF-IDF rows, term by term."""

    def __init__(self, catalog: CatalogSnapshot) -> None:
        self.terms = catalog_terms(catalog)
        members: defaultdict[str, list[int]] = defaultdict(list)
        for row, item in enumerate(self.terms):
            for term in {*item.labels, *item.words}:
                members[term].append(row)
        count = len(catalog)
        # A term that all items have tells none of them from another.
        self._rows = {term: np.array(rows) for term, rows in members.items() if 1 < len(rows) < count}
        self._weights = {term: float(np.log(count / len(rows))) for term, rows in self._rows.items()}
        squares = np.zeros(count)
        for term, rows in self._rows.items():
            squares[rows] += self._weights[term] ** 2
        self._lengths = np.sqrt(np.maximum(squares, 1e-12))

    def alike(self, row: int) -> NDArray[np.float32]:
        """The cosine of one item with every other, float32[n]."""
        total = np.zeros(len(self.terms))
        for term in Counter((*self.terms[row].labels, *self.terms[row].words)):
            if term in self._rows:
                total[self._rows[term]] += self._weights[term] ** 2
        return np.asarray(total / (self._lengths * self._lengths[row]), dtype=np.float32)


class SimilarItemService:
    """What is like an item."""

    def __init__(self, grounds: Grounds, cache: AnswerCache, clock: Clock) -> None:
        self._grounds = grounds
        self._cache = cache
        self._clock = clock
        self._indexes: OrderedDict[TenantId, tuple[CatalogSnapshot, ContentIndex]] = OrderedDict()

    async def similar(
        self, tenant: TenantId, item_id: ItemId, kind: ItemKind | None, first: int
    ) -> tuple[SimilarItem, ...]:
        """Up to `first` items that may be recommended to everybody, the most alike first; the item itself left out.

        Raises:
            NotFound: the catalogue holds no such item.
            ValidationFailed: `first` is not within 1 to 100.
            Unavailable: the catalogue cannot be read.
        """
        if not 1 <= first <= SIMILAR_LIMIT:
            raise ValidationFailed(f"must be within 1 to {SIMILAR_LIMIT}", field="first")
        prepared = await self._grounds.of(tenant)
        if item_id not in prepared.catalog.rows:
            raise NotFound("the catalogue holds no such item", field="item_id")
        asked, stamp = digest(item_id, kind, first), digest(*prepared.versions)
        now = self._clock.now()

        async def made() -> Made[tuple[SimilarItem, ...]]:
            return Made(self._alike(tenant, prepared, item_id, kind, first), prepared.next_change(now))

        return await self._cache.answer(Question(CacheName.SIMILAR, tenant, None, asked, stamp), _KEPT, made)

    def _alike(
        self, tenant: TenantId, prepared: Prepared, item_id: ItemId, kind: ItemKind | None, first: int
    ) -> tuple[SimilarItem, ...]:
        catalog = prepared.catalog
        row, index = catalog.rows[item_id], self._index(tenant, catalog)
        model, model_rows = prepared.recommender.standing
        share = _share_of_use(model, int(model_rows[row]))
        use, content = share * _used_alike(model, model_rows, row), (1.0 - share) * index.alike(row)
        allowed = self._allowed(prepared, kind)
        allowed[row] = False
        candidates = np.flatnonzero(allowed & (use + content > 0))
        chosen = candidates[top((use + content)[candidates], first)]
        return tuple(
            _item(catalog, index, row, int(other), float(use[other]), float(content[other])) for other in chosen
        )

    def _allowed(self, prepared: Prepared, kind: ItemKind | None) -> NDArray[np.bool_]:
        now, kinds = self._clock.now(), None if kind is None else frozenset({kind})
        allowed = prepared.recommender.eligibility.mask(now, kinds, None, ())
        steering = prepared.circumstances(RecommendationQuery(kinds=kinds), now).steering
        return allowed if steering.allowed is None else allowed & steering.allowed

    def _index(self, tenant: TenantId, catalog: CatalogSnapshot) -> ContentIndex:
        held = self._indexes.get(tenant)
        if held is None or held[0] is not catalog:
            held = self._indexes[tenant] = (catalog, ContentIndex(catalog))
            if len(self._indexes) > HELD_INDEXES:
                self._indexes.popitem(last=False)
        self._indexes.move_to_end(tenant)
        return held[1]


def _share_of_use(model: FactorModel, row: int) -> np.float32:
    """How much use counts beside content: 0 for an item that too few people used to speak of their use."""
    if not 0 <= row < len(model) - model.placed:
        return np.float32(0.0)
    people = float(model.popularity[row])
    if people < FEWEST_PEOPLE:
        return np.float32(0.0)
    return np.float32(people / (people + ENOUGH_PEOPLE))


def _used_alike(model: FactorModel, model_rows: NDArray[np.int64], row: int) -> NDArray[np.float32]:
    """How much people take to items together with one, float32[n] over the catalogue, 0 to 1."""
    here = int(model_rows[row])
    alike = np.zeros(len(model) + 1, dtype=np.float32)
    known = len(model) - model.placed
    if not 0 <= here < known:
        return alike[model_rows]
    lengths = np.maximum(np.linalg.norm(model.factors[:known], axis=1), np.float32(1e-9))
    alike[:known] = np.maximum(model.factors[:known] @ model.factors[here] / (lengths * lengths[here]), 0.0)
    if model.together is not None:
        weights = np.zeros(known, dtype=np.float32)
        rows, said = model.together.rows[here], model.together.weights[here]
        weights[rows] = np.maximum(said, 0.0)
        alike[:known] = (alike[:known] + weights / max(float(weights.max()), 1e-9)) / 2.0
    # What else the people of an item took to is told of many only: a single one would be told by name.
    alike[:known][model.popularity[:known] < FEWEST_PEOPLE] = 0.0
    # An item that the model does not know is named by row -1, the zero at the end.
    return alike[model_rows]


def _item(
    catalog: CatalogSnapshot, index: ContentIndex, row: int, other: int, use: float, content: float
) -> SimilarItem:
    reasons = [Likeness(SimilarityCode.USED_TOGETHER, coarse(use / (use + content)))] if use > 0 else []
    if content > 0:
        features = shared_terms(index.terms[other], [index.terms[row]])
        reasons.append(Likeness(SimilarityCode.SIMILAR_CONTENT, coarse(content / (use + content)), features))
    return SimilarItem(
        catalog.item_ids[other],
        catalog.kind_of(other),
        catalog.titles[other],
        max(coarse(min(use + content, 1.0)), LEAST_SCORE),
        tuple(sorted(reasons, key=lambda reason: -reason.weight)),
    )

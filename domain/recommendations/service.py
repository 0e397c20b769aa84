"""Use case of recommending: read the live history, score by the current model, say why, and note what was served.

Whoever has not agreed to it, or asks not to be personalised, gets the answer that an anonymous person gets.
"""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol
from uuid import uuid4

from domain.catalog.snapshot import CatalogSnapshot
from domain.clock import Clock
from domain.errors import Unavailable
from domain.ids import ItemId, ModelVersion, SubjectId, TenantId, UserId
from domain.models.model import LoadedModel
from domain.privacy.model import Subject
from domain.profiles.portrait import NO_TASTE, Taste
from domain.recommendations.history import weighed
from domain.recommendations.model import HistoryEntry, Recommendation, RecommendationQuery
from domain.recommendations.page import (
    Exposure,
    PastAction,
    RecommendationList,
    RecommendationRequest,
    RecommendedItem,
    WordedReason,
)
from domain.recommendations.ranking import Recommender
from domain.recommendations.wording import sentence

POLICY_VERSION = "blend-1"
"""Names the rule by which lists are made; it is deterministic, so every item is served with propensity 1."""

HISTORY_LIMIT = 5000
HELD_RECOMMENDERS = 64


class RecommendationStore(Protocol):
    """History and exposures."""

    async def history(self, tenant: TenantId, subject: SubjectId, limit: int) -> list[PastAction]:
        """What a person did with catalogue items, latest first."""
        ...

    async def note(self, tenant: TenantId, subject: SubjectId, exposure: Exposure) -> None:
        """Keep what was served to a person who agrees to it."""
        ...


class Directory(Protocol):
    """The part of the directory that recommending needs."""

    async def resolve(self, tenant: TenantId, user_id: UserId) -> Subject | None:
        """The person, or None."""
        ...


class Tastes(Protocol):
    """Who knows what people said about themselves."""

    async def taste(self, subject: Subject) -> Taste:
        """What recommending may take from what this person said."""
        ...


class Catalog(Protocol):
    """The part of the catalogue that recommending needs."""

    async def snapshot(self, tenant: TenantId) -> CatalogSnapshot:
        """The catalogue as columns."""
        ...


class Models(Protocol):
    """The part of the registry that recommending needs."""

    async def current(self, tenant: TenantId) -> LoadedModel | None:
        """The model to serve."""
        ...


class RecommendationService:
    """Explained lists of catalogue items.

    Args:
        store: history and exposures.
        directory: finds people and what they agreed to.
        tastes: knows what people said about themselves.
        catalog: what may be shown.
        models: what was learned.
        clock: the moment of each request.
        ml_enabled: False serves everybody by popularity alone.
    """

    def __init__(
        self,
        store: RecommendationStore,
        directory: Directory,
        tastes: Tastes,
        catalog: Catalog,
        models: Models,
        clock: Clock,
        *,
        ml_enabled: bool = True,
    ) -> None:
        self._store = store
        self._directory = directory
        self._tastes = tastes
        self._catalog = catalog
        self._models = models
        self._clock = clock
        self._ml_enabled = ml_enabled
        self._recommenders: OrderedDict[TenantId, _Prepared] = OrderedDict()

    async def recommend(self, tenant: TenantId, user_id: UserId, request: RecommendationRequest) -> RecommendationList:
        """The page that `request` asks for; an unknown person gets what is popular.

        Raises:
            ValidationFailed: `user_id` cannot be a user id.
            Unavailable: Postgres cannot be reached.
        """
        subject = await self._directory.resolve(tenant, user_id)
        reader = subject if self._may_personalize(subject, request) else None
        taste = await self._tastes.taste(subject) if subject and request.personalized else NO_TASTE
        prepared = await self._prepared(tenant)
        history = await self._history(reader, taste, prepared.catalog)
        now = self._clock.now()
        query = _query(request, prepared.catalog, taste)
        found = prepared.recommender.recommend(history, query, at=now)
        page = found[: request.first]
        shown = request.after.and_also(entry.item_id for entry in page)
        recommendation_id = uuid4()
        if reader is not None:
            exposure = Exposure(
                recommendation_id, request.kind, request.surface, prepared.version, POLICY_VERSION, page, now
            )
            await self._store.note(tenant, reader.subject_id, exposure)
        return RecommendationList(
            recommendation_id=recommendation_id,
            items=tuple(_item(place, entry, prepared.catalog) for place, entry in enumerate(page)),
            has_next=len(found) > request.first and shown.may_grow,
            shown=shown,
            model_version=prepared.version,
            policy_version=POLICY_VERSION,
            personalized=bool(history or taste.preferences),
            used=_used(history, taste),
            degraded=prepared.version is None,
            version=subject.version if subject else 0,
        )

    def _may_personalize(self, subject: Subject | None, request: RecommendationRequest) -> bool:
        return subject is not None and subject.personalizes and request.personalized and self._ml_enabled

    async def _history(self, reader: Subject | None, taste: Taste, catalog: CatalogSnapshot) -> list[HistoryEntry]:
        if reader is None:
            return []
        return weighed(await self._store.history(reader.tenant, reader.subject_id, HISTORY_LIMIT), taste, catalog)

    async def _prepared(self, tenant: TenantId) -> "_Prepared":
        catalog = await self._catalog.snapshot(tenant)
        try:
            model = await self._models.current(tenant)
        except Unavailable:
            model = None
        version = None if model is None else model.record.version
        held = self._recommenders.get(tenant)
        if held is None or held.catalog is not catalog or held.version != version:
            held = _Prepared(catalog, version, Recommender(catalog, None if model is None else model.model))
            self._recommenders[tenant] = held
            if len(self._recommenders) > HELD_RECOMMENDERS:
                self._recommenders.popitem(last=False)
        self._recommenders.move_to_end(tenant)
        return held


@dataclass(frozen=True, slots=True)
class _Prepared:
    """A recommender and the versions of catalogue and model that it was made of."""

    catalog: CatalogSnapshot
    version: ModelVersion | None
    recommender: Recommender


def _used(history: Sequence[HistoryEntry], taste: Taste) -> tuple[str, ...]:
    return (*(("behaviour",) if history else ()), *(("stated_preferences",) if taste.preferences else ()))


def _query(request: RecommendationRequest, catalog: CatalogSnapshot, taste: Taste) -> RecommendationQuery:
    return RecommendationQuery(
        kinds=None if request.kind is None else frozenset({request.kind}),
        # One more than is shown tells whether there is a next page.
        limit=request.first + 1,
        exclude=request.exclude | request.after.among(catalog.item_ids),
        include_seen=request.include_seen,
        preferences=taste.preferences,
        device=request.device,
        context={} if request.surface is None else {"surface": request.surface},
    )


def _item(position: int, entry: Recommendation, catalog: CatalogSnapshot) -> RecommendedItem:
    row = catalog.rows[entry.item_id]

    def title_of(item_id: ItemId) -> str:
        place = catalog.rows.get(item_id)
        return item_id if place is None else catalog.titles[place]

    return RecommendedItem(
        item_id=entry.item_id,
        kind=catalog.kind_of(row),
        title=catalog.titles[row],
        category=catalog.category_of(row),
        tags=catalog.tags[row],
        position=position,
        score=entry.score,
        reasons=tuple(WordedReason(reason, sentence(reason, title_of)) for reason in entry.reasons),
        sources=entry.sources,
    )

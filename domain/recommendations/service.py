"""Use case of recommending: read the live history, score by the current model, say why, and note what was served.

Whoever has not agreed to it, or asks not to be personalised, gets the answer that an anonymous person gets.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, TypeAlias
from uuid import UUID, uuid4

from domain.catalog.snapshot import CatalogSnapshot
from domain.clock import Clock
from domain.disclosure import coarse
from domain.experiments.levers import Area
from domain.exposures.steering import Steering
from domain.ids import ItemId, SubjectId, TenantId, UserId
from domain.privacy.model import Subject
from domain.recommendations.draft import Draft
from domain.recommendations.drafting import POLICY_VERSION, Drafting, Fitting
from domain.recommendations.exploration import Exploration
from domain.recommendations.grounds import Grounds, Prepared
from domain.recommendations.model import Recommendation, Source
from domain.recommendations.page import (
    Exposure,
    RecommendationList,
    RecommendationRequest,
    RecommendedItem,
    WordedReason,
)
from domain.recommendations.reader import Asker, Readers, local_moment
from domain.recommendations.tuning import Tuning, tuning_of
from domain.recommendations.wording import sentence

_Worded: TypeAlias = dict[tuple[int, ItemId], RecommendedItem]


class ExposureStore(Protocol):
    """Where what was served is noted."""

    async def note(self, tenant: TenantId, subject: SubjectId, exposure: Exposure, seen: Subject | None = None) -> bool:
        """Keep what was served to a person who agrees to it, and is still as they were `seen`; whether it was kept."""
        ...


class Experiments(Protocol):
    """Who knows what experiments change for a person."""

    async def steering(self, user_id: UserId, subject: Subject | None, area: Area) -> Steering:
        """What they change in an area."""
        ...

    async def shown(self, subject: Subject | None, steering: Steering) -> None:
        """Note what an answer showed."""
        ...


class RecommendationService:
    """Explained lists of catalogue items.

    Args:
        store: where what was served is noted.
        readers: what may be used of people.
        grounds: catalogue, model, rules and live counts of each tenant.
        drafting: makes pages before chance, or has them from the cache.
        experiments: what they change for a person.
        clock: the moment of each request.
    """

    def __init__(
        self,
        store: ExposureStore,
        readers: Readers,
        grounds: Grounds,
        drafting: Drafting,
        experiments: Experiments,
        clock: Clock,
    ) -> None:
        self._experiments = experiments
        self._store = store
        self._readers = readers
        self._grounds = grounds
        self._drafting = drafting
        self._clock = clock

    async def recommend(
        self,
        tenant: TenantId,
        user_id: UserId,
        request: RecommendationRequest,
        fitting: Fitting | None = None,
        withheld: Callable[[RecommendationList], bool] | None = None,
    ) -> RecommendationList:
        """The page that `request` asks for; an unknown person gets what is popular.

        Every serving is a list of its own, with its own id, draws and exposure, also where the page comes from the
        cache.

        Args:
            tenant: whose catalogue.
            user_id: who will see it.
            request: what is asked for.
            fitting: what is peculiar to the kind of list; None for nothing.
            withheld: whether the caller will not show this page after all; it is then not noted as served.

        Raises:
            ValidationFailed: `user_id` cannot be a user id.
            Unavailable: Postgres cannot be reached.
        """
        if request.personalized and withheld is None and not request.after.digests:
            recalled = await self._recalled(tenant, user_id, request, fitting)
            if recalled is not None:
                return recalled
        asker = await self._readers.asker(tenant, user_id, personalized=request.personalized)
        around = await self._around(tenant, user_id, asker)
        draft = await self._drafting.draft(asker, around.prepared, request, fitting, around.now, around.tuning)
        served, exposure = self._drawn(asker, around, request, draft, {})
        if asker.subject is not None and not (withheld and withheld(served)):
            await self._store.note(tenant, asker.subject.subject_id, exposure)
            await self._experiments.shown(asker.subject, around.steering)
        return served

    async def _recalled(
        self, tenant: TenantId, user_id: UserId, request: RecommendationRequest, fitting: Fitting | None
    ) -> RecommendationList | None:
        """The page from the memory of this process, if the person still is who it was made for.

        Noting it checks that: nothing is noted, and nothing shown, of somebody who is different by now.
        """
        asker = self._readers.recalled(tenant, user_id)
        if asker is None or asker.subject is None:
            return None
        around = await self._around(tenant, user_id, asker)
        recalled = self._drafting.recalled(asker, around.prepared, request, fitting, around.now, around.tuning)
        if recalled is None:
            return None
        served, exposure = self._drawn(asker, around, request, recalled.value, recalled.beside)
        if not await self._store.note(tenant, asker.subject.subject_id, exposure, asker.subject):
            return None
        self._drafting.shown(recalled)
        await self._experiments.shown(asker.subject, around.steering)
        return served

    async def _around(self, tenant: TenantId, user_id: UserId, asker: Asker) -> "_Around":
        steering = await self._experiments.steering(user_id, asker.subject, Area.RECOMMENDATIONS)
        tuning = tuning_of(steering.get)
        return _Around(steering, tuning, await self._grounds.of(tenant, tuning), self._clock.now())

    def _drawn(
        self, asker: Asker, around: "_Around", request: RecommendationRequest, draft: Draft, worded: _Worded
    ) -> tuple[RecommendationList, Exposure]:
        recommendation_id = uuid4()
        chance = self._drafting.chance(asker, recommendation_id, around.tuning)
        found = draft.page(chance)
        served = _served(request, asker, around.prepared, draft, found, recommendation_id, policy_of(chance), worded)
        return served, _exposure(served, request, found[: request.first], around.now)


@dataclass(frozen=True, slots=True)
class _Around:
    """What one list is made from beside the person."""

    steering: Steering
    tuning: Tuning
    prepared: Prepared
    now: datetime


def _served(
    request: RecommendationRequest,
    asker: Asker,
    prepared: Prepared,
    draft: Draft,
    found: Sequence[Recommendation],
    recommendation_id: UUID,
    policy_version: str,
    worded: _Worded,
) -> RecommendationList:
    page = found[: request.first]
    shown = request.after.and_also(entry.item_id for entry in page)
    return RecommendationList(
        recommendation_id=recommendation_id,
        items=tuple(_placed(place, entry, prepared.catalog, worded) for place, entry in enumerate(page)),
        has_next=len(found) > request.first and shown.may_grow,
        shown=shown,
        model_version=prepared.version,
        policy_version=policy_version,
        personalized=bool(draft.used),
        used=draft.used,
        degraded=asker.limited or prepared.version is None,
        version=asker.version,
        fits={entry.item_id: draft.fits[entry.item_id] for entry in page} if draft.fits else {},
    )


def policy_of(chance: Exploration | None) -> str:
    """Names the rule by which a list is made; without chance every item is served with propensity 1."""
    return POLICY_VERSION if chance is None else f"{POLICY_VERSION}+{chance.policy}"


def _exposure(
    served: RecommendationList,
    request: RecommendationRequest,
    page: Sequence[Recommendation],
    now: datetime,
) -> Exposure:
    hour, weekday = local_moment(request, now)
    return Exposure(
        recommendation_id=served.recommendation_id,
        kind=request.kind,
        surface=request.surface,
        device=request.device,
        purpose=request.purpose,
        local_hour=hour,
        weekday=weekday,
        model_version=served.model_version,
        policy_version=served.policy_version,
        items=page,
        served_at=now,
    )


def _placed(position: int, entry: Recommendation, catalog: CatalogSnapshot, worded: _Worded) -> RecommendedItem:
    """A place in words; of what is not drawn they are the same in every serving of a page."""
    if Source.EXPLORATION in entry.sources:
        return _item(position, entry, catalog)
    item = worded.get((position, entry.item_id))
    if item is None:
        item = worded[position, entry.item_id] = _item(position, entry, catalog)
    return item


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
        score=coarse(entry.score),
        reasons=tuple(WordedReason(reason, sentence(reason, title_of)) for reason in entry.reasons),
        sources=entry.sources,
        propensity=entry.propensity,
        rule_id=entry.rule_id,
    )

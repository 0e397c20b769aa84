"""Use cases of lists of one kind: templates, styles and features, each with what is peculiar to it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Generic, Protocol, TypeVar

import numpy as np
from pydantic import TypeAdapter

from domain.catalog.model import ItemKind
from domain.ids import ItemId, TenantId, UserId
from domain.profiles.model import Profile
from domain.recommendations.circumstances import Fit
from domain.recommendations.drafting import Fitting
from domain.recommendations.factors import observe, recency
from domain.recommendations.feature_fit import FeatureUse, feature_fit
from domain.recommendations.grounds import Prepared
from domain.recommendations.model import HistoryEntry
from domain.recommendations.page import RecommendationList, RecommendationRequest
from domain.recommendations.reader import Reader
from domain.recommendations.style_fit import StyleLook, style_fit
from domain.recommendations.template_fit import Aspect, Shares, TemplateWish, template_fit

STYLE_DECAY = 10.0
"""Positions of the history after which an item counts 1/e in what somebody's looks are."""

Peculiar = TypeVar("Peculiar")
Told = TypeVar("Told", covariant=True)


@dataclass(frozen=True, slots=True)
class KindList(Generic[Peculiar]):
    """A page of one kind; `fits` has what is peculiar to each of its items, in their order."""

    page: RecommendationList
    fits: tuple[Peculiar, ...]


class Lists(Protocol):
    """Who makes lists."""

    async def recommend(
        self, tenant: TenantId, user_id: UserId, request: RecommendationRequest, fitting: Fitting | None = None
    ) -> RecommendationList:
        """The page that `request` asks for."""
        ...


class Profiles(Protocol):
    """Who knows what was learned of people."""

    async def profile(self, tenant: TenantId, user_id: UserId) -> Profile:
        """A person's profile."""
        ...


class KindService:
    """Lists of templates, styles and features."""

    def __init__(self, lists: Lists, profiles: Profiles) -> None:
        self._lists = lists
        self._profiles = profiles

    async def templates(
        self, tenant: TenantId, user_id: UserId, request: RecommendationRequest, wish: TemplateWish
    ) -> KindList[tuple[Aspect, ...]]:
        """Templates that suit the wished, or the person's usual, purpose, category, duration and aspect ratio.

        Raises:
            ValidationFailed: `user_id` cannot be a user id.
            Unavailable: Postgres cannot be reached.
        """
        fitting = _Templates(self._profiles, tenant, user_id, replace(wish, purpose=wish.purpose or request.purpose))
        page = await self._lists.recommend(tenant, user_id, replace(request, kind=ItemKind.TEMPLATE), fitting)
        return fitting.list_of(page)

    async def styles(self, tenant: TenantId, user_id: UserId, request: RecommendationRequest) -> KindList[StyleLook]:
        """Styles by how their look stands to what the person used. Raises as `templates`."""
        fitting = _Styles()
        page = await self._lists.recommend(tenant, user_id, replace(request, kind=ItemKind.STYLE), fitting)
        return fitting.list_of(page)

    async def features(self, tenant: TenantId, user_id: UserId, request: RecommendationRequest) -> KindList[FeatureUse]:
        """Features that the person does not use, by their usage and readiness. Raises as `templates`."""
        fitting = _Features()
        page = await self._lists.recommend(tenant, user_id, replace(request, kind=ItemKind.FEATURE), fitting)
        return fitting.list_of(page)


class _Fitted(Protocol[Told]):
    def of(self, row: int) -> Told: ...


class _Fitter(Generic[Peculiar]):
    """One list's fitting; what is peculiar to its items passes through JSON, as it may come from the cache."""

    question: Sequence[str | float | None] = ()
    fitted: _Fitted[Peculiar]
    _form: TypeAdapter[Peculiar]
    _prepared: Prepared

    def told(self, item_ids: Iterable[ItemId]) -> dict[ItemId, Any]:
        """What is peculiar to each of these items, in JSON."""
        rows = self._prepared.catalog.rows
        return {item: self._form.dump_python(self.fitted.of(rows[item]), mode="json") for item in item_ids}

    def list_of(self, page: RecommendationList) -> KindList[Peculiar]:
        """The page with what is peculiar to its items."""
        return KindList(page, tuple(self._form.validate_python(page.fits[item.item_id]) for item in page.items))


class _Templates(_Fitter[tuple[Aspect, ...]]):
    _form = TypeAdapter(tuple[Aspect, ...])

    def __init__(self, profiles: Profiles, tenant: TenantId, user_id: UserId, wish: TemplateWish) -> None:
        self._profiles, self._tenant, self._user_id, self._wish = profiles, tenant, user_id, wish
        self.question = (wish.purpose, wish.category, wish.duration_seconds)

    async def fit(self, prepared: Prepared, reader: Reader, _history: Sequence[HistoryEntry]) -> Fit:
        shares: Shares = {}
        if reader.subject is not None:
            profile = await self._profiles.profile(self._tenant, self._user_id)
            shares = {facet.name: {v.value: v.share for v in facet.values} for facet in profile.facets}
        words = (self._wish.purpose or "").replace("_", " ").replace("-", " ").split()
        speaking = prepared.recommender.facets.affinity(dict.fromkeys([*words, " ".join(words)], 1.0))
        purposeful = np.zeros(len(prepared.catalog), dtype=np.bool_) if speaking is None else speaking > 0
        self._prepared = prepared
        self.fitted = found = template_fit(prepared.columns, self._wish, shares, purposeful)
        return found


class _Styles(_Fitter[StyleLook]):
    _form = TypeAdapter(StyleLook)

    async def fit(self, prepared: Prepared, _reader: Reader, history: Sequence[HistoryEntry]) -> Fit:
        known = observe(history, prepared.catalog.rows)
        liked = known.weights > 0
        strengths = recency(len(known.rows), STYLE_DECAY, 0.0)[liked]
        self._prepared = prepared
        self.fitted = found = style_fit(prepared.columns, prepared.catalog, known.rows[liked], strengths)
        return found


class _Features(_Fitter[FeatureUse]):
    _form = TypeAdapter(FeatureUse)

    async def fit(self, prepared: Prepared, reader: Reader, _history: Sequence[HistoryEntry]) -> Fit:
        self._prepared = prepared
        self.fitted = found = feature_fit(prepared.columns, prepared.catalog, reader.past.seen)
        return found

"""What lists of one tenant are made from, put together once for each version of its parts."""

from collections import OrderedDict
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from math import inf
from typing import Final, Protocol

from domain.catalog.snapshot import CatalogSnapshot
from domain.errors import Unavailable
from domain.ids import ModelVersion, TenantId
from domain.interest.model import LiveInterest
from domain.models.blend import BlendWeights
from domain.models.model import LoadedModel
from domain.recommendations.circumstances import Circumstances, Fit
from domain.recommendations.columns import Columns
from domain.recommendations.exploration import Exploration
from domain.recommendations.live import LiveSignals
from domain.recommendations.model import RecommendationQuery
from domain.recommendations.ranking import Recommender
from domain.recommendations.tuning import USUAL, Tuning
from domain.rules.model import RuleBook
from domain.rules.steering import RuleSheet

HELD: Final = 64
"""So many tenants, and tunings of a tenant's model under test, are kept prepared."""


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

    async def pinned(self, tenant: TenantId, version: ModelVersion) -> LoadedModel | None:
        """A version that is not the one to serve; None if it cannot be served."""
        ...


class Rules(Protocol):
    """Who knows the tenant's rules."""

    async def current(self, tenant: TenantId) -> RuleBook:
        """The rules for serving."""
        ...


class Interest(Protocol):
    """Who knows what people take to at this moment."""

    async def current(self, tenant: TenantId) -> LiveInterest:
        """The live counts."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Prepared:
    """What one tenant's lists are made from, and the versions of its parts."""

    catalog: CatalogSnapshot
    version: ModelVersion | None
    recommender: Recommender
    book: RuleBook
    rules: RuleSheet
    interest: LiveInterest
    live: LiveSignals | None
    columns: Columns

    @property
    def versions(self) -> tuple[int, ModelVersion | None, int]:
        """Of the catalogue, the model and the rules; whatever is made from equal ones is equal, live counts aside."""
        return self.catalog.version, self.version, self.book.version

    def next_change(self, at: datetime) -> datetime | None:
        """When an item's availability or a rule begins or ends next; None for never."""
        seconds = min(self.recommender.eligibility.next_change(at), self.rules.next_change(at))
        return None if seconds == inf else datetime.fromtimestamp(seconds, UTC)

    def circumstances(
        self, query: RecommendationQuery, at: datetime, chance: Exploration | None = None, fit: Fit | None = None
    ) -> Circumstances:
        """What bears on a list at this moment."""
        steering = self.rules.steering(query.kinds, query.context.get("surface"), query.device, at)
        return Circumstances(steering, self.live, chance, fit)


class Grounds:
    """Holds what is prepared for each tenant, and prepares anew only what has changed."""

    def __init__(self, catalog: Catalog, models: Models, rules: Rules, interest: Interest) -> None:
        self._catalog = catalog
        self._models = models
        self._rules = rules
        self._interest = interest
        self._held: OrderedDict[_Key, Prepared] = OrderedDict()

    async def of(self, tenant: TenantId, tuning: Tuning = USUAL) -> Prepared:
        """What the tenant's lists are made from at this moment.

        Args:
            tenant: whose lists.
            tuning: an experiment's model and blend; a version that cannot be served leaves the usual one.

        Raises:
            Unavailable: the catalogue cannot be read. Everything else is done without where it is away.
        """
        catalog = await self._catalog.snapshot(tenant)
        model, key = await self._model(tenant, tuning), (tenant, tuning.model_version, tuning.blend)
        book, interest = await self._rules.current(tenant), await self._interest.current(tenant)
        prepared = _prepared(self._held.get(key), catalog, model, book, interest, tuning)
        self._held[key] = prepared
        self._held.move_to_end(key)
        if len(self._held) > HELD:
            self._held.popitem(last=False)
        return prepared

    async def _model(self, tenant: TenantId, tuning: Tuning) -> LoadedModel | None:
        try:
            if tuning.model_version is not None:
                pinned = await self._models.pinned(tenant, tuning.model_version)
                if pinned is not None:
                    return pinned
            return await self._models.current(tenant)
        except Unavailable:
            return None


_Key = tuple[TenantId, ModelVersion | None, tuple[tuple[str, float], ...] | None]


def _prepared(
    held: Prepared | None,
    catalog: CatalogSnapshot,
    model: LoadedModel | None,
    book: RuleBook,
    interest: LiveInterest,
    tuning: Tuning,
) -> Prepared:
    version = None if model is None else model.record.version
    same_items = held is not None and held.catalog is catalog
    same_model = held is not None and same_items and held.version == version
    if held is not None and same_model and held.book is book and held.interest is interest:
        return held
    recommender = held.recommender if held is not None and same_model else _recommender(catalog, model, tuning)
    rules = held.rules if held is not None and same_items and held.book is book else RuleSheet(book, catalog)
    same_counts = held is not None and same_model and held.interest is interest
    live = held.live if held is not None and same_counts else _live(recommender, interest)
    columns = held.columns if held is not None and same_items else Columns(catalog)
    return Prepared(catalog, version, recommender, book, rules, interest, live, columns)


def _recommender(catalog: CatalogSnapshot, model: LoadedModel | None, tuning: Tuning) -> Recommender:
    fitting = None if model is None else model.model
    if fitting is not None and tuning.blend is not None:
        fitting = replace(fitting, blend=BlendWeights.same_for_all(dict(tuning.blend)))
    return Recommender(catalog, fitting)


def _live(recommender: Recommender, interest: LiveInterest) -> LiveSignals | None:
    return recommender.live_signals(interest) if interest.item_ids else None

"""Segments in use: who is in which, by live history, and what is typical of each.

A segment is computed when something new was learned of a person, or a new model was published, and kept for analytics
and targeting. What is told of a segment as a whole rests on counts of at least five people.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from domain.behavior.vocabulary import event_type
from domain.catalog.snapshot import CatalogSnapshot
from domain.clock import Clock
from domain.disclosure import FEWEST_PEOPLE, hidden_cells, in_steps
from domain.errors import Unavailable
from domain.ids import ItemId, ModelVersion, SubjectId, TenantId, UserId
from domain.models.model import LoadedModel
from domain.models.segments import Assignment
from domain.privacy.model import Subject
from domain.recommendations.factors import FoldIn, confidence, observe
from domain.recommendations.model import HistoryEntry
from domain.recommendations.page import PastAction

TYPICAL: Final = 5
HISTORY: Final = 1000
TOGETHER: Final = 500
"""People who are looked at at a time."""

HELD_MODELS: Final = 64


@dataclass(frozen=True, slots=True)
class Membership:
    """The segment that a person is in under one version of the model."""

    model_version: ModelVersion
    segment: int
    confidence: float


@dataclass(frozen=True, slots=True)
class SegmentSummary:
    """What is told of a segment.

    Attributes:
        segment: its number under this version of the model.
        label: its most typical tags or category, or item; empty if nothing is typical of enough people.
        people: how many of those that the model was trained on, in steps of five; None for fewer.
        items: what is most typical of it, each taken to by at least five of its people.
        tags: tags and categories that it takes to more than others do, the most typical first.
    """

    segment: int
    label: str
    people: int | None
    items: tuple[ItemId, ...]
    tags: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SegmentReport:
    """The segments of one version of the model, and how well they part people (mean silhouette, -1 to 1)."""

    model_version: ModelVersion
    silhouette: float | None
    segments: tuple[SegmentSummary, ...]


class SegmentStore(Protocol):
    """Histories and assignments."""

    async def histories(
        self, tenant: TenantId, subjects: Collection[SubjectId], limit: int
    ) -> Mapping[SubjectId, Sequence[PastAction]]:
        """The latest actions of those of the people who agree that something is learned of them."""
        ...

    async def assign(self, tenant: TenantId, memberships: Mapping[SubjectId, Membership | None], at: datetime) -> None:
        """Keep the segment of each, and no other; None for those in none."""
        ...


class Models(Protocol):
    """The part of the registry that segments need."""

    async def current(self, tenant: TenantId) -> LoadedModel | None:
        """The model to serve."""
        ...


class Directory(Protocol):
    """The part of the directory that segments need."""

    async def resolve(self, tenant: TenantId, user_id: UserId) -> Subject | None:
        """The person, or None."""
        ...


class Catalog(Protocol):
    """The part of the catalogue that segments need."""

    async def snapshot(self, tenant: TenantId) -> CatalogSnapshot:
        """The catalogue as columns."""
        ...


class SegmentService:
    """Segments of people with like taste.

    Args:
        store: histories and assignments.
        models: what the segments are part of.
        directory: finds people and what they agreed to.
        catalog: names what is typical.
        clock: dates assignments.
    """

    def __init__(
        self, store: SegmentStore, models: Models, directory: Directory, catalog: Catalog, clock: Clock
    ) -> None:
        self._store = store
        self._models = models
        self._directory = directory
        self._catalog = catalog
        self._clock = clock
        self._held: OrderedDict[TenantId, tuple[ModelVersion, FoldIn]] = OrderedDict()

    async def refresh(self, tenant: TenantId, subjects: Collection[SubjectId]) -> None:
        """Compute the segments of these people anew and keep them; nothing happens without a model."""
        loaded = await self._loaded(tenant)
        if loaded is None or loaded.model.segments is None:
            return
        ordered = sorted(subjects)
        for start in range(0, len(ordered), TOGETHER):
            histories = await self._store.histories(tenant, ordered[start : start + TOGETHER], HISTORY)
            found = await asyncio.to_thread(self._memberships, tenant, loaded, histories)
            await self._store.assign(tenant, found, self._clock.now())

    async def segment_of(self, tenant: TenantId, user_id: UserId) -> Membership | None:
        """The segment that a person's history puts them in now; None if it may not be looked at or says nothing.

        Raises:
            ValidationFailed: `user_id` cannot be a user id.
        """
        subject = await self._directory.resolve(tenant, user_id)
        loaded = await self._loaded(tenant)
        if subject is None or not subject.personalizes or loaded is None or loaded.model.segments is None:
            return None
        histories = await self._store.histories(tenant, (subject.subject_id,), HISTORY)
        return self._memberships(tenant, loaded, histories).get(subject.subject_id)

    async def segments(self, tenant: TenantId) -> SegmentReport | None:
        """The segments of the served model with what is typical of each; None if it has none."""
        loaded = await self._loaded(tenant)
        if loaded is None or loaded.model.segments is None:
            return None
        catalog = await self._catalog.snapshot(tenant)
        return SegmentReport(
            loaded.record.version,
            loaded.record.metrics.get("segments_silhouette"),
            tuple(_summaries(loaded, catalog)),
        )

    async def _loaded(self, tenant: TenantId) -> LoadedModel | None:
        try:
            return await self._models.current(tenant)
        except Unavailable:
            return None

    def _memberships(
        self, tenant: TenantId, loaded: LoadedModel, histories: Mapping[SubjectId, Sequence[PastAction]]
    ) -> dict[SubjectId, Membership | None]:
        fold_in = self._fold_in(tenant, loaded)
        return {subject: _membership(loaded, fold_in, past) for subject, past in histories.items()}

    def _fold_in(self, tenant: TenantId, loaded: LoadedModel) -> FoldIn:
        held = self._held.get(tenant)
        if held is None or held[0] != loaded.record.version:
            model = loaded.model
            held = (loaded.record.version, FoldIn(model.factors, model.parameters.regularization))
            self._held[tenant] = held
            while len(self._held) > HELD_MODELS:
                self._held.popitem(last=False)
        return held[1]


def _membership(loaded: LoadedModel, fold_in: FoldIn, past: Iterable[PastAction]) -> Membership | None:
    model = loaded.model
    weighed = ((action, event_type(action.type).weight) for action in past)
    history = [HistoryEntry(action.item_id, weight, action.occurred_at) for action, weight in weighed if weight]
    observations = observe(history, model.rows)
    if model.segments is None or observations.liked == 0:
        return None
    user = fold_in.solve(observations.rows, confidence(observations, model.parameters))
    found: Assignment | None = model.segments.assign(user.vector)
    return None if found is None else Membership(loaded.record.version, found.segment, found.confidence)


def _summaries(loaded: LoadedModel, catalog: CatalogSnapshot) -> Iterable[SegmentSummary]:
    segments = loaded.model.segments
    if segments is None:
        return
    places = catalog.rows_of(loaded.model.item_ids)
    shown = places >= 0
    shown[shown] = ~catalog.sensitive[places[shown]]
    rows, liked = places[shown], segments.favourites[:, shown].astype(np.float64)
    facets, members = _facets(catalog, rows)
    # A person may have liked many things of one kind: what few took to says nothing of many.
    shared = np.where(liked >= FEWEST_PEOPLE, liked, 0.0)
    by_facet = np.array([np.bincount(members[1], row[members[0]], len(facets)) for row in shared], dtype=np.float64)
    hidden = hidden_cells(segments.sizes.tolist())
    for number, people in enumerate(segments.sizes.tolist()):
        items = tuple(catalog.item_ids[rows[place]] for place in _typical(liked, number))
        tags = tuple(facets[place] for place in _typical(by_facet, number))
        title = catalog.titles[catalog.rows[items[0]]] if items else ""
        told = number not in hidden
        yield SegmentSummary(
            segment=number,
            label=(" & ".join(tags[:2]) or title) if told else "",
            people=in_steps(people) if told else None,
            items=items if told else (),
            tags=tags if told else (),
        )


def _facets(
    catalog: CatalogSnapshot, rows: NDArray[np.int32]
) -> tuple[list[str], tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Names of tags and categories, and pairs of an item's place in `rows` and a name's place."""
    named = [{*catalog.tags[row], catalog.category_of(row)} - {""} for row in rows.tolist()]
    facets = sorted({name for names in named for name in names})
    places = {name: place for place, name in enumerate(facets)}
    pairs = [(item, places[name]) for item, names in enumerate(named) for name in sorted(names)]
    table = np.array(pairs, dtype=np.int64).reshape(-1, 2)
    return facets, (table[:, 0], table[:, 1])


def _typical(counts: NDArray[np.float64], segment: int) -> list[int]:
    """What a segment takes to more than all people do, the most typical first: p log(p / q), of enough people.

    Args:
        counts: float64[k, c], how often each segment took to each of c things.
        segment: which.
    """
    mine, everybody = counts[segment], counts.sum(axis=0)
    share = mine / max(mine.sum(), 1.0)
    overall = everybody / max(everybody.sum(), 1.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        typical = np.where((mine >= FEWEST_PEOPLE) & (overall > 0), share * np.log(share / overall), 0.0)
    order = np.argsort(-typical, kind="stable")[:TYPICAL]
    return [place for place in order.tolist() if typical[place] > 0]

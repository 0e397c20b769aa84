"""Retraining, off the request path: consented rows become arrays, arrays a model, the model the new champion."""

import asyncio
from array import array
from collections.abc import AsyncIterator, Collection, Mapping
from typing import Any, Protocol

import numpy as np
import structlog

from domain.behavior.model import TrainingRow
from domain.behavior.vocabulary import EVENT_TYPES
from domain.catalog.service import CatalogService
from domain.catalog.snapshot import CatalogSnapshot
from domain.ids import SubjectId, TenantId
from domain.jobs.model import Job
from domain.jobs.service import Report
from domain.models.service import ModelRegistry
from domain.realtime.model import UpdateKind
from domain.realtime.service import OutboxPublisher
from workers.training.config import TrainingConfig
from workers.training.interactions import TrainingSet

log = structlog.get_logger(__name__)


class TrainingRows(Protocol):
    """Where the rows come from."""

    def chunks(self, tenant: TenantId) -> AsyncIterator[list[TrainingRow]]:
        """Every consented row about a catalogue item, in chunks."""
        ...


class Segmenter(Protocol):
    """Who puts people into segments."""

    async def refresh(self, tenant: TenantId, subjects: Collection[SubjectId]) -> None:
        """Compute the segments of these people anew and keep them."""
        ...


class Retraining:
    """Trains and publishes models.

    Args:
        rows: the log.
        catalog: the items.
        models: where models are published.
        publisher: tells the tenant of a new one.
        segments: where people are put by it.
        settings: of every training, unless its job says otherwise.
    """

    def __init__(
        self,
        rows: TrainingRows,
        catalog: CatalogService,
        models: ModelRegistry,
        publisher: OutboxPublisher,
        segments: Segmenter,
        settings: Mapping[str, Any] | None = None,
    ) -> None:
        self._rows = rows
        self._catalog = catalog
        self._models = models
        self._publisher = publisher
        self._segments = segments
        self._settings = settings or {}

    async def run(self, job: Job, report: Report) -> Mapping[str, Any]:
        """Train the model that a job asks for; answers with its version and metrics.

        Raises:
            ValidationFailed: a setting is unknown, or there is nothing to learn from yet.
        """
        config = TrainingConfig.parse({**self._settings, **job.arguments.get("config", {})})
        training_set = await self.training_set(job.tenant)
        # Imported here, since it brings the training libraries, which a worker that never trains can do without.
        from workers.training.trainer import train

        artifact = await asyncio.to_thread(train, training_set, config, lambda _stage, done: report(done))
        record = await self._models.publish(job.tenant, artifact)
        await self._publisher.tell_tenant(job.tenant, UpdateKind.MODEL_UPDATED, record.version.encode())
        await self._segment(job.tenant)
        log.info("model_published", tenant=job.tenant, version=record.version, metrics=dict(record.metrics))
        return {"version": record.version, "algorithm": record.algorithm, "metrics": dict(record.metrics)}

    async def _segment(self, tenant: TenantId) -> None:
        """Put everybody who was learned from into the segments of the new model."""
        people: set[SubjectId] = set()
        async for chunk in self._rows.chunks(tenant):
            people.update(row.subject_id for row in chunk)
        await self._segments.refresh(tenant, people)

    async def training_set(self, tenant: TenantId) -> TrainingSet:
        """The tenant's consented rows over its catalogue, as arrays; items that left the catalogue are left out."""
        catalog = await self._catalog.snapshot(tenant)
        people: dict[SubjectId, int] = {}
        users, items, weights, moments = array("q"), array("q"), array("d"), array("d")
        async for chunk in self._rows.chunks(tenant):
            for row in chunk:
                place, kind = catalog.rows.get(row.item_id), EVENT_TYPES.get(row.type)
                if place is not None and kind is not None and kind.weight:
                    users.append(people.setdefault(row.subject_id, len(people)))
                    items.append(place)
                    weights.append(kind.weight)
                    moments.append(row.occurred_at.timestamp())
        return TrainingSet(
            item_ids=catalog.item_ids,
            item_kinds=catalog.kinds,
            user_index=np.array(users, dtype=np.int64),
            item_index=np.array(items, dtype=np.int64),
            weight=np.array(weights, dtype=np.float64),
            occurred_at=np.array(moments, dtype=np.float64),
            item_facets=[_facets(catalog, row) for row in range(len(catalog))],
        )


def _facets(catalog: CatalogSnapshot, row: int) -> tuple[str, ...]:
    """Category and tags of an item, without regard to case."""
    return tuple({name.casefold() for name in (*catalog.tags[row], catalog.category_of(row)) if name})

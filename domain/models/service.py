"""The registry of models: publishing makes a champion, serving always holds the newest one that passes its checks."""

import asyncio
import hashlib
import logging
from collections import OrderedDict
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final, Protocol

from domain.clock import Clock
from domain.errors import Unavailable
from domain.ids import ModelVersion, TenantId
from domain.models.artifact import Artifact, write
from domain.models.cache import ArtifactCache
from domain.models.factor_model import FactorModel
from domain.models.layout import CorruptArtifact
from domain.models.model import RECOMMENDATION_MODEL, LoadedModel, ModelRecord, ModelStatus, version_of

logger = logging.getLogger(__name__)

RECHECK: Final = timedelta(seconds=1)
"""How old the knowledge of who is champion may be."""
REJECTED_FOR: Final = timedelta(seconds=60)
"""How long a version that failed its checks is left alone before it is tried again."""
FALLBACK_VERSIONS: Final = 4
LOADED_TENANTS: Final = 64


class ModelStore(Protocol):
    """Where model versions are kept."""

    async def publish(self, record: ModelRecord, content: bytes) -> None:
        """Write the version as champion and retire the one before it, in one transaction."""
        ...

    async def candidates(self, tenant: TenantId, name: str, limit: int) -> list[ModelRecord]:
        """The champion, then retired versions from the newest on; at most `limit`."""
        ...

    async def content(self, tenant: TenantId, name: str, version: ModelVersion) -> bytes | None:
        """The artifact's bytes; None if there is no such version."""
        ...

    async def versions(self, tenant: TenantId, name: str) -> list[ModelRecord]:
        """Every version, from the newest on."""
        ...


class ModelRegistry:
    """Versions of each tenant's recommendation model; one per tenant is held in memory."""

    def __init__(self, store: ModelStore, cache_dir: Path, clock: Clock) -> None:
        self._store = store
        self._cache = ArtifactCache(cache_dir)
        self._clock = clock
        self._held: OrderedDict[TenantId, _HeldModel] = OrderedDict()

    async def publish(self, tenant: TenantId, artifact: Artifact) -> ModelRecord:
        """Register the artifact as champion; the one before it is retired and stays to fall back on.

        Raises:
            CorruptArtifact: the artifact could not be served.
        """
        FactorModel.from_artifact(artifact)
        content = await asyncio.to_thread(write, artifact)
        sha256, trained_at = hashlib.sha256(content).hexdigest(), self._clock.now()
        record = ModelRecord(
            tenant=tenant,
            name=RECOMMENDATION_MODEL,
            version=version_of(trained_at, sha256),
            algorithm=artifact.algorithm,
            status=ModelStatus.CHAMPION,
            sha256=sha256,
            size_bytes=len(content),
            metrics=artifact.metrics,
            trained_at=trained_at,
        )
        await self._store.publish(record, content)
        self._slot(tenant).expire()
        return record

    async def current(self, tenant: TenantId) -> LoadedModel | None:
        """The model to serve, at most `RECHECK` behind the champion; None if there is none that can be served.

        While a newer version is being loaded, and while the database is away, the held one is answered with.

        Raises:
            Unavailable: the database is away and no model is held yet.
        """
        return await self._slot(tenant).current()

    async def refresh(self, tenant: TenantId) -> LoadedModel | None:
        """As `current`, but asks who is champion first: for callers that were told of a change."""
        slot = self._slot(tenant)
        slot.expire()
        return await slot.current()

    async def versions(self, tenant: TenantId) -> list[ModelRecord]:
        """Every version of the tenant's recommendation model, from the newest on."""
        return await self._store.versions(tenant, RECOMMENDATION_MODEL)

    def _slot(self, tenant: TenantId) -> "_HeldModel":
        slot = self._held.get(tenant)
        if slot is None:
            slot = self._held[tenant] = _HeldModel(tenant, self._store, self._cache, self._clock)
            if len(self._held) > LOADED_TENANTS:
                self._held.popitem(last=False)
        self._held.move_to_end(tenant)
        return slot


class _HeldModel:
    """One tenant's model in memory. One caller at a time checks for a newer one, the others use what is held."""

    def __init__(self, tenant: TenantId, store: ModelStore, cache: ArtifactCache, clock: Clock) -> None:
        self._tenant = tenant
        self._store = store
        self._cache = cache
        self._clock = clock
        self._loaded: LoadedModel | None = None
        self._checked_at: datetime | None = None
        self._expired = False
        self._rejected: dict[ModelVersion, datetime] = {}
        self._checking = asyncio.Lock()

    def expire(self) -> None:
        self._checked_at = None
        self._expired = True

    async def current(self) -> LoadedModel | None:
        if self._is_fresh() or (self._loaded is not None and self._checking.locked()):
            return self._loaded
        async with self._checking:
            if not self._is_fresh():
                await self._check()
        return self._loaded

    def _is_fresh(self) -> bool:
        return self._checked_at is not None and timedelta(0) <= self._clock.now() - self._checked_at < RECHECK

    async def _check(self) -> None:
        started_at, self._expired = self._clock.now(), False
        try:
            candidates = await self._store.candidates(self._tenant, RECOMMENDATION_MODEL, FALLBACK_VERSIONS)
            await self._swap(candidates)
        except Unavailable:
            if self._loaded is None:
                raise
            logger.warning("the champion cannot be looked up; the held model serves on", extra={"tenant": self._tenant})
        # A change that was announced while this check ran may have come too late for it.
        if not self._expired:
            self._checked_at = started_at

    async def _swap(self, candidates: Sequence[ModelRecord]) -> None:
        """Hold the first candidate that passes its checks; a held one is not given up for a mere fallback."""
        held = self._loaded
        for record in candidates:
            if held is not None and (record.version == held.record.version or record.status is ModelStatus.RETIRED):
                return
            if self._is_rejected(record.version):
                continue
            loaded = await self._load(record)
            if loaded is not None:
                self._loaded = loaded
                if held is not None and held.record.sha256 != record.sha256:
                    await asyncio.to_thread(self._cache.drop, held.record.sha256)
                return

    def _is_rejected(self, version: ModelVersion) -> bool:
        rejected_at = self._rejected.get(version)
        return rejected_at is not None and self._clock.now() - rejected_at < REJECTED_FOR

    async def _load(self, record: ModelRecord) -> LoadedModel | None:
        try:
            artifact = await asyncio.to_thread(self._cache.load, record.sha256)
            if artifact is None:
                content = await self._store.content(record.tenant, record.name, record.version)
                artifact = await asyncio.to_thread(self._cache.keep, record.sha256, content or b"")
            return LoadedModel(record, await asyncio.to_thread(FactorModel.from_artifact, artifact))
        except CorruptArtifact:
            logger.exception(
                "a model version failed its checks and is not served",
                extra={"tenant": self._tenant, "version": record.version},
            )
            self._rejected[record.version] = self._clock.now()
            return None

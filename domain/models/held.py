"""The one version of a tenant's model that a process serves, swapped while requests go on."""

import asyncio
import logging
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final, Protocol

from domain.clock import Clock
from domain.errors import Unavailable
from domain.ids import ModelVersion, TenantId
from domain.models.cache import ArtifactCache
from domain.models.factor_model import FactorModel
from domain.models.layout import CorruptArtifact
from domain.models.metrics import ModelMetrics
from domain.models.model import RECOMMENDATION_MODEL, LoadedModel, ModelRecord, ModelStatus
from domain.models.signature import ModelSigner

logger = logging.getLogger(__name__)

RECHECK: Final = timedelta(seconds=1)
"""How old the knowledge of who is champion may be."""
REJECTED_FOR: Final = timedelta(seconds=60)
"""How long a version that failed its checks is left alone before it is tried again."""
FALLBACK_VERSIONS: Final = 5
_IN_SERVICE: Final = {ModelStatus.CHAMPION, ModelStatus.RETIRED}


class ServableVersions(Protocol):
    """Where versions to serve are found."""

    async def candidates(
        self, tenant: TenantId, name: str, limit: int, held: ModelVersion | None = None
    ) -> list[ModelRecord]:
        """The champion, then the held version whatever became of it, then retired ones from the newest on."""
        ...

    async def content(self, tenant: TenantId, name: str, version: ModelVersion) -> bytes | None:
        """The artifact's bytes; None if there is no such version."""
        ...


class VersionLoader:
    """Turns records into models, once signature, checksum and layout are as they must be."""

    def __init__(self, store: ServableVersions, cache: ArtifactCache, signer: ModelSigner) -> None:
        self._store = store
        self._cache = cache
        self._signer = signer

    async def load(self, record: ModelRecord) -> LoadedModel:
        """The version, ready to serve.

        Raises:
            CorruptArtifact: it is not what was registered.
        """
        if not self._signer.vouches_for(record):
            raise CorruptArtifact("a model version does not have the signature of this service")
        artifact = await asyncio.to_thread(self._cache.load, record.sha256)
        if artifact is None:
            content = await self._store.content(record.tenant, record.name, record.version)
            artifact = await asyncio.to_thread(self._cache.keep, record.sha256, content or b"")
        return LoadedModel(record, await asyncio.to_thread(FactorModel.from_artifact, artifact))

    async def drop(self, record: ModelRecord) -> None:
        """Forget the file of a version that is served no more."""
        await asyncio.to_thread(self._cache.drop, record.sha256)


class HeldModel:
    """One tenant's model in memory. One caller at a time checks for a newer one, the others use what is held."""

    def __init__(
        self, tenant: TenantId, store: ServableVersions, loader: VersionLoader, clock: Clock, metrics: ModelMetrics
    ) -> None:
        self._tenant = tenant
        self._store = store
        self._loader = loader
        self._clock = clock
        self._metrics = metrics
        self._loaded: LoadedModel | None = None
        self._checked_at: datetime | None = None
        self._expired = False
        self._rejected: dict[ModelVersion, datetime] = {}
        self._checking = asyncio.Lock()

    def expire(self) -> None:
        """Ask again before the next answer."""
        self._checked_at = None
        self._expired = True

    async def current(self) -> LoadedModel | None:
        """The model to serve. Raises `Unavailable` if none is held and the database is away."""
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
        held = None if self._loaded is None else self._loaded.record.version
        try:
            candidates = await self._store.candidates(self._tenant, RECOMMENDATION_MODEL, FALLBACK_VERSIONS, held)
            await self._swap(candidates)
        except Unavailable:
            if self._loaded is None:
                raise
            logger.warning("the champion cannot be looked up; the held model serves on", extra={"tenant": self._tenant})
        # A change that was announced while this check ran may have come too late for it.
        if not self._expired:
            self._checked_at = started_at

    async def _swap(self, candidates: Sequence[ModelRecord]) -> None:
        """Hold the first candidate that passes its checks.

        A held one is given up for a mere fallback only once it was rolled back itself, and for nothing at all once its
        bytes were withdrawn because of whom it learned from.
        """
        held = self._loaded
        for record in candidates:
            if held is not None and record.version == held.record.version:
                if record.status in _IN_SERVICE:
                    self._hold(LoadedModel(record, held.model))
                    return
                continue
            if self._is_rejected(record.version):
                continue
            loaded = await self._load(record)
            if loaded is not None:
                self._hold(loaded)
                if held is not None and held.record.sha256 != record.sha256:
                    await self._loader.drop(held.record)
                return
        if held is not None and any(r.version == held.record.version and _is_withdrawn(r) for r in candidates):
            self._loaded = None
            await self._loader.drop(held.record)

    def _hold(self, loaded: LoadedModel) -> None:
        self._loaded = loaded
        self._metrics.serving(loaded.record)

    def _is_rejected(self, version: ModelVersion) -> bool:
        rejected_at = self._rejected.get(version)
        return rejected_at is not None and self._clock.now() - rejected_at < REJECTED_FOR

    async def _load(self, record: ModelRecord) -> LoadedModel | None:
        try:
            return await self._loader.load(record)
        except CorruptArtifact:
            logger.exception(
                "a model version failed its checks and is not served",
                extra={"tenant": self._tenant, "version": record.version},
            )
            self._metrics.failed_checks.labels(self._tenant).inc()
            self._rejected[record.version] = self._clock.now()
            return None


def _is_withdrawn(record: ModelRecord) -> bool:
    return record.status not in _IN_SERVICE and not record.stored

"""The registry of models: who is champion, who was and why, and what each version saw; serving holds a good one."""

import asyncio
import hashlib
import logging
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, Protocol

from domain.clock import Clock
from domain.errors import Conflict, NotFound, ValidationFailed
from domain.ids import ModelVersion, TenantId
from domain.models.artifact import Artifact, write
from domain.models.cache import ArtifactCache
from domain.models.factor_model import FactorModel
from domain.models.held import HeldModel, ServableVersions, VersionLoader
from domain.models.layout import CorruptArtifact
from domain.models.metrics import ModelMetrics
from domain.models.model import (
    RECOMMENDATION_MODEL,
    LoadedModel,
    ModelChange,
    ModelRecord,
    ModelStatus,
    Provenance,
    Verdict,
    version_of,
)
from domain.models.pinned import PinnedModels
from domain.models.signature import ModelSigner
from domain.realtime.model import UpdateKind

logger = logging.getLogger(__name__)

LOADED_TENANTS: Final = 64
REASON_LIMIT: Final = 500
FROM_TRAINING: Final = Provenance()


class ModelStore(ServableVersions, Protocol):
    """Where model versions are kept. Each change of champion is one transaction; those of a tenant take turns."""

    async def publish(self, record: ModelRecord, content: bytes, verdict: Verdict | None, actor: str) -> ModelRecord:
        """Write the version, as champion if the verdict allows it and still holds; the record as it was written."""
        ...

    async def promote(self, tenant: TenantId, name: str, version: ModelVersion, actor: str, reason: str) -> bool:
        """Make the version champion; False if it is it already, has no bytes or does not exist."""
        ...

    async def roll_back(
        self, tenant: TenantId, name: str, expected: ModelVersion, to: ModelVersion, actor: str, reason: str
    ) -> bool:
        """Make `to` champion and `expected` rejected, unless another one is champion by now; whether it was done."""
        ...

    async def versions(self, tenant: TenantId, name: str) -> list[ModelRecord]:
        """Every version, from the newest on."""
        ...

    async def version(self, tenant: TenantId, name: str, version: ModelVersion) -> ModelRecord | None:
        """One version."""
        ...

    async def previous(self, tenant: TenantId, name: str) -> ModelRecord | None:
        """The retired version that was champion last."""
        ...

    async def changes(self, tenant: TenantId, name: str) -> list[ModelChange]:
        """Every change of champion, from the newest on."""
        ...

    async def note_drift(self, tenant: TenantId, name: str, version: ModelVersion, drift: Mapping[str, Any]) -> None:
        """Keep how far the input of a version has moved."""
        ...


class Announcer(Protocol):
    """Who tells everybody of a tenant."""

    async def tell_tenant(self, tenant: TenantId, kind: UpdateKind, body: bytes) -> bool:
        """Publish an update after its commit; whether it went out."""
        ...


class ModelRegistry:
    """Versions of each tenant's recommendation model; one per tenant is held in memory.

    Args:
        store: the versions.
        cache_dir: where model files are mapped from.
        signer: vouches for versions.
        announcer: tells of changes; processes that miss it look for themselves every second.
        clock: dates versions and changes.
        metrics: what is told of the serving versions.
    """

    def __init__(
        self,
        store: ModelStore,
        cache_dir: Path,
        signer: ModelSigner,
        announcer: Announcer,
        clock: Clock,
        metrics: ModelMetrics,
    ) -> None:
        self._store = store
        self._signer = signer
        self._announcer = announcer
        self._clock = clock
        self._metrics = metrics
        self._loader = VersionLoader(store, ArtifactCache(cache_dir), signer)
        self._held: OrderedDict[TenantId, HeldModel] = OrderedDict()
        self._pinned = PinnedModels(store, self._loader, clock)

    async def publish(
        self,
        tenant: TenantId,
        artifact: Artifact,
        verdict: Verdict | None = None,
        provenance: Provenance = FROM_TRAINING,
    ) -> ModelRecord:
        """Register the artifact: as champion if the verdict allows it or there is none, else to look at.

        The champion before it is retired and stays to fall back on. A version that passed against a champion who serves
        no more becomes challenger; one whose bytes were rolled back before is rejected.

        Raises:
            CorruptArtifact: the artifact could not be served.
        """
        FactorModel.from_artifact(artifact)
        content = await asyncio.to_thread(write, artifact)
        sha256, trained_at = hashlib.sha256(content).hexdigest(), self._clock.now()
        version = version_of(trained_at, sha256)
        passed = verdict is None or verdict.passed or verdict.forced
        record = ModelRecord(
            tenant=tenant,
            name=RECOMMENDATION_MODEL,
            version=version,
            algorithm=artifact.algorithm,
            status=ModelStatus.CHAMPION if passed else ModelStatus.REJECTED,
            sha256=sha256,
            size_bytes=len(content),
            metrics=artifact.metrics,
            trained_at=trained_at,
            signature=self._signer.sign(tenant, RECOMMENDATION_MODEL, version, sha256),
            trained_from=provenance.trained_from,
            verdict={} if verdict is None else {**verdict.details, "forced": verdict.forced},
            baseline=provenance.baseline,
        )
        written = await self._store.publish(record, content, verdict, provenance.actor)
        if written.status is ModelStatus.CHAMPION:
            await self._announce(tenant, written.version)
        return written

    async def promote(self, tenant: TenantId, version: ModelVersion, *, actor: str, reason: str = "") -> ModelRecord:
        """Make a version champion, whatever was measured of it; the champion is retired.

        Raises:
            NotFound: there is no such version.
            Conflict: it serves already, or its bytes are gone or damaged.
            ValidationFailed: the reason is too long.
        """
        _require_short(reason)
        record = await self._version(tenant, version)
        if record.status is ModelStatus.CHAMPION:
            raise Conflict("This version serves already.", field="version")
        await self._require_servable(record)
        if not await self._store.promote(tenant, record.name, version, actor, reason):
            raise Conflict("Another change of champion came first; look again.", field="version")
        await self._announce(tenant, version)
        return await self._version(tenant, version)

    async def roll_back(
        self, tenant: TenantId, *, actor: str, reason: str = "", expected: ModelVersion | None = None
    ) -> ModelRecord:
        """Return to the champion before the present one, which is rejected and does not come back by itself.

        Args:
            tenant: whose model.
            actor: who wants it.
            reason: why.
            expected: the champion to roll back; None for whichever serves.

        Raises:
            Conflict: there is no earlier champion to return to, or another one than `expected` serves.
            ValidationFailed: the reason is too long.
        """
        _require_short(reason)
        champion = await self.champion(tenant)
        previous = await self._store.previous(tenant, RECOMMENDATION_MODEL)
        if champion is None or previous is None:
            raise Conflict("There is no earlier version to return to.")
        if expected is not None and champion.version != expected:
            raise Conflict("Another version serves by now.", field="expected")
        await self._require_servable(previous)
        if not await self._store.roll_back(
            tenant, RECOMMENDATION_MODEL, champion.version, previous.version, actor, reason
        ):
            raise Conflict("Another change of champion came first; look again.")
        await self._announce(tenant, previous.version)
        return await self._version(tenant, previous.version)

    async def current(self, tenant: TenantId) -> LoadedModel | None:
        """The model to serve, at most a second behind the champion; None if there is none that can be served.

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

    async def pinned(self, tenant: TenantId, version: ModelVersion) -> LoadedModel | None:
        """A version whatever its status, for experiments; None if it cannot be served. Raises `Unavailable`."""
        return await self._pinned.of(tenant, version)

    async def versions(self, tenant: TenantId) -> list[ModelRecord]:
        """Every version of the tenant's recommendation model, from the newest on."""
        return await self._store.versions(tenant, RECOMMENDATION_MODEL)

    async def version(self, tenant: TenantId, version: ModelVersion) -> ModelRecord:
        """One version. Raises `NotFound`."""
        return await self._version(tenant, version)

    async def champion(self, tenant: TenantId) -> ModelRecord | None:
        """The champion's record, whether it can be served or not; None before the first."""
        found = await self._store.candidates(tenant, RECOMMENDATION_MODEL, 1)
        return found[0] if found and found[0].status is ModelStatus.CHAMPION else None

    async def previous(self, tenant: TenantId) -> ModelRecord | None:
        """The version that a roll-back would return to."""
        return await self._store.previous(tenant, RECOMMENDATION_MODEL)

    async def changes(self, tenant: TenantId) -> list[ModelChange]:
        """Every change of champion, from the newest on."""
        return await self._store.changes(tenant, RECOMMENDATION_MODEL)

    async def note_drift(self, record: ModelRecord, drift: Mapping[str, Any]) -> None:
        """Keep how far the input of a version has moved since its training."""
        await self._store.note_drift(record.tenant, record.name, record.version, drift)
        self._metrics.serving(replace(record, drift=drift))

    async def _version(self, tenant: TenantId, version: ModelVersion) -> ModelRecord:
        # The database takes no NUL, and no version has one.
        record = None if "\0" in version else await self._store.version(tenant, RECOMMENDATION_MODEL, version)
        if record is None:
            raise NotFound("There is no such version.", field="version")
        return record

    async def _require_servable(self, record: ModelRecord) -> None:
        if not record.stored:
            raise Conflict("The bytes of this version are no longer kept.", field="version")
        try:
            await self._loader.load(record)
        except CorruptArtifact as error:
            raise Conflict(f"This version cannot be served: {error.message}.", field="version") from error

    async def _announce(self, tenant: TenantId, version: ModelVersion) -> None:
        self._slot(tenant).expire()
        await self._announcer.tell_tenant(tenant, UpdateKind.MODEL_UPDATED, version.encode())

    def _slot(self, tenant: TenantId) -> HeldModel:
        slot = self._held.get(tenant)
        if slot is None:
            slot = self._held[tenant] = HeldModel(tenant, self._store, self._loader, self._clock, self._metrics)
            if len(self._held) > LOADED_TENANTS:
                self._held.popitem(last=False)
        self._held.move_to_end(tenant)
        return slot


def _require_short(reason: str) -> None:
    if len(reason) > REASON_LIMIT or "\0" in reason:
        raise ValidationFailed(f"must have at most {REASON_LIMIT} characters, none of them NUL", field="reason")

"""Versions that experiments name, in memory beside the champion, and no longer than their bytes are kept."""

from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Protocol

from domain.clock import Clock
from domain.errors import Unavailable
from domain.ids import ModelVersion, TenantId
from domain.models.held import RECHECK, REJECTED_FOR, VersionLoader
from domain.models.layout import CorruptArtifact
from domain.models.model import RECOMMENDATION_MODEL, LoadedModel, ModelRecord

HELD: Final = 16


class Versions(Protocol):
    """Where the record of a version is found."""

    async def version(self, tenant: TenantId, name: str, version: ModelVersion) -> ModelRecord | None:
        """One version."""
        ...


@dataclass(frozen=True, slots=True)
class _Held:
    """A version as it was found; `failed_at` is when it failed its checks."""

    loaded: LoadedModel | None
    checked_at: datetime
    failed_at: datetime | None = None


class PinnedModels:
    """The versions that were asked for last, of all tenants."""

    def __init__(self, store: Versions, loader: VersionLoader, clock: Clock) -> None:
        self._store = store
        self._loader = loader
        self._clock = clock
        self._held: OrderedDict[tuple[TenantId, ModelVersion], _Held] = OrderedDict()

    async def of(self, tenant: TenantId, version: ModelVersion) -> LoadedModel | None:
        """A version whatever its status, up to `RECHECK` after its bytes were deleted; None if it cannot be served.

        Raises:
            Unavailable: the database is away and nothing is known of the version yet.
        """
        key, now = (tenant, version), self._clock.now()
        held = self._held.get(key)
        if held is None or not timedelta(0) <= now - held.checked_at < RECHECK:
            try:
                held = await self._found(held, await self._store.version(tenant, RECOMMENDATION_MODEL, version), now)
            except Unavailable:
                if held is None:
                    raise
            self._held[key] = held
        self._held.move_to_end(key)
        if len(self._held) > HELD:
            self._held.popitem(last=False)
        return held.loaded

    async def _found(self, held: _Held | None, record: ModelRecord | None, now: datetime) -> _Held:
        if record is None or not record.stored:
            if record is not None and held is not None and held.loaded is not None:
                await self._loader.drop(record)
            return _Held(None, now)
        if held is not None and held.loaded is not None:
            return _Held(LoadedModel(record, held.loaded.model), now)
        if held is not None and held.failed_at is not None and now - held.failed_at < REJECTED_FOR:
            return _Held(None, now, held.failed_at)
        try:
            return _Held(await self._loader.load(record), now)
        except CorruptArtifact:
            return _Held(None, now, now)

"""Erasing a person, step by step: each step may be repeated, and is noted as behind only once its effect is durable.

The rows go first, in one transaction that whoever writes about the person waits for or is refused by; from then on no
late event finds them. Then the journal, which outlives a restored backup, then the key, so that whatever a running
request still writes to a cache is unreadable, then the caches, and last the receipt. A process that dies leaves a
request at its last checkpoint, and the next one goes on there.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, Protocol
from uuid import UUID

from domain.clock import Clock
from domain.erasure.model import Level, Reached
from domain.errors import Conflict, Unavailable
from domain.identities.model import Busy
from domain.ids import ModelVersion, SubjectId, TenantId
from domain.privacy.data_map import DataMap, Erasure, Store
from domain.receipts.signing import FORMAT, ReceiptSigner
from domain.rights.beyond import beyond
from domain.rights.journal import Journal
from domain.rights.model import (
    MODELS_RETIRED_AFTER,
    STEPS,
    TRAINING_TAKES_AT_MOST,
    Checkpoint,
    PrivacyRequest,
    Tombstone,
)

ATTEMPTS: Final = 50
PAUSE_SECONDS: Final = 0.1
LONGEST_CACHED: Final = timedelta(hours=1)
"""No key about a person lives longer in Redis."""

Report = Callable[[float, str], None]
"""Told how much is behind (0 to 1), and which step is next."""


class Overtaken(Conflict):
    """Somebody else has taken this step meanwhile; nothing was written."""

    def __init__(self) -> None:
        super().__init__("Somebody else is working on this request.")


class ErasureStore(Protocol):
    """The tables that an erasure touches; each step raises `Overtaken` if it is behind already."""

    async def find(self, request: PrivacyRequest) -> PrivacyRequest:
        """Note whose data it is about."""
        ...

    async def erase_rows(self, request: PrivacyRequest, at: datetime) -> PrivacyRequest:
        """Delete the rows in one transaction that also notes it. Raises `Busy`."""
        ...

    async def reach(self, request: PrivacyRequest, step: Checkpoint, reached: Sequence[Reached]) -> PrivacyRequest:
        """Note that a step is behind."""
        ...

    async def versions_trained(self, tenant: TenantId, since: datetime, until: datetime) -> list[ModelVersion]:
        """The model versions with bytes that were trained within a time."""
        ...

    async def sign(
        self, tenant: TenantId, request_id: UUID, at: datetime, written: Callable[[int, str | None], str]
    ) -> PrivacyRequest:
        """Keep the receipt that `written` makes of its number and the hash of the one before; the request is done."""
        ...


class Keys(Protocol):
    """Where people's keys end."""

    async def destroy(self, tenant: TenantId, subject: SubjectId) -> None:
        """Make whatever is sealed for `subject` unreadable."""
        ...


class Caches(Protocol):
    """What Redis holds of people."""

    async def drop(self, tenant: TenantId, subjects: Iterable[SubjectId]) -> int:
        """Delete every key of these people; how many there were. Raises `Unavailable`."""
        ...


class Publisher(Protocol):
    """Who tells live updates once they are committed."""

    async def publish(self, tenant: TenantId, subjects: Iterable[SubjectId]) -> int:
        """Publish what waits for these people."""
        ...


class Eraser:
    """Takes the steps of an erasure.

    Args:
        store: the tables.
        journal: outlives a restored backup.
        keys: where keys end.
        caches: what Redis holds.
        publisher: tells listeners that the person is gone.
        signer: signs the receipt.
        data_map: what there is to erase.
        vault_backups_kept: how long the operator keeps backups that hold wrapped keys.
        clock: dates the steps.
    """

    def __init__(
        self,
        store: ErasureStore,
        journal: Journal,
        keys: Keys,
        caches: Caches,
        publisher: Publisher,
        signer: ReceiptSigner,
        data_map: DataMap,
        vault_backups_kept: timedelta,
        clock: Clock,
    ) -> None:
        self._store = store
        self._vault_backups_kept = vault_backups_kept
        self._journal = journal
        self._keys = keys
        self._caches = caches
        self._publisher = publisher
        self._signer = signer
        self._data_map = data_map
        self._clock = clock

    async def run(self, request: PrivacyRequest, report: Report) -> PrivacyRequest:
        """Take the steps that are not behind.

        Raises:
            Unavailable: a part is down; what is behind stays behind.
        """
        steps = {
            Checkpoint.FOUND: self._store.find,
            Checkpoint.ROWS: self._rows,
            Checkpoint.JOURNAL: self._journaled,
            Checkpoint.KEYS: self._keys_destroyed,
            Checkpoint.CACHES: self._caches_dropped,
            Checkpoint.MODELS: self._models_listed,
            Checkpoint.SIGNED: self._signed,
        }
        for step in STEPS:
            if not request.is_behind(step):
                report(request.progress, step.value)
                request = await steps[step](request)
        return request

    async def _rows(self, request: PrivacyRequest) -> PrivacyRequest:
        for _ in range(ATTEMPTS - 1):
            try:
                return await self._store.erase_rows(request, self._clock.now())
            except Busy:
                await asyncio.sleep(PAUSE_SECONDS)
        return await self._store.erase_rows(request, self._clock.now())

    async def _journaled(self, request: PrivacyRequest) -> PrivacyRequest:
        erased_at = request.erased_at or self._clock.now()
        tombstone = Tombstone(
            request.tenant, request.request_id, request.identity_hash, tuple(request.subjects), erased_at
        )
        await asyncio.to_thread(self._journal.add, tombstone)
        return await self._store.reach(request, Checkpoint.JOURNAL, ())

    async def _keys_destroyed(self, request: PrivacyRequest) -> PrivacyRequest:
        for subject in request.subjects:
            await self._keys.destroy(request.tenant, subject)
        shredded = [entry.name for entry in self._data_map.tables if entry.erasure is Erasure.SHRED]
        detail = "the wrapped key is deleted; processes that had it in memory forget it within a minute"
        reached = [Reached("postgres", name, Level.LOGICAL, detail, len(request.subjects)) for name in shredded]
        return await self._store.reach(request, Checkpoint.KEYS, reached)

    async def _caches_dropped(self, request: PrivacyRequest) -> PrivacyRequest:
        level, detail, count, until = Level.LOGICAL, "sealed with the destroyed key", 0, None
        try:
            count = await self._caches.drop(request.tenant, request.subjects)
        except Unavailable:
            # Nothing in Redis can be opened any more, and it ends by itself: its outage delays no receipt.
            level, until = Level.PENDING, self._clock.now() + LONGEST_CACHED
            detail = "Redis could not be reached; what it holds is sealed with the destroyed key and ends by itself"
        await self._publisher.publish(request.tenant, request.subjects)
        names = ", ".join(entry.name for entry in self._data_map.of(Store.REDIS) if entry.personal)
        return await self._store.reach(
            request, Checkpoint.CACHES, [Reached("redis", names, level, detail, count, until)]
        )

    async def _models_listed(self, request: PrivacyRequest) -> PrivacyRequest:
        if request.taught_since is None:
            nothing = Reached("models", "all versions", Level.OUT_OF_SCOPE, "no version learned from this person")
            return await self._store.reach(request, Checkpoint.MODELS, [nothing])
        now = request.erased_at or self._clock.now()
        until, by = now + TRAINING_TAKES_AT_MOST, now + MODELS_RETIRED_AFTER
        versions = await self._store.versions_trained(request.tenant, request.taught_since, until)
        learned = (
            "holds arrays about items and groups, no person; it may have learned from this one and is retired by then"
        )
        training = "whichever version had begun to learn before the erasure is retired by then, too"
        reached = [Reached("models", version, Level.PENDING, learned, until=by) for version in versions]
        reached.append(Reached("models", "versions in training", Level.PENDING, training, until=by))
        return await self._store.reach(request, Checkpoint.MODELS, reached)

    async def _signed(self, request: PrivacyRequest) -> PrivacyRequest:
        now = self._clock.now()

        def written(number: int, previous: str | None) -> str:
            return self._signer.signed(self._receipt(request, number, previous, now))

        return await self._store.sign(request.tenant, request.request_id, now, written)

    def _receipt(self, request: PrivacyRequest, number: int, previous: str | None, now: datetime) -> Mapping[str, Any]:
        steps = [request.evidence.get(step.value, []) for step in STEPS]
        return {
            "format": FORMAT,
            "kind": request.kind.value,
            "tenant": request.tenant,
            "number": number,
            "previous": previous,
            "requestId": str(request.request_id),
            "requestedAt": request.requested_at.isoformat(),
            "erasedAt": (request.erased_at or now).isoformat(),
            "finishedAt": now.isoformat(),
            "reached": [entry for step in steps for entry in step]
            + [entry.as_json() for entry in beyond(request.erased_at or now, self._vault_backups_kept)],
        }

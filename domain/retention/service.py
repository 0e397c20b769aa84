"""The daily run: person by person in chunks, by the level that holds for each, with a clock that tests can set."""

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, Protocol

import structlog

from domain.clock import Clock
from domain.errors import DomainError, Unavailable
from domain.ids import ModelVersion, SubjectId, TenantId
from domain.jobs.model import JobKind
from domain.privacy.model import PrivacyLevel
from domain.profiles.service import Learn
from domain.realtime.model import UpdateKind
from domain.retention.model import TRAINED_AHEAD, Retiring, Swept, kept_since

ACTOR = "retention"

log = structlog.get_logger(__name__)


class RetentionStore(Protocol):
    """The tables that retention looks at."""

    def people(self, tenant: TenantId) -> AsyncIterator[list[SubjectId]]:
        """Everybody of a tenant, in chunks."""
        ...

    async def too_old(
        self, tenant: TenantId, people: Sequence[SubjectId], since: Mapping[PrivacyLevel, Any]
    ) -> dict[tuple[str, str], int]:
        """How many rows of these people are too old, by table and level."""
        ...

    async def sweep(
        self, tenant: TenantId, people: Sequence[SubjectId], since: Mapping[PrivacyLevel, Any], learn_from: Learn
    ) -> dict[tuple[str, str], int]:
        """Delete them in one transaction, and learn the profiles anew that rested on them.

        The levels that count are those of that transaction, and stay until it ends.

        Raises:
            Unavailable: somebody learns from these people at this moment.
        """
        ...

    async def retiring(self, tenant: TenantId) -> list[Retiring]:
        """Model versions with bytes that may have learned from somebody who was erased since."""
        ...

    async def retire(self, tenant: TenantId, versions: Sequence[ModelVersion]) -> None:
        """Delete the bytes of versions, which serve no more."""
        ...


class Jobs(Protocol):
    """Where work is handed in."""

    async def enqueue(self, tenant: TenantId, kind: JobKind, arguments: Mapping[str, Any] | None = None) -> Any:
        """Hand in a job."""
        ...


class Announcer(Protocol):
    """Who tells everybody of a tenant."""

    async def tell_tenant(self, tenant: TenantId, kind: UpdateKind, body: bytes) -> bool:
        """Tell that something changed."""
        ...


class RetentionService:
    """Retention of one tenant at a time."""

    def __init__(
        self, store: RetentionStore, learn_from: Learn, jobs: Jobs, announcer: Announcer, clock: Clock
    ) -> None:
        self._store = store
        self._learn_from = learn_from
        self._jobs = jobs
        self._announcer = announcer
        self._clock = clock

    async def run(self, tenant: TenantId, *, dry: bool = False) -> Swept:
        """Delete what is too old, and retire models by their deadline.

        Args:
            tenant: whose people.
            dry: change nothing, and say what would be.

        Raises:
            Unavailable: some people were being learned from and are left for the next run; all others were seen to.
        """
        now, swept = self._clock.now(), Swept()
        busy: Unavailable | None = None
        since = {level: kept_since(level, now) for level in PrivacyLevel}
        async for people in self._store.people(tenant):
            swept.people += len(people)
            if dry:
                swept.rows.update(await self._store.too_old(tenant, people, since))
                continue
            try:
                swept.rows.update(await self._store.sweep(tenant, people, since, self._learn_from))
            except Unavailable as error:
                busy = error
        await self._retired(tenant, swept, dry=dry)
        if busy is not None:
            raise busy
        return swept

    async def _retired(self, tenant: TenantId, swept: Swept, *, dry: bool) -> None:
        now, retiring = self._clock.now(), await self._store.retiring(tenant)
        swept.versions = [version.version for version in retiring if version.by <= now]
        swept.trained_anew = any(version.serves and version.by - TRAINED_AHEAD <= now for version in retiring)
        if dry:
            return
        if swept.trained_anew:
            try:
                await self._jobs.enqueue(tenant, JobKind.RETRAIN, {"force": True, "actor": ACTOR})
            except DomainError as error:
                # Another training is under way; tomorrow there is time left.
                log.warning("training_not_handed_in", tenant=tenant, code=error.code)
        if swept.versions:
            await self._store.retire(tenant, swept.versions)
            await self._announcer.tell_tenant(tenant, UpdateKind.MODEL_UPDATED, swept.versions[-1].encode())
            log.warning("models_retired", tenant=tenant, versions=swept.versions)

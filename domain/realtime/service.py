"""Publishes what transactions announced: after their commit, in the order of versions, and for certain in the end.

Why the order holds with any number of publishers, in any number of processes:

1. A version is taken by updating the person's row, and the row stays locked until the commit. So versions are committed
   in their order, and whoever sees version v in the outbox sees every earlier one too, unless it is deleted.
2. A row is deleted only after its update was added to the stream.
3. So what a publisher reads is, together with what is in the stream already, without holes; and it adds it oldest
   first, in one atomic step that skips every version not above the stream's newest.

A publisher that dies leaves rows behind; the next publisher of the same person publishes them first, and the sweep
finds the rest. Adding an update twice has no effect. A stream that Redis lost may begin anew anywhere: that is a hole,
which subscribers see, since versions have none.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

import structlog

from domain.errors import Unavailable
from domain.ids import SubjectId, TenantId
from domain.realtime.metrics import RealtimeMetrics
from domain.realtime.model import Entry, UpdateKind
from domain.together import Together

ROWS_A_ROUND = 1_000
CALLS_A_ROUND = 1_000
SWEEP_AGE_SECONDS = 2.0
SWEEP_SUBJECTS = 500

_log = structlog.get_logger(__name__)

Rows = Mapping[SubjectId, Sequence[Entry]]


class OutboxRows(Protocol):
    """The committed updates that wait for publication."""

    async def unpublished(self, tenant: TenantId, subjects: Sequence[SubjectId], limit: int) -> Rows:
        """The first `limit` rows of these people, each person's in version order. Raises `Unavailable`."""
        ...

    async def forget(self, tenant: TenantId, published: Mapping[SubjectId, int]) -> None:
        """Delete each person's rows up to the given version. Raises `Unavailable`."""
        ...

    async def stale(self, age_seconds: float, limit: int) -> list[tuple[TenantId, SubjectId]]:
        """At most `limit` people with a row older than that, the longest waiting first. Raises `Unavailable`."""
        ...


class Streams(Protocol):
    """Where updates are published."""

    async def append(self, tenant: TenantId, rows: Rows) -> dict[SubjectId, int]:
        """Add each person's updates, oldest first, atomically per person; what is there already is skipped.

        Returns:
            The newest version that is now in the stream, for each person for whom that worked.

        Raises:
            Unavailable: Redis cannot be reached; any part may have been added.
        """
        ...

    async def tell_tenant(self, tenant: TenantId, kind: UpdateKind, body: bytes) -> None:
        """Publish an update to everyone of a tenant. Raises `Unavailable`."""
        ...


class OutboxPublisher:
    """Moves committed updates from the outbox to their streams.

    Args:
        outbox: where they wait.
        streams: where they go.
        metrics: what is counted.
    """

    def __init__(self, outbox: OutboxRows, streams: Streams, metrics: RealtimeMetrics) -> None:
        self._outbox = outbox
        self._streams = streams
        self._metrics = metrics
        self._rounds = Together(self._publish_once, limit=CALLS_A_ROUND)

    async def publish(self, tenant: TenantId, subjects: Iterable[SubjectId]) -> int:
        """Publish all that waits for these people; call it after the commit.

        Calls about the same people at the same moment become one. It never fails: what could not be published stays
        in the outbox for the sweep.

        Returns:
            How many updates of theirs were published.
        """
        return await self._rounds.ask((tenant, tuple(dict.fromkeys(subjects))), None)

    async def _publish_once(self, whose: tuple[TenantId, tuple[SubjectId, ...]], calls: Sequence[None]) -> list[int]:
        return [await self._publish(*whose)] * len(calls)

    async def _publish(self, tenant: TenantId, subjects: Iterable[SubjectId]) -> int:
        wanted, published = list(subjects), 0
        try:
            while wanted:
                rows = await self._outbox.unpublished(tenant, wanted, ROWS_A_ROUND)
                newest = await self._streams.append(tenant, rows)
                await self._outbox.forget(tenant, newest)
                published += sum(len(rows[subject]) for subject in newest)
                self._note_refused(len(rows) - len(newest))
                full = sum(map(len, rows.values())) >= ROWS_A_ROUND
                wanted = [subject for subject in wanted if subject in newest or subject not in rows] if full else []
        except Unavailable as problem:
            self._metrics.publish_failures.inc()
            _log.warning("realtime_publish_delayed", subjects=len(wanted), reason=problem.message)
        self._metrics.published.inc(published)
        return published

    async def sweep(self, age_seconds: float = SWEEP_AGE_SECONDS) -> int:
        """Publish what has waited for longer than `age_seconds`, for every tenant.

        Returns:
            How many updates it published; 0 while Redis or Postgres is away.
        """
        swept = 0
        try:
            while waiting := await self._outbox.stale(age_seconds, SWEEP_SUBJECTS):
                by_tenant: defaultdict[TenantId, list[SubjectId]] = defaultdict(list)
                for tenant, subject in waiting:
                    by_tenant[tenant].append(subject)
                moved = sum([await self._publish(tenant, subjects) for tenant, subjects in by_tenant.items()])
                swept += moved
                if not moved or len(waiting) < SWEEP_SUBJECTS:
                    break
        except Unavailable as problem:
            _log.warning("realtime_sweep_delayed", reason=problem.message)
        self._metrics.swept.inc(swept)
        return swept

    async def tell_tenant(self, tenant: TenantId, kind: UpdateKind, body: bytes) -> bool:
        """Tell everyone of a tenant, for instance of a new model; call it after the commit.

        Nothing repeats it if Redis is away: a subscriber who may have missed it is told to fetch anew.

        Returns:
            Whether Redis took it.
        """
        try:
            await self._streams.tell_tenant(tenant, kind, body)
        except Unavailable as problem:
            self._metrics.publish_failures.inc()
            _log.warning("realtime_publish_delayed", tenant=tenant, kind=kind, reason=problem.message)
            return False
        self._metrics.published.inc()
        return True

    def _note_refused(self, subjects: int) -> None:
        if subjects:
            self._metrics.publish_failures.inc()
            _log.warning("realtime_publish_refused", subjects=subjects)

"""The bus of one process: a single Redis connection behind every live subscription, and the promise that holds over it.

*Per person, ordered, at least once within the replay window; outside it the client is told to fetch anew.* A
subscriber is registered first, then reads the replay window, then follows the channel. Whenever something could have
been missed it reads the window again, and what is no longer there becomes a `ResyncRequired`.
"""

import asyncio

import structlog

from domain.errors import Unavailable
from domain.ids import SubjectId, TenantId
from domain.realtime.backoff import LONGEST_SECONDS, Backoff
from domain.realtime.buffer import CAPACITY, Waiting
from domain.realtime.catchup import CatchUp, Page, ReplayWindow, VersionSource
from domain.realtime.feed import Feed, Receiver, TenantFeed
from domain.realtime.metrics import RealtimeMetrics
from domain.realtime.model import Cursor, ResyncRequired, SubjectTopic, TenantTopic, Update
from domain.realtime.multiplexer import Link, Multiplexer
from domain.realtime.subscription import BodyOpener, Subscription, TenantSubscription, opened

_log = structlog.get_logger(__name__)


class Bus:
    """Live updates for the subscribers of one process; it connects with the first of them.

    Args:
        link: the way to Redis pub/sub.
        window: the updates that Redis still holds.
        versions: the truth about versions.
        opener: opens sealed bodies.
        metrics: what is counted.
        capacity: how many updates may wait for one subscriber.
        longest_pause_seconds: the longest wait between two attempts to reach Redis.
    """

    def __init__(
        self,
        *,
        link: Link,
        window: ReplayWindow,
        versions: VersionSource,
        opener: BodyOpener,
        metrics: RealtimeMetrics,
        capacity: int = CAPACITY,
        longest_pause_seconds: float = LONGEST_SECONDS,
    ) -> None:
        self._window = window
        self._opener = opener
        self._metrics = metrics
        self._capacity = capacity
        self._multiplexer = Multiplexer(link, Backoff(longest_seconds=longest_pause_seconds), metrics)
        self._catch_up = CatchUp(window, versions, Backoff(longest_seconds=longest_pause_seconds))
        self._tasks: list[asyncio.Task[None]] = []
        self._closed = False

    def subscribe(self, tenant: TenantId, subject: SubjectId, after: Cursor | None = None) -> Subscription:
        """One person's updates after the cursor, or from now on.

        Use it as `async with bus.subscribe(...) as updates`, then `async for update in updates`. Entering raises
        `Unavailable` if the bus is closed, or if Postgres cannot say where "now" is.
        """
        topic = SubjectTopic(tenant, subject)

        async def join() -> Feed:
            self._ensure_running()
            start = after.version if after else (await self._catch_up.positions([topic]))[topic].published
            feed = Feed(topic, start, self._catch_up.ask, self._metrics, self._capacity)
            self._join(feed)
            return feed

        return Subscription(topic, join, self._multiplexer.leave, self._opener, self._metrics)

    def subscribe_to_tenant(self, tenant: TenantId) -> TenantSubscription:
        """The updates that concern everyone of a tenant: the newest one, then each as it comes."""

        def join() -> TenantFeed:
            feed = TenantFeed(TenantTopic(tenant), self._catch_up.ask, self._metrics)
            self._join(feed)
            return feed

        return TenantSubscription(join, self._multiplexer.leave, self._metrics)

    async def position(self, tenant: TenantId, subject: SubjectId) -> Cursor:
        """Where a person's published updates end at this moment. Raises `Unavailable`."""
        topic = SubjectTopic(tenant, subject)
        return Cursor((await self._catch_up.positions([topic]))[topic].published)

    async def recent(
        self, tenant: TenantId, subject: SubjectId, after: Cursor | None, limit: int
    ) -> list[Update | ResyncRequired]:
        """The oldest `limit` updates after the cursor that the replay window holds, without subscribing.

        Raises:
            Unavailable: Redis or Postgres cannot be reached.
        """
        topic = SubjectTopic(tenant, subject)
        position = (await self._catch_up.positions([topic]))[topic]
        [entries] = await self._window.read([Page(tenant, subject, after.version if after else 0, limit)])
        start = after.version if after else (entries[0].version - 1 if entries else position.published)
        # Room for every update and for a gap before each of them.
        feed = Feed(topic, start, _nobody, self._metrics, capacity=2 * limit + 2)
        feed.locate(position)
        feed.apply(entries, limit, feed.known)
        answers: list[Update | ResyncRequired] = []
        previous = start
        while feed.waiting and (item := await feed.get()):
            answers.append(await self._open(topic, item, previous))
            previous = previous if item.version is None else item.version
        return answers

    async def close(self) -> None:
        """End every subscription and let go of Redis."""
        self._closed = True
        self._end_all()
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _join(self, receiver: Receiver) -> None:
        self._ensure_running()
        self._multiplexer.join(receiver)

    def _ensure_running(self) -> None:
        if self._closed:
            raise Unavailable("live updates are shutting down", retry_after_seconds=1)
        if not self._tasks:
            self._tasks = [asyncio.create_task(self._multiplexer.run()), asyncio.create_task(self._catch_up.run())]
            for task in self._tasks:
                task.add_done_callback(self._stopped)

    def _stopped(self, task: asyncio.Task[None]) -> None:
        if task.cancelled() or task not in self._tasks:
            return
        # A defect, not an outage: end what would hang for ever, and begin anew with the next subscriber.
        _log.error("realtime_stopped", exc_info=task.exception())
        others, self._tasks = self._tasks, []
        for other in others:
            other.cancel()
        self._end_all()

    def _end_all(self) -> None:
        for receiver in self._multiplexer.receivers():
            receiver.close()
            self._multiplexer.leave(receiver)

    async def _open(self, topic: SubjectTopic, item: Waiting, previous: int) -> Update | ResyncRequired:
        return item if isinstance(item, ResyncRequired) else await opened(self._opener, topic, item, previous)


def _nobody(_feed: Feed) -> None:
    """No one catches up a feed that is read once."""

"""One live subscription as a transport sees it: an asynchronous iterator that opens what it delivers."""

from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Protocol, Self

from domain.ids import SubjectId, TenantId
from domain.realtime.feed import Feed, TenantFeed
from domain.realtime.metrics import RealtimeMetrics
from domain.realtime.model import Entry, ResyncRequired, SubjectTopic, TenantUpdate, Update, UpdateKind


class BodyOpener(Protocol):
    """Who can read sealed bodies."""

    async def open(self, tenant: TenantId, subject: SubjectId, sealed: bytes) -> bytes:
        """The body in clear; raises a `DomainError` where the key is gone or the seal broken."""
        ...


class Subscription:
    """One person's updates and, where some may be missing, `ResyncRequired`.

    It begins on entering it as a context, or else with the first item, and ends with `aclose`, when the bus closes
    (iteration stops) or when a body cannot be opened (that error is raised; the client may go on from its cursor).
    """

    def __init__(
        self,
        topic: SubjectTopic,
        join: Callable[[], Awaitable[Feed]],
        leave: Callable[[Feed], None],
        opener: BodyOpener,
        metrics: RealtimeMetrics,
    ) -> None:
        self._topic = topic
        self._join = join
        self._leave = leave
        self._opener = opener
        self._metrics = metrics
        self._feed: Feed | None = None
        self._previous = 0

    async def __aenter__(self) -> Self:
        await self._joined()
        return self

    async def __aexit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        await self.aclose()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Update | ResyncRequired:
        feed = await self._joined()
        item = await feed.get()
        if item is None:
            raise StopAsyncIteration
        previous = self._previous
        if item.version is not None:
            self._previous = item.version
        if isinstance(item, ResyncRequired):
            return item
        try:
            update = await opened(self._opener, self._topic, item, previous)
        except BaseException:
            await self.aclose()
            raise
        self._metrics.delivered.inc()
        return update

    async def aclose(self) -> None:
        """End the subscription; ending twice is ending once."""
        if self._feed is not None:
            self._feed.close()
            self._leave(self._feed)

    async def _joined(self) -> Feed:
        if self._feed is None:
            self._feed = await self._join()
            self._previous = self._feed.start
        return self._feed


class TenantSubscription:
    """The updates that concern everyone of a tenant; begins and ends as `Subscription` does."""

    def __init__(
        self, join: Callable[[], TenantFeed], leave: Callable[[TenantFeed], None], metrics: RealtimeMetrics
    ) -> None:
        self._join = join
        self._leave = leave
        self._metrics = metrics
        self._feed: TenantFeed | None = None

    async def __aenter__(self) -> Self:
        self._joined()
        return self

    async def __aexit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        await self.aclose()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> TenantUpdate | ResyncRequired:
        item = await self._joined().get()
        if item is None:
            raise StopAsyncIteration
        if isinstance(item, ResyncRequired):
            return ResyncRequired(None, item.reason)
        self._metrics.delivered.inc()
        return TenantUpdate(UpdateKind(item.kind), item.sealed)

    async def aclose(self) -> None:
        """End the subscription; ending twice is ending once."""
        if self._feed is not None:
            self._feed.close()
            self._leave(self._feed)

    def _joined(self) -> TenantFeed:
        if self._feed is None:
            self._feed = self._join()
        return self._feed


async def opened(opener: BodyOpener, topic: SubjectTopic, entry: Entry, previous: int) -> Update:
    """The update that `entry` carries, for a reader whose last item had version `previous`.

    An update without a body needs no key, so that an erased person's last one can still be told.
    """
    body = await opener.open(topic.tenant, topic.subject, entry.sealed) if entry.sealed else b""
    return Update(entry.version, UpdateKind(entry.kind), body, conflated=entry.version - previous - 1)

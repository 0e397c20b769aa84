"""Many subscriptions over one Redis connection, which is made anew when it breaks."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol

import structlog

from domain.errors import Unavailable
from domain.realtime.backoff import Backoff
from domain.realtime.feed import Receiver
from domain.realtime.metrics import RealtimeMetrics
from domain.realtime.model import Entry, Topic

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Confirmed:
    """From here on everything published on the topic arrives."""

    topic: Topic


@dataclass(frozen=True, slots=True)
class Published:
    """One update that arrived live."""

    topic: Topic
    entry: Entry


class LinkConnection(Protocol):
    """One connection to Redis; once it breaks, every method raises `Unavailable`."""

    async def subscribe(self, topics: Sequence[Topic]) -> None:
        """Ask for `topics`; each is confirmed by its own event."""
        ...

    async def unsubscribe(self, topics: Sequence[Topic]) -> None:
        """Ask for `topics` no longer."""
        ...

    async def receive(self) -> Confirmed | Published:
        """The next event."""
        ...


class Link(Protocol):
    """The way to Redis pub/sub."""

    def connect(self) -> AbstractAsyncContextManager[LinkConnection]:
        """A new connection, closed with the block; raises `Unavailable`."""
        ...


class Multiplexer:
    """Topics with their receivers: a topic is subscribed to with its first receiver and left with its last.

    Args:
        link: the way to Redis pub/sub.
        backoff: the pauses between attempts to connect.
        metrics: what is counted.
    """

    def __init__(self, link: Link, backoff: Backoff, metrics: RealtimeMetrics) -> None:
        self._link = link
        self._backoff = backoff
        self._metrics = metrics
        self._receivers: dict[Topic, set[Receiver]] = {}
        self._changed: set[Topic] = set()
        self._woken = asyncio.Event()
        # How many confirmations each topic still waits for; a topic asked for, left and asked for again waits for
        # two, and only the second one tells that the server listens to the last word.
        self._unconfirmed: Counter[Topic] = Counter()
        self._confirmed: set[Topic] = set()

    def join(self, receiver: Receiver) -> None:
        """Hand the topic's updates to `receiver` from now on."""
        self._receivers.setdefault(receiver.topic, set()).add(receiver)
        self._metrics.subscribers.inc()
        if receiver.topic in self._confirmed:
            receiver.confirmed()
        else:
            self._note_change(receiver.topic)

    def leave(self, receiver: Receiver) -> None:
        """Hand `receiver` nothing any more; leaving twice is leaving once."""
        receivers = self._receivers.get(receiver.topic, set())
        if receiver not in receivers:
            return
        receivers.discard(receiver)
        self._metrics.subscribers.dec()
        if not receivers:
            del self._receivers[receiver.topic]
            self._note_change(receiver.topic)

    def receivers(self) -> list[Receiver]:
        """Everyone who listens to something."""
        return [receiver for receivers in self._receivers.values() for receiver in receivers]

    async def run(self) -> None:
        """Keep connected until cancelled."""
        while True:
            try:
                # In a task of its own: before Python 3.13 a group that ends by failing leaves its task marked as being
                # cancelled, and who asks for the mark, as the Redis client does, would end the next connection.
                await asyncio.create_task(self._connected())
            except* Unavailable as problems:
                self._metrics.link_failures.inc()
                _log.warning("realtime_link_broken", reason=str(problems.exceptions[0]), topics=len(self._receivers))
            finally:
                self._metrics.connected.set(0)
                self._confirmed.clear()
            await self._backoff.wait()

    async def _connected(self) -> None:
        async with self._link.connect() as connection, asyncio.TaskGroup() as tasks:
            self._metrics.connected.set(1)
            self._unconfirmed.clear()
            self._changed = set(self._receivers)
            self._woken.set()
            tasks.create_task(self._follow_membership(connection))
            tasks.create_task(self._listen(connection))

    async def _follow_membership(self, connection: LinkConnection) -> None:
        asked: set[Topic] = set()
        while True:
            await self._woken.wait()
            self._woken.clear()
            changed, self._changed = self._changed, set()
            joined = [topic for topic in changed if topic in self._receivers and topic not in asked]
            left = [topic for topic in changed if topic not in self._receivers and topic in asked]
            asked.update(joined)
            asked.difference_update(left)
            self._confirmed.difference_update(left)
            self._unconfirmed.update(joined)
            if joined:
                await connection.subscribe(joined)
            if left:
                await connection.unsubscribe(left)

    async def _listen(self, connection: LinkConnection) -> None:
        while True:
            event = await connection.receive()
            self._backoff.reset()
            if isinstance(event, Confirmed):
                self._confirm(event.topic)
            elif self._deliver(event):
                # Many updates may lie in one read; whoever's buffer fills up gets a turn before the next one.
                await asyncio.sleep(0)

    def _confirm(self, topic: Topic) -> None:
        self._unconfirmed[topic] -= 1
        if self._unconfirmed[topic] > 0:
            return
        del self._unconfirmed[topic]
        if topic in self._receivers:
            self._confirmed.add(topic)
            for receiver in self._receivers[topic]:
                receiver.confirmed()

    def _deliver(self, event: Published) -> bool:
        self._metrics.received.inc()
        pressing = [receiver.receive(event.entry) for receiver in self._receivers.get(event.topic, ())]
        return any(pressing)

    def _note_change(self, topic: Topic) -> None:
        self._changed.add(topic)
        self._woken.set()

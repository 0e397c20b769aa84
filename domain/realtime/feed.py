"""What one subscriber has been given and still needs: the rules that make a missed update impossible to overlook."""

from collections.abc import Callable, Sequence
from typing import Protocol

from domain.realtime.buffer import CAPACITY, UpdateBuffer, Waiting
from domain.realtime.metrics import RealtimeMetrics
from domain.realtime.model import KINDS, Entry, Position, ResyncReason, ResyncRequired, SubjectTopic, TenantTopic, Topic


class Receiver(Protocol):
    """Whoever the bus hands live updates to."""

    @property
    def topic(self) -> Topic:
        """What it listens to."""
        ...

    def confirmed(self) -> None:
        """Redis is listened to from now on, for the first time or again after an outage."""
        ...

    def receive(self, entry: Entry) -> bool:
        """Take one live update; True asks the bus to let subscribers run before it goes on."""
        ...

    def close(self) -> None:
        """Nothing will come any more."""
        ...


class Feed:
    """One subscriber of one person's updates.

    Either it follows the channel, where each update must be the next version, or it is behind and reads the replay
    window page by page until it has caught up. It falls behind whenever something could have been missed.

    Args:
        topic: the person.
        last: the newest version that the subscriber has.
        ask: called when the feed needs to be caught up.
        metrics: what is counted.
    """

    def __init__(
        self,
        topic: SubjectTopic,
        last: int,
        ask: Callable[["Feed"], None],
        metrics: RealtimeMetrics,
        capacity: int = CAPACITY,
    ) -> None:
        self.topic = topic
        self.start = last
        self.last = last
        self.known = last
        self.behind = True
        self.locating = True
        self._ask = ask
        self._metrics = metrics
        self._half = max(1, capacity // 2)
        self._paused = False
        self._buffer = UpdateBuffer(metrics, capacity)

    def confirmed(self) -> None:
        """Something may have been missed until now: compare with Postgres, then read what there is."""
        self.locating = True
        self._catch_up()

    def receive(self, entry: Entry) -> bool:
        """Take a live update, or note that it is somewhere ahead."""
        if entry.version <= self.last:
            return False
        self.known = max(self.known, entry.version)
        if self.behind:
            return False
        if entry.version != self.last + 1:
            self._catch_up()
            return False
        self._put(entry)
        return self._buffer.room < self._half

    def next_page(self) -> int:
        """How many entries of the replay window to read now, 0 while the subscriber should first take what it has."""
        room = self._buffer.room
        self._paused = room < self._half
        # One place is left for the gap that the window may begin with, so that stating it costs no update.
        return 0 if self._paused else max(1, room - 1)

    def locate(self, position: Position) -> None:
        """Take note of where Postgres says the person's updates stand."""
        self.known = max(self.known, position.published)
        if self.last > position.current:
            # The subscriber is ahead of the truth: a forged cursor, or a database restored from a backup.
            self.known = position.published
            self._miss(position.current)

    def apply(self, entries: Sequence[Entry], page: int, known: int) -> None:
        """Take one page of the replay window.

        Args:
            entries: the entries above `last`, oldest first.
            page: how many were asked for; fewer mean that the window has no more.
            known: `self.known` before the window was read: all up to there is in the window or gone from it.
        """
        for entry in entries:
            if entry.version > self.last:
                self._metrics.replayed.inc()
                self._advance(entry)
        if len(entries) < page and known > self.last:
            self._miss(known)
        self.behind = self.locating or len(entries) >= page or self.known > self.last
        if self.behind:
            self._ask(self)

    @property
    def waiting(self) -> int:
        """How many items wait for the subscriber."""
        return len(self._buffer)

    async def get(self) -> Waiting | None:
        """The next item for the subscriber, None once closed."""
        item = await self._buffer.get()
        if self._paused and self._buffer.room >= self._half:
            self._paused = False
            self._ask(self)
        return item

    @property
    def closed(self) -> bool:
        """Whether nothing will be delivered any more."""
        return self._buffer.closed

    def close(self) -> None:
        """Deliver nothing more."""
        self._buffer.close()

    def _catch_up(self) -> None:
        self.behind = True
        self._ask(self)

    def _advance(self, entry: Entry) -> None:
        if entry.version != self.last + 1:
            self._miss(entry.version - 1)
        self._put(entry)

    def _put(self, entry: Entry) -> None:
        if entry.kind not in KINDS:
            self._miss(entry.version, ResyncReason.UNKNOWN_KIND)
            return
        self.last = entry.version
        self._buffer.put(entry)

    def _miss(self, version: int, reason: ResyncReason = ResyncReason.MISSED) -> None:
        self._metrics.resyncs.labels(reason).inc()
        self.last = version
        self._buffer.put(ResyncRequired(version, reason))


class TenantFeed:
    """One subscriber of the updates that concern everyone of a tenant.

    It gets the newest one to begin with and all that come while Redis is heard; after an outage it is told to fetch
    anew, unless the newest one is still the one it saw last.
    """

    def __init__(self, topic: TenantTopic, ask: Callable[["TenantFeed"], None], metrics: RealtimeMetrics) -> None:
        self.topic = topic
        self._ask = ask
        self._metrics = metrics
        self._seen: int | None = None
        self._heard = False
        self._interrupted = False
        self._buffer = UpdateBuffer(metrics)

    def confirmed(self) -> None:
        """Something may have been missed until now: compare with the newest update there is."""
        self._interrupted = self._heard
        self._heard = True
        self._ask(self)

    def receive(self, entry: Entry) -> bool:
        """Take a live update."""
        self._seen = entry.version
        if entry.kind in KINDS:
            self._buffer.put(entry)
        return False

    def settle(self, newest: Entry | None) -> None:
        """Take note of the newest update that Redis knows."""
        interrupted, self._interrupted = self._interrupted, False
        if newest is not None and newest.version == self._seen:
            return
        if interrupted:
            self._metrics.resyncs.labels(ResyncReason.MISSED).inc()
            self._buffer.put(ResyncRequired(None, ResyncReason.MISSED))
        elif newest is not None and self._seen is None:
            self.receive(newest)

    async def get(self) -> Waiting | None:
        """The next item for the subscriber, None once closed."""
        return await self._buffer.get()

    @property
    def closed(self) -> bool:
        """Whether nothing will be delivered any more."""
        return self._buffer.closed

    def close(self) -> None:
        """Deliver nothing more."""
        self._buffer.close()

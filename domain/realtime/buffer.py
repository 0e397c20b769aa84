"""The bounded queue between the bus and one subscriber: a client that stops reading costs a fixed amount of memory."""

import asyncio
from collections import deque
from collections.abc import Mapping, Sequence

from domain.realtime.metrics import RealtimeMetrics
from domain.realtime.model import REPLACEABLE, Entry, ResyncReason, ResyncRequired

CAPACITY = 64

Waiting = Entry | ResyncRequired


class UpdateBuffer:
    """At most `capacity` items, in version order.

    When it is full, each waiting update of a replaceable kind for which a later one waits is left out. Where that
    frees nothing, all of it makes room for one `ResyncRequired` that covers it.
    """

    def __init__(self, metrics: RealtimeMetrics, capacity: int = CAPACITY) -> None:
        self._metrics = metrics
        self._capacity = capacity
        self._items: deque[Waiting] = deque()
        self._filled = asyncio.Event()
        self.closed = False

    def __len__(self) -> int:
        return len(self._items)

    @property
    def room(self) -> int:
        """How many more items fit as they are."""
        return self._capacity - len(self._items)

    def put(self, item: Waiting) -> None:
        """Add `item`, whose version is above all that wait; ignored once closed."""
        if self.closed:
            return
        if self.room > 0:
            self._items.append(item)
            self._metrics.queued.inc()
        else:
            self._replace(self._conflated([*self._items, item]))
        self._filled.set()

    async def get(self) -> Waiting | None:
        """The oldest item, waiting for one if need be; None once closed."""
        while not self._items and not self.closed:
            self._filled.clear()
            await self._filled.wait()
        if self.closed:
            return None
        self._metrics.queued.dec()
        return self._items.popleft()

    def close(self) -> None:
        """End it: what waits is dropped, since the subscriber's cursor says where to go on."""
        self._replace(())
        self.closed = True
        self._filled.set()

    def _conflated(self, items: Sequence[Waiting]) -> Sequence[Waiting]:
        newest = {item.kind: item for item in items if isinstance(item, Entry)}
        kept = [item for item in items if not _replaced(item, newest)]
        if len(kept) <= self._capacity:
            self._metrics.conflated.inc(len(items) - len(kept))
            return kept
        self._metrics.resyncs.labels(ResyncReason.SLOW).inc()
        return [ResyncRequired(items[-1].version, ResyncReason.SLOW)]

    def _replace(self, items: Sequence[Waiting]) -> None:
        self._metrics.queued.inc(len(items) - len(self._items))
        self._items = deque(items)


def _replaced(item: Waiting, newest: Mapping[str, Entry]) -> bool:
    return isinstance(item, Entry) and item.kind in REPLACEABLE and newest[item.kind] is not item

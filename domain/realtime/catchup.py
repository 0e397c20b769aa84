"""Brings feeds that are behind up to date, many at a time: after an outage every subscriber asks at once.

One round asks Postgres once per tenant and Redis once, whatever the number of feeds.
"""

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Protocol

import structlog

from domain.errors import Unavailable
from domain.ids import SubjectId, TenantId
from domain.realtime.backoff import Backoff
from domain.realtime.feed import Feed, TenantFeed
from domain.realtime.model import NOWHERE, Entry, Position, SubjectTopic

ROUND_SIZE = 256

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Page:
    """At most `count` updates of one person above version `after`."""

    tenant: TenantId
    subject: SubjectId
    after: int
    count: int


class VersionSource(Protocol):
    """Where the truth about versions is."""

    async def positions(self, tenant: TenantId, subjects: Sequence[SubjectId]) -> Mapping[SubjectId, Position]:
        """Where these people's updates stand; who is unknown is left out. Raises `Unavailable`."""
        ...


class ReplayWindow(Protocol):
    """The updates that Redis still holds."""

    async def read(self, pages: Sequence[Page]) -> list[list[Entry]]:
        """Each page's updates, oldest first. Raises `Unavailable`."""
        ...

    async def newest(self, tenants: Sequence[TenantId]) -> list[Entry | None]:
        """The newest update to everyone of each tenant, None where none is held. Raises `Unavailable`."""
        ...


class CatchUp:
    """Feeds wait here to be caught up; a round that fails is tried again with growing pauses."""

    def __init__(self, window: ReplayWindow, versions: VersionSource, backoff: Backoff) -> None:
        self._window = window
        self._versions = versions
        self._backoff = backoff
        # A dict keeps the order of asking, so that nobody waits for ever.
        self._waiting: dict[Feed | TenantFeed, None] = {}
        self._asked = asyncio.Event()

    def ask(self, feed: Feed | TenantFeed) -> None:
        """Catch `feed` up in the next round; asking twice is asking once."""
        self._waiting[feed] = None
        self._asked.set()

    async def run(self) -> None:
        """Serve rounds until cancelled."""
        while True:
            await self._asked.wait()
            self._asked.clear()
            while self._waiting:
                await self._round()

    async def positions(self, topics: Iterable[SubjectTopic]) -> dict[SubjectTopic, Position]:
        """Where Postgres says that these people's updates stand.

        Raises:
            Unavailable: Postgres cannot be asked.
        """
        by_tenant: defaultdict[TenantId, list[SubjectId]] = defaultdict(list)
        for topic in dict.fromkeys(topics):
            by_tenant[topic.tenant].append(topic.subject)
        found: dict[SubjectTopic, Position] = {}
        for tenant, subjects in by_tenant.items():
            known = await self._versions.positions(tenant, subjects)
            found.update({SubjectTopic(tenant, subject): known.get(subject, NOWHERE) for subject in subjects})
        return found

    async def _round(self) -> None:
        asked = list(islice(self._waiting, ROUND_SIZE))
        for feed in asked:
            del self._waiting[feed]
        feeds = [feed for feed in asked if not feed.closed]
        try:
            await self._catch_up([feed for feed in feeds if isinstance(feed, Feed)])
            await self._settle([feed for feed in feeds if isinstance(feed, TenantFeed)])
        except Unavailable as problem:
            _log.warning("realtime_catch_up_delayed", feeds=len(feeds), reason=problem.message)
            await self._backoff.wait()
            for feed in feeds:
                self.ask(feed)
        else:
            self._backoff.reset()

    async def _catch_up(self, feeds: Sequence[Feed]) -> None:
        counts = {feed: count for feed in feeds if (count := feed.next_page())}
        await self._locate([feed for feed in counts if feed.locating])
        pages = [Page(feed.topic.tenant, feed.topic.subject, feed.last, count) for feed, count in counts.items()]
        known = [feed.known for feed in counts]
        answers = await self._window.read(pages)
        for feed, page, bound, entries in zip(counts, pages, known, answers, strict=True):
            feed.apply(entries, page.count, bound)

    async def _locate(self, feeds: Sequence[Feed]) -> None:
        # Cleared before asking: a feed that is confirmed anew meanwhile must be located anew.
        for feed in feeds:
            feed.locating = False
        try:
            positions = await self.positions(feed.topic for feed in feeds)
        except Unavailable:
            for feed in feeds:
                feed.locating = True
            raise
        for feed in feeds:
            feed.locate(positions[feed.topic])

    async def _settle(self, feeds: Sequence[TenantFeed]) -> None:
        tenants = list(dict.fromkeys(feed.topic.tenant for feed in feeds))
        newest = dict(zip(tenants, await self._window.newest(tenants), strict=True))
        for feed in feeds:
            feed.settle(newest[feed.topic.tenant])

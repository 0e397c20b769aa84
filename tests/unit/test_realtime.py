"""The bus's vocabulary and its rules about order, gaps and slow readers, without a server."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from random import Random
from uuid import uuid4

import pytest
from prometheus_client import CollectorRegistry

from domain.errors import Unavailable, ValidationFailed
from domain.ids import SubjectId, TenantId
from domain.realtime.backoff import Backoff
from domain.realtime.buffer import UpdateBuffer
from domain.realtime.bus import Bus
from domain.realtime.catchup import Page
from domain.realtime.feed import TenantFeed
from domain.realtime.metrics import RealtimeMetrics
from domain.realtime.model import (
    NOWHERE,
    REPLACEABLE,
    Cursor,
    Entry,
    Position,
    ResyncReason,
    ResyncRequired,
    SubjectTopic,
    TenantTopic,
    Topic,
    UpdateKind,
)
from domain.realtime.multiplexer import Confirmed, Published

TENANT = TenantId("demo")
ANNA = SubjectId(uuid4())
TRACKED, PROFILE = UpdateKind.INTERACTION_TRACKED, UpdateKind.PROFILE_UPDATED


def metrics() -> RealtimeMetrics:
    return RealtimeMetrics(CollectorRegistry())


def test_a_cursor_is_read_back() -> None:
    assert str(Cursor(0)) == "AAAAAAAAAAA"
    assert Cursor.parse(str(Cursor(42))) == Cursor(42)


@pytest.mark.parametrize(
    "text",
    [
        *("", "A", "0", "1-0", "AAAAAAAAAAA=", "AAAAAAAAAAAA", "AAAAAAAAAAB", "AAAAAAAAAA", " AAAAAAAAAAA"),
        *("AAAAAAAAAA\n", "__________8", "//////////8", "gAAAAAAAAAA", "ÄAAAAAAAAAA", "AAAAAAAAAA\x00", "A" * 10_000),
    ],
)
def test_anything_else_is_no_cursor(text: str) -> None:
    with pytest.raises(ValidationFailed) as refused:
        Cursor.parse(text)
    assert refused.value.field == "after"


async def test_a_buffer_gives_out_in_order_and_ends_when_closed() -> None:
    buffer = UpdateBuffer(metrics(), capacity=3)
    for version in (1, 2):
        buffer.put(Entry(version, TRACKED, b""))
    assert buffer.room == 1
    assert await buffer.get() == Entry(1, TRACKED, b"")
    buffer.close()
    assert await buffer.get() is None
    buffer.put(Entry(3, TRACKED, b""))
    assert len(buffer) == 0


async def test_a_full_buffer_leaves_out_what_a_later_update_replaces() -> None:
    buffer = UpdateBuffer(metrics(), capacity=3)
    for version, kind in enumerate((PROFILE, TRACKED, PROFILE, PROFILE), start=1):
        buffer.put(Entry(version, kind, b""))
    assert [await buffer.get() for _ in range(2)] == [Entry(2, TRACKED, b""), Entry(4, PROFILE, b"")]


async def test_a_full_buffer_of_things_that_matter_makes_room_for_one_resync() -> None:
    buffer = UpdateBuffer(metrics(), capacity=2)
    for version in (1, 2, 3):
        buffer.put(Entry(version, TRACKED, b""))
    assert len(buffer) == 1
    assert await buffer.get() == ResyncRequired(3, ResyncReason.SLOW)


def test_what_concerns_consent_is_never_left_out() -> None:
    assert not {UpdateKind.CONSENT_CHANGED, UpdateKind.ERASED} & REPLACEABLE


def test_waits_grow_to_a_ceiling_and_begin_anew() -> None:
    waits = Backoff(first_seconds=1, longest_seconds=4, random=Random(1))  # noqa: S311 - seeded, so that the test repeats itself
    ceilings = [1.0, 2.0, 4.0, 4.0, 4.0]
    assert all(0 <= waits.next_seconds() <= ceiling for ceiling in ceilings)
    for _ in range(2000):
        assert waits.next_seconds() <= 4
    waits.reset()
    assert waits.next_seconds() <= 1


async def test_an_outage_before_the_first_answer_is_stated_as_well() -> None:
    """Redis confirmed, told one update, died before it was asked for the newest, and came back empty."""
    feed = TenantFeed(TenantTopic(TENANT), lambda _feed: None, metrics())
    feed.confirmed()
    feed.receive(Entry(1, UpdateKind.MODEL_UPDATED, b"v1"))
    feed.confirmed()
    feed.settle(None)
    assert await feed.get() == Entry(1, UpdateKind.MODEL_UPDATED, b"v1")
    assert await feed.get() == ResyncRequired(None, ResyncReason.MISSED)


async def test_what_was_told_live_is_not_told_again_by_the_first_answer() -> None:
    feed = TenantFeed(TenantTopic(TENANT), lambda _feed: None, metrics())
    feed.confirmed()
    feed.receive(Entry(2, UpdateKind.MODEL_UPDATED, b"v2"))
    for newest in (Entry(1, UpdateKind.MODEL_UPDATED, b"v1"), Entry(2, UpdateKind.MODEL_UPDATED, b"v2"), None):
        feed.settle(newest)
    feed.receive(Entry(3, UpdateKind.MODEL_UPDATED, b"v3"))
    assert [await feed.get() for _ in range(2)] == [
        Entry(2, UpdateKind.MODEL_UPDATED, b"v2"),
        Entry(3, UpdateKind.MODEL_UPDATED, b"v3"),
    ]


class Wire:
    """A link whose events a test writes, and a window and truth that it sets."""

    def __init__(self) -> None:
        self.events: asyncio.Queue[Confirmed | Published | Exception] = asyncio.Queue()
        self.asked: list[tuple[str, Topic]] = []
        self.left = asyncio.Event()
        self.connections = 0
        self.held: list[Entry] = []
        self.position = NOWHERE
        self.away = 0

    @asynccontextmanager
    async def connect(self) -> AsyncIterator["Wire"]:
        self.connections += 1
        yield self

    async def subscribe(self, topics: Sequence[Topic]) -> None:
        for topic in topics:
            self.asked.append(("+", topic))
            self.events.put_nowait(Confirmed(topic))

    async def unsubscribe(self, topics: Sequence[Topic]) -> None:
        self.asked += [("-", topic) for topic in topics]
        self.left.set()

    async def receive(self) -> Confirmed | Published:
        event = await self.events.get()
        if isinstance(event, Exception):
            raise event
        return event

    async def positions(self, tenant: TenantId, subjects: Sequence[SubjectId]) -> Mapping[SubjectId, Position]:
        if self.away:
            self.away -= 1
            raise Unavailable("away")
        return dict.fromkeys(subjects, self.position)

    async def read(self, pages: Sequence[Page]) -> list[list[Entry]]:
        return [[entry for entry in self.held if entry.version > page.after][: page.count] for page in pages]

    async def newest(self, tenants: Sequence[TenantId]) -> list[Entry | None]:
        return [None for _ in tenants]

    async def open(self, tenant: TenantId, subject: SubjectId, sealed: bytes) -> bytes:
        if sealed == b"broken":
            raise Unavailable("no key")
        return sealed

    def tell(self, version: int, sealed: bytes = b"") -> None:
        self.held.append(Entry(version, TRACKED, sealed))
        self.position = Position(version, version)
        self.events.put_nowait(Published(SubjectTopic(TENANT, ANNA), self.held[-1]))


@pytest.fixture
async def wire() -> Wire:
    return Wire()


@pytest.fixture
async def bus(wire: Wire) -> AsyncIterator[Bus]:
    bus = Bus(link=wire, window=wire, versions=wire, opener=wire, metrics=metrics(), longest_pause_seconds=0.01)
    yield bus
    await bus.close()


async def version_of(updates: AsyncIterator[object]) -> object:
    return getattr(await asyncio.wait_for(anext(updates), 10), "version", None)


async def test_a_live_update_that_skips_versions_is_filled_from_the_window(bus: Bus, wire: Wire) -> None:
    async with bus.subscribe(TENANT, ANNA) as updates:
        wire.tell(1)
        assert await version_of(updates) == 1
        wire.held += [Entry(2, TRACKED, b""), Entry(3, TRACKED, b"")]
        wire.tell(4)
        assert [await version_of(updates) for _ in range(3)] == [2, 3, 4]


async def test_a_broken_link_is_made_anew_and_what_was_missed_is_read(bus: Bus, wire: Wire) -> None:
    async with bus.subscribe(TENANT, ANNA) as updates:
        wire.tell(1)
        assert await version_of(updates) == 1
        wire.held.append(Entry(2, TRACKED, b""))
        wire.position = Position(2, 2)
        wire.events.put_nowait(Unavailable("gone"))
        assert await version_of(updates) == 2
    assert wire.connections == 2


async def test_a_defect_ends_every_subscription_and_the_next_one_begins_anew(bus: Bus, wire: Wire) -> None:
    async with bus.subscribe(TENANT, ANNA) as updates:
        wire.tell(1)
        assert await version_of(updates) == 1
        wire.events.put_nowait(RuntimeError("a defect"))
        assert await asyncio.wait_for(anext(updates, None), 10) is None
    async with bus.subscribe(TENANT, ANNA) as updates:
        wire.tell(2)
        assert await version_of(updates) == 2


async def test_a_truth_that_is_away_for_a_while_delays_and_loses_nothing(bus: Bus, wire: Wire) -> None:
    wire.tell(1)
    async with bus.subscribe(TENANT, ANNA, Cursor(0)) as updates:
        wire.away = 3
        assert await version_of(updates) == 1
    wire.away = 1
    with pytest.raises(Unavailable):
        await anext(bus.subscribe(TENANT, ANNA))


async def test_a_channel_is_left_with_its_last_subscriber(bus: Bus, wire: Wire) -> None:
    topic = SubjectTopic(TENANT, ANNA)
    async with bus.subscribe(TENANT, ANNA) as first:
        async with bus.subscribe(TENANT, ANNA) as second:
            wire.tell(1)
            assert (await version_of(first), await version_of(second)) == (1, 1)
        wire.tell(2)
        assert await version_of(first) == 2
        assert wire.asked == [("+", topic)]
    await asyncio.wait_for(wire.left.wait(), 10)
    assert wire.asked == [("+", topic), ("-", topic)]


async def test_a_body_that_cannot_be_opened_ends_that_subscription_alone(bus: Bus, wire: Wire) -> None:
    async with bus.subscribe(TENANT, ANNA) as updates:
        wire.tell(1, b"broken")
        with pytest.raises(Unavailable):
            await version_of(updates)
        assert await anext(updates, None) is None
    async with bus.subscribe(TENANT, ANNA, Cursor(1)) as updates:
        wire.tell(2)
        assert await version_of(updates) == 2

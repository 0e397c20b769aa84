"""Whatever the order of publications, losses, outages and reads: no subscriber misses a version without being told."""

import asyncio
from collections.abc import Sequence
from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from domain.ids import SubjectId, TenantId
from domain.realtime.buffer import UpdateBuffer, Waiting
from domain.realtime.feed import Feed
from domain.realtime.metrics import RealtimeMetrics
from domain.realtime.model import Cursor, Entry, Position, ResyncRequired, SubjectTopic, UpdateKind

TOPIC = SubjectTopic(TenantId("demo"), SubjectId(UUID(int=1)))
KINDS = st.sampled_from([kind.value for kind in UpdateKind] + ["of_a_newer_release"])
REPLACEABLE = {
    UpdateKind.PROFILE_UPDATED,
    UpdateKind.RECOMMENDATIONS_CHANGED,
    UpdateKind.MODEL_UPDATED,
    UpdateKind.IDENTITY_MERGED,
}


class World:
    """Redis, Postgres and one feed between them, moved step by step: whatever a step loses must be told."""

    def __init__(self, capacity: int, before: int, after: int | None) -> None:
        self.stream: list[Entry] = []
        self.current = before
        self.published = before
        self.kinds: dict[int, str] = {}
        self.asked = False
        self.start = before if after is None else after
        metrics = RealtimeMetrics(CollectorRegistry())
        self.feed = Feed(TOPIC, self.start, self._ask, metrics, capacity)
        self.taken: list[Waiting] = []
        self.feed.confirmed()

    def _ask(self, _feed: Feed) -> None:
        self.asked = True

    def commit(self, kind: str) -> None:
        self.current += 1
        self.kinds[self.current] = kind

    def publish(self, window: int, heard: int) -> None:
        """Publish all that is committed; only the last `heard` messages reach the feed."""
        fresh = [Entry(v, self.kinds[v], b"") for v in range(self.published + 1, self.current + 1)]
        self.stream = [*self.stream, *fresh][-window:]
        self.published = self.current
        for entry in fresh[max(0, len(fresh) - heard) :]:
            self.feed.receive(entry)

    def lose_stream(self) -> None:
        self.stream = []

    def catch_up(self) -> None:
        if not self.asked:
            return
        self.asked = False
        count = self.feed.next_page()
        if not count:
            return
        if self.feed.locating:
            self.feed.locating = False
            self.feed.locate(Position(self.current, self.published))
        known = self.feed.known
        page = [entry for entry in self.stream if entry.version > self.feed.last][:count]
        self.feed.apply(page, count, known)

    def take(self) -> None:
        if self.feed.waiting:
            item = asyncio.run(self.feed.get())
            assert item is not None
            self.taken.append(item)

    def settle(self) -> None:
        """Reconnect, and let everything come to rest."""
        self.publish(window=64, heard=0)
        self.feed.confirmed()
        while self.asked or self.feed.waiting:
            self.catch_up()
            self.take()


def untold(items: Sequence[Waiting], start: int, kinds: dict[int, str]) -> list[int]:
    """Versions above `start` that were not delivered, not covered by a resync, and not replaced by a later one."""
    missed: list[int] = []
    last = start
    for item in items:
        version = item.version
        assert version is not None
        if isinstance(item, Entry):
            assert version > last
            missed += [v for v in range(last + 1, version) if kinds[v] not in REPLACEABLE]
        last = version
    return missed


STEPS = st.one_of(
    st.tuples(st.just("commit"), KINDS),
    st.tuples(st.just("publish"), st.tuples(st.integers(1, 8), st.integers(0, 8))),
    st.tuples(st.just("lose"), st.none()),
    st.tuples(st.just("confirm"), st.none()),
    st.tuples(st.just("catch_up"), st.none()),
    st.tuples(st.just("take"), st.none()),
)


@settings(deadline=None, max_examples=300)
@given(
    capacity=st.integers(2, 6),
    before=st.integers(0, 3),
    after=st.none() | st.integers(0, 6),
    steps=st.lists(STEPS, max_size=40),
)
def test_nothing_is_missed_without_a_word(
    capacity: int, before: int, after: int | None, steps: list[tuple[str, object]]
) -> None:
    world = World(capacity, before, after)
    world.kinds |= dict.fromkeys(range(before + 1), UpdateKind.ERASED.value)
    for name, argument in steps:
        match name:
            case "commit":
                world.commit(str(argument))
            case "publish":
                assert isinstance(argument, tuple)
                world.publish(*argument)
            case "lose":
                world.lose_stream()
            case "confirm":
                world.feed.confirmed()
            case "catch_up":
                world.catch_up()
            case _:
                world.take()
        assert world.feed.waiting <= capacity
    world.settle()
    assert untold(world.taken, world.start, world.kinds) == []
    reached = world.taken[-1].version if world.taken else world.start
    assert reached == world.current


@settings(deadline=None)
@given(version=st.integers(0, 2**63 - 1))
def test_every_version_has_one_cursor_of_one_length(version: int) -> None:
    assert Cursor.parse(str(Cursor(version))).version == version
    assert len(str(Cursor(version))) == 11


@settings(deadline=None)
@given(kinds=st.lists(KINDS, max_size=40), capacity=st.integers(1, 8))
def test_a_buffer_never_grows_beyond_its_bound_and_ends_with_the_newest(kinds: list[str], capacity: int) -> None:
    buffer = UpdateBuffer(RealtimeMetrics(CollectorRegistry()), capacity)
    for version, kind in enumerate(kinds, start=1):
        buffer.put(Entry(version, kind, b""))
        assert len(buffer) <= capacity
    items = [asyncio.run(buffer.get()) for _ in range(len(buffer))]
    waiting = [item for item in items if isinstance(item, Entry | ResyncRequired)]
    assert untold(waiting, 0, dict(enumerate(kinds, start=1))) == []
    assert [item.version for item in waiting][-1:] == ([len(kinds)] if kinds else [])

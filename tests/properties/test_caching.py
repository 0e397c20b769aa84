"""Whatever the order of commits, readers, losses and lifetimes: no reader sees an answer older than the last commit."""

import asyncio
import os
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry
from pydantic import TypeAdapter

from domain.caching.metrics import CacheMetrics
from domain.caching.model import CacheName, Made, Question, digest
from domain.caching.service import AnswerCache
from domain.clock import FixedClock
from domain.errors import Unavailable
from domain.ids import SubjectId, TenantId
from domain.privacy.encryption import FieldSealer, SubjectKey

TENANT, SUBJECT = TenantId("demo"), SubjectId(UUID(int=1))
FORM = TypeAdapter(int)
KEY = SubjectKey(SUBJECT, os.urandom(32))
PROCESSES, QUESTIONS = 2, 2


class Store:
    """What Redis is to the cache, moved step by step."""

    def __init__(self) -> None:
        self.values: dict[tuple[CacheName, bytes], bytes] = {}
        self.away = False

    async def get(self, question: Question) -> bytes | None:
        await asyncio.sleep(0)
        if self.away:
            raise Unavailable("away")
        return self.values.get((question.cache, question.asked))

    async def put(self, question: Question, sealed: bytes, ttl_seconds: int) -> None:
        assert ttl_seconds > 0
        await asyncio.sleep(0)
        if self.away:
            raise Unavailable("away")
        self.values[question.cache, question.asked] = sealed


class Keys:
    async def keys_for(self, _tenant: TenantId, subjects: Iterable[SubjectId]) -> dict[SubjectId, SubjectKey]:
        return dict.fromkeys(subjects, KEY)


class World:
    """Processes with one store between them, and the version that is committed."""

    def __init__(self) -> None:
        self.version = 0
        self.store, self.clock = Store(), FixedClock(datetime(2026, 3, 10, 12, tzinfo=UTC))
        self.made = 0
        self.seen = [0] * PROCESSES
        shared = FieldSealer(b"shared", os.urandom(32))
        self.caches = [
            AnswerCache(self.store, Keys(), shared, self.clock, CacheMetrics(CollectorRegistry()), ttl_seconds=60)
            for _ in range(PROCESSES)
        ]

    async def recall(self, process: int, asked: int, slowness: int, own: SubjectId | None) -> None:
        """Read as a list does: from memory for the version seen last, shown if a later look finds it again."""
        committed = self.version
        recalled = self.caches[process].recalled(self.question(asked, own, self.seen[process]))
        if recalled is None:
            return await self.read(process, asked, slowness, own)
        for _ in range(slowness):
            await asyncio.sleep(0)
        if self.version != self.seen[process]:
            return await self.read(process, asked, slowness, own)
        assert recalled.value >= committed
        return None

    def question(self, asked: int, own: SubjectId | None, version: int) -> Question:
        return Question(CacheName.RECOMMENDATIONS, TENANT, own, bytes([asked, own is None]), digest(version))

    async def read(self, process: int, asked: int, slowness: int, own: SubjectId | None) -> None:
        """Read as a service does: the version first, then the answer that is kept for it or made."""
        committed = self.version
        self.seen[process] = committed
        question = self.question(asked, own, committed)

        async def make() -> Made[int]:
            self.made += 1
            for _ in range(slowness):
                await asyncio.sleep(0)
            seen = self.version
            for _ in range(slowness):
                await asyncio.sleep(0)
            return Made(seen)

        answer = await self.caches[process].answer(question, FORM, make)
        assert answer >= committed


STEPS = st.one_of(
    st.tuples(st.just("commit"), st.none()),
    st.tuples(
        st.sampled_from(["read", "recall"]),
        st.tuples(
            st.integers(0, PROCESSES - 1),
            st.integers(0, QUESTIONS - 1),
            st.integers(0, 4),
            st.sampled_from([SUBJECT, None]),
        ),
    ),
    st.tuples(st.just("run"), st.integers(1, 6)),
    st.tuples(st.just("away"), st.booleans()),
    st.tuples(st.just("lose"), st.none()),
    st.tuples(st.just("later"), st.integers(1, 40)),
)


@settings(deadline=None, max_examples=300)
@given(steps=st.lists(STEPS, max_size=40))
def test_no_reader_sees_an_answer_older_than_the_last_commit(steps: list[tuple[str, object]]) -> None:
    asyncio.run(moved(steps))


async def moved(steps: list[tuple[str, object]]) -> None:
    world, readers = World(), []
    for name, argument in steps:
        match name:
            case "commit":
                world.version += 1
            case "read" | "recall":
                assert isinstance(argument, tuple)
                reading = world.read if name == "read" else world.recall
                readers.append(asyncio.create_task(reading(*argument)))
            case "run":
                assert isinstance(argument, int)
                for _ in range(argument):
                    await asyncio.sleep(0)
            case "away":
                world.store.away = bool(argument)
            case "lose":
                world.store.values.clear()
            case _:
                assert isinstance(argument, int)
                world.clock.set(world.clock.now() + timedelta(seconds=argument))
    await asyncio.gather(*readers)
    assert world.made <= len(readers)


@settings(deadline=None, max_examples=50)
@given(readers=st.integers(2, 30), kept=st.booleans())
def test_those_who_ask_at_once_share_one_answer(readers: int, kept: bool) -> None:
    async def asked() -> int:
        world = World()
        if kept:
            await world.read(0, 0, 0, SUBJECT)
        await asyncio.gather(*(world.read(0, 0, 3, SUBJECT) for _ in range(readers)))
        return world.made

    assert asyncio.run(asked()) == 1


async def test_who_goes_away_does_not_take_the_answer_from_the_others() -> None:
    world = World()
    first, second = (asyncio.create_task(world.read(0, 0, 3, SUBJECT)) for _ in range(2))
    for _ in range(4):
        await asyncio.sleep(0)
    first.cancel()
    await second
    assert (first.cancelled(), world.made) == (True, 1)
    await world.read(1, 0, 0, SUBJECT)
    assert world.made == 1


@settings(deadline=None)
@given(cut=st.integers(0, 58), flip=st.integers(0, 57))
def test_what_was_altered_is_no_answer(cut: int, flip: int) -> None:
    async def asked() -> int:
        world = World()
        await world.read(0, 0, 0, SUBJECT)
        [(key, sealed)] = world.store.values.items()
        altered = bytearray(sealed[:cut])
        if len(altered) > flip:
            altered[flip] ^= 1
        world.store.values[key] = bytes(altered)
        await world.read(1, 0, 0, SUBJECT)
        return world.made

    assert asyncio.run(asked()) == 2


async def test_answers_are_made_anew_before_their_end_by_chance() -> None:
    """As the end comes nearer, with a probability that grows with what an answer costs to make."""
    world = World()
    drawn = iter([0.999_999_999, 0.0])
    cache = AnswerCache(
        world.store,
        Keys(),
        FieldSealer(b"shared", os.urandom(32)),
        world.clock,
        CacheMetrics(CollectorRegistry()),
        ttl_seconds=60,
        draw=lambda: next(drawn),
    )
    made: list[int] = []

    async def make() -> Made[int]:
        made.append(1)
        await asyncio.sleep(0.01)
        return Made(len(made))

    question = Question(CacheName.RECOMMENDATIONS, TENANT, SUBJECT, b"", b"")
    assert await cache.answer(question, FORM, make) == 1
    # A tenth of a second before the end: within what 0.01 s of work and an unlikely draw reach.
    world.clock.set(world.clock.now() + timedelta(seconds=29.9))
    assert await cache.answer(question, FORM, make) == 2
    assert await cache.answer(question, FORM, make) == 2

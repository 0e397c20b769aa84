"""Lists of one person in one hash: found again, ended in time, bounded, and forgotten by name."""

from uuid import uuid4

import pytest
from redis.asyncio import Redis

from domain.caching.model import CacheName, Question
from domain.caching.store import MOST_PARTS, RedisAnswers
from domain.erasure.store import RedisTraces
from domain.ids import SubjectId, TenantId
from domain.privacy.inventory import DATA_MAP
from domain.storage import keys
from domain.storage.redis import RedisStore

TENANT = TenantId("demo")


def question(subject: SubjectId | None, asked: bytes, cache: CacheName = CacheName.RECOMMENDATIONS) -> Question:
    return Question(cache, TENANT, subject, asked, b"")


@pytest.fixture
def person() -> SubjectId:
    return SubjectId(uuid4())


async def test_each_question_has_its_answer_and_the_hash_lives_as_long_as_the_last(
    redis_url: str, person: SubjectId
) -> None:
    store = RedisStore(redis_url, name="answers")
    answers = RedisAnswers(store)
    name = keys.cached_recommendations(TENANT, person, "").name
    async with Redis.from_url(redis_url) as redis:
        await answers.put(question(person, b"a"), b"first", 1_000)
        assert 850 <= await redis.ttl(name) <= 1_000
        await answers.put(question(person, b"b"), b"second", 10)
        assert 850 <= await redis.ttl(name) <= 1_000
        await answers.put(question(person, b"a"), b"third", 1_800)
        assert 1_600 <= await redis.ttl(name) <= 1_800
    assert [await answers.get(question(person, asked)) for asked in (b"a", b"b", b"c")] == [b"third", b"second", None]
    await store.close()


async def test_so_many_questions_and_no_more_are_kept(redis_url: str, person: SubjectId) -> None:
    store = RedisStore(redis_url, name="answers")
    answers = RedisAnswers(store)
    async with Redis.from_url(redis_url) as redis:
        for number in range(MOST_PARTS):
            await answers.put(question(person, bytes([number])), b"value", 100)
        await answers.put(question(person, bytes([0])), b"newer", 100)
        name = keys.cached_recommendations(TENANT, person, "").name
        assert await redis.hlen(name) == MOST_PARTS
        await answers.put(question(person, b"one more"), b"value", 100)
        assert await redis.hlen(name) == 1
        assert await redis.ttl(name) > 0
    await store.close()


async def test_people_are_forgotten_by_name_and_nobody_else(redis_url: str, person: SubjectId) -> None:
    store = RedisStore(redis_url, name="answers")
    answers, traces = RedisAnswers(store), RedisTraces(store, DATA_MAP)
    other = SubjectId(uuid4())
    for whose in (person, other):
        await answers.put(question(whose, b"a"), b"value", 100)
        await answers.put(question(whose, b"b"), b"value", 100)
        await answers.put(question(whose, b"a", CacheName.PROFILES), b"value", 100)
    async with Redis.from_url(redis_url) as redis:
        await redis.xadd(keys.user_stream(TENANT, person).name, {"body": b"update"})
    assert await traces.drop(TENANT, [person]) == 3
    assert await traces.drop(TENANT, [person]) == 0
    assert await answers.get(question(person, b"a")) is None
    assert await answers.get(question(other, b"b")) == b"value"
    async with Redis.from_url(redis_url) as redis:
        assert [key async for key in redis.scan_iter(f"*{person}*")] == []
    await store.close()

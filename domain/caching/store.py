"""Kept answers in Redis: one place for each question, whatever its answer depends on; a new one takes its place.

The lists of one person are fields of one hash, so that an erasure names what is to go instead of looking for it. A hash
lives as long as the last answer in it; when each answer ends stands inside of its seal.
"""

import time
from collections.abc import Collection, Sequence
from typing import Final

from domain.caching.model import CacheName, Question
from domain.errors import Unavailable
from domain.ids import SubjectId, TenantId
from domain.storage import keys
from domain.storage.keys import RedisKey
from domain.storage.postgres import Transaction
from domain.storage.redis import RedisStore, Script, ScriptCall, jittered_milliseconds
from domain.together import Together

_NOTE_CHANGE: Final = """
    UPDATE subjects SET unannounced = unannounced + 1 WHERE tenant_id = $1 AND subject_id = ANY($2::uuid[])"""

MOST_PARTS: Final = 128
"""So many questions of one person are kept at once; one more begins their hash anew."""

_PUT: Final = Script("""
    if redis.call('HLEN', KEYS[1]) >= tonumber(ARGV[4]) and redis.call('HEXISTS', KEYS[1], ARGV[1]) == 0 then
        redis.call('DEL', KEYS[1])
    end
    redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
    if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[3]) then redis.call('PEXPIRE', KEYS[1], ARGV[3]) end
    return 1""")

ASKED_TOGETHER: Final = 64
PAUSE_SECONDS: Final = 1.0
"""After a failure Redis is left alone for so long: while it hangs, few requests wait for its deadline, not all."""


class RedisAnswers:
    """Kept answers, as an `AnswerStore`."""

    def __init__(self, redis: RedisStore) -> None:
        self._redis = redis
        self._gets = Together(self._get_each, limit=ASKED_TOGETHER)
        self._paused_until = 0.0

    async def get(self, question: Question) -> bytes | None:
        """What is kept for a question, fetched together with what is asked at the same moment. Raises `Unavailable`."""
        self._require_reachable()
        try:
            return await self._gets.ask(None, _key(question, 1))
        except Unavailable:
            self._pause()
            raise

    async def _get_each(self, _key: None, keys: Sequence[RedisKey]) -> list[bytes | None]:
        return await self._redis.get_each(keys)

    async def put(self, question: Question, sealed: bytes, ttl_seconds: int) -> None:
        """Keep an answer, a little shorter than asked by chance. Raises `Unavailable`."""
        self._require_reachable()
        try:
            await self._put(_key(question, ttl_seconds), sealed)
        except Unavailable:
            self._pause()
            raise

    async def _put(self, key: RedisKey, sealed: bytes) -> None:
        if key.part is None:
            await self._redis.set(key, sealed)
            return
        given = (key.part, sealed, jittered_milliseconds(key), MOST_PARTS)
        [failed] = await self._redis.run(_PUT, [ScriptCall(key, given)])
        if isinstance(failed, Unavailable):
            raise failed

    def _require_reachable(self) -> None:
        if time.monotonic() < self._paused_until:
            raise Unavailable("Redis could not be reached a moment ago", retry_after_seconds=1)

    def _pause(self) -> None:
        self._paused_until = time.monotonic() + PAUSE_SECONDS


async def note_change(tx: Transaction, tenant: TenantId, subjects: Collection[SubjectId]) -> None:
    """Let what is cached of these people count no more, in the caller's transaction, where nobody is told of it."""
    await tx.execute(_NOTE_CHANGE, tenant, sorted(subjects))


def _key(question: Question, ttl_seconds: int) -> RedisKey:
    if question.subject is None:
        return keys.cached_for_everybody(question.tenant, question.cache, question.asked.hex(), ttl_seconds)
    if question.cache is CacheName.PROFILES:
        return keys.cached_profile(question.tenant, question.subject, ttl_seconds)
    return keys.cached_recommendations(question.tenant, question.subject, question.asked.hex(), ttl_seconds)

"""What the pool of Redis connections leaves behind, as Redis itself sees it."""

import asyncio
from uuid import uuid4

import pytest
from redis.asyncio import Redis

from domain.errors import Unavailable
from domain.storage.redis import RedisStore


async def names_connected(redis_url: str) -> set[str]:
    async with Redis.from_url(redis_url) as redis:
        return {client["name"] for client in await redis.client_list()}


@pytest.mark.parametrize("turns", range(6))
async def test_nothing_stays_open_of_what_was_being_opened_when_it_closed(redis_url: str, turns: int) -> None:
    name = f"closing-{uuid4().hex}"
    store = RedisStore(redis_url, name=name)
    question = asyncio.create_task(store.ping())
    for _ in range(turns):
        await asyncio.sleep(0)
    await store.close()
    [answer] = await asyncio.gather(question, return_exceptions=True)
    assert answer is None or isinstance(answer, Unavailable)
    async with asyncio.timeout(10):
        while name in await names_connected(redis_url):
            continue

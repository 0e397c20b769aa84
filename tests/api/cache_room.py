"""What the tests of caching share: a person of whom something is known, and what Redis and the header say."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
from redis.asyncio import Redis

from tests.api.rest_room import LEARNT, RestRoom

ANNA = "anna"
PROFILE = f"/profile/{ANNA}"
STATED = {"preferences": {"pace": "fast"}}
LEARN_ANNA = {"userId": ANNA, "behaviorData": LEARNT}


def status(answer: httpx.Response) -> str:
    """What the header says of the answer itself, which is asked for first and ends last; without the seconds left."""
    assert answer.is_success, answer.text
    last = answer.headers["Cache-Status"].split(", ")[-1]
    return "; ".join(part for part in last.split("; ") if not part.startswith("ttl="))


@asynccontextmanager
async def known(room: RestRoom) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a person who agreed and was learned from."""
    await room.agree(ANNA)
    async with room.caller(ANNA) as client:
        assert (await client.post("/learn-preferences", json=LEARN_ANNA)).is_success
        await room.learn()
        yield client


async def kept(room: RestRoom, pattern: str) -> dict[bytes, tuple[bytes, int]]:
    """The tenant's cached values with their remaining seconds."""
    async with Redis.from_url(str(room.settings.redis_url)) as redis:
        found = [key async for key in redis.scan_iter(pattern.format(tenant=room.tenant))]
        values = dict[bytes, tuple[bytes, int]]()
        for key in found:
            if await redis.type(key) == b"hash":
                for part, value in (await redis.hgetall(key)).items():
                    values[key + b":" + part] = value, await redis.ttl(key)
            else:
                values[key] = await redis.get(key), await redis.ttl(key)
        return values

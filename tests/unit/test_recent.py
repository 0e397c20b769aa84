"""What a process remembers for a moment is bounded, and gone in time although nobody asks for it."""

import asyncio

from domain.recent import Recent


async def test_the_oldest_goes_where_there_is_no_room() -> None:
    recent: Recent[str, int] = Recent(2)
    for number, key in enumerate("abac"):
        recent.put(key, number)
    assert [recent.get(key) for key in "abc"] == [2, None, 3]
    recent.drop("a")
    assert (recent.get("a"), len(recent)) == (None, 1)


async def test_everything_goes_in_time_and_again_after_that() -> None:
    recent: Recent[str, int] = Recent(10, seconds=0.005)
    for _ in range(2):
        for key in "abc":
            recent.put(key, 1)
            await asyncio.sleep(0.001)
        while len(recent):  # noqa: ASYNC110 - nothing tells of it
            await asyncio.sleep(0.001)
    recent.put("a", 1)
    async with asyncio.timeout(10):
        while recent.get("a") is not None:  # noqa: ASYNC110 - nothing tells of it
            await asyncio.sleep(0.001)

"""How long it takes to forget people in a full Redis, and what it costs to keep them so that they can be named.

    python -m benchmarks.forgetting [--people 100000] [--json]

Each person has a replay window, a profile and lists. The floor of forgetting is one pass over all keys (`SCAN`), which
is what finding a person's keys by their beginning takes; the floor of keeping is a key of its own for each list.
"""

import argparse
import asyncio
import json
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from uuid import UUID

from redis.asyncio import Redis

from benchmarks.report import Figure, as_json, publish
from domain.erasure.store import RedisTraces
from domain.ids import SubjectId, TenantId
from domain.privacy.inventory import DATA_MAP
from domain.storage import keys
from domain.storage.embedded import EmbeddedValkey
from domain.storage.redis import RedisStore

TENANT = TenantId("demo")
MANY, TURNS, LISTS, VALUE, AT_ONCE, SCANNED_AT_ONCE = 200, 5, 3, b"v" * 1_000, 1_000, 1_000


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print, and write the results."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.forgetting")
    parser.add_argument("--people", type=int, default=100_000, help="how many people Redis holds, three keys each")
    parser.add_argument("--json", action="store_true", help="print one JSON line and write no file")
    chosen = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="personalization-bench-") as name, EmbeddedValkey(Path(name)) as server:
        figures = asyncio.run(_measured(server.url, chosen.people))
    if chosen.json:
        print(json.dumps(as_json(figures)))
    else:
        publish("forgetting", "Forgetting people in Redis", figures)


async def _measured(url: str, people: int) -> list[Figure]:
    async with Redis.from_url(url) as redis:
        await redis.config_set("maxmemory", "0")
        kept = [await _memory(redis, people // 10, together=together) for together in (True, False)]
        await _filled(redis, people)
        held = await redis.dbsize()
        store = RedisStore(url, name="forgetting")
        traces = RedisTraces(store, DATA_MAP)
        try:
            one = min([await _forgotten(traces, number, number + 1) for number in range(TURNS)])
            several = await _forgotten(traces, TURNS, TURNS + MANY)
            scan = min([await _scanned(redis) for _ in range(TURNS)])
        finally:
            await store.close()
    what = f"of {held:,} keys in Redis, those of"
    return [
        Figure(f"{what} one person forgotten", "ms", one, scan, "one pass over all keys"),
        Figure(
            f"{what} {MANY} people forgotten", "ms", several, scan * MANY, "a pass for each of them, from the one above"
        ),
        Figure(f"{LISTS} lists of one person kept", "B", kept[0], kept[1], "a key for each list"),
    ]


async def _forgotten(traces: RedisTraces, first: int, last: int) -> float:
    """Milliseconds to forget people one after the other, as their requests are worked on."""
    started = time.perf_counter()
    for number in range(first, last):
        found = await traces.drop(TENANT, [_person(number)])
        if found != 3:
            raise RuntimeError(f"{found} keys were found of one who has 3")
    return (time.perf_counter() - started) * 1e3


async def _scanned(redis: Any) -> float:
    """Milliseconds of one pass over all keys."""
    started, cursor = time.perf_counter(), -1
    while cursor:
        cursor, _ = await redis.execute_command("SCAN", max(cursor, 0), "COUNT", SCANNED_AT_ONCE)
    return (time.perf_counter() - started) * 1e3


async def _filled(redis: Any, people: int) -> None:
    for start in range(0, people, AT_ONCE):
        async with redis.pipeline(transaction=False) as pipeline:
            for number in range(start, min(start + AT_ONCE, people)):
                person = _person(number)
                lists = keys.cached_recommendations(TENANT, person, "question")
                pipeline.set(keys.cached_profile(TENANT, person).name, b"profile", ex=3_600)
                pipeline.xadd(keys.user_stream(TENANT, person).name, {"body": b"update"}, id="1-0")
                pipeline.hset(lists.name, lists.part, b"list")
            await pipeline.execute()


async def _memory(redis: Any, people: int, *, together: bool) -> float:
    """Bytes that the lists of one person take, as parts of one hash or as keys of their own."""
    await redis.execute_command("FLUSHALL", "SYNC")
    before = (await redis.info("memory"))["used_memory"]
    for start in range(0, people, AT_ONCE):
        async with redis.pipeline(transaction=False) as pipeline:
            for number in range(start, min(start + AT_ONCE, people)):
                name = keys.cached_recommendations(TENANT, _person(number), "").name
                for question in map(_question, range(LISTS)):
                    if together:
                        pipeline.hset(name, question, VALUE)
                    else:
                        pipeline.set(f"{name}:{question}", VALUE, ex=1_800)
                if together:
                    pipeline.expire(name, 1_800)
            await pipeline.execute()
    used = (await redis.info("memory"))["used_memory"] - before
    await redis.execute_command("FLUSHALL", "SYNC")
    return float(used) / people


def _person(number: int) -> SubjectId:
    return SubjectId(UUID(int=number))


def _question(number: int) -> str:
    return f"{number:032x}"


if __name__ == "__main__":
    main()

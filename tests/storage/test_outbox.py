"""Publication on the real servers: for certain in the end, once, in order, and noise harms nobody."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from uuid import uuid4

import pytest
from redis.asyncio import Redis

from domain.clock import FixedClock
from domain.ids import SubjectId, TenantId
from domain.realtime.model import ResyncReason, ResyncRequired, Update, UpdateKind
from domain.storage import keys
from domain.storage.postgres import Databases
from tests.storage.bus_room import BusRoom, bus_room, read_to, versions


@pytest.fixture
async def room(databases: Databases, redis_url: str, clock: FixedClock) -> AsyncIterator[BusRoom]:
    async with bus_room(databases, redis_url, clock) as room:
        yield room


@pytest.fixture
async def anna(room: BusRoom, tenant: TenantId) -> SubjectId:
    return await room.person(tenant)


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Redis]:
    client = Redis.from_url(redis_url)
    yield client
    await client.aclose()


async def test_the_sweep_publishes_what_a_dead_process_left(
    room: BusRoom, tenant: TenantId, anna: SubjectId, clock: FixedClock
) -> None:
    async with room.bus.subscribe(tenant, anna) as updates:
        assert await room.commit(tenant, anna, count=3) == [1, 2, 3]
        await room.publisher.sweep(age_seconds=2)
        assert await room.waiting(tenant, anna) == [1, 2, 3]
        clock.set(clock.now() + timedelta(seconds=3))
        assert await room.publisher.sweep(age_seconds=2) >= 3
        assert versions(await read_to(updates, 3)) == [1, 2, 3]
        assert await room.publisher.sweep(age_seconds=2) == 0
    assert await room.waiting(tenant, anna) == []


async def test_a_later_publisher_tells_what_a_dead_process_left_first(
    room: BusRoom, tenant: TenantId, anna: SubjectId
) -> None:
    async with room.bus.subscribe(tenant, anna) as updates:
        await room.commit(tenant, anna, count=2)
        await room.tell(tenant, anna)
        assert versions(await read_to(updates, 3)) == [1, 2, 3]


async def test_publishing_twice_delivers_once(room: BusRoom, tenant: TenantId, anna: SubjectId) -> None:
    async with room.bus.subscribe(tenant, anna) as updates:
        await room.commit(tenant, anna, count=2)
        rows = await room.outbox.unpublished(tenant, (anna,), 10)
        await asyncio.gather(*(room.streams.append(tenant, rows) for _ in range(5)))
        await room.publisher.publish(tenant, (anna,))
        await room.tell(tenant, anna)
        assert versions(await read_to(updates, 3)) == [1, 2, 3]


async def test_more_rows_than_one_round_takes_are_published(room: BusRoom, tenant: TenantId) -> None:
    people = [await room.person(tenant) for _ in range(3)]
    for person in people:
        await room.commit(tenant, person, count=600)
    assert await room.publisher.publish(tenant, people) == 1800
    assert [await room.waiting(tenant, person) for person in people] == [[], [], []]


async def test_one_broken_stream_does_not_hold_up_the_others(
    room: BusRoom, tenant: TenantId, anna: SubjectId, redis: Redis
) -> None:
    bert = await room.person(tenant)
    broken = keys.user_stream(tenant, bert).name
    await redis.set(broken, "no stream", ex=60)
    await room.commit(tenant, anna)
    await room.commit(tenant, bert)
    assert await room.publisher.publish(tenant, (bert, anna)) == 1
    assert await room.waiting(tenant, bert) == [1]
    await redis.delete(broken)
    assert await room.publisher.publish(tenant, (bert, anna)) == 1


async def test_many_people_are_announced_in_one_statement(room: BusRoom, tenant: TenantId, anna: SubjectId) -> None:
    bert, gone = await room.person(tenant), SubjectId(uuid4())
    tracked, learned = UpdateKind.INTERACTION_TRACKED, UpdateKind.PROFILE_UPDATED
    async with room.bus.subscribe(tenant, anna) as updates:
        async with room.database.transaction(tenant, (anna, bert, gone)) as tx:
            newest = await room.outbox.announce_many(
                tx, tenant, [(anna, tracked, b"1"), (bert, tracked, b"1"), (gone, tracked, b"1"), (anna, learned, b"2")]
            )
        assert newest == {anna: 2, bert: 1}
        await room.publisher.publish(tenant, newest)
        assert await read_to(updates, 2) == [Update(1, tracked, b"1"), Update(2, learned, b"2")]


async def test_no_key_lives_for_ever(room: BusRoom, tenant: TenantId, anna: SubjectId, redis: Redis) -> None:
    await room.tell(tenant, anna, count=3)
    await room.publisher.tell_tenant(tenant, UpdateKind.MODEL_UPDATED, b"v1")
    lifetimes = {name: await redis.ttl(name) async for name in redis.scan_iter(f"*{tenant}*")}
    assert len(lifetimes) == 2
    assert all(0 < seconds <= 300 for seconds in lifetimes.values())


async def test_what_nobody_of_this_service_published_harms_nobody(
    room: BusRoom, tenant: TenantId, anna: SubjectId, redis: Redis
) -> None:
    channel = keys.user_channel(tenant, anna).name
    async with room.bus.subscribe(tenant, anna) as updates:
        await room.tell(tenant, anna)
        assert versions(await read_to(updates, 1)) == [1]
        for noise in (b"", b" ", b"-5 k b", b"5- k b", b"--1 k b", b"1-2-3 k b", b"x k b", b"7", b"\xff\xff k b"):
            await redis.publish(channel, noise)
        await room.tell(tenant, anna)
        assert versions(await read_to(updates, 2)) == [2]


async def test_a_kind_of_a_newer_release_is_a_stated_gap(
    room: BusRoom, tenant: TenantId, anna: SubjectId, redis: Redis
) -> None:
    async with room.bus.subscribe(tenant, anna) as updates:
        async with room.database.transaction(tenant, (anna,)) as tx:
            await tx.execute("UPDATE subjects SET version = 1 WHERE subject_id = $1", anna)
            await tx.execute("INSERT INTO outbox VALUES ($1, 1, $2, 'of_the_future', '', now())", anna, tenant)
        await room.tell(tenant, anna)
        items = await read_to(updates, 2)
    assert items[0] == ResyncRequired(1, ResyncReason.UNKNOWN_KIND)
    assert versions(items) == [1, 2]

"""The bus on the real servers: ordered, at least once within the replay window, and never silent about a gap."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from random import Random
from uuid import uuid4

import pytest
from redis.asyncio import Redis

from domain.clock import FixedClock
from domain.errors import NotFound, Unavailable
from domain.ids import SubjectId, TenantId
from domain.realtime.model import Cursor, ResyncReason, ResyncRequired, TenantUpdate, Update, UpdateKind
from domain.realtime.store import WINDOW_ENTRIES
from domain.storage import keys
from domain.storage.postgres import Databases
from tests.storage.bus_room import BusRoom, bus_room, following, read_to, silent_gaps, versions


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


async def test_what_is_told_arrives_in_order(room: BusRoom, tenant: TenantId, anna: SubjectId) -> None:
    async with room.bus.subscribe(tenant, anna) as updates:
        for expected in range(1, 6):
            assert await room.tell(tenant, anna) == [expected]
        items = await read_to(updates, 5)
    assert items == [Update(n, UpdateKind.INTERACTION_TRACKED, b"said") for n in range(1, 6)]
    assert await room.waiting(tenant, anna) == []


async def test_one_transaction_may_announce_several_and_a_rolled_back_one_none(
    room: BusRoom, tenant: TenantId, anna: SubjectId
) -> None:
    async with room.bus.subscribe(tenant, anna) as updates:
        with suppress(LookupError):
            async with room.database.transaction(tenant, (anna,)) as tx:
                await room.outbox.announce(tx, tenant, anna, UpdateKind.PROFILE_UPDATED, b"never")
                raise LookupError
        assert await room.tell(tenant, anna, count=3) == [1, 2, 3]
        assert versions(await read_to(updates, 3)) == [1, 2, 3]


@pytest.mark.parametrize("seed", range(3))
async def test_many_publishers_in_many_processes_keep_the_order(
    seed: int, databases: Databases, redis_url: str, clock: FixedClock, tenant: TenantId
) -> None:
    random = Random(seed)  # noqa: S311 - seeded, so that the test repeats itself
    async with (
        bus_room(databases, redis_url, clock) as one,
        bus_room(databases, redis_url, clock) as two,
    ):
        anna = await one.person(tenant)

        async def writer(room: BusRoom) -> None:
            for _ in range(10):
                act = room.commit if random.random() < 0.3 else room.tell
                await act(tenant, anna, random.randint(1, 3))
                await asyncio.sleep(random.random() / 200)

        async with one.bus.subscribe(tenant, anna) as updates, asyncio.TaskGroup() as tasks:
            reading = tasks.create_task(read_to(updates, 101))
            for n in range(8):
                tasks.create_task(writer((one, two)[n % 2]))
            while await one.tell(tenant, anna) < [101]:
                pass
    assert versions(reading.result())[:101] == list(range(1, 102))


async def test_one_person_never_hears_of_another(room: BusRoom, tenant: TenantId, anna: SubjectId) -> None:
    bert = await room.person(tenant)
    async with room.bus.subscribe(tenant, anna) as of_anna, room.bus.subscribe(tenant, bert) as of_bert:
        await room.tell(tenant, bert, count=2)
        await room.tell(tenant, anna)
        assert versions(await read_to(of_anna, 1)) == [1]
        assert versions(await read_to(of_bert, 2)) == [1, 2]


async def test_every_subscriber_of_a_person_gets_everything(room: BusRoom, tenant: TenantId, anna: SubjectId) -> None:
    async with room.bus.subscribe(tenant, anna) as first, room.bus.subscribe(tenant, anna) as second:
        await room.tell(tenant, anna, count=4)
        assert await read_to(first, 4) == await read_to(second, 4)
        await first.aclose()
        await room.tell(tenant, anna)
        assert versions(await read_to(second, 5)) == [5]
    async with room.bus.subscribe(tenant, anna) as third:
        await room.tell(tenant, anna)
        assert versions(await read_to(third, 6)) == [6]


async def test_a_subscriber_begins_now_or_after_its_cursor(room: BusRoom, tenant: TenantId, anna: SubjectId) -> None:
    await room.tell(tenant, anna, count=5)
    async with (
        room.bus.subscribe(tenant, anna) as fresh,
        room.bus.subscribe(tenant, anna, Cursor(0)) as whole,
        room.bus.subscribe(tenant, anna, Cursor(3)) as resumed,
    ):
        await room.tell(tenant, anna)
        assert versions(await read_to(fresh, 6)) == [6]
        assert versions(await read_to(whole, 6)) == [1, 2, 3, 4, 5, 6]
        assert versions(await read_to(resumed, 6)) == [4, 5, 6]


async def test_a_trimmed_window_is_stated(room: BusRoom, tenant: TenantId, anna: SubjectId, redis: Redis) -> None:
    await room.tell(tenant, anna, count=WINDOW_ENTRIES + 10)
    assert await redis.xlen(keys.user_stream(tenant, anna).name) == WINDOW_ENTRIES
    async with room.bus.subscribe(tenant, anna, Cursor(4)) as updates:
        items = await read_to(updates, WINDOW_ENTRIES + 10)
    assert items[0] == ResyncRequired(10, ResyncReason.MISSED)
    assert versions(items[1:]) == list(range(11, WINDOW_ENTRIES + 11))


async def test_an_expired_window_is_stated(room: BusRoom, tenant: TenantId, anna: SubjectId, redis: Redis) -> None:
    await room.tell(tenant, anna, count=3)
    await redis.delete(keys.user_stream(tenant, anna).name)
    async with room.bus.subscribe(tenant, anna, Cursor(1)) as updates:
        assert await following(updates) == ResyncRequired(3, ResyncReason.MISSED)
        await room.tell(tenant, anna)
        assert versions(await read_to(updates, 4)) == [4]


async def test_a_window_reborn_with_a_hole_is_stated(
    room: BusRoom, tenant: TenantId, anna: SubjectId, redis: Redis
) -> None:
    await room.tell(tenant, anna, count=3)
    await redis.delete(keys.user_stream(tenant, anna).name)
    await room.tell(tenant, anna, count=2)
    async with room.bus.subscribe(tenant, anna, Cursor(1)) as updates:
        items = await read_to(updates, 5)
    assert items[0] == ResyncRequired(3, ResyncReason.MISSED)
    assert versions(items[1:]) == [4, 5]


async def test_a_cursor_that_is_up_to_date_gets_nothing_old(room: BusRoom, tenant: TenantId, anna: SubjectId) -> None:
    await room.tell(tenant, anna, count=3)
    async with room.bus.subscribe(tenant, anna, Cursor(3)) as updates:
        await room.tell(tenant, anna)
        assert versions(await read_to(updates, 4)) == [4]


async def test_a_cursor_ahead_of_the_truth_is_told_to_start_over(
    room: BusRoom, tenant: TenantId, anna: SubjectId
) -> None:
    await room.tell(tenant, anna, count=2)
    async with room.bus.subscribe(tenant, anna, Cursor(2**62)) as updates:
        assert await following(updates) == ResyncRequired(2, ResyncReason.MISSED)
        await room.tell(tenant, anna)
        assert versions(await read_to(updates, 3)) == [3]


async def test_a_person_nobody_knows_has_no_updates(room: BusRoom, tenant: TenantId, anna: SubjectId) -> None:
    nobody = SubjectId(uuid4())
    with pytest.raises(NotFound):
        await room.commit(tenant, nobody)
    assert await room.bus.recent(tenant, nobody, None, 10) == []
    assert await room.publisher.publish(tenant, (nobody,)) == 0


@pytest.mark.parametrize(
    ("after", "limit", "expected"), [(None, 10, [1, 2, 3]), (1, 10, [2, 3]), (0, 2, [1, 2]), (3, 10, [])]
)
async def test_recent_updates_can_be_read_without_subscribing(
    after: int | None, limit: int, expected: list[int], room: BusRoom, tenant: TenantId, anna: SubjectId
) -> None:
    await room.tell(tenant, anna, count=3)
    start = None if after is None else Cursor(after)
    assert versions(await room.bus.recent(tenant, anna, start, limit)) == expected


async def test_recent_updates_state_what_the_window_lost(
    room: BusRoom, tenant: TenantId, anna: SubjectId, redis: Redis
) -> None:
    await room.tell(tenant, anna, count=3)
    await redis.delete(keys.user_stream(tenant, anna).name)
    assert await room.bus.recent(tenant, anna, Cursor(1), 10) == [ResyncRequired(3, ResyncReason.MISSED)]
    await room.tell(tenant, anna)
    items = await room.bus.recent(tenant, anna, Cursor(1), 10)
    assert silent_gaps(items, 1) == []
    assert versions(items) == [3, 4]


async def test_a_slow_reader_is_conflated_where_later_updates_replace_earlier_ones(
    databases: Databases, redis_url: str, clock: FixedClock, tenant: TenantId
) -> None:
    async with bus_room(databases, redis_url, clock, capacity=4) as room:
        anna = await room.person(tenant)
        async with room.bus.subscribe(tenant, anna) as updates:
            await room.tell(tenant, anna)
            assert versions(await read_to(updates, 1)) == [1]
            await room.tell(tenant, anna, count=40, kind=UpdateKind.PROFILE_UPDATED)
            await asyncio.sleep(0.2)
            items = await read_to(updates, 41)
    assert silent_gaps(items, 1) == []
    assert all(isinstance(item, Update) for item in items)


async def test_a_slow_reader_costs_a_bounded_amount_and_misses_nothing_silently(
    databases: Databases, redis_url: str, clock: FixedClock, tenant: TenantId
) -> None:
    async with bus_room(databases, redis_url, clock, capacity=8) as room:
        anna = await room.person(tenant)
        async with room.bus.subscribe(tenant, anna) as updates:
            for _ in range(30):
                await room.tell(tenant, anna, count=3)
                queued = room.registry.get_sample_value("personalization_realtime_queued")
                assert queued is not None
                assert queued <= 8
            items = await read_to(updates, 90)
    assert silent_gaps(items, 0) == []
    assert room.registry.get_sample_value("personalization_realtime_queued") == 0


async def test_everyone_of_a_tenant_hears_the_newest_and_each_next(room: BusRoom, tenant: TenantId) -> None:
    assert await room.publisher.tell_tenant(tenant, UpdateKind.MODEL_UPDATED, b"v1")
    async with room.bus.subscribe_to_tenant(tenant) as updates:
        for version in (b"v1", b"v2", b"v3"):
            if version != b"v1":
                await room.publisher.tell_tenant(tenant, UpdateKind.MODEL_UPDATED, version)
            assert await asyncio.wait_for(anext(updates), 10) == TenantUpdate(UpdateKind.MODEL_UPDATED, version)
    other = TenantId(f"{tenant}-b")
    async with room.bus.subscribe_to_tenant(other) as updates:
        await room.publisher.tell_tenant(tenant, UpdateKind.MODEL_UPDATED, b"v4")
        await room.publisher.tell_tenant(other, UpdateKind.MODEL_UPDATED, b"w1")
        assert await asyncio.wait_for(anext(updates), 10) == TenantUpdate(UpdateKind.MODEL_UPDATED, b"w1")


async def test_closing_the_bus_ends_every_iteration(room: BusRoom, tenant: TenantId, anna: SubjectId) -> None:
    async with room.bus.subscribe(tenant, anna) as updates, room.bus.subscribe_to_tenant(tenant) as everyone:
        ending = [asyncio.create_task(anext(updates, None)), asyncio.create_task(anext(everyone, None))]
        await asyncio.sleep(0)
        await room.bus.close()
        assert await asyncio.wait_for(asyncio.gather(*ending), 10) == [None, None]
    with pytest.raises(Unavailable):
        await anext(room.bus.subscribe(tenant, anna))

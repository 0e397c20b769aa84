"""Topics that are joined, left and joined again faster than Redis confirms."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from domain.clock import FixedClock
from domain.ids import TenantId
from domain.storage.postgres import Databases
from tests.storage.bus_room import BusRoom, bus_room, following


@pytest.fixture
async def room(databases: Databases, redis_url: str, clock: FixedClock) -> AsyncIterator[BusRoom]:
    async with bus_room(databases, redis_url, clock) as room:
        yield room


@pytest.mark.parametrize("turns", range(12))
async def test_who_comes_back_before_redis_has_answered_is_heard(room: BusRoom, tenant: TenantId, turns: int) -> None:
    anna, otto = await room.person(tenant), await room.person(tenant)
    async with room.bus.subscribe(tenant, otto) as witness:
        await room.tell(tenant, otto)
        await following(witness)
        async with room.bus.subscribe(tenant, anna):
            for _ in range(turns):
                await asyncio.sleep(0)
        # Otto's update shows that Redis has answered to all that was asked before.
        await room.tell(tenant, otto)
        await following(witness)
        async with room.bus.subscribe(tenant, anna) as updates:
            [version] = await room.tell(tenant, anna)
            assert (await following(updates)).version == version

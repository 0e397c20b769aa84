"""The bus wired to the real stores, with people to announce things to and a reader that notes what arrives."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from uuid import uuid4

from prometheus_client import CollectorRegistry

from domain.clock import Clock
from domain.ids import SubjectId, TenantId
from domain.realtime.buffer import CAPACITY
from domain.realtime.bus import Bus
from domain.realtime.metrics import RealtimeMetrics
from domain.realtime.model import ResyncRequired, Update, UpdateKind
from domain.realtime.service import OutboxPublisher
from domain.realtime.store import Outbox, RedisLink, RedisStreams
from domain.realtime.subscription import Subscription
from domain.storage.postgres import Databases
from domain.storage.redis import RedisStore
from domain.storage.roles import Role

PATIENCE_SECONDS = 20.0
Item = Update | ResyncRequired


class PlainBodies:
    """Opens bodies that were never sealed; sealing has tests of its own."""

    async def open(self, tenant: TenantId, subject: SubjectId, sealed: bytes) -> bytes:
        return sealed


class BusRoom:
    """One process's half of the bus; two rooms on the same servers are two processes."""

    def __init__(self, databases: Databases, redis_url: str, clock: Clock, capacity: int = CAPACITY) -> None:
        self.database = databases[Role.WORKER]
        self.registry = CollectorRegistry()
        self.metrics = RealtimeMetrics(self.registry)
        self.redis = RedisStore(redis_url, name="bus-tests")
        self.outbox = Outbox(self.database, clock)
        self.streams = RedisStreams(self.redis)
        self.publisher = OutboxPublisher(self.outbox, self.streams, self.metrics)
        self.bus = Bus(
            link=RedisLink(self.redis),
            window=self.streams,
            versions=self.outbox,
            opener=PlainBodies(),
            metrics=self.metrics,
            capacity=capacity,
            longest_pause_seconds=0.2,
        )

    async def person(self, tenant: TenantId) -> SubjectId:
        subject = SubjectId(uuid4())
        async with self.database.transaction(tenant, (subject,)) as tx:
            await tx.execute(
                "INSERT INTO subjects (subject_id, tenant_id, external_id_sealed, privacy_level, collects, trains, "
                "created_at) VALUES ($1, $2, '', 'standard', true, true, now())",
                subject,
                tenant,
            )
        return subject

    async def commit(
        self,
        tenant: TenantId,
        subject: SubjectId,
        count: int = 1,
        kind: UpdateKind = UpdateKind.INTERACTION_TRACKED,
    ) -> list[int]:
        """Announce in one transaction and stop there, as a process does that dies after its commit."""
        async with self.database.transaction(tenant, (subject,)) as tx:
            return [await self.outbox.announce(tx, tenant, subject, kind, b"said") for _ in range(count)]

    async def tell(
        self,
        tenant: TenantId,
        subject: SubjectId,
        count: int = 1,
        kind: UpdateKind = UpdateKind.INTERACTION_TRACKED,
    ) -> list[int]:
        """Announce and publish, as every use case does."""
        versions = await self.commit(tenant, subject, count, kind)
        await self.publisher.publish(tenant, (subject,))
        return versions

    async def waiting(self, tenant: TenantId, subject: SubjectId) -> list[int]:
        """The versions that are still in the outbox."""
        async with self.database.transaction(tenant, (subject,)) as tx:
            return [row["version"] for row in await tx.rows("SELECT version FROM outbox ORDER BY version")]

    async def close(self) -> None:
        await self.bus.close()
        await self.redis.close()


@asynccontextmanager
async def bus_room(
    databases: Databases, redis_url: str, clock: Clock, capacity: int = CAPACITY
) -> AsyncIterator[BusRoom]:
    room = BusRoom(databases, redis_url, clock, capacity)
    try:
        yield room
    finally:
        await room.close()


async def following(updates: Subscription) -> Item:
    """The next item, which must come."""
    return await asyncio.wait_for(anext(updates), PATIENCE_SECONDS)


async def read_to(updates: Subscription, version: int) -> list[Item]:
    """Everything up to and including `version`."""
    items: list[Item] = []
    while not items or (items[-1].version or 0) < version:
        items.append(await following(updates))
    return items


def versions(items: Sequence[Item]) -> list[int | None]:
    return [item.version for item in items]


def silent_gaps(items: Sequence[Item], start: int) -> list[int]:
    """Versions above `start` that were neither delivered, nor conflated, nor covered by a `ResyncRequired`."""
    missed: list[int] = []
    last = start
    for item in items:
        assert item.version is not None
        assert item.version > last, f"{item} after {last}"
        if isinstance(item, Update):
            missed += range(last + 1, item.version - item.conflated)
        last = item.version
    return missed

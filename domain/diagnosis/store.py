"""The facts as PostgreSQL and Redis tell them."""

from datetime import timedelta

from domain.clock import Clock
from domain.diagnosis.model import Connections, RedisCondition, Tracking
from domain.ids import TenantId
from domain.jobs.model import JobKind, JobState
from domain.storage.postgres import Database
from domain.storage.redis import RedisStore


class PostgresAndRedis:
    """The servers, as `Facts`."""

    def __init__(self, database: Database, redis: RedisStore, clock: Clock) -> None:
        self._database = database
        self._redis = redis
        self._clock = clock

    async def tracking(self, tenant: TenantId, within: timedelta) -> Tracking:
        """How much is tracked of a tenant."""
        async with self._database.transaction(tenant) as tx:
            row = await tx.row("SELECT known, observed, events FROM tracking($1)", self._clock.now() - within)
        return Tracking(None, None, None) if row is None else Tracking(row["known"], row["observed"], row["events"])

    async def failed_training(self, tenant: TenantId) -> str | None:
        """Why the latest training failed; None if it did not."""
        async with self._database.transaction(tenant) as tx:
            row = await tx.row(
                "SELECT state, error FROM jobs WHERE tenant_id = $1 AND kind = $2 ORDER BY created_at DESC LIMIT 1",
                tenant,
                JobKind.RETRAIN.value,
            )
        return row["error"] if row is not None and row["state"] == JobState.FAILED.value else None

    async def connections(self) -> Connections:
        """How many connections there are, of all clients of the server."""
        async with self._database.dispatch() as tx:
            row = await tx.row(
                "SELECT current_setting('max_connections')::int AS allowed, "
                "(SELECT count(*) FROM pg_stat_activity WHERE datname IS NOT NULL) AS open"
            )
        return Connections(0, 1) if row is None else Connections(row["open"], row["allowed"])

    async def redis(self) -> RedisCondition:
        """How Redis is."""
        said = await self._redis.info()
        saves = await self._redis.setting("save")
        return RedisCondition(
            version=str(said.get("redis_version", "0")),
            used=int(said.get("used_memory", 0)),
            allowed=int(said.get("maxmemory", 0)),
            policy=str(said.get("maxmemory_policy", "unknown")),
            persists=True if said.get("aof_enabled") else None if saves is None else bool(saves),
        )

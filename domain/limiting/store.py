"""Counts that all processes share, in Redis, by the storage of the library `limits`."""

from typing import Any

from limits.aio.storage import RedisStorage
from limits.errors import StorageError

from domain.errors import Unavailable
from domain.limiting.model import Window
from domain.storage.keys import RATE_PREFIX, rate_limit
from domain.storage.redis import RedisStore


class RedisCounters:
    """Counters that end with their window.

    Args:
        redis: whose bounded connections they use.
    """

    def __init__(self, redis: RedisStore) -> None:
        connections: Any = redis.connections
        self._storage = RedisStorage(
            "async+redis://",
            wrap_exceptions=True,
            implementation="redispy",
            key_prefix=RATE_PREFIX,
            connection_pool=connections,
        )

    async def add(self, window: Window, amount: int) -> int:
        """Count `amount` more; the total of all processes.

        Raises:
            Unavailable: Redis cannot be reached.
        """
        key = rate_limit(window.tenant, window.caller, window.operation, window.seconds, window.number)
        try:
            # The library puts its prefix before the name, as the builder of the key did already.
            return int(await self._storage.incr(key.name.removeprefix(f"{RATE_PREFIX}:"), key.ttl_seconds, amount))
        except (StorageError, OSError, TimeoutError) as error:
            raise Unavailable("Redis cannot be reached", retry_after_seconds=1) from error

"""Counts that all processes share, in Redis, by the storage of the library `limits`."""

from typing import Any

from limits.aio.storage import RedisStorage
from limits.errors import StorageError

from domain.errors import Unavailable
from domain.limiting.model import Window
from domain.storage.keys import ADDRESS_PREFIX, RATE_PREFIX, address_limit, rate_limit
from domain.storage.redis import RedisStore


class RedisCounters:
    """Counters that end with their window.

    Args:
        redis: whose bounded connections they use.
    """

    def __init__(self, redis: RedisStore) -> None:
        connections: Any = redis.connections
        self._storages = {
            prefix: RedisStorage(
                "async+redis://",
                wrap_exceptions=True,
                implementation="redispy",
                key_prefix=prefix,
                connection_pool=connections,
            )
            for prefix in (RATE_PREFIX, ADDRESS_PREFIX)
        }

    async def add(self, window: Window, amount: int) -> int:
        """Count `amount` more; the total of all processes.

        Raises:
            Unavailable: Redis cannot be reached.
        """
        counted = (window.caller, window.operation, window.seconds, window.number)
        key = address_limit(*counted) if window.tenant is None else rate_limit(window.tenant, *counted)
        # The library puts its prefix before the name, as the builder of the key did already.
        prefix, _, name = key.name.partition(":")
        try:
            return int(await self._storages[prefix].incr(name, key.ttl_seconds, amount))
        except (StorageError, OSError, TimeoutError) as error:
            raise Unavailable("Redis cannot be reached", retry_after_seconds=1) from error

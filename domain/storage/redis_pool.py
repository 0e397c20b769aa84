"""The bounded pool behind `RedisStore`, with its deadlines."""

from redis.asyncio import BlockingConnectionPool
from redis.asyncio.connection import AbstractConnection

from domain.errors import ValidationFailed

CONNECT_TIMEOUT_SECONDS = 1.0
COMMAND_TIMEOUT_SECONDS = 1.0
POOL_WAIT_SECONDS = 1.0


class Pool(BlockingConnectionPool):
    """A pool that leaves nothing open once it is closed: the library's own forgets what is just being opened."""

    closed = False

    async def close(self) -> None:
        """Close what is idle or in use now, and as soon as it comes back what is being opened."""
        self.closed = True
        await self.disconnect()

    async def release(self, connection: AbstractConnection) -> None:
        """Take a connection back."""
        await super().release(connection)
        if self.closed:
            await connection.disconnect()


def open_pool(url: str, name: str, max_connections: int, health_check_seconds: int) -> Pool:
    """A pool whose connections call themselves `name`; ValidationFailed for a URL that means nothing.

    A connection that was idle for `health_check_seconds` is asked for a sign of life before it is used; 0 for never.
    """
    try:
        return Pool.from_url(
            url,
            max_connections=max_connections,
            timeout=POOL_WAIT_SECONDS,
            socket_connect_timeout=CONNECT_TIMEOUT_SECONDS,
            socket_timeout=COMMAND_TIMEOUT_SECONDS,
            health_check_interval=health_check_seconds,
            client_name=name,
        )
    except ValueError as error:
        message = "a Redis URL starts with redis://, rediss:// or unix://"
        raise ValidationFailed(message, field="PERSONALIZATION_REDIS_URL") from error

"""Redis as this service uses it: bounded, with deadlines, and gone without harm.

Redis holds only what Postgres can do without, so every failure to reach it becomes `Unavailable` here and the rooms
decide how to degrade. A value can be written only under a `RedisKey`, which brings its lifetime.
"""

import asyncio
import hashlib
import secrets
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any, cast

from redis import exceptions
from redis.asyncio import BlockingConnectionPool, Connection, Redis

from domain.errors import Unavailable
from domain.storage.keys import RedisChannel, RedisKey
from domain.storage.redis_pool import open_pool

MAX_CONNECTIONS = 32
HEALTH_CHECK_SECONDS = 15
SILENCE_SECONDS = 5.0
"""A pub/sub connection this long without a word is asked for a sign of life, and after as long again given up."""

TTL_JITTER = 0.1
"""Lifetimes of cached values are shortened by up to this share, so that values written together do not end together."""

_FAILURES = (exceptions.ConnectionError, exceptions.TimeoutError, exceptions.ResponseError, OSError)
_jitter = secrets.SystemRandom()

Argument = str | bytes | int


@dataclass(frozen=True)
class Script:
    """A Lua script, known to the server by the SHA-1 of its source."""

    source: str

    @cached_property
    def sha(self) -> str:
        """The name under which the server caches the script."""
        return hashlib.sha1(self.source.encode(), usedforsecurity=False).hexdigest()


@dataclass(frozen=True, slots=True)
class ScriptCall:
    """One run of a script on one key."""

    key: RedisKey
    arguments: tuple[Argument, ...]


@dataclass(frozen=True, slots=True)
class StreamRange:
    """At most `count` entries of a stream with ids above `after`."""

    key: RedisKey
    after: str
    count: int


StreamEntry = tuple[bytes, dict[bytes, bytes]]


class RedisStore:
    """A bounded pool of connections to one Redis or Valkey.

    Args:
        url: `redis://`, `rediss://` or `unix://`, credentials and database number included.
        name: how the connections call themselves in `CLIENT LIST`.
        max_connections: a call that finds all of them busy waits, and fails at its deadline.

    Raises:
        ValidationFailed: the URL means nothing.

    Every method raises `Unavailable` where Redis cannot be reached, cannot write, or does not answer in time.
    """

    def __init__(self, url: str, *, name: str, max_connections: int = MAX_CONNECTIONS) -> None:
        # `Any`, because the library leaves the methods needed here without annotations.
        self._pool: Any = open_pool(url, name, max_connections, HEALTH_CHECK_SECONDS)
        self._listeners: Any = open_pool(url, f"{name}-listener", 1, 0)
        self._client: Any = Redis(connection_pool=self._pool)

    @property
    def connections(self) -> BlockingConnectionPool:
        """The bounded pool, for a library that speaks to Redis itself."""
        return cast("BlockingConnectionPool", self._pool)

    async def ping(self) -> None:
        """Ask for a sign of life."""
        await self._command("PING")

    async def get(self, key: RedisKey) -> bytes | None:
        """The value under `key`, None if there is none."""
        return cast("bytes | None", await self._command(*_reading(key)))

    async def get_each(self, keys: Sequence[RedisKey]) -> list[bytes | None]:
        """The value under each of `keys`, in one round trip; each on its own, as they may lie in different slots."""
        if len(keys) == 1:
            return [await self.get(keys[0])]
        return [_settled(reply) for reply in await self._pipeline([_reading(key) for key in keys])]

    async def set(self, key: RedisKey, value: bytes) -> None:
        """Keep `value` for the key's lifetime, a little less by chance."""
        await self._command("SET", key.name, value, "PX", jittered_milliseconds(key))

    async def forget(self, names: Iterable[str]) -> int:
        """Forget what is held under these names, each on its own; how many there were."""
        replies = await self._pipeline([("UNLINK", name) for name in names])
        return sum(_settled(reply) for reply in replies)

    async def ranges(self, wanted: Sequence[StreamRange]) -> list[list[StreamEntry]]:
        """The wanted part of each stream in one round trip, oldest entry first; empty where there is no stream."""
        replies = await self._pipeline([("XRANGE", r.key.name, f"({r.after}", "+", "COUNT", r.count) for r in wanted])
        return [[_entry(raw) for raw in _settled(reply)] for reply in replies]

    async def newest(self, keys: Sequence[RedisKey]) -> list[StreamEntry | None]:
        """The newest entry of each stream in one round trip."""
        replies = await self._pipeline([("XREVRANGE", key.name, "+", "-", "COUNT", 1) for key in keys])
        return [_entry(entries[0]) if (entries := _settled(reply)) else None for reply in replies]

    async def run(self, script: Script, calls: Sequence[ScriptCall]) -> list[Any]:
        """Run `script` once for each call, each atomically, all in one round trip.

        Returns:
            One answer for each call; a call that failed alone (its key has another type, memory is full)
            answers with an `Unavailable`, which is not raised.
        """
        replies = await self._evaluate(script, calls)
        unknown = [n for n, reply in enumerate(replies) if isinstance(reply, exceptions.NoScriptError)]
        if unknown:
            await self._command("SCRIPT", "LOAD", script.source)
            for n, reply in zip(unknown, await self._evaluate(script, [calls[n] for n in unknown]), strict=True):
                replies[n] = reply
        return [_unavailable(reply) if isinstance(reply, exceptions.RedisError) else reply for reply in replies]

    async def info(self) -> Mapping[str, Any]:
        """What the server says of itself, by the names of `INFO`."""
        return cast("Mapping[str, Any]", await self._command("INFO"))

    async def setting(self, name: str) -> str | None:
        """A setting of the server; None where it tells nobody, as hosted ones do."""
        try:
            _, value = await self._command("CONFIG", "GET", name)
        except (Unavailable, ValueError):
            return None
        return cast("bytes", value).decode()

    @asynccontextmanager
    async def listen(self) -> AsyncIterator["Listener"]:
        """A connection of its own for pub/sub, closed with the block."""
        connection = self._listeners.make_connection()
        try:
            with _reaching():
                await connection.connect()
            yield Listener(connection)
        finally:
            await connection.disconnect(nowait=True)

    async def close(self) -> None:
        """Close every pooled connection, and as soon as it comes back each that is being used or opened."""
        await self._client.aclose()
        await self._pool.close()

    async def _command(self, *parts: Argument) -> Any:
        with _reaching():
            return await self._client.execute_command(*parts)

    async def _pipeline(self, commands: Sequence[tuple[Argument, ...]]) -> list[Any]:
        if not commands:
            return []
        with _reaching():
            async with self._client.pipeline(transaction=False) as pipeline:
                for command in commands:
                    pipeline.execute_command(*command)
                return list(await pipeline.execute(raise_on_error=False))

    async def _evaluate(self, script: Script, calls: Sequence[ScriptCall]) -> list[Any]:
        return await self._pipeline([("EVALSHA", script.sha, 1, call.key.name, *call.arguments) for call in calls])


@dataclass(frozen=True, slots=True)
class Subscribed:
    """The server confirmed one `SUBSCRIBE`; all that is published on the channel from here on arrives."""

    channel: str


@dataclass(frozen=True, slots=True)
class Message:
    """Something was published."""

    channel: str
    payload: bytes


class Listener:
    """One pub/sub connection that never reconnects by itself.

    The library's own client resumes silently after a broken connection, and what was published meanwhile is lost
    without a trace. Here the break is an `Unavailable`, so that the owner can find out what was missed.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._writing = asyncio.Lock()
        self._asked = False

    async def subscribe(self, channels: Sequence[RedisChannel]) -> None:
        """Ask for `channels`; a `Subscribed` arrives for each of them."""
        await self._send("SUBSCRIBE", *(channel.name for channel in channels))

    async def unsubscribe(self, channels: Sequence[RedisChannel]) -> None:
        """Ask for `channels` no longer."""
        await self._send("UNSUBSCRIBE", *(channel.name for channel in channels))

    async def receive(self) -> Subscribed | Message:
        """The next event.

        Raises:
            Unavailable: the connection broke, or the server has been silent for too long.
        """
        while True:
            reply = await self._read()
            if reply is None:
                await self._ask_for_life()
                continue
            self._asked = False
            if not isinstance(reply, list):
                continue
            if reply[0] == b"message":
                return Message(reply[1].decode(), reply[2])
            if reply[0] == b"subscribe":
                return Subscribed(reply[1].decode())

    async def _read(self) -> Any:
        with _reaching():
            return await self._connection.read_response(disable_decoding=True, timeout=SILENCE_SECONDS)

    async def _ask_for_life(self) -> None:
        if self._asked:
            raise Unavailable("Redis has stopped answering", retry_after_seconds=1)
        self._asked = True
        await self._send("PING")

    async def _send(self, *parts: Argument) -> None:
        async with self._writing:
            with _reaching():
                await self._connection.send_command(*parts, check_health=False)


@contextmanager
def _reaching() -> Iterator[None]:
    try:
        yield
    except _FAILURES as error:
        raise _unavailable(error) from error
    # The library sends through `asyncio.wait_for`, which before Python 3.12 loses a cancellation that arrives just as
    # its work ends; a task that nobody can end would keep the whole process from stopping.
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError


def _unavailable(error: Exception) -> Unavailable:
    problem = Unavailable("Redis cannot be reached or cannot write", retry_after_seconds=1)
    problem.__cause__ = error
    return problem


def jittered_milliseconds(key: RedisKey) -> int:
    """The lifetime of what is written under a key, a little shortened by chance."""
    return max(1, int(key.ttl_seconds * 1000 * (1 - _jitter.uniform(0, TTL_JITTER))))


def _reading(key: RedisKey) -> tuple[Argument, ...]:
    return ("GET", key.name) if key.part is None else ("HGET", key.name, key.part)


def _settled(reply: Any) -> Any:
    if isinstance(reply, exceptions.RedisError):
        raise _unavailable(reply) from reply
    return reply


def _entry(raw: tuple[bytes, dict[bytes, bytes]]) -> StreamEntry:
    identity, fields = raw
    return identity, fields

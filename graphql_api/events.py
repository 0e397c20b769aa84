"""GraphQL over server-sent events, for networks that let no socket through (`graphql-sse`, distinct connections).

A stream lives as a socket does: it ends with its token or its lifetime, and a reader who stalls does not hold it.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import aclosing
from types import MappingProxyType
from typing import Final

import structlog
from starlette.responses import StreamingResponse
from starlette.types import Message, Send
from strawberry.http.streaming import SSETransport

from domain.bootstrap import Services
from graphql_api.auth import Principal
from graphql_api.context import GraphQLContext
from graphql_api.socket import SEND_SECONDS, ending_of

EVENT_STREAM: Final = "text/event-stream"
JSON_TYPES: Final = frozenset({"application/json", "application/graphql-response+json"})
HEADERS: Final = MappingProxyType({"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
"""Proxies shall neither keep a stream nor hold it back."""

log = structlog.get_logger(__name__)


class PreferredEvents(SSETransport):
    """Events for whoever prefers them: clients that name every media type they can read name JSON first."""

    def accepts(self, accept: str) -> bool:
        """Whether `Accept` names event streams, and no JSON before them."""
        named = [part.partition(";")[0].strip().lower() for part in accept.split(",")]
        if EVENT_STREAM not in named:
            return False
        return not any(name in JSON_TYPES for name in named[: named.index(EVENT_STREAM)])


class EventStream(StreamingResponse):
    """An answer that goes on until its end, or until its reader has taken nothing for too long."""

    async def stream_response(self, send: Send) -> None:
        """Send what there is, each piece within the deadline; then what it came from is closed."""

        async def send_in_time(message: Message) -> None:
            async with asyncio.timeout(SEND_SECONDS):
                await send(message)

        try:
            await super().stream_response(send_in_time)
        except TimeoutError:
            log.info("event_stream_stalled")


def event_stream(
    context: GraphQLContext, stream: Callable[[], AsyncIterator[str]], headers: Mapping[str, str]
) -> EventStream:
    """The answer that streams `stream` for as long as the caller's token and a stream's lifetime allow.

    It then ends without `complete`: the client connects anew, and is refused if its token has run out.
    """
    ending = ending_of(context.principal, context.services.clock.now())
    return EventStream(_until(stream(), ending.seconds), headers=headers)


def plain_event_stream(principal: Principal | None, services: Services, stream: AsyncIterator[str]) -> EventStream:
    """The same of events that are no GraphQL."""
    ending = ending_of(principal, services.clock.now())
    return EventStream(_until(stream, ending.seconds), headers=HEADERS, media_type="text/event-stream")


async def _until(stream: AsyncIterator[str], seconds: float) -> AsyncGenerator[str, None]:
    deadline = asyncio.get_running_loop().time() + seconds
    async with aclosing(stream) as pieces:  # type: ignore[type-var]  # Strawberry's streams are generators
        while True:
            try:
                async with asyncio.timeout_at(deadline):
                    piece = await anext(pieces)
            except (TimeoutError, StopAsyncIteration):
                return
            yield piece

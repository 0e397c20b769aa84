"""graphql-transport-ws: who is calling, a context for each operation, and an end to sockets that must not live on.

Close codes: 4400 malformed, 4401 subscribe before the acknowledgement, 4403 refused or revoked, 4408 no init in time,
4409 duplicate id, 4429 second init, 1012 reconnect elsewhere.
"""

import asyncio
import secrets
from collections.abc import AsyncGenerator, Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any, NamedTuple, cast

from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState
from strawberry.asgi import ASGIWebSocketAdapter
from strawberry.exceptions import ConnectionRejectionError
from strawberry.http.exceptions import WebSocketDisconnected
from strawberry.schema.base import BaseSchema
from strawberry.subscriptions.protocols.graphql_transport_ws.handlers import BaseGraphQLTransportWSHandler, Operation
from strawberry.subscriptions.protocols.graphql_transport_ws.types import (
    ConnectionInitMessage,
    Message,
    SubscribeMessage,
)
from strawberry.types.unset import UNSET

from domain.errors import DomainError, RateLimited
from domain.limiting.service import ANONYMOUS
from graphql_api.admission import recognised
from graphql_api.auth import Principal
from graphql_api.context import GraphQLContext
from graphql_api.errors import Revoked, extensions_of
from graphql_api.gpc import OPTED_OUT, objection

INIT_WAIT = timedelta(seconds=10)
SEND_SECONDS = 10.0
LIFETIME_SECONDS = 30 * 60.0
LIFETIME_JITTER = 0.2
OPERATIONS_PER_SOCKET = 100
MESSAGE_TYPES = frozenset({"connection_init", "ping", "pong", "subscribe", "complete"})
REFUSED = 4403
RECONNECT = 1012

_jitter = secrets.SystemRandom()


class SocketAdapter(ASGIWebSocketAdapter):
    """A socket whose reader may stall: sending has a deadline, and what is closed takes no more messages."""

    def __init__(self, view: Any, request: WebSocket, response: WebSocket) -> None:
        super().__init__(view, request, response)
        self.stalled = asyncio.Event()

    async def send_json(self, message: Mapping[str, object]) -> None:
        """Send one message.

        Raises:
            WebSocketDisconnected: the socket is closed, or its reader took nothing for too long.
        """
        if self.ws.application_state is WebSocketState.DISCONNECTED:
            raise WebSocketDisconnected
        text = cast("bytes", self.view.encode_json(message)).decode()
        try:
            async with asyncio.timeout(SEND_SECONDS):
                await self.ws.send_text(text)
        except TimeoutError as error:
            self.stalled.set()
            raise WebSocketDisconnected from error
        except (WebSocketDisconnect, RuntimeError, OSError) as error:
            raise WebSocketDisconnected from error

    async def close(self, code: int, reason: str) -> None:
        """Close the socket; closing twice is closing once."""
        if self.ws.application_state is not WebSocketState.DISCONNECTED:
            with suppress(RuntimeError, WebSocketDisconnect, OSError):
                await self.ws.close(code=code, reason=reason)


class SocketHandler(BaseGraphQLTransportWSHandler[GraphQLContext, None]):
    """One socket."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.schema = cast("BaseSchema", _ContextPerOperation(self.schema, self))
        self._ending: asyncio.Task[None] | None = None

    async def handle(self) -> None:
        """Serve until the socket closes, or its reader has stalled: waiting for such a client would hold it all."""
        serving = asyncio.create_task(super().handle())
        stalled = asyncio.create_task(cast("SocketAdapter", self.websocket).stalled.wait())
        try:
            await asyncio.wait((serving, stalled), return_when=asyncio.FIRST_COMPLETED)
        finally:
            stalled.cancel()
            if not serving.done():
                serving.cancel()
            with suppress(asyncio.CancelledError):
                await serving

    async def handle_message(self, message: Message) -> None:
        """Take one message; what is not one of the protocol closes the socket."""
        if _is_well_formed(message):
            await super().handle_message(message)
        else:
            await self.handle_invalid_message("Malformed message")

    async def handle_subscribe(self, message: SubscribeMessage) -> None:
        """Begin an operation, unless it is refused or the socket has as many as it may have."""
        if self.connection_acknowledged and message["id"] not in self.operations:
            payload: dict[str, Any] = cast("Any", message["payload"])
            try:
                payload["query"] = self._permitted(payload)
            except DomainError as error:
                refused: Any = {"message": error.message, "extensions": extensions_of(error)}
                await self.send_message({"id": message["id"], "type": "error", "payload": [refused]})
                return
        await super().handle_subscribe(message)

    def _permitted(self, payload: Mapping[str, Any]) -> Any:
        if len(self.operations) >= OPERATIONS_PER_SOCKET:
            raise RateLimited(f"at most {OPERATIONS_PER_SOCKET} operations may run on one socket")
        if self.context.principal is None:
            self.context.services.rates.admit_address(self.context.address, ANONYMOUS)
        return cast("Any", self.view).documents.query_of(payload)

    async def send_message(self, message: Message) -> None:
        """Send; to a socket that is gone, nothing."""
        with suppress(WebSocketDisconnected):
            await super().send_message(message)

    async def handle_connection_init(self, message: ConnectionInitMessage) -> None:
        """Acknowledge, and see to it that the socket ends with its token or its lifetime."""
        await super().handle_connection_init(message)
        if self.connection_acknowledged and self._ending is None:
            self._ending = asyncio.create_task(self._end_in_time())

    async def shutdown(self) -> None:
        """End every operation."""
        if self._ending is not None:
            self._ending.cancel()
        await super().shutdown()

    async def _end_in_time(self) -> None:
        ending = ending_of(self.context.principal, self.context.services.clock.now())
        await asyncio.sleep(ending.seconds)
        await self.websocket.close(ending.code, ending.reason)

    async def _send_result_stream(
        self, operation: Operation[GraphQLContext, None], result_source: AsyncGenerator[Any, None]
    ) -> None:
        await super()._send_result_stream(operation, self._until_revoked(result_source))

    async def _until_revoked(self, results: AsyncGenerator[Any, None]) -> AsyncGenerator[Any, None]:
        async for result in results:
            if any(isinstance(error.original_error, Revoked) for error in result.errors or ()):
                await self.websocket.close(REFUSED, "Forbidden")
                return
            yield result


async def acknowledge(context: GraphQLContext) -> Any:
    """Decide about a `connection_init`: a token in it counts, where the handshake brought none.

    Raises:
        ConnectionRejectionError: its token cannot be trusted.
    """
    given = context.connection_params.get("authorization") or context.connection_params.get("Authorization")
    if given is not None:
        try:
            context.principal = await recognised(context.services, context.authenticator, context.address, str(given))
        except DomainError as error:
            raise ConnectionRejectionError from error
    present = objection.get()
    return {"gpc": OPTED_OUT} if present is not None and await present.write(context.services) else UNSET


class Ending(NamedTuple):
    """In how many seconds a connection ends, and what a socket is then closed with."""

    seconds: float
    code: int
    reason: str


def ending_of(principal: Principal | None, now: datetime) -> Ending:
    """The end of a connection that begins now: of its lifetime, or of its token if that comes first."""
    seconds = LIFETIME_SECONDS * (1 - _jitter.uniform(0, LIFETIME_JITTER))
    if principal is not None:
        left = (principal.expires_at - now).total_seconds()
        if left < seconds:
            return Ending(max(0.0, left), REFUSED, "Forbidden")
    return Ending(seconds, RECONNECT, "Reconnect")


def _is_well_formed(message: Any) -> bool:
    """Whether `message` has the shape that its type asks for."""
    if not isinstance(message, dict) or str(message.get("type")) not in MESSAGE_TYPES:
        return False
    if message["type"] == "complete":
        return isinstance(message.get("id"), str)
    if message["type"] != "subscribe":
        return isinstance(message.get("payload", {}), dict | None)
    payload = message.get("payload")
    return (
        isinstance(message.get("id"), str)
        and message["id"] != ""
        and isinstance(payload, dict)
        and isinstance(payload.get("documentId") if payload.get("query") is None else payload["query"], str)
        and isinstance(payload.get("variables"), dict | None)
        and isinstance(payload.get("operationName"), str | None)
    )


class _ContextPerOperation:
    """The schema, giving each operation of a socket a context of its own, so that no loader answers with old rows."""

    def __init__(self, schema: BaseSchema, handler: SocketHandler) -> None:
        self._schema = schema
        self._handler = handler

    async def stream(self, query: str | None, **options: Any) -> Any:
        options["context_value"] = self._handler.context.for_operation()
        return await self._schema.stream(query, **options)

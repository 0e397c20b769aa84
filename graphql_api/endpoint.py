"""GraphQL over HTTP: content negotiation, status codes, and who is calling (GraphQL over HTTP, first edition)."""

from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, cast

import orjson
import structlog
from cross_web import AsyncHTTPRequestAdapter, HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket
from strawberry.asgi import GraphQL
from strawberry.http import GraphQLHTTPResponse, GraphQLRequestData
from strawberry.http.base import BaseRequestProtocol
from strawberry.http.ides import GraphQL_IDE
from strawberry.schema import BaseSchema
from strawberry.schema.exceptions import InvalidOperationTypeError
from strawberry.subscriptions import GRAPHQL_SSE_PROTOCOL, GRAPHQL_TRANSPORT_WS_PROTOCOL
from strawberry.types.graphql import OperationType

from domain.errors import DomainError, RateLimited
from domain.ids import CorrelationId
from graphql_api.admission import address_of, caller_of, require_welcome
from graphql_api.asking import asked_of
from graphql_api.context import AppOptions, GraphQLContext
from graphql_api.documents import TrustedDocuments
from graphql_api.errors import NOT_FOUND, STATUS, VALIDATION, extensions_of
from graphql_api.events import PreferredEvents, event_stream
from graphql_api.measurement import OperationMetrics
from graphql_api.rates import retry_header
from graphql_api.socket import INIT_WAIT, OPERATIONS_PER_SOCKET, REFUSED, SocketAdapter, SocketHandler, acknowledge

RESPONSE_TYPE = "application/graphql-response+json"
PARTIAL_STATUS = 294
"""Data beside errors, as the specification proposes."""

EXPLORER = Path(__file__).with_name("explorer.html")
AUTHENTICATE = {"WWW-Authenticate": "Bearer"}


class NegotiatedResponse(Response):
    """Carries what the request accepts, and who asks, to where the answer is made."""

    graphql_response = False
    context: GraphQLContext


class GraphQLEndpoint(GraphQL[GraphQLContext, None]):
    """The endpoint for HTTP and WebSocket.

    Args:
        schema: what is answered.
        options: what the settings decide.
        metrics: where sockets are counted.
        documents: what may be asked for by id.
    """

    websocket_adapter_class = SocketAdapter
    graphql_transport_ws_handler_class = SocketHandler
    stream_transport_classes_by_protocol = MappingProxyType({GRAPHQL_SSE_PROTOCOL: PreferredEvents})

    def __init__(
        self, schema: BaseSchema, options: AppOptions, metrics: OperationMetrics, documents: TrustedDocuments
    ) -> None:
        explorer: GraphQL_IDE | None = None if options.production else "graphiql"
        super().__init__(
            schema,
            graphql_ide=explorer,
            subscription_protocols=(GRAPHQL_TRANSPORT_WS_PROTOCOL, GRAPHQL_SSE_PROTOCOL),
            connection_init_wait_timeout=INIT_WAIT,
            max_subscriptions_per_connection=OPERATIONS_PER_SOCKET,
            allowed_origins=tuple(sorted(options.origins)),
        )
        self.documents = documents
        self._options = options
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer; what fails before an operation runs is answered in GraphQL's form as well."""
        if scope["type"] != "http":
            await self._socket(scope, receive, send)
            return
        try:
            response = await self.run(Request(scope, receive))
        except HTTPException as refused:
            response = _refused(refused)
        except ClientDisconnect:
            response = _problem(400, "The request ended before its body did.", None)
        except DomainError as error:
            body = {"errors": [{"message": error.message, "extensions": extensions_of(error)}]}
            status = STATUS.get(error.code, 500)
            headers = AUTHENTICATE if status == 401 else retry_header(error.retry_after_seconds)
            response = JSONResponse(body, status, headers=headers)
        await response(scope, receive, send)

    async def _socket(self, scope: Scope, receive: Receive, send: Send) -> None:
        opening = WebSocket(scope, receive, send)
        try:
            require_welcome(opening)
        except RateLimited as error:
            if "websocket.http.response" in scope.get("extensions", {}):
                headers = retry_header(error.retry_after_seconds)
                await opening.send_denial_response(Response(status_code=429, headers=headers))
            else:
                await opening.close()
            return
        try:
            with self._metrics.sockets.track_inprogress():
                await super().__call__(scope, receive, send)
        except DomainError:
            # The handshake has been accepted by then, so a refused token can be told apart from a lost network.
            await send({"type": "websocket.close", "code": REFUSED, "reason": "Forbidden"})

    async def get_context(
        self,
        request: Request | WebSocket,
        response: Response | WebSocket,
    ) -> GraphQLContext:
        """Who asks, and with what; a token that cannot be trusted is refused before anything runs."""
        state, authenticator = request.app.state, request.app.state.authenticator
        # The token of a socket may come later, so that there is nothing to count before its first operation.
        bare = isinstance(request, WebSocket) and "authorization" not in request.headers
        principal = authenticator.nobody if bare else await caller_of(request)
        bound = structlog.contextvars.get_contextvars().get("correlation_id", "")
        context = GraphQLContext(
            state.services,
            self._options,
            authenticator,
            principal,
            CorrelationId(str(bound)),
            address=address_of(request),
        )
        if isinstance(response, NegotiatedResponse):
            response.context = context
        return context

    async def on_ws_connect(self, context: GraphQLContext) -> Any:
        """Trust the token that came with `connection_init`, if none came with the handshake."""
        return await acknowledge(context)

    async def get_sub_response(self, request: Request | WebSocket) -> Response:
        """Remember which media type the answer shall have."""
        response = NegotiatedResponse()
        response.status_code = None  # type: ignore[assignment]  # Strawberry's sign for "not chosen yet"
        del response.headers["content-length"]
        response.graphql_response = RESPONSE_TYPE in request.headers.get("accept", "")
        return response

    def create_response(
        self, response_data: GraphQLHTTPResponse | list[GraphQLHTTPResponse], sub_response: Response
    ) -> Response:
        """The answer with the status that its media type asks for."""
        if isinstance(response_data, dict) and _never_ran(response_data):
            del response_data["data"]
        negotiated = bool(getattr(sub_response, "graphql_response", False))
        return Response(
            self.encode_json(response_data),
            status_code=sub_response.status_code or _status(response_data, negotiated=negotiated),
            headers=_retry(response_data),
            media_type=RESPONSE_TYPE if negotiated else "application/json",
        )

    async def create_streaming_response(
        self,
        request: Request | WebSocket,  # noqa: ARG002 - the base's signature
        stream: Callable[[], AsyncIterator[str]],
        sub_response: Response,
        headers: Mapping[str, str],
    ) -> Response:
        """The answer to an operation that was asked for as server-sent events."""
        return event_stream(cast("NegotiatedResponse", sub_response).context, stream, headers)

    async def render_graphql_ide(self, request: Request) -> Response:  # noqa: ARG002 - the base's signature
        """The explorer, served whole from here."""
        return HTMLResponse(EXPLORER.read_text())

    def should_render_graphql_ide(self, request: BaseRequestProtocol) -> bool:
        """Whether a person opened the address; a document's id is a question, too."""
        return "documentId" not in request.query_params and super().should_render_graphql_ide(request)

    async def parse_http_body(self, request: AsyncHTTPRequestAdapter) -> GraphQLRequestData:
        """The one operation that a request asks for."""
        streams = self._get_stream_transport_from_headers(request.headers)
        return await asked_of(request, self.documents, "sse" if streams else "http")

    def decode_json(self, data: str | bytes) -> object:
        """Read JSON strictly: no NaN, no half of a character, no depth that breaks a parser."""
        return orjson.loads(data)

    def encode_json(self, data: object) -> bytes:
        """Write JSON."""
        return orjson.dumps(data)


def _status(answer: GraphQLHTTPResponse | list[GraphQLHTTPResponse], *, negotiated: bool) -> int:
    errors: Any = [] if isinstance(answer, list) else answer.get("errors")
    if not errors:
        return 200
    if "data" in answer:
        return PARTIAL_STATUS if negotiated else 200
    code = errors[0]["extensions"]["code"]
    # Clients of application/json look for what is wrong with a document in the body; a limit is no matter of form.
    return 200 if code == VALIDATION and not negotiated else STATUS[code]


def _retry(answer: GraphQLHTTPResponse | list[GraphQLHTTPResponse]) -> dict[str, str] | None:
    """When to come back, if the first error says so and nothing was answered beside it."""
    errors: Any = None if isinstance(answer, list) or "data" in answer else answer.get("errors")
    return retry_header((errors[0].get("extensions") or {}).get("retryAfterSeconds")) if errors else None


def _never_ran(answer: GraphQLHTTPResponse) -> bool:
    """Whether nothing was executed, so that there is no data to speak of, not even null."""
    errors: Any = answer.get("errors") or []
    return bool(errors) and answer.get("data") is None and not any(error.get("path") for error in errors)


def _refused(refused: HTTPException) -> Response:
    cause = refused.__cause__
    if isinstance(cause, InvalidOperationTypeError) and cause.operation_type is OperationType.MUTATION:
        return _problem(405, refused.reason, {"Allow": "POST"})
    return _problem(refused.status_code, refused.reason, None)


def _problem(status: int, message: str, headers: dict[str, str] | None) -> Response:
    code = NOT_FOUND if status == 404 else VALIDATION
    body = {"errors": [{"message": message, "extensions": {"code": code}}]}
    return JSONResponse(body, status, headers=headers)

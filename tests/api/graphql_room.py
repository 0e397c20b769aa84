"""GraphQL as clients speak it: over HTTP into the application, and over real sockets into a real server."""

import asyncio
import json
import socket as socket_options
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from typing import Any

import httpx
import uvicorn
from starlette.applications import Starlette
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from cli.connection import BoundedConnection
from domain.ids import TenantId
from graphql_api.auth import Scope
from tests.api.rest_room import token

PROTOCOL = "graphql-transport-ws"
PATIENCE_SECONDS = 20.0
OWN = frozenset(Scope) - {Scope.ACT_AS}
NEGOTIATED = "application/graphql-response+json"

LEARN = """mutation Learn($input: LearnPreferencesInput!) {
  learnPreferences(input: $input) { __typename ... on EventsRecorded { accepted duplicates version eventIds }
    ... on Problem { code message field } } }"""
TRACK = """mutation Track($input: TrackInteractionInput!) {
  trackInteraction(input: $input) { __typename ... on EventsRecorded { accepted duplicates version eventIds }
    ... on Problem { code message field } } }"""
CONSENT = """mutation Consent($input: RecordConsentInput!) {
  recordConsent(input: $input) { __typename ... on Problem { code message field }
    ... on PrivacySettings { privacyLevel collects personalizes gpc receipts { purpose granted } } } }"""
LIST = """query List($user: String!, $first: Int! = 5, $after: String, $filter: RecommendationFilterInput) {
  recommendations(userId: $user, first: $first, after: $after, filter: $filter) {
    edges { cursor node { itemId title kind score position reasons { code text weight } } }
    pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
    recommendationId modelVersion policyVersion personalized degraded usedData { categories purposes } } }"""


class Graph:
    """One caller of the GraphQL endpoint."""

    def __init__(self, app: Starlette, authorization: str | None) -> None:
        headers = {} if authorization is None else {"Authorization": authorization}
        transport = httpx.ASGITransport(app, raise_app_exceptions=True)
        self.http = httpx.AsyncClient(transport=transport, base_url="http://test", headers=headers)

    async def post(self, body: Any, **headers: str) -> httpx.Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.http.post("/graphql", json=body, headers=named)

    async def whole(self, query: str, **variables: Any) -> dict[str, Any]:
        """The whole answer."""
        answer: dict[str, Any] = (await self.post({"query": query, "variables": variables})).json()
        return answer

    async def ask(self, query: str, **variables: Any) -> Any:
        """The only root field of an answer without errors."""
        answer = await self.whole(query, **variables)
        assert "errors" not in answer, answer
        [value] = answer["data"].values()
        return value

    async def code(self, query: str, **variables: Any) -> str:
        """The code of the only error."""
        [error] = (await self.whole(query, **variables))["errors"]
        return str(error["extensions"]["code"])

    async def ids(self, user: str, **variables: Any) -> list[str]:
        """The items that are recommended."""
        page = await self.ask(LIST, user=user, **variables)
        return [edge["node"]["itemId"] for edge in page["edges"]]


def caller(app: Starlette, tenant: TenantId, user: str, scopes: Iterable[Scope] = OWN) -> Graph:
    return Graph(app, f"Bearer {token(tenant, user, scopes)}")


def consent(user: str, *, granted: bool, **more: Any) -> dict[str, Any]:
    return {"userId": user, "granted": granted, "evidence": {"policyVersion": "2026-01"}, **more}


@asynccontextmanager
async def served(app: Starlette) -> AsyncIterator[str]:
    """The address of a real server of an application whose lifespan somebody else runs."""
    async with listening(app) as address:
        yield address


@asynccontextmanager
async def listening(
    app: Starlette, buffer: int | None = None, http: type[BoundedConnection] = BoundedConnection
) -> AsyncIterator[str]:
    """The same, with so many bytes on the way to each reader."""
    config = uvicorn.Config(
        app, port=0, log_config=None, http=http, ws="websockets-sansio", lifespan="off", ws_max_size=1_000_000
    )
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110 - uvicorn tells by this flag alone
        await asyncio.sleep(0.01)
    [listener] = server.servers[0].sockets
    if buffer is not None:
        listener.setsockopt(socket_options.SOL_SOCKET, socket_options.SO_SNDBUF, buffer)
    port = listener.getsockname()[1]
    try:
        yield f"127.0.0.1:{port}"
    finally:
        server.should_exit = True
        await serving


class Socket:
    """One connection of the protocol."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection

    async def send(self, **message: Any) -> None:
        await self.connection.send(json.dumps(message))

    async def receive(self) -> dict[str, Any]:
        message: dict[str, Any] = json.loads(await asyncio.wait_for(self.connection.recv(), PATIENCE_SECONDS))
        return message

    async def begin(self, authorization: str | None) -> dict[str, Any]:
        await self.send(type="connection_init", payload={"authorization": authorization} if authorization else {})
        return await self.receive()

    async def subscribe(self, query: str, operation: str = "1", **variables: Any) -> None:
        await self.send(id=operation, type="subscribe", payload={"query": query, "variables": variables})

    async def next(self) -> Any:
        """The only root field of the next result."""
        message = await self.receive()
        assert message["type"] == "next", message
        assert "errors" not in message["payload"], message
        [value] = message["payload"]["data"].values()
        return value

    async def closed(self) -> int | None:
        """The code that the server closes with; what it says before that is passed over."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            with suppress(ConnectionClosed):
                while True:
                    await self.connection.recv()
        return self.connection.close_code


@asynccontextmanager
async def socket(address: str, protocol: str | None = PROTOCOL, **options: Any) -> AsyncIterator[Socket]:
    protocols = None if protocol is None else [Subprotocol(protocol)]
    async with connect(f"ws://{address}/graphql", subprotocols=protocols, **options) as connection:
        yield Socket(connection)


@asynccontextmanager
async def begun(address: str, authorization: str | None) -> AsyncIterator[Socket]:
    """A socket that has been acknowledged."""
    async with socket(address) as opened:
        assert await opened.begin(authorization) == {"type": "connection_ack"}
        yield opened

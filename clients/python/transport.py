"""How operations travel: queries and mutations by HTTP, subscriptions by a WebSocket that connects again."""

import asyncio
import json
import random
from collections.abc import AsyncGenerator, Mapping
from types import TracebackType
from typing import Any, Final, Self

import httpx
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus
from websockets.typing import Subprotocol

PROTOCOL: Final = Subprotocol("graphql-transport-ws")
FORBIDDEN: Final = 4403
LATER: Final = frozenset({408, 425, 429})
"""Statuses that refuse for the moment, as every one from 500 on does."""

FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.25, 8.0


class ServiceError(Exception):
    """The service answered with an error.

    Attributes:
        code: its stable identifier, such as `FORBIDDEN`.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code


class Refused(ServiceError):
    """A mutation did nothing and says why."""


class Transport:
    """One user's way to the service; use it as `async with Transport(...) as transport`.

    Args:
        url: of the GraphQL endpoint, such as `https://personalization.example/graphql`.
        token: the bearer token.
    """

    def __init__(self, url: str, token: str) -> None:
        self._url = url
        self._token = token
        self._http = httpx.AsyncClient(headers={"Authorization": f"Bearer {token}"})

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        await self._http.aclose()

    async def ask(self, query: str, variables: Mapping[str, Any]) -> Any:
        """The only root field of an operation's answer.

        Raises:
            ServiceError: it answered with an error.
            httpx.HTTPError: it could not be reached, or something else answered.
        """
        answer = await self._http.post(self._url, json={"query": query, "variables": _given(variables)})
        return _field(_graphql(answer))

    async def listen(self, query: str, variables: Mapping[str, Any]) -> AsyncGenerator[Any, None]:
        """The only root field of each event, over connections that are made anew from the last cursor on.

        Raises:
            ServiceError: the subscription was refused, or is allowed no longer.
        """
        given, pause = dict(_given(variables)), FIRST_PAUSE_SECONDS
        while True:
            try:
                async for value in self._events(query, given):
                    pause = FIRST_PAUSE_SECONDS
                    yield value
                    if isinstance(value, dict) and value.get("cursor"):
                        given["after"] = value["cursor"]
                break
            except (ConnectionClosed, InvalidHandshake, OSError) as error:
                if _is_refusal(error):
                    raise ServiceError("FORBIDDEN", "the subscription is not allowed, or no longer") from error
            await asyncio.sleep(pause * random.uniform(0.5, 1.5))  # noqa: S311  # spreads clients, guards nothing
            pause = min(2 * pause, LONGEST_PAUSE_SECONDS)

    async def _events(self, query: str, variables: Mapping[str, Any]) -> AsyncGenerator[Any, None]:
        address = self._url.replace("http", "ws", 1)
        async with connect(address, subprotocols=[PROTOCOL]) as socket:
            authorization = {"authorization": f"Bearer {self._token}"}
            await socket.send(json.dumps({"type": "connection_init", "payload": authorization}))
            await socket.recv()
            payload = {"query": query, "variables": variables}
            await socket.send(json.dumps({"id": "1", "type": "subscribe", "payload": payload}))
            while True:
                # Iterating over the socket would end without a word where a proxy or a server says goodbye.
                message = json.loads(await socket.recv())
                if message["type"] == "next":
                    yield _field(message["payload"])
                elif message["type"] == "error":
                    raise _error(message["payload"])
                elif message["type"] == "complete":
                    return


def expected(answer: Any) -> Any:
    """A mutation's success; raises `Refused` where it answered with a problem."""
    if "code" in answer:
        raise Refused(answer["code"], answer["message"])
    return answer


def _graphql(answer: httpx.Response) -> Mapping[str, Any]:
    """The body of an answer in GraphQL; raises `httpx.HTTPError` for what a proxy answers in its place."""
    try:
        said = answer.json()
    except ValueError:
        said = None
    if isinstance(said, dict) and ("data" in said or "errors" in said):
        return said
    raise httpx.HTTPStatusError("the answer is no GraphQL", request=answer.request, response=answer)


def _is_refusal(error: Exception) -> bool:
    """Whether it would be the same at the next attempt."""
    if isinstance(error, InvalidStatus):
        status = error.response.status_code
        return 400 <= status < 500 and status not in LATER
    return isinstance(error, ConnectionClosed) and error.rcvd is not None and error.rcvd.code == FORBIDDEN


def _given(variables: Mapping[str, Any]) -> Mapping[str, Any]:
    return {name: value for name, value in variables.items() if value is not None}


def _field(answer: Mapping[str, Any]) -> Any:
    if answer.get("errors"):
        raise _error(answer["errors"])
    [value] = answer["data"].values()
    return value


def _error(errors: list[Any]) -> ServiceError:
    first = errors[0]
    return ServiceError(first.get("extensions", {}).get("code", "INTERNAL"), first["message"])

"""Connections that never come to the point: endless heads, half requests and idle ones end by themselves."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from cli.connection import MAX_HEAD_BYTES, BoundedConnection
from tests.api.graphql_room import begun, listening
from tests.api.rest_room import RestRoom, token

HEAD = b"POST /graphql HTTP/1.1\r\nHost: here\r\nContent-Type: application/json\r\n"


class Hasty(BoundedConnection):
    """One that waits a moment only."""

    request_seconds = 0.2


@pytest.fixture(scope="module")
async def hasty(rest_app: Starlette) -> AsyncIterator[str]:
    async with listening(rest_app, http=Hasty) as address:
        yield address


@pytest.fixture(scope="module")
async def patient(rest_app: Starlette) -> AsyncIterator[str]:
    async with listening(rest_app, http=BoundedConnection) as address:
        yield address


async def opened(address: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    host, _, port = address.partition(":")
    return await asyncio.open_connection(host, int(port))


async def answered(address: str, *parts: bytes) -> bytes:
    """All that comes back until the server closes the connection, which never closes by itself here."""
    reader, writer = await opened(address)
    try:
        for part in parts:
            writer.write(part)
            await writer.drain()
        async with asyncio.timeout(30):
            return await reader.read()
    finally:
        writer.close()


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"", b"408"),
        (b"\r\n", b"408"),
        (HEAD, b"408"),
        (HEAD + b"Content-Length: 100\r\n\r\n{", b"408"),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n", b"408"),
        (b"GET /livez HTTP/1.1\r\nHost: here\r\nContent-Length: 9\r\n\r\n", b"200"),
    ],
    ids=["nothing", "blank lines", "half a head", "half a body", "half the chunks", "a body that nobody reads"],
)
async def test_a_request_that_does_not_end_is_ended(sent: bytes, status: bytes, hasty: str) -> None:
    assert (await answered(hasty, sent)).startswith(b"HTTP/1.1 " + status)


async def test_a_body_that_trickles_in_is_ended_for_those_with_a_token_too(hasty: str, room: RestRoom) -> None:
    anna = f"Authorization: Bearer {token(room.tenant, 'anna')}\r\nContent-Length: 100000\r\n\r\n".encode()
    reader, writer = await opened(hasty)
    writer.write(HEAD + anna)
    answer = asyncio.create_task(reader.read())
    while not answer.done():
        writer.write(b" ")
        await asyncio.wait((answer,), timeout=0.02)
    writer.close()
    assert answer.result().startswith(b"HTTP/1.1 408")


@pytest.mark.parametrize(
    "parts",
    [
        [b"GET /livez HTTP/1.1\r\nHost: here\r\nX: " + b"x" * MAX_HEAD_BYTES + b"\r\n\r\n"],
        [b"GET /livez HTTP/1.1\r\nHost: here\r\nX: ", *[b"x" * 10_000] * 20],
        [b"GET /livez HTTP/1.1\r\nHost: here\r\n", b"a: b\r\n" * 3_000 + b"\r\n"],
        [b"GET /livez?" + b"x" * MAX_HEAD_BYTES + b" HTTP/1.1\r\nHost: here\r\n\r\n"],
        [b"\r\n" * MAX_HEAD_BYTES],
    ],
    ids=["one header", "in many pieces", "many headers", "address", "blank lines"],
)
async def test_an_endless_head_is_refused_before_it_is_gathered(parts: list[bytes], patient: str) -> None:
    try:
        answer = await answered(patient, *parts)
    except ConnectionResetError:
        answer = b""  # Closed while more was on its way.
    assert answer == b"" or answer.startswith((b"HTTP/1.1 431", b"HTTP/1.1 400"))
    assert (await answered(patient, b"GET /livez HTTP/1.0\r\n\r\n")).startswith(b"HTTP/1.1 200")


async def test_an_answer_and_a_socket_may_last_longer(hasty: str, room: RestRoom) -> None:
    later = asyncio.Event()

    async def slow(_: Request) -> PlainTextResponse:
        await later.wait()
        return PlainTextResponse("at last")

    async with begun(hasty, f"Bearer {token(room.tenant, 'anna')}") as socket:
        async with listening(Starlette(routes=[Route("/slow", slow)]), http=Hasty) as address:
            asked = b"GET /slow HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n"
            answer = asyncio.create_task(answered(address, asked, b"\r\n"))
            for _ in range(2):
                assert (await answered(address, b"")).startswith(b"HTTP/1.1 408")
            later.set()
            assert (await answer).endswith(b"at last")
        await socket.subscribe("{ __typename }")
        assert await socket.next() is not None

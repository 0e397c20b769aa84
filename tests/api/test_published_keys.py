"""Faults of the address where an identity provider publishes its keys: nothing else is trusted, and nobody waits."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response, StreamingResponse
from starlette.routing import Route

from domain.clock import FixedClock
from domain.errors import Unauthenticated
from graphql_api.jwks import FETCH_PAUSE, MAX_DOCUMENT_BYTES, JwksKeys, fetch_from
from tests.api.graphql_room import listening
from tests.api.test_auth import NOW, document

BROKEN = [
    "no object",
    None,
    {"kty": "RSA", "kid": "broken", "n": "?", "e": "AQAB"},
    {"kty": "RSA", "kid": "incomplete"},
    {"kty": ["RSA"], "kid": "list"},
    {"kty": "oct", "kid": "shared", "k": "c2VjcmV0"},
    {"kty": "EC", "crv": "P-521", "kid": "curve"},
]


async def trickle(ended: asyncio.Event) -> AsyncIterator[bytes]:
    while not ended.is_set():
        yield b" "
        await asyncio.sleep(0.01)


def provider(ended: asyncio.Event) -> Starlette:
    """What an identity provider, or whoever answers in its place, may send."""
    good = document("one")

    async def answer(request: Request) -> Response:
        match request.path_params["fault"]:
            case "elsewhere":
                return RedirectResponse("/good")
            case "file":
                return RedirectResponse("file:///etc/hostname")
            case "large":
                return Response(good + b" " * MAX_DOCUMENT_BYTES)
            case "slow":
                return StreamingResponse(trickle(ended))
            case "broken":
                return Response(json.dumps({"keys": [*BROKEN, *json.loads(good)["keys"]]}))
        return Response(good)

    return Starlette(routes=[Route("/{fault}", answer)])


@pytest.mark.parametrize("fault", ["elsewhere", "file", "large", "slow"])
async def test_a_document_that_cannot_be_trusted_changes_nothing(fault: str) -> None:
    clock, ended = FixedClock(NOW), asyncio.Event()
    async with listening(provider(ended)) as address:
        path = "good"

        async def fetch() -> bytes:
            return await fetch_from(f"http://{address}/{path}", seconds=0.2)()

        keys = JwksKeys(fetch, clock)
        assert (await keys.key_for({"kid": "one"}))[1] == "RS256"
        path = fault
        clock.set(NOW + timedelta(hours=2))
        assert (await keys.key_for({"kid": "one"}))[1] == "RS256"
        clock.set(NOW + timedelta(hours=2) + FETCH_PAUSE)
        with pytest.raises(Unauthenticated):
            await keys.key_for({"kid": "two"})
        fresh = JwksKeys(fetch, clock)
        with pytest.raises(Unauthenticated):
            await fresh.key_for({"kid": "one"})
        ended.set()


async def test_a_key_that_cannot_be_read_spoils_none_of_the_others() -> None:
    async with listening(provider(asyncio.Event())) as address:
        keys = JwksKeys(fetch_from(f"http://{address}/broken"), FixedClock(NOW))
        assert (await keys.key_for({"kid": "one"}))[1] == "RS256"
        for described in BROKEN:
            kid = described["kid"] if isinstance(described, dict) else "no object"
            with pytest.raises(Unauthenticated):
                await keys.key_for({"kid": kid})

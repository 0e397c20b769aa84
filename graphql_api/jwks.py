"""Keys that an identity provider publishes, kept so that neither its outage nor a flood of strange tokens matters.

Keys once fetched go on serving while the provider is away, and a token that names an unknown key makes the service ask
at most once in 30 seconds.
"""

import asyncio
import json
import time
import urllib.request
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any

import jwt
import structlog

from domain.clock import Clock
from domain.errors import ValidationFailed
from graphql_api.auth import refusal

FETCH_PAUSE = timedelta(seconds=30)
REFRESH_AFTER = timedelta(hours=1)
FETCH_TIMEOUT_SECONDS = 5.0
MAX_DOCUMENT_BYTES = 512 * 1024

_ALGORITHMS = MappingProxyType({"RSA": "RS256", "EC": "ES256"})
_EC_CURVE = "P-256"
_log = structlog.get_logger(__name__)

Fetch = Callable[[], Awaitable[bytes]]


class JwksKeys:
    """The keys at one JWKS address.

    Args:
        fetch: reads the document; any exception counts as an outage.
        clock: spaces the attempts.
    """

    def __init__(self, fetch: Fetch, clock: Clock) -> None:
        self._fetch = fetch
        self._clock = clock
        self._keys: dict[str, tuple[Any, str]] = {}
        self._asked_at: datetime | None = None
        self._asking = asyncio.Lock()

    async def key_for(self, header: dict[str, Any]) -> tuple[Any, str]:
        """The published key that the header's `kid` names, and the algorithm of its type; the header's `jku` and
        `jwk` count for nothing. Raises `Unauthenticated`.
        """
        kid = header.get("kid")
        if not isinstance(kid, str):
            raise refusal()
        if kid not in self._keys or self._older_than(REFRESH_AFTER):
            await self._refresh(kid)
        key = self._keys.get(kid)
        if key is None:
            raise refusal()
        return key

    def _older_than(self, age: timedelta) -> bool:
        return self._asked_at is None or self._clock.now() - self._asked_at >= age

    async def _refresh(self, kid: str) -> None:
        async with self._asking:
            if not self._older_than(REFRESH_AFTER if kid in self._keys else FETCH_PAUSE):
                return
            self._asked_at = self._clock.now()
            try:
                async with asyncio.timeout(FETCH_TIMEOUT_SECONDS):
                    self._keys = _usable(json.loads(await self._fetch()))
            except Exception as error:  # noqa: BLE001  # whatever the provider's fault is, the keys held serve on
                _log.warning("the identity provider's keys cannot be read", error=type(error).__name__)


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """Keys are trusted because of the address that the operator named; another address is another party's."""

    def redirect_request(self, *_answer: Any) -> None:
        """Follow none, wherever it leads: the answer counts as an error."""


_opener = urllib.request.build_opener(_NoRedirects)


def fetch_from(url: str, seconds: float = FETCH_TIMEOUT_SECONDS) -> Fetch:
    """Reads the document at an http(s) address, of at most `MAX_DOCUMENT_BYTES`, in `seconds`, and follows no redirect.

    Raises:
        ValidationFailed: it is no such address.
    """
    if not url.startswith(("https://", "http://")):
        raise ValidationFailed("a JWKS address begins with https://", field="PERSONALIZATION_JWT_JWKS_URL")

    def read() -> bytes:
        deadline, document = time.monotonic() + seconds, bytearray()
        with _opener.open(url, timeout=seconds) as response:
            while part := response.read1(MAX_DOCUMENT_BYTES):
                document += part
                if len(document) > MAX_DOCUMENT_BYTES or time.monotonic() > deadline:
                    raise OSError("the document is too long, or too slow")
        return bytes(document)

    async def fetch() -> bytes:
        return await asyncio.to_thread(read)

    return fetch


def _usable(document: dict[str, Any]) -> dict[str, tuple[Any, str]]:
    found: dict[str, tuple[Any, str]] = {}
    for described in document["keys"]:
        # One that cannot be read spoils none of the others.
        with suppress(jwt.PyJWTError, AttributeError, KeyError, ValueError, TypeError):
            found |= _read(described)
    if not found:
        raise ValueError("the document holds no usable key")
    return found


def _read(described: dict[str, Any]) -> dict[str, tuple[Any, str]]:
    """The key under its id, if it is one for signatures of a kind that is trusted."""
    algorithm = _ALGORITHMS.get(described.get("kty", ""))
    if algorithm is None or described.get("use", "sig") != "sig" or not isinstance(described.get("kid"), str):
        return {}
    if described["kty"] == "EC" and described.get("crv") != _EC_CURVE:
        return {}
    return {described["kid"]: (jwt.PyJWK(described, algorithm=algorithm).key, algorithm)}

"""What every request passes: a correlation id, security headers, a bound on its body, a count and a log line."""

import re
import time
from collections.abc import Iterable, Mapping
from secrets import token_hex
from typing import Final

import structlog
from prometheus_client import CollectorRegistry, Counter, Histogram
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from domain.caching.model import Lookup, lookups
from domain.storage.postgres import statements_run
from graphql_api.caching import HEADER, cache_status

MAX_BODY_BYTES: Final = 1_000_000
SECURITY_HEADERS: Final = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; "
    "connect-src 'self'; img-src data:; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
CORRELATION: Final = b"x-correlation-id"
BUCKETS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)

# Random ids alone: what a caller may choose freely could name somebody, in logs and where entries are never deleted.
_CORRELATION = re.compile(r"[0-9a-f]{32}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_TRACEPARENT = re.compile(r"00-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}")
_TOO_LARGE = b'{"errors":[{"message":"The body is larger than 1 MB.","extensions":{"code":"VALIDATION"}}]}'

log = structlog.get_logger(__name__)


class RequestMetrics:
    """Rate, errors and duration by route."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.requests = Counter(
            "personalization_http_requests", "Requests answered.", ["method", "route", "status"], registry=registry
        )
        self.seconds = Histogram(
            "personalization_http_request_seconds",
            "Time to the last byte.",
            ["method", "route"],
            buckets=BUCKETS,
            registry=registry,
        )
        # Looking a child up by its labels costs more than counting; there are as many as routes have outcomes.
        self._known: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}

    def note(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count one request."""
        found = self._known.get((method, route, status))
        if found is None:
            found = self.requests.labels(method, route, str(status)), self.seconds.labels(method, route)
            self._known[method, route, status] = found
        found[0].inc()
        found[1].observe(seconds)


class RequestScope:
    """Outermost middleware of HTTP requests and sockets.

    Args:
        app: what it passes them to.
        metrics: where they are counted.
        debug: answers tell their time and how many SQL statements they ran.
        hsts_seconds: how long a browser that came over HTTPS shall insist on it (RFC 6797); 0 says nothing.
    """

    def __init__(self, app: ASGIApp, metrics: RequestMetrics, *, debug: bool = False, hsts_seconds: int = 0) -> None:
        self._app = app
        self._metrics = metrics
        self._debug = debug
        insist = {"Strict-Transport-Security": f"max-age={hsts_seconds}; includeSubDomains"} if hsts_seconds else {}
        self._plain, self._secure = _raw(SECURITY_HEADERS), _raw(SECURITY_HEADERS | insist)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        if scope["type"] not in {"http", "websocket"}:
            await self._app(scope, receive, send)
            return
        correlation_id = correlation_of(Headers(scope=scope))
        with structlog.contextvars.bound_contextvars(correlation_id=correlation_id):
            if scope["type"] == "websocket":
                await self._app(scope, receive, send)
            else:
                await self._http(scope, receive, send, correlation_id)

    async def _http(self, scope: Scope, receive: Receive, send: Send, correlation_id: str) -> None:
        started, status = time.perf_counter(), 500
        received = 0
        noted: list[Lookup] = []
        lookups.set(noted)
        statements: list[str] = []
        if self._debug:
            statements_run.set(statements)

        async def bounded() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > MAX_BODY_BYTES:
                raise BodyTooLarge
            return message

        async def decorated(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                own = {CORRELATION: correlation_id.encode()}
                if noted:
                    own[HEADER.lower().encode()] = cache_status(noted).encode()
                if self._debug:
                    timing = server_timing(time.perf_counter() - started, len(statements))
                    own[b"server-timing"] = timing.encode()
                always = self._secure if scope["scheme"] == "https" else self._plain
                message["headers"] = _completed(message.get("headers", ()), own, always)
            await send(message)

        try:
            await self._app(scope, bounded, decorated)
        except BodyTooLarge:
            await _answer_too_large(decorated)
        finally:
            detail = {"sql_statements": len(statements), "cache": cache_status(noted)} if self._debug else {}
            self._note(scope, status, time.perf_counter() - started, detail)

    def _note(self, scope: Scope, status: int, seconds: float, detail: Mapping[str, object]) -> None:
        # The template, not the path: a path may hold a user id.
        route = getattr(scope.get("route"), "path", "unmatched")
        self._metrics.note(scope["method"], route, status, seconds)
        milliseconds = round(seconds * 1000, 2)
        log.info("request", method=scope["method"], route=route, status=status, milliseconds=milliseconds, **detail)


def _raw(headers: Mapping[str, str]) -> tuple[tuple[bytes, bytes], ...]:
    return tuple((name.lower().encode(), value.encode()) for name, value in headers.items())


def _completed(
    given: Iterable[tuple[bytes, bytes]], own: Mapping[bytes, bytes], always: Iterable[tuple[bytes, bytes]]
) -> list[tuple[bytes, bytes]]:
    """Headers of an answer: `own` whatever was given, `always` where nothing was."""
    headers = [header for header in given if header[0] not in own]
    named = {name for name, _ in headers}
    return [*headers, *own.items(), *(header for header in always if header[0] not in named)]


def server_timing(seconds: float, statements: int) -> str:
    """What an answer took, as its header says it (W3C Server Timing): milliseconds, and the SQL statements it ran."""
    return f'total;dur={seconds * 1000:.3f}, sql;desc="{statements} statements"'


class BodyTooLarge(Exception):
    """More was sent than any request may."""


def correlation_of(headers: Headers) -> str:
    """The id under which all that a request causes is logged: the caller's UUID or 32 hex digits, or a new one."""
    given = headers.get("x-correlation-id", "")
    if _CORRELATION.fullmatch(given):
        return given
    trace = _TRACEPARENT.fullmatch(headers.get("traceparent", ""))
    return trace.group(1) if trace else token_hex(16)


async def _answer_too_large(send: Send) -> None:
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(_TOO_LARGE)).encode())]
    await send({"type": "http.response.start", "status": 413, "headers": headers})
    await send({"type": "http.response.body", "body": _TOO_LARGE})

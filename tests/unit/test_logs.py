"""What a process writes to standard error: JSON lines that one can search by the id of the request that caused them."""

import json
import subprocess
import sys
from typing import Any

import pytest

REQUEST = """
import asyncio, logging, httpx, structlog
from domain.caching.model import CacheName, Lookup, Outcome, lookups
from domain.logs import configure_logging
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from prometheus_client import CollectorRegistry
from graphql_api.middleware import RequestMetrics, RequestScope

configure_logging(level="INFO", debug={debug})
log = structlog.get_logger("test")

async def answer(request):
    lookups.get().append(Lookup(CacheName.PROFILES, Outcome.HIT, 60))
    log.debug("detail", figure=1)
    log.info("asked")
    logging.getLogger("a.library").warning("careful: %s", "wet")
    logging.getLogger("uvicorn.error").info('%s - "WebSocket %s" [accepted]', "203.0.113.7:4000", "/graphql?name=anna")
    if request.query_params:
        try:
            raise RuntimeError("a fault of ours")
        except RuntimeError:
            log.exception("broke")
    return PlainTextResponse("ok")

async def main():
    app = RequestScope(Starlette(routes=[Route("/", answer)]), RequestMetrics(CollectorRegistry()), debug={debug})
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        print((await client.get("/", headers={{"X-Correlation-ID": "7c" * 16}})).headers["X-Correlation-ID"])
        print((await client.get("/", params={{"broken": 1}})).headers.get("X-Correlation-ID"))

asyncio.run(main())
"""


def run(*, debug: bool) -> tuple[list[str], list[dict[str, Any]]]:
    """The correlation ids that two requests were answered with, and the log lines that they left."""
    done = subprocess.run(
        [sys.executable, "-c", REQUEST.format(debug=debug)], capture_output=True, text=True, timeout=60, check=True
    )
    return done.stdout.split(), [json.loads(line) for line in done.stderr.splitlines()]


@pytest.fixture(scope="module")
def logged() -> tuple[list[str], list[dict[str, Any]]]:
    return run(debug=False)


def test_every_line_is_json_with_time_level_and_event(logged: tuple[list[str], list[dict[str, Any]]]) -> None:
    lines = logged[1]
    assert {"asked", "careful: wet"} <= {line["event"] for line in lines}
    assert [line for line in lines if not {"event", "level", "timestamp"} <= line.keys()] == []


def test_every_line_of_a_request_has_its_correlation_id(logged: tuple[list[str], list[dict[str, Any]]]) -> None:
    (given, made), lines = logged
    assert given == "7c7c7c7c7c7c7c7c7c7c7c7c7c7c7c7c"
    assert made != given
    for event in ("asked", "careful: wet"):
        assert [line["correlation_id"] for line in lines if line["event"] == event] == [given, made]


def test_a_fault_is_logged_with_its_trace_under_its_correlation_id(
    logged: tuple[list[str], list[dict[str, Any]]],
) -> None:
    (_, made), lines = logged
    (fault,) = [line for line in lines if line["event"] == "broke"]
    assert (fault["correlation_id"], fault["level"]) == (made, "error")
    assert "RuntimeError: a fault of ours" in fault["exception"]


def test_every_request_leaves_its_status_and_duration(logged: tuple[list[str], list[dict[str, Any]]]) -> None:
    requests = [line for line in logged[1] if line["event"] == "request"]
    assert [(line["method"], line["route"], line["status"]) for line in requests] == [("GET", "/", 200)] * 2
    assert all(line["milliseconds"] > 0 for line in requests)


def test_no_line_tells_a_callers_address_or_path(logged: tuple[list[str], list[dict[str, Any]]]) -> None:
    assert not any("203.0.113.7" in str(line) or "anna" in str(line) for line in logged[1])


def test_details_are_written_in_debug_mode_only(logged: tuple[list[str], list[dict[str, Any]]]) -> None:
    assert "detail" not in {line["event"] for line in logged[1]}
    assert not any("cache" in line for line in logged[1])
    lines = run(debug=True)[1]
    assert [line["figure"] for line in lines if line["event"] == "detail"] == [1, 1]
    requests = [line for line in lines if line["event"] == "request"]
    assert [line["cache"] for line in requests] == ["personalization-profiles; hit; ttl=60"] * 2
    assert [line["sql_statements"] for line in requests] == [0, 0]

"""What protection costs a whole request: the same requests with all of it, without each part, and without any.

    python -m benchmarks.whole_requests [--json] [--calls 250]

One application for each composition, all in this process, called as a server calls them (ASGI). A part is switched off
by putting another in its place here: people's keys that seal nothing, tables without row-level security, a caller who
is believed, limits that count nothing. The service has no such switch. They take turns call by call, so that whatever
else the machine does falls upon all, and each figure is the median of all calls: time on the clock, and time that this
process computed, which is without PostgreSQL and Redis.
"""

import argparse
import asyncio
import json
import random
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch

import asyncpg
from starlette.applications import Starlette

from benchmarks.http_api import QUERY, person_token
from benchmarks.live_updates import AGREED, TENANT
from benchmarks.report import Figure, as_json, publish
from benchmarks.server import ENDLESS, settings_in
from domain.behavior.model import Action, BehaviorData
from domain.bootstrap import migrate_database
from domain.catalog.model import CatalogItem, ItemKind
from domain.clock import SystemClock
from domain.ids import ItemId, SubjectId, TenantId, UserId
from domain.limiting.service import RateLimiter
from domain.privacy.data_keys import DataKeys
from domain.privacy.encryption import SubjectKey
from domain.privacy.key_management import WrappedKey
from domain.privacy.model import OBSERVED_PURPOSES
from domain.settings import Settings
from domain.storage.embedded import EmbeddedPostgres, EmbeddedValkey
from graphql_api.app import create_app
from graphql_api.auth import Principal, Scope

WARM_UP, ITEMS, ACTIONS = 20, 200, 20
ANNA = UserId("anna")
OPEN = """
    DO $$ DECLARE named regclass; BEGIN
        FOR named IN SELECT oid FROM pg_class WHERE relrowsecurity LOOP
            EXECUTE format('ALTER TABLE %s NO FORCE ROW LEVEL SECURITY', named);
            EXECUTE format('ALTER TABLE %s DISABLE ROW LEVEL SECURITY', named);
        END LOOP;
    END $$"""
REQUESTS: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "GraphQL, a list": ("/graphql", {"query": QUERY, "variables": {"user": ANNA}}),
    "REST, a list": ("/api/personalization/recommendations", {"userId": ANNA, "options": {"limit": 10}}),
    "REST, one event written": (
        "/api/personalization/learn-preferences",
        {"userId": ANNA, "behaviorData": {"actions": [{"type": "viewed", "feature": "item-1"}]}},
    ),
}


@dataclass(frozen=True)
class Parts:
    """Which parts of protection a composition has."""

    encryption: bool = True
    row_level_security: bool = True
    authorization: bool = True
    rate_limit: bool = True


COMPOSITIONS = {
    "": Parts(),
    "encryption": Parts(encryption=False),
    "row-level security": Parts(row_level_security=False),
    "authorization": Parts(authorization=False),
    "rate limit": Parts(rate_limit=False),
    "any of them": Parts(encryption=False, row_level_security=False, authorization=False, rate_limit=False),
}


class OpenKey(SubjectKey):
    """Seals nothing."""

    __slots__ = ()

    def seal(self, _table: str, _column: str, plaintext: bytes) -> bytes:
        """As it is."""
        return plaintext

    def open(self, _table: str, _column: str, sealed: bytes) -> bytes:
        """As it is."""
        return sealed


class OpenKeys(DataKeys):
    """Keys that seal nothing, looked up and remembered as any."""

    async def _unwrapped(
        self, tenant: TenantId, wrapped: Mapping[SubjectId, WrappedKey]
    ) -> dict[SubjectId, SubjectKey]:
        held = await super()._unwrapped(tenant, wrapped)
        opened: dict[SubjectId, SubjectKey] = {subject: OpenKey(subject, bytes(32)) for subject in held}
        for subject, key in opened.items():
            remembered = self._held.get(subject)
            if remembered is not None:
                self._held.put(subject, type(remembered)(tenant, key, remembered.until))
        return opened


class Uncounted(RateLimiter):
    """Lets everybody through."""

    def admit(self, *_call: Any, **_how: Any) -> None:
        """Count nothing."""

    def admit_events(self, *_call: Any) -> None:
        """Count nothing."""


class Believing:
    """Takes every token for the one that it was made with."""

    nobody = None

    def has_verified(self, _header: str) -> bool:
        """Each is let in without a second look."""
        return True

    async def principal(self, _header: str) -> Principal:
        """The caller."""
        until = SystemClock().now() + timedelta(hours=1)
        return Principal(TENANT, ANNA, frozenset(Scope), until)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print, and write the results."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.whole_requests")
    parser.add_argument("--json", action="store_true", help="print one JSON line and write no file")
    parser.add_argument("--calls", type=int, default=250, help="of each request to each application")
    chosen = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="personalization-bench-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        with EmbeddedPostgres(folder) as postgres, EmbeddedValkey(folder) as valkey:
            settings = settings_in(folder, postgres.owner_url, valkey.url).model_copy(
                update={"rate_limit": ENDLESS, "rate_limit_services": ENDLESS, "pool_size": 1}
            )
            figures = asyncio.run(_measured(settings, chosen.calls))
    if chosen.json:
        print(json.dumps(as_json(figures)))
    else:
        publish("whole_requests", "What protection costs a whole request", figures)


async def _measured(settings: Settings, calls: int) -> list[Figure]:
    await migrate_database(settings)
    names = [f"composition_{number}" for number in range(len(COMPOSITIONS))]
    async with AsyncExitStack() as stack:
        apps = {
            name: await stack.enter_async_context(_composed(settings, database, parts))
            for (name, parts), database in zip(COMPOSITIONS.items(), names, strict=True)
        }
        return [figure for what in REQUESTS for figure in await _compared(what, apps, calls)]


@asynccontextmanager
async def _composed(settings: Settings, database: str, parts: Parts) -> AsyncIterator[Starlette]:
    """An application of its own database with the parts that a composition has."""
    url = str(settings.database_url)
    owner = await asyncpg.connect(url.replace("/personalization?", "/postgres?"))
    await owner.execute(f"CREATE DATABASE {database} TEMPLATE personalization")
    await owner.close()
    own = settings.model_copy(update={"database_url": url.replace("/personalization?", f"/{database}?")})
    if not parts.row_level_security:
        owner = await asyncpg.connect(str(own.database_url))
        await owner.execute(OPEN)
        await owner.close()
    app = create_app(own)
    async with AsyncExitStack() as stack:
        with _instead(parts):
            await stack.enter_async_context(app.router.lifespan_context(app))
        if not parts.authorization:
            app.state.authenticator = Believing()
        await _furnish(app)
        yield app


def _instead(parts: Parts) -> AbstractContextManager[Any]:
    """While it lasts, services are put together with other parts."""
    keys = DataKeys if parts.encryption else OpenKeys
    rates = RateLimiter if parts.rate_limit else Uncounted
    return patch.multiple("domain.bootstrap.ground", DataKeys=keys, RateLimiter=rates)


async def _furnish(app: Starlette) -> None:
    services = app.state.services
    items = [CatalogItem(ItemId(f"item-{n}"), ItemKind.TEMPLATE, f"Item {n}", "", (), "film") for n in range(ITEMS)]
    await services.catalog.ensure_tenant(TENANT, "Benchmark")
    await services.catalog.upsert(TENANT, items)
    await services.privacy.record_consent(TENANT, ANNA, OBSERVED_PURPOSES, granted=True, evidence=AGREED)
    actions = tuple(Action("template_used", feature=f"item-{n * 7}") for n in range(ACTIONS))
    await services.behavior.learn_preferences(TENANT, ANNA, BehaviorData(actions=actions))


async def _compared(what: str, apps: Mapping[str, Starlette], calls: int) -> list[Figure]:
    path, body = REQUESTS[what]
    scope, request = _scope(path), json.dumps(body).encode()
    order, chance = list(apps), random.Random(0)  # noqa: S311 - whose turn it is
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in apps}
    for _ in range(WARM_UP + calls):
        chance.shuffle(order)
        for name in order:
            times[name].append(await _timed(apps[name], dict(scope), request))
    return [
        Figure(f"{what}{how}, beside without {name}", "us", 1e6 * with_all, 1e6 * _median(times[name], part))
        for part, how in enumerate(("", ", computed"))
        for with_all in [_median(times[""], part)]
        for name in apps
        if name
    ]


def _median(times: Sequence[tuple[float, float]], part: int) -> float:
    return statistics.median(time[part] for time in times[WARM_UP:])


def _scope(path: str) -> dict[str, Any]:
    """A request as a server hands it on."""
    token = person_token(ANNA).encode()
    headers = [(b"host", b"localhost"), (b"authorization", b"Bearer " + token), (b"content-type", b"application/json")]
    return {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST", "scheme": "http",
        "path": path, "raw_path": path.encode(), "query_string": b"", "headers": headers, "client": ("127.0.0.1", 1),
        "server": ("localhost", 80), "root_path": "",
    }  # fmt: skip


async def _timed(app: Starlette, scope: dict[str, Any], body: bytes) -> tuple[float, float]:
    """Seconds of one request on the clock, and those that this process computed."""
    started, computed = time.perf_counter(), time.process_time()
    await _called(app, scope, body)
    return time.perf_counter() - started, time.process_time() - computed


async def _called(app: Starlette, scope: dict[str, Any], body: bytes) -> None:
    waiting = [{"type": "http.request", "body": body, "more_body": False}]
    answers: list[Any] = []

    async def receive() -> Any:
        return waiting.pop() if waiting else {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        answers.append(message)

    await app(scope, receive, send)
    assert answers[0]["status"] == 200, answers
    assert not answers[1]["body"].startswith(b'{"errors"'), answers


if __name__ == "__main__":
    main()

"""The REST routes in an application on the real servers, and callers with tokens."""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
from starlette.applications import Starlette

from domain.bootstrap import Services, open_worker
from domain.catalog.model import CatalogItem, ItemKind
from domain.clock import SystemClock
from domain.ids import ItemId, TenantId, UserId
from domain.privacy.key_file import new_key_line
from domain.privacy.model import OBSERVED_PURPOSES
from domain.privacy.receipts import Evidence
from domain.settings import Settings
from graphql_api.app import create_app
from graphql_api.auth import Scope, issue_token
from graphql_api.rest.paths import PREFIX
from tests.api.declared import check_declared

JWT_SECRET = "a-signing-secret-for-tests-only-0123456789"
AGREED = Evidence("2026-01", "settings-page", "DE")
LEARNT: dict[str, Any] = {
    "actions": [
        {"type": "project_created", "feature": "video_editor"},
        {"type": "template_used", "feature": "modern_template"},
    ],
    "projects": [{"visualStyle": "modern", "category": "business", "duration": 30}],
    "feedback": [{"type": "visual", "sentiment": "positive", "aspect": "style"}],
    "sessionId": "session_123",
}
"""The behaviour that the specification sends."""

ITEMS = (
    CatalogItem(ItemId("modern_template"), ItemKind.TEMPLATE, "Modern", "", ("modern", "clean"), "business"),
    CatalogItem(ItemId("modern"), ItemKind.STYLE, "Modern style", "", ("modern",), "style"),
    CatalogItem(ItemId("video_editor"), ItemKind.FEATURE, "Video editor", "", ("editing",), "tools"),
    *(
        CatalogItem(ItemId(f"template_{n}"), ItemKind.TEMPLATE, f"Template {n}", "", ("clean",), "business")
        for n in range(30)
    ),
)


def settings_of(owner_url: str, redis_url: str, folder: Path, secret: str) -> Settings:
    """Settings of a service on the tests' servers, with keys below `folder`."""
    keys = folder / "kek.txt"
    keys.write_text(new_key_line())
    keys.chmod(0o600)
    return Settings(
        database_url=owner_url,
        redis_url=redis_url,
        data_dir=folder,
        kek_file=keys,
        secret=secret,
        jwt_secret=JWT_SECRET,
        pool_size=3,
    )


@asynccontextmanager
async def application(settings: Settings) -> AsyncIterator[Starlette]:
    """An application that is ready to answer."""
    app = create_app(settings)
    async with app.router.lifespan_context(app):
        yield app


BRIEF = timedelta(seconds=2)
"""Lifetime of a token that runs out while a test waits."""


def token(
    tenant: TenantId, user: str, scopes: Iterable[Scope] = Scope, lifetime: timedelta = timedelta(hours=1)
) -> str:
    """A token that the applications of these tests trust."""
    return issue_token(
        JWT_SECRET,
        tenant=tenant,
        user_id=UserId(user),
        scopes=frozenset(scopes),
        issuer="personalization",
        audience="personalization",
        issued_at=SystemClock().now(),
        lifetime=lifetime,
    )


@dataclass(frozen=True)
class RestRoom:
    """A tenant with a catalogue, and an application that serves it."""

    app: Starlette
    settings: Settings
    tenant: TenantId

    @property
    def services(self) -> Services:
        services: Services = self.app.state.services
        return services

    def caller(self, user: str, scopes: Iterable[Scope] = frozenset(Scope) - {Scope.ACT_AS}) -> httpx.AsyncClient:
        """A client with a token of its own; by default it reaches its own user only."""
        return self._client({"Authorization": f"Bearer {token(self.tenant, user, scopes)}"})

    def anonymous(self) -> httpx.AsyncClient:
        return self._client({})

    def _client(self, headers: dict[str, str]) -> httpx.AsyncClient:
        return httpx.AsyncClient(
            transport=httpx.ASGITransport(self.app, raise_app_exceptions=True),
            base_url=f"http://test{PREFIX}",
            headers=headers,
            event_hooks={"response": [check_declared]},
        )

    async def furnish(self) -> "RestRoom":
        await self.services.catalog.upsert(self.tenant, ITEMS)
        return self

    async def agree(self, user: str) -> None:
        await self.services.privacy.record_consent(
            self.tenant, UserId(user), OBSERVED_PURPOSES, granted=True, evidence=AGREED
        )

    async def leave_no_job(self) -> None:
        """Close what waits for a worker, of all tenants: their jobs would keep the workers of other tests busy."""
        store, now = self.services.job_store, self.services.clock.now()
        while waiting := await store.overdue(now + timedelta(days=1), now - timedelta(days=1)):
            for job_id in waiting:
                if job := await store.start(job_id, now, now - timedelta(days=1)):
                    await store.fail(job, "nobody waits for it any more", now, final=True)

    async def learn(self) -> None:
        """Do what a worker does, until nothing waits."""
        async with open_worker(self.settings) as worker:
            while (await worker.services.profiles.learn_batch()).processed:
                pass

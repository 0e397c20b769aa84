"""One application for all tests of the REST routes, and a furnished tenant for each."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from starlette.applications import Starlette

from domain.ids import TenantId
from domain.settings import Settings
from tests.api.rest_room import RestRoom, application, settings_of
from tests.conftest import TEST_SECRET


@pytest.fixture(scope="session")
def rest_settings(owner_url: str, redis_url: str, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    folder: Path = tmp_path_factory.mktemp("rest")
    return settings_of(owner_url, redis_url, folder, TEST_SECRET)


@pytest.fixture(scope="session")
async def rest_app(rest_settings: Settings) -> AsyncIterator[Starlette]:
    async with application(rest_settings) as app:
        yield app


@pytest.fixture
async def room(rest_app: Starlette, rest_settings: Settings, tenant: TenantId) -> RestRoom:
    return await RestRoom(rest_app, rest_settings, tenant).furnish()

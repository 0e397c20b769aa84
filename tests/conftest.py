"""Real servers for the tests: one Postgres a run, a database per worker from one template, a Valkey per worker."""

import asyncio
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pytest
from hypothesis import settings

# As `personalization` does it: read once, when NumPy is loaded.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from domain.clock import FixedClock
from domain.ids import TenantId
from domain.privacy.keys import derive
from domain.storage.embedded.postgres import EmbeddedPostgres
from domain.storage.embedded.valkey import EmbeddedValkey
from domain.storage.migrate import migrate
from domain.storage.postgres import Database, Databases
from domain.storage.roles import Role, url_as
from tests.databases import create_database, drop_database

# How long an example takes says nothing of the code: the first one may load what it needs.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

TEST_SECRET = "a-master-secret-for-tests-only-0123456789"
TEMPLATE_URL_VARIABLE = "TEST_TEMPLATE_DATABASE_URL"
LOGINS = tuple(role for role in Role if role is not Role.OWNER)


def pytest_configure(config: pytest.Config) -> None:
    """Start Postgres once, in the process that hands out the tests, and migrate the template database."""
    if hasattr(config, "workerinput") or config.option.collectonly:
        return
    folder = Path(tempfile.mkdtemp(prefix="personalization-tests-"))
    folder.chmod(0o755)
    server = EmbeddedPostgres(folder)
    address = server.start()
    config.add_cleanup(lambda: shutil.rmtree(folder, ignore_errors=True))
    config.add_cleanup(server.stop)
    asyncio.run(migrate(address.owner_url, role_passwords()))
    os.environ[TEMPLATE_URL_VARIABLE] = address.owner_url


def role_passwords() -> dict[Role, str]:
    """What each role logs in with, as the service derives it."""
    return {role: derive(TEST_SECRET, f"database role {role.login}").hex() for role in LOGINS}


@contextmanager
def copied_database() -> Iterator[str]:
    """The owner's URL of a database of its own, copied from the migrated template."""
    template_url = os.environ[TEMPLATE_URL_VARIABLE]
    # A database cannot be copied while somebody is connected to it.
    elsewhere = template_url.replace("/personalization?", "/postgres?", 1)
    name = f"test_{os.environ.get('PYTEST_XDIST_WORKER', 'main')}_{uuid4().hex[:8]}"
    asyncio.run(create_database(elsewhere, name, "personalization"))
    try:
        yield template_url.replace("/personalization?", f"/{name}?", 1)
    finally:
        asyncio.run(drop_database(elsewhere, name))


@pytest.fixture(scope="session")
def owner_url() -> Iterator[str]:
    """The owner's URL of this worker's own database."""
    with copied_database() as url:
        yield url


@pytest.fixture(scope="session")
def role_urls(owner_url: str) -> dict[Role, str]:
    """The database of this worker as each role reaches it."""
    return {role: url_as(role.login, owner_url, password) for role, password in role_passwords().items()}


@pytest.fixture(scope="session")
async def databases(role_urls: dict[Role, str]) -> AsyncIterator[Databases]:
    """Pools of every role."""
    pools = Databases(role_urls, pool_size=5)
    await pools.open()
    yield pools
    await pools.close()


@pytest.fixture(scope="session")
def database(databases: Databases) -> Database:
    """The database as the API sees it."""
    return databases[Role.SERVICE]


@pytest.fixture(scope="session")
def worker_database(databases: Databases) -> Database:
    """The database as the worker sees it."""
    return databases[Role.WORKER]


@pytest.fixture(scope="session")
def trainer_database(databases: Databases) -> Database:
    """The database as the trainer sees it."""
    return databases[Role.TRAINER]


@pytest.fixture(scope="session")
def keys_database(databases: Databases) -> Database:
    """The vault of data keys."""
    return databases[Role.KEYS]


@pytest.fixture
async def tenant(database: Database) -> TenantId:
    """A fresh tenant, so that tests never see each other's rows."""
    tenant = TenantId(f"t-{uuid4().hex[:12]}")
    async with database.transaction(tenant) as tx:
        await tx.execute("INSERT INTO tenants (tenant_id, name, created_at) VALUES ($1, $1, now())", tenant)
    return tenant


@pytest.fixture(scope="session")
def redis_url() -> Iterator[str]:
    """A Valkey of this worker's own: pub/sub channels are shared by all databases of one server."""
    folder = Path(tempfile.mkdtemp(prefix="personalization-tests-"))
    server = EmbeddedValkey(folder)
    yield server.start().url
    server.stop()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def clock() -> FixedClock:
    """A clock that stands at noon of a Tuesday."""
    return FixedClock(datetime(2026, 3, 10, 12, tzinfo=UTC))

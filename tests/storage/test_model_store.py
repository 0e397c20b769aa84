"""The registry over a real database: one champion, swapped in without a gap, and never a damaged one."""

import asyncio
import logging
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from asyncpg import InsufficientPrivilegeError
from prometheus_client import CollectorRegistry

from domain.clock import FixedClock
from domain.errors import Unavailable
from domain.ids import ItemId, ModelVersion, TenantId
from domain.models.artifact import Artifact
from domain.models.factor_model import FactorModel, ServingParameters
from domain.models.layout import CorruptArtifact
from domain.models.metrics import ModelMetrics
from domain.models.model import LoadedModel, ModelRecord, ModelStatus
from domain.models.service import ModelRegistry
from domain.models.signature import ModelSigner
from domain.models.store import PostgresModelStore
from domain.realtime.model import UpdateKind
from domain.storage.postgres import Database

SPOIL = "UPDATE ml_models SET artifact = set_byte(artifact, octet_length(artifact) - 1, 255) WHERE version = $1"

Serving = Callable[[str], ModelRegistry]
SIGNER = ModelSigner(bytes(32))


class Told:
    """Who is told of changes: remembers them."""

    def __init__(self) -> None:
        self.versions: list[str] = []

    async def tell_tenant(self, tenant: TenantId, kind: UpdateKind, body: bytes) -> bool:
        assert (bool(tenant), kind) == (True, UpdateKind.MODEL_UPDATED)
        self.versions.append(body.decode())
        return True


def registry_of(store: PostgresModelStore, folder: Path, clock: FixedClock, told: Told | None = None) -> ModelRegistry:
    return ModelRegistry(store, folder, SIGNER, told or Told(), clock, ModelMetrics(CollectorRegistry()))


def artifact(popularity: float = 1.0) -> Artifact:
    """A model of two items; another popularity makes another model."""
    model = FactorModel(
        algorithm="als",
        item_ids=(ItemId("a"), ItemId("b")),
        item_kinds=np.zeros(2, dtype=np.int8),
        factors=np.ones((2, 3), dtype=np.float32),
        popularity=np.array([popularity, 0], dtype=np.float32),
        trend=np.zeros(2, dtype=np.float32),
        parameters=ServingParameters(6.0, 30.0, 1.0, 5.0, 0.2, 5.0),
    )
    return model.to_artifact({"seed": 0}, {"users": 1}, {"als_ndcg_at_10": 0.5})


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
def training(worker_database: Database, clock: FixedClock, tmp_path: Path, told: Told) -> ModelRegistry:
    """The registry as the worker sees it."""
    return registry_of(PostgresModelStore(worker_database, clock), tmp_path / "worker", clock, told)


@pytest.fixture
def serving(database: Database, clock: FixedClock, tmp_path: Path) -> Serving:
    """A new registry as an API process sees it, with a cache folder of the given name."""
    return lambda name: registry_of(PostgresModelStore(database, clock), tmp_path / name, clock)


async def publish(registry: ModelRegistry, tenant: TenantId, clock: FixedClock, popularity: float) -> ModelRecord:
    clock.set(clock.now() + timedelta(minutes=1))
    return await registry.publish(tenant, artifact(popularity))


async def spoil(database: Database, tenant: TenantId, record: ModelRecord) -> None:
    async with database.transaction(tenant) as tx:
        await tx.execute(SPOIL, record.version)


def version(loaded: LoadedModel | None) -> ModelVersion | None:
    return None if loaded is None else loaded.record.version


async def test_a_tenant_without_a_model_has_none(serving: Serving, tenant: TenantId) -> None:
    assert await serving("api").current(tenant) is None


async def test_a_published_model_is_served_as_it_was_trained(
    training: ModelRegistry, serving: Serving, tenant: TenantId, clock: FixedClock
) -> None:
    record = await publish(training, tenant, clock, 4.0)
    loaded = await serving("api").current(tenant)
    assert loaded is not None
    assert loaded.record == record
    assert loaded.model.popularity.tolist() == [4.0, 0.0]
    assert not loaded.model.factors.flags.owndata
    assert record.version == f"{clock.now():%Y%m%dT%H%M%S}.000Z-{record.sha256[:8]}"


async def test_publishing_retires_the_champion_before(
    training: ModelRegistry, tenant: TenantId, clock: FixedClock
) -> None:
    first, second = [await publish(training, tenant, clock, number) for number in (1.0, 2.0)]
    found = await training.versions(tenant)
    assert [(record.version, record.status) for record in found] == [
        (second.version, ModelStatus.CHAMPION),
        (first.version, ModelStatus.RETIRED),
    ]
    assert found[0].metrics == {"als_ndcg_at_10": 0.5}


async def test_publishing_the_same_model_again_leaves_one_version(training: ModelRegistry, tenant: TenantId) -> None:
    first, again = await training.publish(tenant, artifact()), await training.publish(tenant, artifact())
    assert first == again
    assert [record.status for record in await training.versions(tenant)] == [ModelStatus.CHAMPION]


async def test_publishers_at_the_same_moment_leave_one_champion(training: ModelRegistry, tenant: TenantId) -> None:
    await asyncio.gather(*(training.publish(tenant, artifact(float(number))) for number in range(5)))
    statuses = [record.status for record in await training.versions(tenant)]
    assert (statuses.count(ModelStatus.CHAMPION), statuses.count(ModelStatus.RETIRED)) == (1, 4)


async def test_a_new_champion_is_swapped_in_after_a_second_or_when_told(
    training: ModelRegistry, serving: Serving, tenant: TenantId, clock: FixedClock
) -> None:
    api = serving("api")
    first = await publish(training, tenant, clock, 1.0)
    assert version(await api.current(tenant)) == first.version
    second = await training.publish(tenant, artifact(2.0))
    assert version(await api.current(tenant)) == first.version
    assert version(await api.refresh(tenant)) == second.version
    third = await training.publish(tenant, artifact(3.0))
    clock.set(clock.now() + timedelta(seconds=1))
    assert version(await api.current(tenant)) == third.version


async def test_a_swap_leaves_held_arrays_readable_and_the_old_file_behind(
    training: ModelRegistry, serving: Serving, tenant: TenantId, clock: FixedClock, tmp_path: Path
) -> None:
    api = serving("api")
    await publish(training, tenant, clock, 1.0)
    held = await api.current(tenant)
    second = await publish(training, tenant, clock, 2.0)
    await api.refresh(tenant)
    assert held is not None
    assert held.model.popularity.tolist() == [1.0, 0.0]
    assert [path.name for path in (tmp_path / "api").iterdir()] == [f"{second.sha256}.safetensors"]


async def test_requests_during_a_swap_all_get_a_model(
    training: ModelRegistry, serving: Serving, tenant: TenantId, clock: FixedClock
) -> None:
    api = serving("api")
    first = await publish(training, tenant, clock, 1.0)
    assert {version(loaded) for loaded in await asyncio.gather(*(api.current(tenant) for _ in range(20)))} == {
        first.version
    }
    second = await publish(training, tenant, clock, 2.0)
    found = {version(loaded) for loaded in await asyncio.gather(*(api.current(tenant) for _ in range(20)))}
    assert found == {first.version, second.version}
    assert version(await api.current(tenant)) == second.version


async def test_a_damaged_champion_leaves_the_held_model_in_place(
    training: ModelRegistry,
    serving: Serving,
    worker_database: Database,
    tenant: TenantId,
    clock: FixedClock,
    caplog: pytest.LogCaptureFixture,
) -> None:
    api = serving("api")
    first = await publish(training, tenant, clock, 1.0)
    await api.current(tenant)
    second = await publish(training, tenant, clock, 2.0)
    await spoil(worker_database, tenant, second)
    assert version(await api.current(tenant)) == first.version
    assert any(record.levelno == logging.ERROR and "failed its checks" in record.message for record in caplog.records)


async def test_a_fresh_process_falls_back_to_the_newest_version_that_is_whole(
    training: ModelRegistry, serving: Serving, worker_database: Database, tenant: TenantId, clock: FixedClock
) -> None:
    records = [await publish(training, tenant, clock, number) for number in (1.0, 2.0, 3.0)]
    await spoil(worker_database, tenant, records[2])
    assert version(await serving("one").current(tenant)) == records[1].version
    await spoil(worker_database, tenant, records[1])
    assert version(await serving("two").current(tenant)) == records[0].version
    await spoil(worker_database, tenant, records[0])
    assert await serving("three").current(tenant) is None


async def test_a_repaired_champion_is_tried_again_after_a_minute(
    training: ModelRegistry, serving: Serving, worker_database: Database, tenant: TenantId, clock: FixedClock
) -> None:
    api = serving("api")
    first = await publish(training, tenant, clock, 1.0)
    second = await publish(training, tenant, clock, 2.0)
    await spoil(worker_database, tenant, second)
    assert version(await api.current(tenant)) == first.version
    await training.publish(tenant, artifact(2.0))
    assert version(await api.refresh(tenant)) == first.version
    clock.set(clock.now() + timedelta(seconds=61))
    assert version(await api.current(tenant)) == second.version


async def test_a_damaged_file_on_disk_is_fetched_again(
    training: ModelRegistry, serving: Serving, tenant: TenantId, clock: FixedClock, tmp_path: Path
) -> None:
    record = await publish(training, tenant, clock, 1.0)
    await serving("api").current(tenant)
    path = tmp_path / "api" / f"{record.sha256}.safetensors"
    whole = path.read_bytes()
    path.unlink()
    path.write_bytes(whole[:-1])
    assert version(await serving("api").current(tenant)) == record.version
    assert path.read_bytes() == whole


async def test_a_cached_model_is_not_downloaded_again(
    training: ModelRegistry, serving: Serving, worker_database: Database, tenant: TenantId, clock: FixedClock
) -> None:
    record = await publish(training, tenant, clock, 1.0)
    await serving("api").current(tenant)
    await spoil(worker_database, tenant, record)
    assert version(await serving("api").current(tenant)) == record.version


async def test_tenants_see_their_own_models_only(
    training: ModelRegistry, serving: Serving, database: Database, tenant: TenantId, clock: FixedClock
) -> None:
    other = TenantId(f"{tenant}-other")
    async with database.transaction(other) as tx:
        await tx.execute("INSERT INTO tenants (tenant_id, name, created_at) VALUES ($1, $1, now())", other)
    await publish(training, tenant, clock, 1.0)
    assert await serving("api").current(other) is None
    assert not await training.versions(other)


async def test_serving_may_not_publish(serving: Serving, tenant: TenantId) -> None:
    with pytest.raises(InsufficientPrivilegeError):
        await serving("api").publish(tenant, artifact())


async def test_what_could_not_be_served_is_not_published(training: ModelRegistry, tenant: TenantId) -> None:
    good = artifact()
    broken = Artifact(good.algorithm, {}, good.parameters, good.counts, good.metrics)
    with pytest.raises(CorruptArtifact):
        await training.publish(tenant, broken)
    assert not await training.versions(tenant)


class UnreliableStore(PostgresModelStore):
    """The real store, with a database that can go away."""

    away = False

    async def candidates(
        self, tenant: TenantId, name: str, limit: int, held: ModelVersion | None = None
    ) -> list[ModelRecord]:
        if self.away:
            raise Unavailable("the database cannot be reached")
        return await super().candidates(tenant, name, limit, held)


async def test_a_held_model_outlives_the_database(
    training: ModelRegistry, database: Database, tenant: TenantId, clock: FixedClock, tmp_path: Path
) -> None:
    store = UnreliableStore(database, clock)
    api = registry_of(store, tmp_path / "api", clock)
    store.away = True
    with pytest.raises(Unavailable):
        await api.current(tenant)
    store.away = False
    record = await publish(training, tenant, clock, 1.0)
    assert version(await api.current(tenant)) == record.version
    store.away = True
    assert version(await api.refresh(tenant)) == record.version


async def test_a_disk_that_refuses_is_an_expected_failure(
    training: ModelRegistry, serving: Serving, tenant: TenantId, clock: FixedClock, tmp_path: Path
) -> None:
    await publish(training, tenant, clock, 1.0)
    (tmp_path / "api").write_text("a file where the folder should be")
    with pytest.raises(Unavailable):
        await serving("api").current(tenant)

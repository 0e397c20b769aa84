"""Who is champion: promoting, rolling back, what the gate lets through, and what tampering with rows achieves."""

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest
from asyncpg import InsufficientPrivilegeError

from domain.clock import FixedClock
from domain.errors import Conflict, NotFound
from domain.ids import ModelVersion, TenantId
from domain.models.held import REJECTED_FOR
from domain.models.model import ChangeAction, ModelStatus, Verdict
from domain.models.service import ModelRegistry
from domain.models.store import KEPT_OTHERS, KEPT_RETIRED, PostgresModelStore
from domain.storage.postgres import Database
from tests.storage.test_model_store import (
    Serving,
    Told,
    artifact,
    publish,
    registry_of,
    serving,
    told,
    training,
    version,
)

__all__ = ["serving", "told", "training"]

BY = {"actor": "olga", "reason": "clicks fell"}


async def statuses(registry: ModelRegistry, tenant: TenantId) -> list[str]:
    """From the oldest version on."""
    return [record.status.value for record in reversed(await registry.versions(tenant))]


def passed(champion: ModelVersion | None) -> Verdict:
    return Verdict(passed=True, champion=champion, details={"reasons": []})


async def test_promoting_retires_the_champion_and_everybody_is_told(
    training: ModelRegistry, serving: Serving, told: Told, tenant: TenantId, clock: FixedClock
) -> None:
    first, second = [await publish(training, tenant, clock, number) for number in (1.0, 2.0)]
    api = serving("api")
    assert version(await api.current(tenant)) == second.version
    promoted = await training.promote(tenant, first.version, **BY)
    assert (promoted.status, promoted.crowned_at) == (ModelStatus.CHAMPION, clock.now())
    assert told.versions == [first.version, second.version, first.version]
    assert version(await api.refresh(tenant)) == first.version
    assert await statuses(training, tenant) == ["champion", "retired"]
    with pytest.raises(Conflict):
        await training.promote(tenant, first.version, **BY)
    with pytest.raises(NotFound):
        await training.promote(tenant, ModelVersion("20260101T000000.000Z-00000000"), **BY)


async def test_rolling_back_returns_to_the_champion_before_and_rejects_what_it_leaves(
    training: ModelRegistry, tenant: TenantId, clock: FixedClock
) -> None:
    first, second, third = [await publish(training, tenant, clock, number) for number in (1.0, 2.0, 3.0)]
    assert (await training.roll_back(tenant, **BY)).version == second.version
    assert await statuses(training, tenant) == ["retired", "champion", "rejected"]
    assert (await training.roll_back(tenant, **BY)).version == first.version
    assert await statuses(training, tenant) == ["champion", "rejected", "rejected"]
    with pytest.raises(Conflict):
        await training.roll_back(tenant, **BY)
    changes = await training.changes(tenant)
    assert [(change.action, change.version, change.replaced) for change in changes[:2]] == [
        (ChangeAction.ROLLED_BACK, first.version, second.version),
        (ChangeAction.ROLLED_BACK, second.version, third.version),
    ]
    assert {(change.actor, change.reason) for change in changes[:2]} == {("olga", "clicks fell")}


async def test_rolling_back_a_promotion_undoes_it(training: ModelRegistry, tenant: TenantId, clock: FixedClock) -> None:
    first, second, third = [await publish(training, tenant, clock, number) for number in (1.0, 2.0, 3.0)]
    clock.set(clock.now() + timedelta(minutes=1))
    await training.promote(tenant, first.version, **BY)
    assert (await training.roll_back(tenant, **BY)).version == third.version
    assert await statuses(training, tenant) == ["rejected", "retired", "champion"]
    assert second.version in {record.version for record in await training.versions(tenant)}


async def test_what_was_rolled_back_does_not_come_back_by_itself(
    training: ModelRegistry, serving: Serving, worker_database: Database, tenant: TenantId, clock: FixedClock
) -> None:
    first, second = [await publish(training, tenant, clock, number) for number in (1.0, 2.0)]
    api = serving("api")
    await api.current(tenant)
    await training.roll_back(tenant, **BY)
    # Not as a fallback while the champion cannot be served,
    async with worker_database.transaction(tenant) as tx:
        await tx.execute("UPDATE ml_models SET signature = NULL WHERE version = $1", first.version)
    assert await serving("fresh").current(tenant) is None
    # nor by a training that gives the same bytes,
    clock.set(clock.now() + timedelta(minutes=1))
    again = await training.publish(tenant, artifact(2.0), passed(first.version))
    assert (again.status, again.sha256) == (ModelStatus.REJECTED, second.sha256)
    assert again.reasons == ("an equal version was rolled back",)
    # but when an operator wants it.
    assert (await training.promote(tenant, second.version, **BY)).status is ModelStatus.CHAMPION


async def test_a_process_gives_up_a_rolled_back_version_even_for_a_fallback(
    training: ModelRegistry, serving: Serving, worker_database: Database, tenant: TenantId, clock: FixedClock
) -> None:
    first, second, third = [await publish(training, tenant, clock, number) for number in (1.0, 2.0, 3.0)]
    api = serving("api")
    assert version(await api.current(tenant)) == third.version
    await training.roll_back(tenant, **BY)
    async with worker_database.transaction(tenant) as tx:
        await tx.execute("UPDATE ml_models SET signature = NULL WHERE version = $1", second.version)
    assert version(await api.refresh(tenant)) == first.version


async def test_changes_at_the_same_moment_leave_one_champion(
    training: ModelRegistry, tenant: TenantId, clock: FixedClock
) -> None:
    for number in (1.0, 2.0, 3.0):
        await publish(training, tenant, clock, number)
    work = [training.roll_back(tenant, **BY) for _ in range(3)]
    work += [training.publish(tenant, artifact(float(number))) for number in range(10, 13)]
    outcomes = await asyncio.gather(*work, return_exceptions=True)
    assert all(isinstance(outcome, Conflict) for outcome in outcomes if isinstance(outcome, BaseException))
    found = await statuses(training, tenant)
    assert found.count("champion") == 1
    assert len(await training.changes(tenant)) == 3 + sum(not isinstance(o, BaseException) for o in outcomes)


async def test_only_the_champion_that_was_meant_is_rolled_back(
    training: ModelRegistry, tenant: TenantId, clock: FixedClock
) -> None:
    first, second = [await publish(training, tenant, clock, number) for number in (1.0, 2.0)]
    with pytest.raises(Conflict):
        await training.roll_back(tenant, **BY, expected=first.version)
    assert (await training.roll_back(tenant, **BY, expected=second.version)).version == first.version


async def test_a_version_that_fails_the_gate_is_kept_and_the_champion_stays(
    training: ModelRegistry, serving: Serving, tenant: TenantId, clock: FixedClock
) -> None:
    champion = await publish(training, tenant, clock, 1.0)
    clock.set(clock.now() + timedelta(minutes=1))
    failed = Verdict(passed=False, champion=champion.version, details={"reasons": ["worse for newcomers"]})
    rejected = await training.publish(tenant, artifact(2.0), failed)
    assert (rejected.status, rejected.reasons) == (ModelStatus.REJECTED, ("worse for newcomers",))
    assert version(await serving("api").current(tenant)) == champion.version
    clock.set(clock.now() + timedelta(minutes=1))
    forced = Verdict(passed=False, champion=champion.version, details=failed.details, forced=True)
    assert (await training.publish(tenant, artifact(3.0), forced)).status is ModelStatus.CHAMPION


async def test_a_comparison_with_a_champion_of_the_past_makes_no_champion(
    training: ModelRegistry, tenant: TenantId, clock: FixedClock
) -> None:
    first = await publish(training, tenant, clock, 1.0)
    await publish(training, tenant, clock, 2.0)
    clock.set(clock.now() + timedelta(minutes=1))
    late = await training.publish(tenant, artifact(3.0), passed(first.version))
    assert late.status is ModelStatus.CHALLENGER
    assert (await training.promote(tenant, late.version, **BY)).status is ModelStatus.CHAMPION


CHAMPION = "version = $2 AND $1::text IS NOT NULL"
TAMPERING = {
    "flipped byte": f"""UPDATE ml_models
        SET artifact = set_byte(artifact, 200, get_byte(artifact, 200) # 1) WHERE {CHAMPION}""",
    "unsigned": f"UPDATE ml_models SET signature = NULL WHERE {CHAMPION}",
    "forged": f"UPDATE ml_models SET signature = set_byte(signature, 0, get_byte(signature, 0) # 1) WHERE {CHAMPION}",
    # What somebody would do who can write: other bytes with the checksum that fits them.
    "other bytes": """UPDATE ml_models m SET artifact = o.artifact, sha256 = o.sha256, size_bytes = o.size_bytes
        FROM ml_models o WHERE m.version = $2 AND o.version = $1 AND m.tenant_id = o.tenant_id""",
    "other bytes and signature": """UPDATE ml_models m
        SET artifact = o.artifact, sha256 = o.sha256, signature = o.signature
        FROM ml_models o WHERE m.version = $2 AND o.version = $1 AND m.tenant_id = o.tenant_id""",
}
SWAP = """UPDATE ml_models m SET artifact = o.artifact, sha256 = o.sha256, signature = o.signature FROM ml_models o
    WHERE (m.version = $1 AND o.version = $2 OR m.version = $2 AND o.version = $1) AND m.tenant_id = o.tenant_id"""


@pytest.mark.parametrize("tampering", TAMPERING.values(), ids=TAMPERING)
async def test_a_tampered_champion_is_not_served(
    tampering: str,
    training: ModelRegistry,
    serving: Serving,
    worker_database: Database,
    tenant: TenantId,
    clock: FixedClock,
) -> None:
    before, champion = [await publish(training, tenant, clock, number) for number in (1.0, 2.0)]
    async with worker_database.transaction(tenant) as tx:
        await tx.execute(tampering, before.version, champion.version)
    assert version(await serving("api").current(tenant)) == before.version


@pytest.mark.parametrize("with_signatures", [True, False])
async def test_two_versions_whose_bytes_were_swapped_are_both_not_served(
    with_signatures: bool,
    training: ModelRegistry,
    serving: Serving,
    worker_database: Database,
    tenant: TenantId,
    clock: FixedClock,
) -> None:
    good, other, champion = [await publish(training, tenant, clock, number) for number in (1.0, 2.0, 3.0)]
    swap = SWAP if with_signatures else SWAP.replace(", signature = o.signature", "")
    async with worker_database.transaction(tenant) as tx:
        await tx.execute(swap, other.version, champion.version)
    assert version(await serving("api").current(tenant)) == good.version
    with pytest.raises(Conflict, match="signature"):
        await training.promote(tenant, other.version, **BY)


async def test_a_version_copied_to_another_tenant_is_not_served_there(
    training: ModelRegistry, serving: Serving, worker_database: Database, tenant: TenantId, clock: FixedClock
) -> None:
    record = await publish(training, tenant, clock, 1.0)
    other = TenantId(f"{tenant}-other")
    async with worker_database.transaction(other) as tx:
        await tx.execute("INSERT INTO tenants (tenant_id, name, created_at) VALUES ($1, $1, now())", other)
        await tx.execute(
            "INSERT INTO ml_models (tenant_id, name, version, algorithm, status, sha256, size_bytes, artifact, "
            "trained_at, created_at, signature) SELECT $1, name, version, algorithm, status, sha256, size_bytes, "
            "artifact, trained_at, created_at, signature FROM ml_models WHERE version = $2 AND tenant_id = $3",
            other,
            record.version,
            tenant,
        )
    assert await serving("api").current(other) is None


async def test_serving_says_who_serves_and_touches_nothing_else(
    training: ModelRegistry, database: Database, tenant: TenantId, clock: FixedClock, tmp_path: Path
) -> None:
    first, second = [await publish(training, tenant, clock, number) for number in (1.0, 2.0)]
    api = registry_of(PostgresModelStore(database, clock), tmp_path / "api", clock)
    assert (await api.roll_back(tenant, **BY)).version == first.version
    assert (await api.promote(tenant, second.version, **BY)).version == second.version
    for column in ("artifact", "signature", "sha256", "verdict"):
        with pytest.raises(InsufficientPrivilegeError):
            async with database.transaction(tenant) as tx:
                await tx.execute(f"UPDATE ml_models SET {column} = NULL")
    with pytest.raises(InsufficientPrivilegeError):
        async with database.transaction(tenant) as tx:
            await tx.execute("DELETE FROM model_changes")


async def test_old_versions_lose_their_bytes_and_keep_their_record(
    training: ModelRegistry, tenant: TenantId, clock: FixedClock
) -> None:
    for number in range(KEPT_RETIRED + 3):
        champion = await publish(training, tenant, clock, float(number))
    for number in range(KEPT_OTHERS + 2):
        clock.set(clock.now() + timedelta(minutes=1))
        await training.publish(
            tenant, artifact(100.0 + number), Verdict(passed=False, champion=champion.version, details={})
        )
    found = await training.versions(tenant)
    rejected = [record.stored for record in found if record.status is ModelStatus.REJECTED]
    retired = [record.stored for record in found if record.status is ModelStatus.RETIRED]
    assert rejected == [True] * KEPT_OTHERS + [False] * 2
    assert retired == [True] * KEPT_RETIRED + [False] * 2
    with pytest.raises(Conflict):
        await training.promote(tenant, found[-1].version, **BY)


async def test_a_version_under_test_is_served_until_its_bytes_are_deleted(
    training: ModelRegistry, serving: Serving, worker_database: Database, tenant: TenantId, clock: FixedClock
) -> None:
    first, _ = [await publish(training, tenant, clock, number) for number in (1.0, 2.0)]
    api = serving("api")
    assert await api.pinned(tenant, ModelVersion("not-yet")) is None
    assert version(await api.pinned(tenant, first.version)) == first.version
    async with worker_database.transaction(tenant) as tx:
        await tx.execute("UPDATE ml_models SET artifact = NULL WHERE version = $1", first.version)
    clock.set(clock.now() + timedelta(seconds=1))
    assert await api.pinned(tenant, first.version) is None


async def test_a_version_under_test_that_was_damaged_is_tried_again(
    training: ModelRegistry, serving: Serving, worker_database: Database, tenant: TenantId, clock: FixedClock
) -> None:
    first, _ = [await publish(training, tenant, clock, number) for number in (1.0, 2.0)]
    api = serving("api")
    change = "UPDATE ml_models SET signature = $2 WHERE version = $1"
    async with worker_database.transaction(tenant) as tx:
        await tx.execute(change, first.version, None)
    assert await api.pinned(tenant, first.version) is None
    async with worker_database.transaction(tenant) as tx:
        await tx.execute(change, first.version, first.signature)
    for later, served in ((timedelta(seconds=1), None), (REJECTED_FOR, first.version)):
        clock.set(clock.now() + later)
        loaded = await api.pinned(tenant, first.version)
        assert (None if loaded is None else loaded.record.version) == served

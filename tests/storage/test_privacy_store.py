import asyncio
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import asyncpg
import pytest

from domain.behavior.model import Event
from domain.behavior.sealing import SealedEvent
from domain.behavior.store import PostgresImportStore
from domain.clock import FixedClock
from domain.errors import ConsentRequired, ValidationFailed
from domain.ids import EventId, ItemId, SubjectId, TenantId, UserId
from domain.keyring.store import PostgresVault
from domain.privacy.model import OBSERVED_PURPOSES, ConsentPurpose, PrivacyLevel
from domain.privacy.receipts import PrivacyPolicy
from domain.storage.postgres import Database, Databases, statements_run
from domain.storage.roles import Role
from tests.storage.privacy_room import ANNA, BERT, IMPORTED, SAID, Room

BEHAVIOUR = ConsentPurpose.BEHAVIOUR_COLLECTION


@pytest.fixture
def room(databases: Databases, clock: FixedClock) -> Room:
    return Room(databases, clock)


async def test_without_consent_nothing_is_collected_and_nobody_is_founded(room: Room, tenant: TenantId) -> None:
    with pytest.raises(ConsentRequired):
        await room.service.collecting_subject(tenant, ANNA)
    settings = await room.service.settings(tenant, ANNA)
    assert (settings.subject, settings.privacy_level, settings.collects) == (None, PrivacyLevel.STRICT, False)
    assert await room.directory.resolve(tenant, ANNA) is None


async def test_consent_holds_in_the_row_that_guards_collection(room: Room, clock: FixedClock, tenant: TenantId) -> None:
    anna = await room.agree(tenant, ANNA)
    assert await room.row(tenant, anna.subject_id) == ("standard", True, True)
    assert await room.service.collecting_subject(tenant, ANNA) == anna
    settings = await room.service.settings(tenant, ANNA)
    assert {r.purpose for r in settings.receipts} == OBSERVED_PURPOSES
    assert {(r.granted, r.policy_version, r.source, r.jurisdiction, r.legal_basis) for r in settings.receipts} == {
        (True, "2026-01", "settings-page", "DE", "consent")
    }
    assert {r.recorded_at for r in settings.receipts} == {clock.now()}


async def test_withdrawal_is_one_call_and_ends_collection(room: Room, tenant: TenantId) -> None:
    anna = await room.agree(tenant, ANNA)
    withdrawn = await room.service.withdraw(tenant, ANNA, evidence=SAID)
    assert not any([withdrawn.collects, withdrawn.trains, withdrawn.personalizes])
    assert await room.row(tenant, anna.subject_id) == ("standard", False, False)
    with pytest.raises(ConsentRequired):
        await room.service.collecting_subject(tenant, ANNA)


async def test_a_withdrawal_counts_even_if_its_clock_is_behind(room: Room, clock: FixedClock, tenant: TenantId) -> None:
    await room.agree(tenant, ANNA)
    clock.set(clock.now() - timedelta(hours=1))
    await room.service.withdraw(tenant, ANNA, evidence=SAID)
    again = await room.directory.resolve(tenant, ANNA)
    assert again is not None
    assert BEHAVIOUR in again.consents.withdrawn
    receipts = (await room.service.settings(tenant, ANNA)).receipts
    assert [r.granted for r in receipts] == [False] * len(ConsentPurpose) + [True] * len(OBSERVED_PURPOSES)


async def test_each_change_is_announced_with_the_next_version_and_repetition_is_not(
    room: Room, tenant: TenantId
) -> None:
    await room.agree(tenant, ANNA)
    repeated = await room.agree(tenant, ANNA)
    assert repeated.version == 1
    strict = await room.service.update_settings(tenant, ANNA, level=PrivacyLevel.STRICT, evidence=SAID)
    assert strict.version == 2
    assert await room.updates(tenant, strict) == [
        (1, "consent_changed", {"privacyLevel": "standard", "collects": True, "personalizes": True, "gpc": False}),
        (2, "consent_changed", {"privacyLevel": "strict", "collects": False, "personalizes": False, "gpc": False}),
    ]
    assert len((await room.service.settings(tenant, ANNA)).receipts) == 3 * len(OBSERVED_PURPOSES)


async def test_choosing_a_level_and_opting_out_of_sharing(room: Room, tenant: TenantId) -> None:
    await room.agree(tenant, ANNA)
    anna = await room.service.update_settings(tenant, ANNA, level=PrivacyLevel.PERMISSIVE, gpc=True, evidence=SAID)
    assert (anna.privacy_level, anna.gpc, anna.collects) == (PrivacyLevel.PERMISSIVE, True, True)
    with pytest.raises(ValidationFailed):
        await room.service.update_settings(tenant, ANNA, evidence=SAID)
    with pytest.raises(ValidationFailed):
        await room.service.record_consent(tenant, ANNA, (), granted=True, evidence=SAID)


async def test_decisions_that_race_all_count(databases: Databases, clock: FixedClock, tenant: TenantId) -> None:
    rooms = [Room(databases, clock) for _ in range(5)]
    purposes = list(ConsentPurpose)
    await asyncio.gather(*(room.agree(tenant, ANNA, p) for room, p in zip(rooms, purposes, strict=True)))
    anna = await rooms[0].directory.resolve(tenant, ANNA)
    assert anna is not None
    assert anna.consents.granted == set(purposes)
    assert anna.version == len(purposes)
    assert await rooms[0].row(tenant, anna.subject_id) == ("standard", True, True)
    recorded = [r.recorded_at for r in (await rooms[0].service.settings(tenant, ANNA)).receipts]
    assert len(set(recorded)) == len(recorded)


async def test_an_operators_default_founds_consenting_people(
    databases: Databases, clock: FixedClock, tenant: TenantId
) -> None:
    policy = PrivacyPolicy("2026-01", PrivacyLevel.STANDARD, "contract")
    room = Room(databases, clock, policy)
    assert (await room.service.settings(tenant, ANNA)).collects
    assert await room.directory.resolve(tenant, ANNA) is None
    anna = await room.service.collecting_subject(tenant, ANNA)
    assert await room.row(tenant, anna.subject_id) == ("standard", True, True)
    receipts = (await room.service.settings(tenant, ANNA)).receipts
    assert {(r.source, r.legal_basis) for r in receipts} == {("operator-default", "contract")}
    await room.service.withdraw(tenant, ANNA, evidence=SAID)
    with pytest.raises(ConsentRequired):
        await room.service.collecting_subject(tenant, ANNA)


async def test_an_import_records_its_legal_basis_and_undoes_no_withdrawal(
    room: Room, clock: FixedClock, tenant: TenantId
) -> None:
    silent, gone, strict, new = (UserId(name) for name in ("silent", "gone", "strict", "new"))
    await room.directory.ensure(tenant, silent)
    await room.agree(tenant, gone)
    await room.service.withdraw(tenant, gone, evidence=SAID)
    await room.service.update_settings(tenant, strict, level=PrivacyLevel.STRICT, evidence=SAID)
    clock.set(clock.now() + timedelta(days=1))
    people = await room.service.record_consents_bulk(tenant, [silent, gone, strict, new], evidence=IMPORTED)
    assert [people[u].collects for u in (silent, gone, strict, new)] == [True, False, False, True]
    assert [people[u].trains for u in (silent, gone, strict, new)] == [True, False, False, True]
    for user_id in (silent, new):
        receipts = (await room.service.settings(tenant, user_id)).receipts
        assert {(r.source, r.legal_basis, r.granted) for r in receipts} == {("import", "research licence", True)}
    assert people == await room.directory.resolve_many(tenant, [silent, gone, strict, new])


async def test_repeating_an_import_adds_nothing(room: Room, tenant: TenantId) -> None:
    users = [UserId(f"u{number}") for number in range(40)]
    first = await room.service.record_consents_bulk(tenant, users, evidence=IMPORTED)
    assert await room.service.record_consents_bulk(tenant, users, evidence=IMPORTED) == first
    assert len((await room.service.settings(tenant, users[0])).receipts) == len(OBSERVED_PURPOSES)


@pytest.mark.parametrize("role", [Role.SERVICE, Role.WORKER, Role.TRAINER])
async def test_no_role_but_the_vaults_reaches_a_key(databases: Databases, tenant: TenantId, role: Role) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await PostgresVault(databases[role]).fetch(tenant, [SubjectId(UUID(int=1))])


async def test_the_trainer_sees_people_only_while_they_agree(
    room: Room, trainer_database: Database, tenant: TenantId
) -> None:
    async def seen() -> list[UUID]:
        async with trainer_database.transaction(tenant) as tx:
            return [row["subject_id"] for row in await tx.rows("SELECT subject_id FROM subjects")]

    anna = await room.agree(tenant, ANNA)
    await room.directory.ensure(tenant, BERT)
    assert await seen() == [anna.subject_id]
    await room.service.record_consent(tenant, ANNA, {ConsentPurpose.TRAINING}, granted=False, evidence=SAID)
    assert await seen() == []


async def test_nothing_of_a_person_is_read_without_naming_them(room: Room, tenant: TenantId) -> None:
    await room.agree(tenant, ANNA)
    async with room.database.transaction(tenant) as tx:
        for table in ("subjects", "consents", "outbox"):
            assert await tx.value(f"SELECT count(*) FROM {table}") == 0


async def test_an_import_stores_nothing_for_whoever_withdraws_meanwhile(room: Room, tenant: TenantId) -> None:
    anna = (await room.agree(tenant, ANNA)).subject_id
    imports = PostgresImportStore(room.database)
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    past = SealedEvent(Event(EventId(uuid4()), "template_used", ItemId("modern"), None, moment, {}), None)
    async with room.database.transaction(tenant, (anna,)) as withdrawal:
        await withdrawal.execute("UPDATE subjects SET collects = false WHERE subject_id = $1", anna)
        running = asyncio.create_task(imports.append_many(tenant, [(anna, past)], moment))
        # The import must wait for the decision; a second is ample for one that does not.
        await asyncio.wait([running], timeout=1)
        assert not running.done()
    assert await running == 0


async def test_deciding_for_many_takes_as_many_statements_as_for_a_few(room: Room, tenant: TenantId) -> None:
    counts: list[int] = []
    for name, size in (("few", 2), ("many", 200)):
        users = [UserId(f"{name}{number}") for number in range(size)]
        await room.directory.ensure_many(tenant, users)
        noted: list[str] = []
        token = statements_run.set(noted)
        try:
            people = await room.service.record_consents_bulk(tenant, users, evidence=IMPORTED)
        finally:
            statements_run.reset(token)
        assert {subject.version for subject in people.values()} == {1}
        counts.append(len(noted))
    assert counts[0] == counts[1]

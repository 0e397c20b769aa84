import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest

from domain.clock import FixedClock
from domain.errors import NotFound, ValidationFailed
from domain.ids import SubjectId, TenantId, UserId
from domain.privacy.data_keys import DataKeys, KeyMissing
from domain.privacy.directory import Newcomer
from domain.privacy.encryption import SealBroken
from domain.privacy.model import Subject
from domain.storage.postgres import Databases, statements_run
from domain.storage.roles import Role
from tests.storage.privacy_room import ANNA, BERT, KEKS, Room


@pytest.fixture
def room(databases: Databases, clock: FixedClock) -> Room:
    return Room(databases, clock)


async def test_a_person_is_founded_once_and_found_again(room: Room, tenant: TenantId) -> None:
    assert await room.directory.resolve(tenant, ANNA) is None
    anna = await room.directory.ensure(tenant, ANNA)
    assert anna == Subject(tenant, anna.subject_id)
    assert await room.directory.ensure(tenant, ANNA) == anna
    assert await room.directory.resolve(tenant, ANNA) == anna


async def test_the_external_id_is_found_sealed_only(room: Room, tenant: TenantId) -> None:
    anna = await room.directory.ensure(tenant, ANNA)
    sealed = (await room.store.external_ids(tenant, [anna.subject_id]))[anna.subject_id]
    assert ANNA.encode() not in sealed
    assert await room.directory.external_id(tenant, anna.subject_id) == ANNA
    with pytest.raises(NotFound):
        await room.directory.external_id(tenant, SubjectId(uuid4()))


async def test_one_external_id_is_another_person_in_another_tenant(
    room: Room, tenant: TenantId, databases: Databases
) -> None:
    other = TenantId(f"{tenant}-b")
    async with databases[Role.SERVICE].transaction(other) as tx:
        await tx.execute("INSERT INTO tenants (tenant_id, name, created_at) VALUES ($1, $1, now())", other)
    anna = await room.directory.ensure(tenant, ANNA)
    stranger = await room.directory.ensure(other, ANNA)
    assert anna.subject_id != stranger.subject_id
    assert room.directory.identity_hash(tenant, ANNA) != room.directory.identity_hash(other, ANNA)
    with pytest.raises(KeyMissing):
        await room.data_keys.key_for(other, anna.subject_id)


async def test_another_process_finds_the_same_person_and_key(
    room: Room, databases: Databases, clock: FixedClock, tenant: TenantId
) -> None:
    anna = await room.directory.ensure(tenant, ANNA)
    elsewhere = Room(databases, clock)
    assert await elsewhere.directory.resolve(tenant, ANNA) == anna
    assert await elsewhere.directory.external_id(tenant, anna.subject_id) == ANNA


async def test_concurrent_calls_found_one_person(databases: Databases, clock: FixedClock, tenant: TenantId) -> None:
    rooms = [Room(databases, clock) for _ in range(12)]
    founded = await asyncio.gather(*(room.directory.ensure(tenant, ANNA) for room in rooms))
    assert len({subject.subject_id for subject in founded}) == 1
    for room in rooms:
        assert await room.directory.external_id(tenant, founded[0].subject_id) == ANNA


async def test_overlapping_imports_found_each_person_once(
    databases: Databases, clock: FixedClock, tenant: TenantId
) -> None:
    users = [UserId(f"u{number}") for number in range(60)]
    orders: Sequence[list[UserId]] = (users, users[::-1], users[20:], users[:40][::-1])
    answers = await asyncio.gather(*(Room(databases, clock).directory.ensure_many(tenant, o) for o in orders))
    for answer in answers:
        assert all(answer[user_id] == answers[0][user_id] for user_id in answer)
    assert len({subject.subject_id for subject in answers[0].values()}) == len(users)


async def test_many_people_take_as_many_statements_as_one(room: Room, tenant: TenantId) -> None:
    noted: list[str] = []
    token = statements_run.set(noted)
    try:
        await room.directory.ensure_many(tenant, [UserId(f"u{number}") for number in range(500)])
        founding = len(noted)
        await room.directory.ensure(tenant, ANNA)
        assert len(noted) == 2 * founding
        noted.clear()
        await room.directory.resolve(tenant, ANNA)
        assert len(noted) == 1
    finally:
        statements_run.reset(token)


async def test_a_crash_after_the_identity_heals(room: Room, tenant: TenantId) -> None:
    claimed = await room.store.claim(tenant, {room.directory.identity_hash(tenant, ANNA): SubjectId(uuid4())})
    assert await room.directory.resolve(tenant, ANNA) is None
    anna = await room.directory.ensure(tenant, ANNA)
    assert [anna.subject_id] == list(claimed.values())
    assert await room.directory.external_id(tenant, anna.subject_id) == ANNA


async def test_a_crash_after_the_key_heals_and_keeps_the_key(
    room: Room, databases: Databases, clock: FixedClock, tenant: TenantId
) -> None:
    subject = SubjectId(uuid4())
    await room.store.claim(tenant, {room.directory.identity_hash(tenant, ANNA): subject})
    key = (await room.data_keys.ensure(tenant, [subject]))[subject]
    assert await room.directory.resolve(tenant, ANNA) is None
    elsewhere = Room(databases, clock)
    assert (await elsewhere.directory.ensure(tenant, ANNA)).subject_id == subject
    sealed = (await room.store.external_ids(tenant, [subject]))[subject]
    assert key.open("subjects", "external_id_sealed", sealed).decode() == ANNA


async def test_founding_again_changes_nobody(room: Room, tenant: TenantId, clock: FixedClock) -> None:
    anna = await room.agree(tenant, ANNA)
    await room.store.add(tenant, [Newcomer(replace(anna, collects=False), b"other", [])], clock.now())
    assert await room.directory.resolve(tenant, ANNA) == anna
    assert await room.directory.external_id(tenant, anna.subject_id) == ANNA


async def test_an_erased_person_who_comes_back_is_someone_new(
    room: Room, databases: Databases, clock: FixedClock, tenant: TenantId
) -> None:
    elsewhere = Room(databases, clock)
    anna = await room.directory.ensure(tenant, ANNA)
    await elsewhere.directory.ensure(tenant, ANNA)
    async with room.database.transaction(tenant, (anna.subject_id,)) as tx:
        await tx.execute("DELETE FROM subject_identities WHERE subject_id = $1", anna.subject_id)
        await tx.execute("UPDATE subjects SET erased_at = now()")
    for process in (room, elsewhere):
        assert await process.directory.resolve(tenant, ANNA) is None
    returned = await room.directory.ensure(tenant, ANNA)
    assert returned.subject_id != anna.subject_id
    assert await elsewhere.directory.ensure(tenant, ANNA) == returned


async def test_an_unknown_tenant_founds_nobody(room: Room) -> None:
    with pytest.raises(NotFound):
        await room.directory.ensure(TenantId("nowhere"), ANNA)


async def test_a_bad_user_id_among_many_founds_nobody(room: Room, tenant: TenantId) -> None:
    with pytest.raises(ValidationFailed) as refusal:
        await room.directory.ensure_many(tenant, [ANNA, UserId("bad\x00id")])
    assert refusal.value.field == "userId"
    assert await room.directory.resolve(tenant, ANNA) is None


async def test_keys_are_fetched_in_one_query_and_remembered_for_a_while(
    room: Room, clock: FixedClock, tenant: TenantId
) -> None:
    people = await room.directory.ensure_many(tenant, [UserId(f"u{number}") for number in range(5)])
    subjects = [subject.subject_id for subject in people.values()]
    noted: list[str] = []
    token = statements_run.set(noted)
    try:
        for subject in subjects:
            room.data_keys.forget(subject)
        assert set(await room.data_keys.keys_for(tenant, [*subjects, SubjectId(uuid4())])) == set(subjects)
        assert len(noted) == 1
        await room.data_keys.keys_for(tenant, subjects)
        assert len(noted) == 1
        clock.set(clock.now() + timedelta(minutes=2))
        await room.data_keys.keys_for(tenant, subjects)
        assert len(noted) == 2
    finally:
        statements_run.reset(token)


async def test_no_more_keys_are_remembered_than_there_is_room_for(
    room: Room, clock: FixedClock, tenant: TenantId
) -> None:
    people = await room.directory.ensure_many(tenant, [ANNA, BERT])
    anna, bert = (people[user_id].subject_id for user_id in (ANNA, BERT))
    narrow = DataKeys(room.vault, KEKS, clock, capacity=1)
    first = await narrow.key_for(tenant, anna)
    assert await narrow.key_for(tenant, anna) is first
    await narrow.key_for(tenant, bert)
    assert await narrow.key_for(tenant, anna) is not first


async def test_a_destroyed_key_shreds_what_it_sealed(room: Room, databases: Databases, tenant: TenantId) -> None:
    anna = await room.directory.ensure(tenant, ANNA)
    sealed = (await room.data_keys.key_for(tenant, anna.subject_id)).seal("t", "c", b"secret")
    async with databases[Role.KEYS].transaction(tenant, (anna.subject_id,)) as tx:
        await tx.execute("DELETE FROM vault.data_keys WHERE subject_id = $1", anna.subject_id)
    room.data_keys.forget(anna.subject_id)
    with pytest.raises(KeyMissing):
        await room.data_keys.key_for(tenant, anna.subject_id)
    fresh = (await room.data_keys.ensure(tenant, [anna.subject_id]))[anna.subject_id]
    with pytest.raises(SealBroken):
        fresh.open("t", "c", sealed)


async def test_wrapped_keys_swapped_between_people_are_refused(
    room: Room, databases: Databases, tenant: TenantId
) -> None:
    people = await room.directory.ensure_many(tenant, [ANNA, BERT])
    anna, bert = (people[user_id].subject_id for user_id in (ANNA, BERT))
    async with databases[Role.KEYS].transaction(tenant, (anna, bert)) as tx:
        await tx.execute(
            "UPDATE vault.data_keys a SET wrapped = b.wrapped FROM vault.data_keys b "
            "WHERE a.subject_id = $1 AND b.subject_id = $2",
            anna,
            bert,
        )
    room.data_keys.forget(anna)
    with pytest.raises(SealBroken):
        await room.data_keys.key_for(tenant, anna)

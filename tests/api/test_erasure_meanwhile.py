"""What happens at the moment of an erasure: whoever is being founded, archived or trained on does not outlast it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any

import pytest

from domain.errors import Unavailable
from domain.exports.service import KEPT_FOR
from domain.exports.store import PostgresExports
from domain.ids import SubjectId, TenantId, UserId
from domain.privacy.directory import Newcomer
from domain.privacy.inventory import DATA_MAP
from domain.privacy.model import Subject
from domain.receipts.signing import verified
from domain.rights.model import RequestState
from domain.storage.postgres import Database, Databases, Transaction
from domain.storage.roles import Role
from tests.api.canary import rows_left
from tests.api.graphql_room import caller
from tests.api.rest_room import RestRoom
from tests.api.test_exports import ANNA, BERT, LINK, fetched, made
from tests.api.test_identities import MERGE, VISITOR, merging

DAY = timedelta(days=1)
LEFT = {"subjects", "consents"}


async def subject_of(room: RestRoom, user: str) -> SubjectId:
    subject = await room.services.directory.resolve(room.tenant, UserId(user))
    assert subject is not None
    return subject.subject_id


async def test_whoever_is_being_founded_meanwhile_is_not(
    room: RestRoom, databases: Databases, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, people = room.services.directory._store, list[SubjectId]()
    add = store.add

    async def late(tenant: TenantId, newcomers: Sequence[Newcomer], at: datetime) -> dict[SubjectId, Subject]:
        people.extend(newcomer.subject.subject_id for newcomer in newcomers)
        await room.services.rights.erase(tenant, UserId(ANNA))
        return await add(tenant, newcomers, at)

    monkeypatch.setattr(store, "add", late)
    with pytest.raises(Unavailable, match="being erased"):
        await room.services.directory.ensure(room.tenant, UserId(ANNA))
    assert await store.external_ids(room.tenant, people) == {}
    assert set(await rows_left(databases, room.tenant, people)) == {"subjects"}
    monkeypatch.undo()
    assert (await room.services.directory.ensure(room.tenant, UserId(ANNA))).subject_id not in people


class Halting:
    """A database whose transactions wait after their first statement until they may go on."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.begun, self.going_on = asyncio.Event(), asyncio.Event()

    @asynccontextmanager
    async def transaction(self, *about: Any, **how: Any) -> AsyncIterator["HaltingTransaction"]:
        async with self._database.transaction(*about, **how) as tx:
            yield HaltingTransaction(tx, self)


class HaltingTransaction:
    """A transaction of it."""

    def __init__(self, tx: Transaction, halting: Halting) -> None:
        self._tx, self._halting = tx, halting

    def __getattr__(self, name: str) -> Callable[..., Awaitable[Any]]:
        async def run(*arguments: Any) -> Any:
            answer = await getattr(self._tx, name)(*arguments)
            self._halting.begun.set()
            await self._halting.going_on.wait()
            return answer

        return run


async def test_an_archive_that_is_being_kept_meanwhile_goes_too(room: RestRoom, databases: Databases) -> None:
    await room.agree(ANNA)
    subject = await subject_of(room, ANNA)
    request = await room.services.rights.request_export(room.tenant, UserId(ANNA))
    halting, now = Halting(databases[Role.EXPORTER]), room.services.clock.now()
    store = PostgresExports(halting, DATA_MAP)  # type: ignore[arg-type]  # what it uses of a database
    keeping = asyncio.create_task(store.keep(request, subject, b"sealed", now, now + KEPT_FOR))
    await halting.begun.wait()
    erasing = asyncio.create_task(room.services.rights.erase(room.tenant, UserId(ANNA)))
    await asyncio.wait({erasing}, timeout=0.5)
    halting.going_on.set()
    done, erased = await asyncio.gather(keeping, erasing)
    assert (done.state, erased.state) == (RequestState.DONE, RequestState.DONE)
    assert set(await rows_left(databases, room.tenant, [subject])) <= LEFT


async def test_an_archive_that_is_kept_after_an_erasure_is_not(room: RestRoom, databases: Databases) -> None:
    await room.agree(ANNA)
    subject, now = await subject_of(room, ANNA), room.services.clock.now()
    request = await room.services.rights.request_export(room.tenant, UserId(ANNA))
    await room.services.rights.erase(room.tenant, UserId(ANNA))
    await PostgresExports(databases[Role.EXPORTER], DATA_MAP).keep(request, subject, b"sealed", now, now + KEPT_FOR)
    assert set(await rows_left(databases, room.tenant, [subject])) <= LEFT


async def test_a_link_still_works_where_the_key_could_not_be_had(
    room: RestRoom, monkeypatch: pytest.MonkeyPatch
) -> None:
    anna, request = await made(room)
    link = await anna.ask(LINK, user=ANNA, id=request)

    async def away(*_arguments: Any) -> Any:
        raise Unavailable("the vault is away", retry_after_seconds=1)

    monkeypatch.setattr(room.services.exports._keys, "keys_for", away)
    assert (await fetched(anna, link["path"])).status_code == 503
    monkeypatch.undo()
    assert (await fetched(anna, link["path"])).status_code == 200


async def test_an_export_that_cannot_be_made_keeps_no_other_waiting(room: RestRoom, databases: Databases) -> None:
    for user in (ANNA, BERT):
        await room.agree(user)
        await room.services.rights.request_export(room.tenant, UserId(user))
    async with databases[Role.SERVICE].transaction(room.tenant, [await subject_of(room, ANNA)]) as tx:
        await tx.execute("UPDATE subjects SET external_id_sealed = '\\x01'")
    assert await room.services.rights.run_waiting(room.tenant) == 1
    [failed], [done] = [await room.services.rights.requests(room.tenant, UserId(user)) for user in (ANNA, BERT)]
    assert (failed.state, done.state) == (RequestState.WAITING, RequestState.DONE)
    assert failed.error is not None


async def test_models_may_have_learned_since_the_first_of_the_merged_ids_came(
    room: RestRoom, databases: Databases
) -> None:
    await room.agree(VISITOR)
    visitor = await subject_of(room, VISITOR)
    async with databases[Role.SERVICE].transaction(room.tenant, [visitor]) as tx:
        came = await tx.value("UPDATE subjects SET created_at = created_at - $1::interval RETURNING created_at", DAY)
    await room.agree(ANNA)
    merged = await caller(room.app, room.tenant, ANNA).ask(MERGE, input=merging(room))
    assert merged["mergedNow"]
    erased = await room.services.rights.erase(room.tenant, UserId(ANNA))
    assert erased.taught_since == came
    receipt = verified((await room.services.rights.receipt(room.tenant, erased.request_id)).encode() + b"\n")
    [training] = [entry for entry in receipt["reached"] if entry["name"] == "versions in training"]
    assert training["level"] == "pending"


async def test_no_model_learned_from_whoever_never_agreed(room: RestRoom) -> None:
    erased = await room.services.rights.erase(room.tenant, UserId("nobody"))
    receipt = verified((await room.services.rights.receipt(room.tenant, erased.request_id)).encode() + b"\n")
    assert [entry["name"] for entry in receipt["reached"] if entry["store"] == "models"] == ["all versions"]

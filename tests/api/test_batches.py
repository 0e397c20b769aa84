"""The log of behaviour is learned from in batches of a hundred, or after a second, whoever dies on the way."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime, timedelta
from subprocess import CompletedProcess
from types import MappingProxyType
from typing import Any
from uuid import uuid4

import asyncpg
import pytest

from domain.bootstrap import WorkerServices, open_worker
from domain.clock import FixedClock, SystemClock
from domain.ids import EventId, SubjectId, TenantId, UserId
from domain.privacy.key_management import KeysUnusable
from domain.privacy.keys import LocalKeyManagement
from domain.profiles.service import MAX_ATTEMPTS, ProfileService
from domain.profiles.store import Counter
from domain.storage.postgres import Database, Transaction
from domain.storage.roles import Role
from tests.api.command import personalization
from tests.api.rest_room import RestRoom
from tests.api.test_audit_log import variables
from workers.behavior import LONGEST_WAIT, BatchLoop

USER = "anna"


@pytest.fixture
async def worker(room: RestRoom) -> AsyncIterator[WorkerServices]:
    """A worker with nothing left to do; other tests of this database may have left events."""
    await room.learn()
    async with open_worker(room.settings) as services:
        yield services


async def act(room: RestRoom, times: int) -> None:
    """Let Anna use templates so many times."""
    await room.agree(USER)
    async with room.caller(USER) as anna:
        for start in range(0, times, 50):
            actions = [
                {"type": "template_used", "feature": f"template_{n % 30}"} for n in range(start, min(start + 50, times))
            ]
            answer = await anna.post("/learn-preferences", json={"userId": USER, "behaviorData": {"actions": actions}})
            assert answer.json()["accepted"] == len(actions), answer.text


async def events_learned(room: RestRoom) -> int:
    async with room.caller(USER) as anna:
        return int((await anna.get(f"/profile/{USER}")).json()["profile"]["eventCount"])


async def test_waiting_events_are_taken_by_the_hundred(room: RestRoom, worker: WorkerServices) -> None:
    await act(room, 250)
    profiles = worker.services.profiles
    assert [(await profiles.learn_batch()).processed for _ in range(4)] == [100, 100, 50, 0]
    assert await events_learned(room) == 250


async def test_two_workers_never_learn_from_the_same_event(room: RestRoom, worker: WorkerServices) -> None:
    await act(room, 200)
    async with open_worker(room.settings) as other:
        outcomes = await asyncio.gather(
            *(services.services.profiles.learn_batch() for services in (worker, other, worker, other))
        )
    await room.learn()
    assert sum(outcome.processed for outcome in outcomes) <= 200
    assert await events_learned(room) == 200


async def test_the_batch_of_a_worker_that_died_is_free_without_waiting_for_a_deadline(
    room: RestRoom, worker: WorkerServices, role_urls: dict[Role, str]
) -> None:
    await act(room, 20)
    profiles = worker.services.profiles
    dying = await asyncpg.connect(role_urls[Role.WORKER])
    await dying.execute("BEGIN")
    assert await dying.fetchval("SELECT count(*) FROM lock_behavior_batch(100)") == 20
    assert (await profiles.learn_batch()).processed == 0
    dying.terminate()
    for _ in range(1000):
        if processed := (await profiles.learn_batch()).processed:
            break
        await asyncio.sleep(0.01)
    assert processed == await events_learned(room) == 20


def loop_at(worker: WorkerServices, clock: FixedClock) -> BatchLoop:
    profiles: ProfileService = worker.services.profiles
    return BatchLoop(worker.services.behavior, profiles, clock)


async def test_a_small_batch_waits_for_a_second_and_a_full_one_does_not(room: RestRoom, worker: WorkerServices) -> None:
    before = SystemClock().now()
    early = loop_at(worker, FixedClock(before))
    assert await early.step() is False
    await act(room, 99)
    assert await early.step() is False
    await act(room, 1)
    assert await early.step() is True
    await act(room, 1)
    assert await early.step() is False
    assert await loop_at(worker, FixedClock(SystemClock().now() + LONGEST_WAIT + timedelta(seconds=1))).step() is True
    assert await events_learned(room) == 101


async def spoil_key(room: RestRoom, keys_database: Database, user: str, change: str) -> None:
    subject = await room.services.directory.resolve(room.tenant, UserId(user))
    assert subject is not None
    async with keys_database.transaction(room.tenant, (subject.subject_id,)) as tx:
        await tx.execute(f"UPDATE vault.data_keys SET {change} WHERE subject_id = $1", subject.subject_id)


async def bert_acts(room: RestRoom) -> None:
    async with room.caller("bert") as bert:
        used = {"actions": [{"type": "template_used", "feature": "template_1"}]}
        assert (await bert.post("/learn-preferences", json={"userId": "bert", "behaviorData": used})).is_success


@pytest.mark.parametrize("change", ["wrapped = set_byte(wrapped, 20, get_byte(wrapped, 20) # 1)", "kek_id = 'lost'"])
async def test_a_key_that_cannot_be_used_holds_up_nobody_else(
    change: str, room: RestRoom, keys_database: Database
) -> None:
    await room.learn()
    await act(room, 3)
    await room.agree("bert")
    await bert_acts(room)
    await spoil_key(room, keys_database, USER, change)
    # A worker that has not unwrapped the key before.
    async with open_worker(room.settings) as fresh:
        profiles, behavior = fresh.services.profiles, fresh.services.behavior
        first = await profiles.learn_batch()
        assert (first.processed, first.set_aside) == (1, 3)
        assert (await behavior.backlog()).waiting == 3, "hers are tried again"
        for _ in range(MAX_ATTEMPTS - 1):
            await bert_acts(room)
            assert (await profiles.learn_batch()).processed == 1
        assert (await behavior.backlog()).waiting == 0, "and are set aside then"
        subject = await room.services.directory.resolve(room.tenant, UserId(USER))
        assert subject is not None
        assert subject.unannounced > 0, "what is cached of her counts no more, though nobody is told"
    async with room.caller("bert") as bert:
        assert (await bert.get("/profile/bert")).json()["profile"]["eventCount"] == MAX_ATTEMPTS


async def test_events_wait_while_the_service_lacks_its_keys(room: RestRoom, keys_database: Database) -> None:
    await room.learn()
    await act(room, 3)
    await spoil_key(room, keys_database, USER, "kek_id = 'not-mounted'")
    async with open_worker(room.settings) as fresh:
        for _ in range(MAX_ATTEMPTS + 1):
            with pytest.raises(KeysUnusable):
                await fresh.services.profiles.learn_batch()
    assert room.settings.kek_file is not None
    kek_id = LocalKeyManagement.from_file(room.settings.kek_file).newest_id
    await spoil_key(room, keys_database, USER, f"kek_id = '{kek_id}'")
    async with open_worker(room.settings) as mended:
        assert (await mended.services.profiles.learn_batch()).processed == 3


async def command(*arguments: str, **given: str) -> CompletedProcess[str]:
    return await asyncio.to_thread(personalization, *arguments, **given)


async def spoil_events(
    room: RestRoom,
    database: Database,
    number: int,
    which: str = "processed_at IS NULL",
    payload: Mapping[str, Any] = MappingProxyType({"attributes": "no object"}),
) -> None:
    """Let so many of Anna's events say this, which as it is breaks whoever learns from it."""
    subject = await room.services.directory.resolve(room.tenant, UserId(USER))
    assert subject is not None
    key = (await room.services.profiles._keys.keys_for(room.tenant, [subject.subject_id]))[subject.subject_id]
    sealed = key.seal_json("user_behavior_events", "payload_sealed", dict(payload))
    async with database.transaction(room.tenant, (subject.subject_id,)) as tx:
        await tx.execute(
            "UPDATE user_behavior_events SET payload_sealed = $2 WHERE event_id IN (SELECT event_id FROM "
            f"user_behavior_events WHERE subject_id = $1 AND {which} ORDER BY seq DESC LIMIT $3)",
            subject.subject_id,
            sealed,
            number,
        )


async def set_aside(room: RestRoom, database: Database) -> list[tuple[str, int]]:
    """Reason and tries of Anna's events that were set aside."""
    subject = await room.services.directory.resolve(room.tenant, UserId(USER))
    assert subject is not None
    async with database.transaction(room.tenant, (subject.subject_id,)) as tx:
        rows = await tx.rows(
            "SELECT quarantine_reason, attempts FROM user_behavior_events "
            "WHERE subject_id = $1 AND quarantined_at IS NOT NULL",
            subject.subject_id,
        )
    return [(row["quarantine_reason"], row["attempts"]) for row in rows]


async def test_an_event_that_breaks_learning_is_set_aside_and_all_others_are_learned(
    room: RestRoom, worker: WorkerServices, worker_database: Database
) -> None:
    await act(room, 100)
    await spoil_events(room, worker_database, 1)
    profiles = worker.services.profiles
    first = await profiles.learn_batch()
    assert (first.processed, first.set_aside) == (99, 1)
    for _ in range(MAX_ATTEMPTS - 1):
        await profiles.learn_batch()
    assert (await worker.services.behavior.backlog()).waiting == 0
    assert await set_aside(room, worker_database) == [("AttributeError", MAX_ATTEMPTS)]
    assert await events_learned(room) == 99

    given = variables(room)
    here = ("--tenant", room.tenant, "--json")
    [told] = json.loads((await command("quarantine", "list", *here, **given)).stdout)["events"]
    assert told["reason"] == "AttributeError"
    unknown = await command("quarantine", "replay", *here, "--event", str(uuid4()), **given)
    assert (unknown.returncode, unknown.stderr[:11]) == (1, "NOT_FOUND: ")
    await spoil_events(room, worker_database, 1, "quarantined_at IS NOT NULL", {"attributes": {"pace": "fast"}})
    back = await command("quarantine", "replay", *here, "--event", told["eventId"], **given)
    assert json.loads(back.stdout)["replayed"] == 1, back.stderr
    assert (await profiles.learn_batch()).processed == 1
    assert await events_learned(room) == 100
    assert json.loads((await command("quarantine", "list", *here, **given)).stdout)["events"] == []


class Breaking:
    """Counts as usual, but not what one person did."""

    def __init__(self, counter: Counter, subject: SubjectId) -> None:
        self._counter = counter
        self._subject = subject

    async def count(
        self, tx: Transaction, tenant: TenantId, events: Sequence[tuple[SubjectId, EventId]], now: datetime
    ) -> None:
        """Count them. Raises `ZeroDivisionError` for that person."""
        if any(subject == self._subject for subject, _ in events):
            raise ZeroDivisionError
        await self._counter.count(tx, tenant, events, now)


async def test_an_event_that_breaks_its_whole_batch_holds_up_no_other_person(
    room: RestRoom, worker: WorkerServices, worker_database: Database
) -> None:
    await act(room, 1)
    await room.agree("bert")
    for _ in range(3):
        await bert_acts(room)
    profiles = worker.services.profiles
    subject = await room.services.directory.resolve(room.tenant, UserId(USER))
    assert subject is not None
    store: Any = profiles._store
    store._counter = Breaking(store._counter, subject.subject_id)
    outcome = await profiles.learn_batch()
    assert (outcome.processed, outcome.set_aside) == (3, MAX_ATTEMPTS)
    assert await set_aside(room, worker_database) == [("ZeroDivisionError", MAX_ATTEMPTS)]
    async with room.caller("bert") as bert:
        assert (await bert.get("/profile/bert")).json()["profile"]["eventCount"] == 3

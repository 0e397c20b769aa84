"""Erasing a person: nothing readable is left, nothing comes back, and a signed receipt says what was reached."""

import asyncio
import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from domain.errors import Unavailable
from domain.ids import UserId
from domain.receipts.signing import require_chained, verified
from domain.rights.journal import Journal
from domain.rights.model import STEPS, Checkpoint, RequestState
from domain.storage.postgres import Database, Databases
from domain.storage.redis import RedisStore
from domain.storage.roles import Role
from graphql_api.auth import Scope
from tests.api.canary import CANARY, MARK, VISITOR, bytes_of_rows, keys_left, rows_left, through_every_door
from tests.api.command import personalization
from tests.api.graphql_room import CONSENT, LEARN, Graph, begun, caller, consent, served
from tests.api.rest_room import RestRoom, token
from tests.api.training_room import working
from tests.conftest import TEST_SECRET
from workers import main

ANNA, BERT = "anna@example.com", "bert@example.com"
LEARNT = {"userId": ANNA, "actions": [{"type": "template_used", "feature": "modern_template"}]}
ASK = """mutation Ask($user: String!) { requestErasure(input: { userId: $user }) {
  ... on PrivacyRequest { requestId kind state progress receipt } ... on Problem { code } } }"""
LOOK = "query Look($id: ID!) { privacyRequest(id: $id) { requestId kind state progress checkpoint receipt } }"
LISTED = "query Listed($user: String) { privacyRequests(userId: $user) { requestId } }"
FOLLOW = "subscription Follow($id: ID!) { privacyRequest(id: $id) { state progress checkpoint } }"


async def acted(room: RestRoom, user: str = ANNA) -> Graph:
    await room.agree(user)
    graph = caller(room.app, room.tenant, user)
    await graph.ask(LEARN, input={**LEARNT, "userId": user})
    return graph


async def test_of_a_canary_nothing_readable_is_left(room: RestRoom, databases: Databases, redis_url: str) -> None:
    subjects = await through_every_door(room)
    keys = room.services.imports._keys
    held = (await keys.keys_for(room.tenant, subjects))[subjects[0]]
    before = await rows_left(databases, room.tenant, subjects)
    assert len(before) >= 14, before
    async with databases[Role.SERVICE].transaction(room.tenant, subjects) as tx:
        sealed = await tx.value("SELECT attributes_sealed FROM user_accounts")
    assert MARK in str(held.open_json("user_accounts", "attributes_sealed", sealed))
    assert await keys_left(redis_url, map(str, subjects)) != []
    request = await room.services.rights.erase(room.tenant, UserId(CANARY))
    assert request.state is RequestState.DONE
    assert set(request.subjects) == set(subjects)
    assert set(await rows_left(databases, room.tenant, subjects)) == {"subjects", "consents"}
    assert MARK.encode() not in await bytes_of_rows(databases, room.tenant, subjects)
    assert await keys.keys_for(room.tenant, subjects) == {}
    left = [key for key in await keys_left(redis_url, [MARK, *map(str, subjects)]) if not key.startswith(b"rt:")]
    assert left == []
    for user in (CANARY, VISITOR):
        assert await room.services.directory.resolve(room.tenant, UserId(user)) is None


async def test_the_receipt_says_for_every_place_what_was_reached(room: RestRoom) -> None:
    await acted(room)
    request = await room.services.rights.erase(room.tenant, UserId(ANNA))
    line = await room.services.rights.receipt(room.tenant, request.request_id)
    receipt = verified(line.encode() + b"\n", room.services.rights.public_key)
    assert ANNA not in line
    reached = {entry["name"]: (entry["level"], entry.get("count")) for entry in receipt["reached"]}
    assert reached["user_behavior_events"] == ("logical", 1)
    assert reached["vault.data_keys"] == ("logical", 1)
    assert reached["of the database without the vault"] == ("cryptographic", None)
    [vault] = [entry for entry in receipt["reached"] if entry["name"].startswith("of the vault")]
    kept = datetime.fromisoformat(vault["until"]) - datetime.fromisoformat(receipt["erasedAt"])
    assert (vault["level"], kept) == ("pending", timedelta(days=room.settings.vault_backup_days))
    assert {"consents", "subjects", "outbox", "logs", "versions in training"} <= set(reached)
    assert receipt["requestId"] == str(request.request_id)


async def test_receipts_of_a_tenant_name_each_other(room: RestRoom) -> None:
    for user in (ANNA, BERT, "nobody"):
        await room.services.rights.erase(room.tenant, UserId(user))
    lines = [line.encode() + b"\n" for line in await room.services.rights.receipts(room.tenant)]
    assert [receipt["number"] for receipt in require_chained(lines)] == [1, 2, 3]


async def test_a_worker_finishes_what_was_asked_and_each_step_is_told(room: RestRoom) -> None:
    anna = await acted(room)
    asked = await anna.ask(ASK, user=ANNA)
    assert (asked["kind"], asked["state"], asked["progress"], asked["receipt"]) == ("ERASURE", "WAITING", 0, None)
    assert (await anna.ask(ASK, user=ANNA))["requestId"] == asked["requestId"]
    async with served(room.app) as address, begun(address, f"Bearer {token(room.tenant, ANNA)}") as opened:
        await opened.subscribe(FOLLOW, id=asked["requestId"])
        assert (await opened.next())["state"] == "WAITING"
        async with working(room) as worker:
            await main.sweep_privacy(worker)
            await main.run_job(worker, str(await room.services.jobs.enqueue(room.tenant, main.JobKind.PRIVACY)))
        told = await opened.next()
        while told["state"] != "DONE":
            told = await opened.next()
        assert told == {"state": "DONE", "progress": 1, "checkpoint": "signed"}
    found = await anna.ask(LOOK, id=asked["requestId"])
    assert verified(found["receipt"].encode() + b"\n")["requestId"] == asked["requestId"]


async def test_requests_are_seen_by_their_own_user_and_by_whoever_answers_for_privacy(room: RestRoom) -> None:
    asked = await (await acted(room)).ask(ASK, user=ANNA)
    own = {Scope.PRIVACY_WRITE}
    anna, bert = (caller(room.app, room.tenant, user, own) for user in (ANNA, BERT))
    officer = caller(room.app, room.tenant, "officer", {Scope.PRIVACY_ADMIN})
    backend = caller(room.app, room.tenant, "backend", {*own, Scope.ACT_AS})
    for graph in (anna, officer, backend):
        assert (await graph.ask(LOOK, id=asked["requestId"]))["requestId"] == asked["requestId"]
    assert await bert.code(LOOK, id=asked["requestId"]) == "NOT_FOUND"
    assert [found["requestId"] for found in await anna.ask(LISTED, user=ANNA)] == [asked["requestId"]]
    assert [found["requestId"] for found in await officer.ask(LISTED)] == [asked["requestId"]]
    assert await anna.code(LISTED) == "FORBIDDEN"
    assert await bert.code(LISTED, user=ANNA) == "NOT_FOUND"
    assert (await bert.ask(ASK, user=ANNA))["code"] == "NOT_FOUND"
    assert await anna.code(LOOK, id="0198c0de-0000-7000-8000-000000000000") == "NOT_FOUND"
    assert await anna.code(LOOK, id="not an id") == "VALIDATION"


async def test_the_rest_route_asks_as_well(room: RestRoom) -> None:
    await acted(room)
    async with room.caller(ANNA) as anna:
        answer = (await anna.post("/privacy", json={"userId": ANNA, "request": "erasure"})).json()
        assert (answer["request"]["kind"], answer["request"]["state"]) == ("erasure", "waiting")
        both = await anna.post("/privacy", json={"userId": ANNA, "request": "erasure", "privacyLevel": "strict"})
        assert both.status_code == 400
    request = await room.services.rights.finish(room.tenant, UUID(answer["request"]["requestId"]))
    assert request.state is RequestState.DONE


async def test_whoever_comes_back_is_somebody_new(room: RestRoom) -> None:
    anna = await acted(room)
    before = await room.services.directory.resolve(room.tenant, UserId(ANNA))
    await room.services.rights.erase(room.tenant, UserId(ANNA))
    assert (await anna.ask(LEARN, input=LEARNT))["code"] == "CONSENT_REQUIRED"
    await anna.ask(CONSENT, input=consent(ANNA, granted=True))
    after = await room.services.directory.resolve(room.tenant, UserId(ANNA))
    assert before is not None
    assert after is not None
    assert after.subject_id != before.subject_id
    assert (await anna.ask("query P($u: String!) { profile(userId: $u) { eventCount } }", u=ANNA))["eventCount"] == 0


async def test_an_event_that_was_under_way_is_refused_or_goes_too(room: RestRoom, databases: Databases) -> None:
    anna = await acted(room)
    subject = await room.services.directory.resolve(room.tenant, UserId(ANNA))
    assert subject is not None
    late = [anna.ask(LEARN, input={**LEARNT, "idempotencyKey": str(n)}) for n in range(10)]
    _, *told = await asyncio.gather(room.services.rights.erase(room.tenant, UserId(ANNA)), *late)
    assert {answer.get("code", "stored") for answer in told} <= {"stored", "CONSENT_REQUIRED", "NOT_FOUND"}
    await room.learn()
    assert set(await rows_left(databases, room.tenant, [subject.subject_id])) <= {"subjects", "consents"}


async def test_it_waits_for_a_batch_that_holds_the_person(room: RestRoom, worker_database: Database) -> None:
    await acted(room)
    subject = await room.services.directory.resolve(room.tenant, UserId(ANNA))
    assert subject is not None
    async with worker_database.transaction(room.tenant, (subject.subject_id,)) as tx:
        await tx.rows("SELECT 1 FROM user_behavior_events FOR UPDATE")
        erasing = asyncio.create_task(room.services.rights.erase(room.tenant, UserId(ANNA)))
        await asyncio.sleep(0.3)
        assert not erasing.done()
    assert (await erasing).state is RequestState.DONE


async def test_without_redis_it_ends_and_says_until_when_that_waits(
    room: RestRoom, monkeypatch: pytest.MonkeyPatch
) -> None:
    await acted(room)

    async def away(*_arguments: Any) -> int:
        raise Unavailable("Redis is away")

    monkeypatch.setattr(RedisStore, "forget", away)
    request = await room.services.rights.erase(room.tenant, UserId(ANNA))
    receipt = json.loads(await room.services.rights.receipt(room.tenant, request.request_id))["receipt"]
    [redis] = [entry for entry in receipt["reached"] if entry["store"] == "redis"]
    assert redis["level"] == "pending"
    assert redis["until"] > receipt["erasedAt"]


async def test_a_step_that_fails_is_told_and_tried_again(room: RestRoom, monkeypatch: pytest.MonkeyPatch) -> None:
    await acted(room)

    def full(*_arguments: Any) -> None:
        raise Unavailable("the disk is full")

    monkeypatch.setattr(Journal, "add", full)
    with pytest.raises(Unavailable):
        await room.services.rights.erase(room.tenant, UserId(ANNA))
    [request] = await room.services.rights.requests(room.tenant, UserId(ANNA))
    assert (request.checkpoint, request.error) == (Checkpoint.ROWS, "UNAVAILABLE: the disk is full")
    assert 0 < request.progress < 1
    monkeypatch.undo()
    assert (await room.services.rights.erase(room.tenant, UserId(ANNA))).request_id == request.request_id


async def test_two_at_once_take_each_step_once(room: RestRoom) -> None:
    await acted(room)
    both = await asyncio.gather(*(room.services.rights.erase(room.tenant, UserId(ANNA)) for _ in range(3)))
    finished = await room.services.rights.finish(room.tenant, both[0].request_id)
    assert finished.state is RequestState.DONE
    assert finished.checkpoint is STEPS[-1]
    assert len(await room.services.rights.receipts(room.tenant)) == 1


async def test_the_command_erases_and_prints_the_receipt(room: RestRoom, tmp_path: Path) -> None:
    await acted(room)
    variables = {
        f"PERSONALIZATION_{name.upper()}": str(getattr(room.settings, name))
        for name in ("database_url", "redis_url", "data_dir", "kek_file")
    } | {"PERSONALIZATION_SECRET": TEST_SECRET}
    asked = ("privacy", "erase", ANNA, "--tenant", room.tenant)
    unsure = await asyncio.to_thread(personalization, *asked, **variables)
    assert unsure.returncode == 1
    erased = await asyncio.to_thread(personalization, *asked, "--yes", "--json", **variables)
    assert erased.returncode == 0, erased.stderr
    told = json.loads(erased.stdout)
    shown = await asyncio.to_thread(
        personalization, "privacy", "receipt", told["request_id"], "--tenant", room.tenant, **variables
    )
    assert shown.stdout == told["receipt"] + "\n"
    (tmp_path / "receipt.json").write_text(shown.stdout)
    key = ("--public-key", room.services.rights.public_key)
    checked = await asyncio.to_thread(personalization, "verify-receipt", str(tmp_path / "receipt.json"), *key)
    assert checked.returncode == 0, checked.stderr
    assert await room.services.directory.resolve(room.tenant, UserId(ANNA)) is None

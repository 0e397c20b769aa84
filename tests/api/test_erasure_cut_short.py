"""An erasure whose process is killed goes on where it was, and what an older backup brings back is erased again."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from domain.errors import Unavailable
from domain.ids import SubjectId, TenantId, UserId
from domain.receipts.book import ReceiptBook
from domain.receipts.signing import ReceiptInvalid, require_chained, verified
from domain.rights.journal import Journal
from domain.rights.model import STEPS, Checkpoint, RequestState, Tombstone
from domain.settings import Settings
from domain.storage.postgres import Databases
from domain.storage.roles import Role
from tests.api.canary import CANARY, rows_left, through_every_door
from tests.api.command import ROOT, environment
from tests.api.rest_room import RestRoom, application, settings_of
from tests.conftest import TEST_SECRET, copied_database
from tests.databases import create_database, drop_database

SETTINGS = ("database_url", "redis_url", "data_dir", "kek_file")
MOMENTS = ("before", "after")
RESTORED = """
    INSERT INTO vault.data_keys (subject_id, tenant_id, wrapped, kek_id, created_at) VALUES ($1, $2, $3, $4, now())"""


def killed(settings: Settings, tenant: TenantId, step: Checkpoint, moment: str) -> int:
    """The exit status of a process that erases the canary until it dies."""
    variables = {f"PERSONALIZATION_{name.upper()}": str(getattr(settings, name)) for name in SETTINGS}
    variables |= {"PERSONALIZATION_SECRET": TEST_SECRET}
    command = [sys.executable, "-m", "tests.api.dying_erasure", tenant, CANARY, step.value, moment]
    return subprocess.run(command, cwd=ROOT, env=environment(**variables), check=False, timeout=60).returncode


@pytest.mark.slow
async def test_killed_at_every_checkpoint_it_finishes(room: RestRoom, databases: Databases) -> None:
    subjects = await through_every_door(room)
    for step in STEPS:
        for moment in MOMENTS:
            if (step, moment) != (Checkpoint.SIGNED, "after"):
                status = await asyncio.to_thread(killed, room.settings, room.tenant, step, moment)
                assert status == -signal.SIGKILL, (step, moment)
    request = await room.services.rights.erase(room.tenant, UserId(CANARY))
    assert (request.state, request.attempts) == (RequestState.DONE, 2 * len(STEPS))
    assert set(await rows_left(databases, room.tenant, subjects)) == {"subjects", "consents"}
    [line] = await room.services.rights.receipts(room.tenant)
    receipt = verified(line.encode() + b"\n")
    names = [entry["name"] for entry in receipt["reached"]]
    assert len(names) == len(set(names))
    assert {"user_behavior_events", "vault.data_keys", "versions in training"} <= set(names)


async def test_what_a_dead_process_left_is_taken_by_a_worker(room: RestRoom, databases: Databases) -> None:
    subjects = await through_every_door(room)
    assert await asyncio.to_thread(killed, room.settings, room.tenant, Checkpoint.ROWS, "after") == -signal.SIGKILL
    [request] = await room.services.rights.requests(room.tenant, UserId(CANARY))
    assert (request.state, request.checkpoint) == (RequestState.RUNNING, Checkpoint.ROWS)
    assert "vault.data_keys" in await rows_left(databases, room.tenant, subjects)
    finished = await room.services.rights.finish(room.tenant, request.request_id)
    assert finished.state is RequestState.DONE
    assert "vault.data_keys" not in await rows_left(databases, room.tenant, subjects)


@contextmanager
def backup_of(url: str) -> Iterator[str]:
    """The URL of a database as that one is now; nobody may be connected to it."""
    place, _, rest = url.partition("/test_")
    name, _, options = rest.partition("?")
    copy = f"test_backup_{uuid4().hex[:8]}"
    elsewhere = f"{place}/postgres?{options}"
    asyncio.run(create_database(elsewhere, copy, f"test_{name}"))
    try:
        yield f"{place}/{copy}?{options}"
    finally:
        asyncio.run(drop_database(elsewhere, copy))


async def furnished(settings: Settings, *, erase: bool) -> None:
    async with application(settings) as app:
        room = RestRoom(app, settings, TenantId("restored"))
        if not erase:
            await room.services.catalog.ensure_tenant(room.tenant, "Restored")
            await through_every_door(await room.furnish())
        else:
            await room.services.rights.erase(room.tenant, UserId(CANARY))


async def restarted(settings: Settings) -> tuple[int, bool, list[RequestState]]:
    """How ready a service is, whether it knows the canary, and what became of their requests."""
    async with application(settings) as app:
        room = RestRoom(app, settings, TenantId("restored"))
        readiness = await room.services.health.readiness()
        known = await room.services.directory.resolve(room.tenant, UserId(CANARY))
        requests = await room.services.rights.requests(room.tenant, None)
        return readiness.ready, known is not None, [request.state for request in requests]


def test_a_restored_backup_is_erased_again_before_the_service_is_ready(redis_url: str, tmp_path: Path) -> None:
    with copied_database() as url:
        settings = settings_of(url, redis_url, tmp_path, TEST_SECRET)
        asyncio.run(furnished(settings, erase=False))
        with backup_of(url) as older:
            asyncio.run(furnished(settings, erase=True))
            restored = settings.model_copy(update={"database_url": older})
            forgetful = restored.model_copy(update={"journal_dir": tmp_path / "elsewhere"})
            assert asyncio.run(restarted(forgetful)) == (True, True, [])
            Journal(tmp_path / "journal" / "erasures.jsonl").add(elsewhere("unknown"))
            assert asyncio.run(restarted(restored)) == (True, False, [RequestState.DONE])
            assert asyncio.run(restarted(restored)) == (True, False, [RequestState.DONE])


async def erased(settings: Settings, *names: str) -> list[str]:
    """The receipts of the tenant once these people have been erased."""
    async with application(settings) as app:
        assert (await app.state.services.health.readiness()).ready
        room = RestRoom(app, settings, TenantId("restored"))
        await room.services.catalog.ensure_tenant(room.tenant, "Restored")
        for name in names:
            await room.agree(name)
            await room.services.rights.erase(room.tenant, UserId(name))
        return await room.services.rights.receipts(room.tenant)


def chained(*documents: str) -> list[int]:
    return [receipt["number"] for receipt in require_chained([line.encode() + b"\n" for line in documents])]


def test_the_chain_of_receipts_goes_on_where_it_was_after_a_restore(redis_url: str, tmp_path: Path) -> None:
    with copied_database() as url:
        settings = settings_of(url, redis_url, tmp_path, TEST_SECRET)
        first = asyncio.run(erased(settings, "anna"))
        with backup_of(url) as older:
            newest = asyncio.run(erased(settings, "bert", "carl"))
            restored = settings.model_copy(update={"database_url": older})
            # One that a crash cut short breaks no chain.
            book = ReceiptBook(tmp_path / "journal" / "receipts")
            path = tmp_path / "journal" / "receipts" / "restored.jsonl"
            path.write_bytes(path.read_bytes() + b'{"publicKey":"')
            assert asyncio.run(erased(restored)) == newest
            assert newest[:1] == first
            after = asyncio.run(erased(restored, "dora"))
            assert (after[:3], chained(*after)) == (newest, [1, 2, 3, 4])
            assert [line for page in book.after(TenantId("restored"), 0) for line in page] == after
            without = settings.model_copy(update={"journal_dir": tmp_path / "elsewhere"})
            with pytest.raises(ReceiptInvalid, match="forks"):
                chained(*after, *asyncio.run(erased(without, "emil")))


async def test_nothing_is_ready_before_the_journal_was_read(owner_url: str, redis_url: str, tmp_path: Path) -> None:
    settings = settings_of(owner_url, redis_url, tmp_path, TEST_SECRET)
    unreadable = tmp_path / "journal" / "erasures.jsonl"
    unreadable.mkdir(parents=True)
    async with application(settings) as app:
        transport = httpx.ASGITransport(app, raise_app_exceptions=True)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as http:
            assert (await http.get("/readyz")).status_code == 503
            unreadable.rmdir()
            assert (await http.get("/readyz")).status_code == 200


async def test_a_vault_that_was_restored_alone_loses_the_key_again(room: RestRoom, databases: Databases) -> None:
    subjects = await through_every_door(room)
    vault = room.services.rotation._vault
    backup = await vault.fetch(room.tenant, subjects)
    assert backup
    await room.services.rights.erase(room.tenant, UserId(CANARY))
    assert await vault.fetch(room.tenant, subjects) == {}
    async with databases[Role.KEYS].transaction(room.tenant, list(backup)) as tx:
        for subject, key in backup.items():
            await tx.execute(RESTORED, subject, room.tenant, key.wrapped, key.kek_id)
    assert await vault.fetch(room.tenant, subjects) == backup
    async with application(room.settings) as restarted:
        assert (await restarted.state.services.health.readiness()).ready
        assert await vault.fetch(room.tenant, subjects) == {}


def elsewhere(tenant: str) -> Tombstone:
    """An erasure of some tenant."""
    people = (SubjectId(uuid4()),)
    return Tombstone(TenantId(tenant), uuid4(), b"hash", people, datetime(2026, 3, 10, tzinfo=UTC))


def test_a_line_of_the_journal_that_was_cut_short_costs_no_other(tmp_path: Path) -> None:
    path = tmp_path / "journal" / "erasures.jsonl"
    journal = Journal(path)
    assert list(journal.read()) == []
    first, second = elsewhere("demo"), elsewhere("demo")
    journal.add(first)
    path.write_bytes(path.read_bytes() + b'{"tenant":"de')
    journal.add(second)
    journal.add(second)
    assert list(journal.read()) == [[first, second, second]]
    path.write_bytes(path.read_bytes() + b'{"tenant":"demo"}\n')
    with pytest.raises(Unavailable, match="no erasure"):
        list(journal.read())
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_new_journal_outlasts_a_loss_of_power(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[tuple[int, int]] = []

    def noted(descriptor: int) -> None:
        found = os.fstat(descriptor)
        synced.append((found.st_dev, found.st_ino))

    monkeypatch.setattr(os, "fsync", noted)
    path = tmp_path / "journal" / "erasures.jsonl"
    Journal(path).add(elsewhere("demo"))
    assert synced == [(one.stat().st_dev, one.stat().st_ino) for one in (path, path.parent)]

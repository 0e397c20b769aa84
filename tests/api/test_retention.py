"""Retention by the clock: thirteen months, twenty-five, or nothing at all; and models that saw the erased."""

import asyncio
import json
import secrets
from datetime import UTC, datetime, timedelta

import pytest

from domain.bootstrap import open_worker
from domain.clock import FixedClock
from domain.ids import SubjectId, TenantId, UserId
from domain.jobs.model import JobKind
from domain.models.model import ModelStatus
from domain.privacy.inventory import DATA_MAP
from domain.privacy.model import PrivacyLevel
from domain.privacy.receipts import Evidence
from domain.retention.model import kept_since
from domain.retention.service import RetentionService
from domain.retention.store import PostgresRetention
from domain.storage.postgres import Databases
from domain.storage.roles import Role
from tests.api.canary import CANARY, rows_left, through_every_door
from tests.api.command import personalization
from tests.api.rest_room import RestRoom
from tests.conftest import TEST_SECRET
from tests.storage.test_model_store import artifact
from workers import main

DAY = timedelta(days=1)
SAID = Evidence("2026-01", "settings-page", "DE")
AGING = {entry.name for entry in DATA_MAP.aging()}
WAITS = """
    SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock')"""
STATED = {"user_adaptations", "user_accounts", "consents", "subjects", "subject_identities", "vault.data_keys"}


@pytest.mark.parametrize(
    ("level", "now", "since"),
    [
        (PrivacyLevel.STANDARD, (2026, 3, 31), (2025, 2, 28)),
        (PrivacyLevel.STANDARD, (2026, 1, 15), (2024, 12, 15)),
        (PrivacyLevel.PERMISSIVE, (2026, 3, 31), (2024, 2, 29)),
        (PrivacyLevel.STRICT, (2026, 3, 31), (2026, 3, 31)),
    ],
)
def test_months_are_counted_by_the_calendar(
    level: PrivacyLevel, now: tuple[int, int, int], since: tuple[int, int, int]
) -> None:
    assert kept_since(level, datetime(*now, 12, tzinfo=UTC)) == datetime(*since, 12, tzinfo=UTC)


def at(room: RestRoom, clock: FixedClock) -> RetentionService:
    """Retention as it runs at another time."""
    own = room.services.retention
    store = own._store
    assert isinstance(store, PostgresRetention)
    aged = PostgresRetention(store._database, store._outbox, DATA_MAP, clock)
    return RetentionService(aged, own._learn_from, own._jobs, own._announcer, clock)


async def somebody(room: RestRoom, level: PrivacyLevel) -> list[SubjectId]:
    people = await through_every_door(room)
    await room.services.privacy.update_settings(room.tenant, UserId(CANARY), level=level, evidence=SAID)
    return people


def after(level: PrivacyLevel, room: RestRoom) -> tuple[datetime, datetime]:
    """The last moment at which today is kept at a level, and the first at which it is not."""
    now = room.services.clock.now()
    moment = now
    while kept_since(level, moment) < now:
        moment += DAY
    return moment - 2 * DAY, moment + 2 * DAY


@pytest.mark.parametrize("level", [PrivacyLevel.STANDARD, PrivacyLevel.PERMISSIVE])
async def test_behaviour_goes_after_its_months_and_not_before(
    room: RestRoom, databases: Databases, level: PrivacyLevel
) -> None:
    people = await somebody(room, level)
    before = await rows_left(databases, room.tenant, people)
    kept, gone = after(level, room)
    clock = FixedClock(kept)
    assert not (await at(room, clock).run(room.tenant)).rows
    assert await rows_left(databases, room.tenant, people) == before
    clock.set(gone)
    told = await at(room, clock).run(room.tenant, dry=True)
    assert {table for table, _ in told.rows} == AGING & set(before)
    assert await rows_left(databases, room.tenant, people) == before
    done = await at(room, clock).run(room.tenant)
    assert done.rows == told.rows
    left = set(await rows_left(databases, room.tenant, people))
    assert not left & AGING
    assert left >= STATED
    assert not (await at(room, clock).run(room.tenant)).rows


async def as_before(databases: Databases, room: RestRoom, people: list[SubjectId], sql: str) -> None:
    """Change what is kept of people past the service."""
    async with databases[Role.SERVICE].transaction(room.tenant, people) as tx:
        await tx.execute(sql)


async def aged(databases: Databases, room: RestRoom) -> list[SubjectId]:
    """A person whose behaviour is too old by now."""
    people = await somebody(room, PrivacyLevel.STANDARD)
    for entry in DATA_MAP.aging():
        older = f"UPDATE {entry.name} SET {entry.dated_by} = {entry.dated_by} - interval '14 months'"
        await as_before(databases, room, people, older)
    return people


async def test_what_is_left_of_the_strict_goes_with_the_next_run(room: RestRoom, databases: Databases) -> None:
    people = await somebody(room, PrivacyLevel.STANDARD)
    strict = "UPDATE subjects SET privacy_level = 'strict', collects = false, trains = false WHERE erased_at IS NULL"
    await as_before(databases, room, people, strict)
    done = await room.services.retention.run(room.tenant)
    assert ("user_behavior_events", "strict") in done.rows
    assert not set(await rows_left(databases, room.tenant, people)) & AGING
    profile = await room.services.profiles.profile(room.tenant, UserId(CANARY))
    assert profile.event_count == 0


async def waited_for(databases: Databases) -> None:
    """Return once a statement about levels waits for somebody's lock."""
    async with databases[Role.SERVICE].transaction(TenantId("")) as tx:
        while not await tx.value(WAITS):  # noqa: ASYNC110 - the database tells nobody
            await asyncio.sleep(0.01)


@pytest.mark.parametrize(("chosen", "kept"), [("permissive", True), ("standard", False)])
async def test_the_level_at_the_moment_of_deletion_counts(
    room: RestRoom, databases: Databases, chosen: str, kept: bool
) -> None:
    people = await aged(databases, room)
    if not kept:
        await as_before(databases, room, people, "UPDATE subjects SET privacy_level = 'permissive'")
    observed = AGING & set(await rows_left(databases, room.tenant, people))
    async with databases[Role.SERVICE].transaction(room.tenant, people) as tx:
        await tx.execute("UPDATE subjects SET privacy_level = $1 WHERE erased_at IS NULL", chosen)
        run = asyncio.create_task(room.services.retention.run(room.tenant))
        waiting = asyncio.create_task(waited_for(databases))
        await asyncio.wait((run, waiting), return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
    assert bool((await run).rows) is not kept
    assert AGING & set(await rows_left(databases, room.tenant, people)) == (observed if kept else set())


async def test_a_model_that_learned_from_somebody_erased_is_gone_by_its_deadline(room: RestRoom) -> None:
    await somebody(room, PrivacyLevel.STANDARD)
    async with open_worker(room.settings) as worker:
        models = worker.services.models
        saw = await models.publish(room.tenant, artifact(secrets.randbelow(10**6) + 0.5))
        serving = await room.services.models.refresh(room.tenant)
        assert serving is not None
        await worker.services.rights.erase(room.tenant, UserId(CANARY))
        at_worker = RestRoom(room.app, room.settings, room.tenant)
        own, clock = worker.services.retention, FixedClock(room.services.clock.now() + 20 * DAY)
        store = own._store
        assert isinstance(store, PostgresRetention)
        aged = PostgresRetention(store._database, store._outbox, DATA_MAP, clock)
        retention = RetentionService(aged, own._learn_from, own._jobs, own._announcer, clock)
        assert (await retention.run(room.tenant)).trained_anew is False
        clock.set(clock.now() + 5 * DAY)
        assert (await retention.run(room.tenant)).trained_anew is True
        waiting = await room.services.job_store.unfinished(room.tenant, JobKind.RETRAIN)
        assert waiting is not None
        assert waiting.arguments["force"] is True
        clock.set(clock.now() + 6 * DAY)
        assert (await retention.run(room.tenant)).versions == [saw.version]
        record = await models.version(room.tenant, saw.version)
        assert (record.status, record.stored) == (ModelStatus.REJECTED, False)
    assert await at_worker.services.models.refresh(room.tenant) is None
    await room.leave_no_job()


async def test_a_later_version_stays(room: RestRoom) -> None:
    await somebody(room, PrivacyLevel.STANDARD)
    await room.services.rights.erase(room.tenant, UserId(CANARY))
    async with open_worker(room.settings) as worker:
        await worker.services.models.publish(room.tenant, artifact(secrets.randbelow(10**6) + 0.25))
        [retiring] = await worker.services.retention._store.retiring(room.tenant)
        assert retiring.by > room.services.clock.now() + 29 * DAY
        database = worker.services.job_store._database
        async with database.transaction(room.tenant) as tx:
            await tx.execute(
                "UPDATE ml_models SET trained_at = trained_at + interval '7 hours' WHERE tenant_id = $1", room.tenant
            )
        assert await worker.services.retention._store.retiring(room.tenant) == []


async def test_a_worker_runs_it_for_every_tenant(room: RestRoom, databases: Databases) -> None:
    people = await aged(databases, room)
    context = {"settings": room.settings}
    await main.start(context)
    try:
        await main.retain_all(context)
    finally:
        await main.stop(context)
    assert not set(await rows_left(databases, room.tenant, people)) & AGING


async def test_the_command_says_what_would_go(room: RestRoom, databases: Databases) -> None:
    people = await aged(databases, room)
    variables = {
        f"PERSONALIZATION_{name.upper()}": str(getattr(room.settings, name))
        for name in ("database_url", "redis_url", "data_dir", "kek_file")
    } | {"PERSONALIZATION_SECRET": TEST_SECRET}
    asked = ("privacy", "retention", "--tenant", room.tenant, "--json")
    told = json.loads((await asyncio.to_thread(personalization, *asked, "--dry-run", **variables)).stdout)
    assert told["dry_run"] is True
    assert set(await rows_left(databases, room.tenant, people)) & AGING
    done = json.loads((await asyncio.to_thread(personalization, *asked, **variables)).stdout)
    assert done["deleted"] == told["deleted"]
    assert not set(await rows_left(databases, room.tenant, people)) & AGING

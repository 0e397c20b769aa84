"""A version that people take less of is rolled back by the worker, from what the service itself logged."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from domain.ids import ModelVersion, UserId
from domain.privacy.model import ConsentPurpose
from domain.storage.postgres import Database
from tests.api.rest_room import AGREED, RestRoom
from tests.api.test_models import CHANGES, Trained, trained
from tests.api.test_retraining import registered, worker
from workers import main

__all__ = ["trained", "worker"]

PEOPLE = [f"reader{n}" for n in range(20)]
DAYS = 20
TODAY = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)

_LISTS = """
    INSERT INTO recommendations
        (tenant_id, subject_id, recommendation_id, model_version, policy_version, item_ids, scores, propensities,
         served_at)
    SELECT $1, l.subject_id, l.id, $5, 'test', '{a}', '{1}', '{1}', l.served_at
    FROM unnest($2::uuid[], $3::uuid[], $4::timestamptz[]) AS l (subject_id, id, served_at)"""
_CLICKS = """
    INSERT INTO recommendation_interactions
        (tenant_id, subject_id, interaction_id, recommendation_id, item_id, action, occurred_at)
    SELECT $1, c.subject_id, gen_random_uuid(), c.id, 'a', $5, c.occurred_at
    FROM unnest($2::uuid[], $3::uuid[], $4::timestamptz[]) AS c (subject_id, id, occurred_at)"""


async def read(room: RestRoom, database: Database, version: str, share: float, **how: Any) -> None:
    """Let everybody get a list of a version on every day, and take something of a share of them."""
    subjects = [await room.services.directory.resolve(room.tenant, UserId(user)) for user in PEOPLE]
    ids = [subject.subject_id for subject in subjects if subject is not None]
    lists = [(s, uuid4(), TODAY - timedelta(days=day, hours=-1)) for day in range(1, DAYS + 1) for s in ids]
    clicked = [lists[n] for n in range(len(lists)) if (n % 10) < 10 * share]
    delay = how.get("delay", timedelta(minutes=5))
    async with database.transaction(room.tenant, ids) as tx:
        await tx.execute(_LISTS, room.tenant, *map(list, zip(*lists, strict=True)), version)
        if clicked:
            people, names, moments = map(list, zip(*clicked, strict=True))
            action = how.get("action", "clicked")
            await tx.execute(_CLICKS, room.tenant, people, names, [moment + delay for moment in moments], action)


@pytest.fixture
async def readers(room: RestRoom) -> None:
    for user in PEOPLE:
        await room.agree(user)


@pytest.mark.usefixtures("readers")
async def test_a_version_that_loses_its_people_is_rolled_back_for_everybody(
    room: RestRoom, trained: Trained, worker: dict[str, Any], database: Database
) -> None:
    await read(room, database, trained.first.version, 0.6)
    await read(room, database, trained.second.version, 0.1)
    await main.watch_all(worker)
    assert await trained.serving(room) == trained.first.version
    change = (await trained.olga.ask(CHANGES))[0]
    assert (change["action"], change["actor"]) == ("ROLLED_BACK", "watch")
    assert change["reason"].startswith("click-through rate 0.1000, at most ")
    await main.watch_all(worker)
    assert len(await trained.olga.ask(CHANGES)) == 3


@pytest.mark.usefixtures("readers")
@pytest.mark.parametrize(
    ("share", "how"),
    [(0.6, {}), (0.5, {}), (0.6, {"action": "liked"})],
    ids=["as before", "a little less", "other successes"],
)
async def test_a_version_that_keeps_its_people_stays(
    share: float, how: dict[str, Any], room: RestRoom, trained: Trained, worker: dict[str, Any], database: Database
) -> None:
    await read(room, database, trained.first.version, 0.6)
    await read(room, database, trained.second.version, share, **how)
    await main.watch_all(worker)
    assert await trained.serving(room) == trained.second.version


@pytest.mark.usefixtures("readers")
@pytest.mark.parametrize(
    "how", [{"action": "dismissed"}, {"action": "viewed"}, {"delay": timedelta(minutes=31)}], ids=str
)
async def test_only_what_was_taken_soon_counts(
    how: dict[str, Any], room: RestRoom, trained: Trained, worker: dict[str, Any], database: Database
) -> None:
    await read(room, database, trained.first.version, 0.6)
    await read(room, database, trained.second.version, 0.6, **how)
    await main.watch_all(worker)
    assert await trained.serving(room) == trained.first.version


@pytest.mark.usefixtures("readers")
async def test_those_who_do_not_agree_to_training_are_not_watched(
    room: RestRoom, trained: Trained, worker: dict[str, Any], database: Database
) -> None:
    await read(room, database, trained.first.version, 0.6)
    now, log = datetime.now(UTC), worker["parts"].training_log
    version = ModelVersion(trained.first.version)
    assert len(await log.first_lists(room.tenant, version, now, 10_000)) == DAYS * len(PEOPLE)
    await read(room, database, trained.first.version, 0.6)
    assert len(await log.first_lists(room.tenant, version, now, 10_000)) == DAYS * len(PEOPLE), "once a day each"
    for user in PEOPLE[:-1]:
        await room.services.privacy.record_consent(
            room.tenant, UserId(user), [ConsentPurpose.TRAINING], granted=False, evidence=AGREED
        )
    assert len(await log.first_lists(room.tenant, version, now, 10_000)) == DAYS


def test_the_watch_runs_every_ten_minutes_and_once_for_the_fleet(
    room: RestRoom, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = registered(room.settings, monkeypatch)["watch_all"]
    assert job.unique
    assert job.minute == set(range(5, 60, 10))

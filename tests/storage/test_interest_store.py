"""Live counts in a real Postgres: a person counts once, pairs count once, and forgetting somebody is exact."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from domain.catalog.model import CatalogItem, ItemKind
from domain.catalog.store import PostgresCatalogStore
from domain.clock import FixedClock
from domain.ids import EventId, ItemId, SubjectId, TenantId
from domain.interest.model import COUNTED_AGAIN, ENOUGH, PARTNERS, Window
from domain.interest.store import InterestCounter, PostgresInterestStore, paired
from domain.storage.postgres import Database

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)
ADD = """INSERT INTO user_behavior_events (subject_id, event_id, tenant_id, type, item_id, occurred_at, received_at,
             processed_at) VALUES ($1, $2, $3, $4, $5, $6, $6, $6)"""

SOMEBODY = """INSERT INTO subjects
        (subject_id, tenant_id, external_id_sealed, privacy_level, collects, trains, created_at)
    VALUES ($1, $2, 'sealed', 'standard', true, $3, $4)"""


class Counts:
    """Somebody who acts, is counted and is forgotten."""

    def __init__(self, database: Database, tenant: TenantId) -> None:
        self.database, self.tenant = database, tenant
        self.people: list[SubjectId] = []

    async def somebody(self, *, trains: bool = True) -> SubjectId:
        """A person who agrees to training, or does not."""
        person = SubjectId(uuid4())
        self.people.append(person)
        async with self.database.transaction(self.tenant, (person,)) as tx:
            await tx.execute(SOMEBODY, person, self.tenant, trains, NOON)
        return person

    async def act(
        self,
        items: str,
        *,
        person: SubjectId | None = None,
        at: datetime = NOON,
        kind: str = "template_used",
        counted: datetime | None = None,
    ) -> SubjectId:
        """One event for each letter of `items`, counted together."""
        if person is None:
            person = await self.somebody()
        events = [(person, EventId(uuid4())) for _ in items]
        async with self.database.transaction(self.tenant, (person,)) as tx:
            for (_, event), item in zip(events, items, strict=True):
                await tx.execute(ADD, person, event, self.tenant, kind, item, at)
            await InterestCounter().count(tx, self.tenant, events, counted or at)
        return person

    async def forget(self, person: SubjectId) -> None:
        async with self.database.transaction(self.tenant, (person,)) as tx:
            await InterestCounter().forget(tx, self.tenant, person)

    async def items(self, window: Window = Window.DAY, at: datetime = NOON) -> dict[str, float]:
        found = await PostgresInterestStore(self.database).read(self.tenant, at)
        return {i: round(float(n), 4) for i, n in zip(found.item_ids, found.people[window], strict=True) if n > 1e-4}

    async def pairs(self, at: datetime = NOON) -> dict[str, float]:
        found = await PostgresInterestStore(self.database).read(self.tenant, at)
        return {a + b: round(float(n), 4) for (a, b), n in zip(found.pairs, found.together, strict=True)}


@pytest.fixture
async def counts(worker_database: Database, tenant: TenantId) -> AsyncIterator[Counts]:
    items = [CatalogItem(ItemId(name), ItemKind.TEMPLATE, name, sensitive=name == "s") for name in "abcdes"]
    await PostgresCatalogStore(worker_database, FixedClock(NOON)).upsert(tenant, items, NOON)
    made = Counts(worker_database, tenant)
    yield made
    async with worker_database.transaction(tenant, made.people) as tx:
        for table in ("user_behavior_events", "subjects"):
            await tx.execute(f"DELETE FROM {table} WHERE tenant_id = $1", tenant)


async def test_a_person_counts_once_however_often_they_act(counts: Counts) -> None:
    person = await counts.act("aab")
    await counts.act("a", person=person)
    await counts.act("a")
    assert await counts.items() == {"a": 2.0, "b": 1.0}


async def test_interest_halves_and_a_person_counts_again_after_a_month(counts: Counts) -> None:
    person = await counts.act("a")
    assert await counts.items(at=NOON + Window.DAY.half_life) == {"a": 0.5}
    assert await counts.items(Window.MONTH, at=NOON + Window.MONTH.half_life) == {"a": 0.5}
    await counts.act("a", person=person, at=NOON + COUNTED_AGAIN - timedelta(seconds=1))
    later = NOON + COUNTED_AGAIN
    assert await counts.items(Window.MONTH, at=later) == {"a": 0.0625}
    await counts.act("a", person=person, at=later)
    assert await counts.items(Window.MONTH, at=later) == {"a": 1.0625}


async def test_four_people_never_reach_what_is_told(counts: Counts) -> None:
    people = [await counts.act("a") for _ in range(4)]
    for month in range(1, 6):
        at = NOON + month * COUNTED_AGAIN
        for person in people:
            await counts.act("a", person=person, at=at)
        assert (await counts.items(Window.MONTH, at=at))["a"] < ENOUGH
    await counts.act("a", at=at)
    assert (await counts.items(Window.MONTH, at=at))["a"] >= ENOUGH


async def test_views_old_news_unknown_and_sensitive_items_count_nothing(counts: Counts) -> None:
    await counts.act("a", kind="item_viewed")
    await counts.act("a", kind="dismissed")
    await counts.act("a", at=NOON - timedelta(days=2), counted=NOON)
    await counts.act("xs")
    assert await counts.items() == {}


async def test_whoever_does_not_agree_to_training_is_not_counted(counts: Counts) -> None:
    await counts.act("ab", person=await counts.somebody(trains=False))
    assert await counts.items() == {}


async def test_what_has_faded_away_is_swept(counts: Counts) -> None:
    for _ in range(5):
        await counts.act("ab")
    store = PostgresInterestStore(counts.database)
    await store.sweep(counts.tenant, NOON)
    assert await counts.items() == {"a": 5.0, "b": 5.0}
    await store.sweep(counts.tenant, NOON + timedelta(seconds=1))
    assert (await counts.items(), await counts.pairs()) == ({}, {})


async def test_items_of_one_person_make_a_pair_once(counts: Counts) -> None:
    for _ in range(5):
        person = await counts.act("ab")
        await counts.act("c", person=person, at=NOON + timedelta(minutes=1))
    assert await counts.pairs() == {"ab": 5.0, "ac": 5.0, "bc": 5.0}


async def test_what_a_person_added_is_taken_out_exactly(counts: Counts) -> None:
    for _ in range(5):
        await counts.act("ab")
    later = NOON + timedelta(hours=5)
    before = await counts.items(at=later), await counts.items(Window.WEEK, at=later), await counts.pairs(later)
    somebody = await counts.act("abc", at=NOON + timedelta(hours=3))
    assert (await counts.items(at=later), await counts.pairs(later)) != (before[0], before[2])
    await counts.act("b", at=later)
    await counts.forget(somebody)
    await counts.act("e", person=somebody, at=later)
    days, weeks, pairs = (
        await counts.items(at=later),
        await counts.items(Window.WEEK, at=later),
        await counts.pairs(later),
    )
    assert days == pytest.approx({**before[0], "b": before[0]["b"] + 1, "e": 1.0}, abs=1e-3)
    assert weeks == pytest.approx({**before[1], "b": before[1]["b"] + 1, "e": 1.0}, abs=1e-3)
    assert pairs == pytest.approx(before[2], abs=1e-3)


def test_a_busy_person_pairs_a_new_item_with_few_others() -> None:
    person, new = SubjectId(uuid4()), ItemId("new")
    recent = [(person, new), *((person, ItemId(f"i{n}")) for n in range(50))]
    pairs = paired([(person, new)], recent)
    assert [other for _, _, other in pairs] == [f"i{n}" for n in range(PARTNERS)]

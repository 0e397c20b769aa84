"""Live counts in Postgres, changed in the transaction that learns from the events, and read as they have faded since.

Counts fade exponentially, which is linear: what one person added when they were last counted can be taken out again
exactly, whatever was added or faded in between. Of what they added before that, `COUNTED_AGAIN` earlier or more, a
sixteenth at most is left, and fades.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any, Final

import numpy as np
from asyncpg import Record
from numpy.typing import NDArray

from domain.behavior.vocabulary import EVENT_TYPES, Purpose
from domain.ids import EventId, ItemId, SubjectId, TenantId
from domain.interest.model import (
    COUNTED_AGAIN,
    CURRENT,
    ENOUGH,
    HALF_LIVES,
    MIN_WEIGHT,
    PARTNERS,
    TOGETHER,
    LiveInterest,
    Window,
)
from domain.storage.postgres import Database, Transaction

LEAST_TOLD: Final = 0.01
_TYPES: Final = [
    kind.name for kind in EVENT_TYPES.values() if kind.weight >= MIN_WEIGHT and kind.purpose is Purpose.PREFERENCE
]

# Whoever is there already was counted not long ago. What people take to is told to others, which is learning from them
# and needs the same consent as training.
_COUNT = """
    INSERT INTO user_interest AS held (subject_id, item_id, tenant_id, counted_at, partners)
    SELECT DISTINCT e.subject_id, e.item_id, $1, $4::timestamptz, '{}'::text[]
    FROM unnest($2::uuid[], $3::uuid[]) AS learned (subject_id, event_id)
    JOIN user_behavior_events e ON e.subject_id = learned.subject_id AND e.event_id = learned.event_id
    JOIN subjects s ON s.subject_id = e.subject_id AND s.tenant_id = $1 AND s.trains AND s.erased_at IS NULL
    JOIN catalog_items i ON i.tenant_id = $1 AND i.item_id = e.item_id
    WHERE e.tenant_id = $1 AND e.type = ANY ($5::text[]) AND e.occurred_at > $6 AND NOT i.sensitive
    ON CONFLICT (subject_id, item_id) DO UPDATE SET counted_at = excluded.counted_at, partners = '{}'
        WHERE held.counted_at <= $7
    RETURNING subject_id, item_id"""

_RECENT = """
    SELECT subject_id, item_id FROM user_interest
    WHERE tenant_id = $1 AND subject_id = ANY ($2::uuid[]) AND counted_at > $3
    ORDER BY subject_id, counted_at DESC, item_id"""

_KEEP_PARTNERS = """
    UPDATE user_interest held SET partners = held.partners || new.partners
    FROM (SELECT subject_id, item_id, array_agg(partner) AS partners
          FROM unnest($2::uuid[], $3::text[], $4::text[]) AS x (subject_id, item_id, partner)
          GROUP BY 1, 2) AS new
    WHERE held.tenant_id = $1 AND held.subject_id = new.subject_id AND held.item_id = new.item_id"""

# `power` refuses results that no number can hold, hence the bound on how often something halves.
_FADED = "power(0.5::float8, least(100, greatest(0, extract(epoch FROM {until} - {since})::float8) / {half_life}))"


def _faded(until: str, since: str, half_life: timedelta) -> str:
    return _FADED.format(until=until, since=since, half_life=half_life.total_seconds())


def _added(column: str, half_life: timedelta) -> str:
    grown = _faded("excluded.touched_at", "held.touched_at", half_life)
    return f"{column} = greatest(0, held.{column} * {grown} + excluded.{column})"


_ADD_ITEMS = f"""
    INSERT INTO item_interest AS held (tenant_id, item_id, day, week, month, touched_at)
    SELECT $1, x.item_id, x.people, x.people, x.people, $4::timestamptz
    FROM unnest($2::text[], $3::real[]) AS x (item_id, people)
    ORDER BY x.item_id
    ON CONFLICT (tenant_id, item_id) DO UPDATE SET
        {", ".join(_added(window.value, half_life) for window, half_life in HALF_LIVES.items())},
        touched_at = greatest(held.touched_at, excluded.touched_at)"""  # noqa: S608  # of constants

_ADD_PAIRS = f"""
    INSERT INTO item_pairs AS held (tenant_id, item_id, other_id, people, touched_at)
    SELECT $1, x.item_id, x.other_id, x.people, $5::timestamptz
    FROM unnest($2::text[], $3::text[], $4::real[]) AS x (item_id, other_id, people)
    ORDER BY x.item_id, x.other_id
    ON CONFLICT (tenant_id, item_id, other_id) DO UPDATE SET
        {_added("people", HALF_LIVES[Window.MONTH])},
        touched_at = greatest(held.touched_at, excluded.touched_at)"""  # noqa: S608  # of constants

_TAKE_ITEMS = f"""
    UPDATE item_interest held SET
        {
    ", ".join(
        f"{w.value} = greatest(0, held.{w.value} - {_faded('held.touched_at', 'mine.counted_at', h)})"
        for w, h in HALF_LIVES.items()
    )
}
    FROM user_interest mine
    WHERE held.tenant_id = $1 AND mine.tenant_id = $1 AND mine.subject_id = $2 AND mine.item_id = held.item_id"""  # noqa: S608  # of constants

_TAKE_PAIRS = f"""
    UPDATE item_pairs held SET
        people = greatest(0, held.people - {_faded("held.touched_at", "mine.counted_at", HALF_LIVES[Window.MONTH])})
    FROM (SELECT item_id, counted_at, unnest(partners) AS partner
          FROM user_interest WHERE tenant_id = $1 AND subject_id = $2) AS mine
    WHERE held.tenant_id = $1 AND held.item_id = least(mine.item_id, mine.partner)
        AND held.other_id = greatest(mine.item_id, mine.partner)"""  # noqa: S608  # of constants

_SWEEP_ITEMS = "DELETE FROM item_interest WHERE tenant_id = $1 AND touched_at < $2"
_SWEEP_PAIRS = "DELETE FROM item_pairs WHERE tenant_id = $1 AND touched_at < $2"

_ITEMS = "SELECT item_id, day, week, month, touched_at FROM item_interest WHERE tenant_id = $1 AND month >= $2"
# A number in the text, not a parameter: the partial index serves no other.
_PAIRS = f"""
    SELECT item_id, other_id, people, touched_at FROM item_pairs
    WHERE tenant_id = $1 AND people >= {ENOUGH}"""  # noqa: S608  # of constants

Taken = Sequence[tuple[SubjectId, ItemId]]


class PostgresInterestStore:
    """Live counts, as an `InterestStore`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def read(self, tenant: TenantId, at: datetime) -> LiveInterest:
        """The counts as they have faded by `at`."""
        async with self._database.transaction(tenant) as tx:
            items = await tx.rows(_ITEMS, tenant, LEAST_TOLD)
            pairs = await tx.rows(_PAIRS, tenant)
        ages, pair_ages = _ages(items, at), _ages(pairs, at)
        return LiveInterest(
            counted_at=at,
            item_ids=tuple(ItemId(row["item_id"]) for row in items),
            people=MappingProxyType(
                {
                    window: _column(items, window.value) * np.exp2(-ages / half_life.total_seconds())
                    for window, half_life in HALF_LIVES.items()
                }
            ),
            pairs=tuple((ItemId(row["item_id"]), ItemId(row["other_id"])) for row in pairs),
            together=_column(pairs, "people") * np.exp2(-pair_ages / HALF_LIVES[Window.MONTH].total_seconds()),
        )

    async def sweep(self, tenant: TenantId, before: datetime) -> None:
        """Delete the counts that nobody has added to since `before`."""
        async with self._database.transaction(tenant) as tx:
            await tx.execute(_SWEEP_ITEMS, tenant, before)
            await tx.execute(_SWEEP_PAIRS, tenant, before)


class InterestCounter:
    """Counts what was learned, within the transaction of whoever learns."""

    async def count(
        self, tx: Transaction, tenant: TenantId, events: Sequence[tuple[SubjectId, EventId]], now: datetime
    ) -> None:
        """Count the people of these events for the items that they took to, and for pairs of their latest items.

        Args:
            tx: names the tenant and the people; those who do not agree to training are not counted.
            tenant: whose events.
            events: what has been learned from.
            now: when they are counted.
        """
        subjects, ids = zip(*events, strict=True) if events else ((), ())
        new = _taken(
            await tx.rows(_COUNT, tenant, list(subjects), list(ids), now, _TYPES, now - CURRENT, now - COUNTED_AGAIN)
        )
        if not new:
            return
        recent = _taken(await tx.rows(_RECENT, tenant, list({subject for subject, _ in new}), now - TOGETHER))
        pairs = paired(new, recent)
        people = Counter(item_id for _, item_id in new)
        await tx.execute(_ADD_ITEMS, tenant, list(people), [float(count) for count in people.values()], now)
        if pairs:
            await _add_pairs(tx, tenant, pairs, now)

    async def forget(self, tx: Transaction, tenant: TenantId, subject: SubjectId) -> None:
        """Take out of every count what this person added to it, and that they were ever counted."""
        await self.take_out(tx, tenant, subject)
        await tx.execute("DELETE FROM user_interest WHERE tenant_id = $1 AND subject_id = $2", tenant, subject)

    async def take_out(self, tx: Transaction, tenant: TenantId, subject: SubjectId) -> None:
        """Take out of every count what this person added to it; that they were counted is for the caller to delete."""
        await tx.execute(_TAKE_ITEMS, tenant, subject)
        await tx.execute(_TAKE_PAIRS, tenant, subject)


def paired(new: Taken, recent: Taken) -> list[tuple[SubjectId, ItemId, ItemId]]:
    """The pairs that newly counted items make with their person's latest ones, each once: person, new item, other.

    Args:
        new: newly counted.
        recent: counted lately, the new ones among them, each person's latest first.
    """
    latest: dict[SubjectId, list[ItemId]] = {}
    for subject, item_id in recent:
        latest.setdefault(subject, []).append(item_id)
    counted: dict[SubjectId, set[ItemId]] = {}
    pairs: list[tuple[SubjectId, ItemId, ItemId]] = []
    for subject, item_id in sorted(new):
        before = counted.setdefault(subject, set())
        before.add(item_id)
        others = [other for other in latest.get(subject, ())[: PARTNERS + 1] if other != item_id]
        pairs += [(subject, item_id, other) for other in others[:PARTNERS] if other not in before]
    return pairs


async def _add_pairs(
    tx: Transaction, tenant: TenantId, pairs: Collection[tuple[SubjectId, ItemId, ItemId]], now: datetime
) -> None:
    subjects, items, others = zip(*pairs, strict=True)
    await tx.execute(_KEEP_PARTNERS, tenant, list(subjects), list(items), list(others))
    people = Counter((min(a, b), max(a, b)) for _, a, b in pairs)
    counts: Mapping[tuple[ItemId, ItemId], int] = people
    await tx.execute(
        _ADD_PAIRS,
        tenant,
        [first for first, _ in counts],
        [second for _, second in counts],
        [float(count) for count in counts.values()],
        now,
    )


def _taken(rows: Iterable[Record]) -> list[tuple[SubjectId, ItemId]]:
    return [(SubjectId(row["subject_id"]), ItemId(row["item_id"])) for row in rows]


def _column(rows: Sequence[Record], name: str) -> NDArray[np.float64]:
    return np.array([row[name] for row in rows], dtype=np.float64)


def _ages(rows: Sequence[Any], at: datetime) -> NDArray[np.float64]:
    seconds = np.array([(at - row["touched_at"]).total_seconds() for row in rows], dtype=np.float64)
    return np.maximum(seconds, 0.0)

"""Counting in Postgres: what stale units did is read from the log, and the sums of their cells follow in one commit."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

import asyncpg
import orjson

from domain.experiments.metrics import BEFORE_DAYS
from domain.experiments.model import Test, TestId
from domain.ids import SubjectId, TenantId
from domain.outcomes.cells import SUMS, Cell, Place, Unit, changed, shape_of
from domain.outcomes.counting import Doings, Slot, counted_of, slots_of
from domain.outcomes.model import Evaluation, OrderStatistic
from domain.outcomes.standing import Standing
from domain.storage.postgres import Database, Transaction

_LOCK_TEST: Final = "SELECT pg_advisory_xact_lock(hashtextextended('count ' || $1::uuid::text, 0))"
_LOCK_STALE: Final = "SELECT DISTINCT subject_id FROM lock_stale_units($1, $2, $3)"
_UNITS: Final = """
    SELECT subject_id, phase, policy_version, variation, context, multiple, counted FROM user_ab_tests
    WHERE tenant_id = $1 AND test_id = $2 AND subject_id = ANY($3::uuid[]) AND stale AND phase > 0"""

# What somebody does while they are withdrawn from experiments does not count, also if they agree again. When the test
# was stopped is read here and not with the test, which may have been stopped since.
# A value counts in whole millionths, as a number of six digits: what is added later in another order is the same.
_DOINGS: Final = f"""
    SELECT u.subject_id, u.phase, s.slot,
           count(e.*) FILTER (WHERE e.occurred_at >= u.exposed_at) AS count_after,
           count(e.*) FILTER (WHERE e.occurred_at < u.exposed_at) AS count_before,
           coalesce(sum(round(e.value::numeric * 1000000))
                    FILTER (WHERE e.occurred_at >= u.exposed_at), 0) AS sum_after,
           coalesce(sum(round(e.value::numeric * 1000000))
                    FILTER (WHERE e.occurred_at < u.exposed_at), 0) AS sum_before
    FROM user_ab_tests u
    CROSS JOIN jsonb_to_recordset($4::jsonb) AS s (slot integer, types text[], hours float8, looks_back boolean)
    CROSS JOIN LATERAL (
        SELECT range_agg(tstzrange(c.recorded_at, c.until)) FILTER (WHERE NOT c.granted) AS times FROM (
            SELECT granted, recorded_at, lead(recorded_at) OVER (ORDER BY recorded_at) AS until FROM consents
            WHERE tenant_id = $1 AND subject_id = u.subject_id AND purpose = 'experiments') AS c) AS withdrawn
    JOIN user_behavior_events e ON e.subject_id = u.subject_id AND e.tenant_id = $1 AND e.type = ANY(s.types)
        AND e.quarantined_at IS NULL
        AND e.occurred_at >= u.exposed_at - CASE WHEN s.looks_back THEN interval '{BEFORE_DAYS} days'
                                            ELSE interval '0' END
        AND e.occurred_at < least(
            u.exposed_at + s.hours * interval '1 hour',
            (SELECT t.stopped_at FROM ab_tests t WHERE t.tenant_id = $1 AND t.test_id = $2))
        AND (withdrawn.times @> e.occurred_at) IS NOT TRUE
    WHERE u.tenant_id = $1 AND u.test_id = $2 AND u.subject_id = ANY($3::uuid[]) AND u.stale AND u.phase > 0
    GROUP BY 1, 2, 3"""  # noqa: S608  # of a constant

_KEEP: Final = """
    UPDATE user_ab_tests u SET counted = x.counted, stale = false
    FROM (SELECT (e ->> 0)::uuid AS subject_id, (e ->> 1)::integer AS phase,
                 ARRAY(SELECT n::bigint FROM jsonb_array_elements_text(e -> 2) AS n) AS counted
          FROM jsonb_array_elements($3::jsonb) AS e) AS x
    WHERE u.tenant_id = $1 AND u.test_id = $2 AND u.subject_id = x.subject_id AND u.phase = x.phase"""

_CELLS: Final = """
    SELECT phase, policy_version, variation, context, units, multiples, sums FROM ab_test_cells
    WHERE tenant_id = $1 AND test_id = $2 ORDER BY phase, policy_version, variation, context"""
_WRITE_CELL: Final = """
    INSERT INTO ab_test_cells (tenant_id, test_id, phase, policy_version, variation, context, units, multiples, sums)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
    ON CONFLICT (tenant_id, test_id, phase, policy_version, variation, context) DO UPDATE SET
        units = excluded.units, multiples = excluded.multiples, sums = excluded.sums"""
_CLEAR_CELLS: Final = "DELETE FROM ab_test_cells WHERE tenant_id = $1 AND test_id = $2"
_SUM_UNITS: Final = "SELECT * FROM sum_units($1, $2, $3, $4)"
_DEPARTED: Final = "SELECT EXISTS (SELECT 1 FROM ab_test_departures WHERE tenant_id = $1 AND test_id = $2)"
_FORGET_DEPARTED: Final = "DELETE FROM ab_test_departures WHERE tenant_id = $1 AND test_id = $2"
_ORDER: Final = "SELECT at, value FROM unit_order($1, $2, $3, $4, $5, $6) ORDER BY at"

_KEEP_RESULT: Final = """
    INSERT INTO ab_test_results (tenant_id, test_id, evaluated_at, engine_version, inputs, outputs)
    VALUES ($1, $2, $3, $4, $5::jsonb, $6::jsonb) ON CONFLICT DO NOTHING RETURNING evaluated_at"""
_EVALUATED: Final = """
    SELECT t.test_id, r.evaluated_at FROM ab_tests t
    CROSS JOIN LATERAL (SELECT max(o.evaluated_at) AS evaluated_at FROM ab_test_results o
                        WHERE o.tenant_id = t.tenant_id AND o.test_id = t.test_id AND o.evaluated_at <= $2) AS r
    WHERE t.tenant_id = $1 AND r.evaluated_at IS NOT NULL"""
_LATEST: Final = """
    SELECT evaluated_at, engine_version, inputs, outputs FROM ab_test_results
    WHERE tenant_id = $1 AND test_id = $2 ORDER BY evaluated_at DESC LIMIT $3"""

# Of no tenant and no person: experiments, their sums and their results are not about one.
_STANDING: Final = "SELECT running, held, units, evaluated_at FROM experiments_standing()"

SHAPES: Final[Mapping[str, tuple[str, ...]]] = {
    "plain": ("y", "yy"),
    "ratio": ("y", "yy", "d", "dd", "yd"),
    "adjusted": ("y", "yy", "x", "xx", "yx"),
    "adjusted_ratio": ("y", "yy", "d", "dd", "yd", "x", "xx", "yx", "z", "zz", "yz", "dx", "dz", "xz"),
}
"""The sums that `sum_units` answers with, in its order."""


class PostgresOutcomeStore:
    """Units, cells and results, as an `OutcomeStore`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def count_some(self, test: Test, at_most: int) -> int:
        """Count up to so many stale people of a test and bring its cells up to date in one commit; how many."""
        async with self._database.transaction(test.tenant) as tx:
            await tx.execute(_LOCK_TEST, test.test_id)
            rows = await tx.rows(_LOCK_STALE, test.tenant, test.test_id, at_most)
            people = [SubjectId(row["subject_id"]) for row in rows]
            if people:
                await tx.see(test.tenant, people)
                await _counted(tx, test, people)
        return len(people)

    async def sum_again(self, test: Test) -> bool:
        """Make the cells anew if units have gone since; whether that was so."""
        async with self._database.transaction(test.tenant) as tx:
            await tx.execute(_LOCK_TEST, test.test_id)
            gone = bool(await tx.value(_DEPARTED, test.tenant, test.test_id))
            if gone:
                # Forgotten first: a unit that goes while the sums are made leaves a new row, and they are made again.
                await tx.execute(_FORGET_DEPARTED, test.tenant, test.test_id)
                cells = await summed(tx, test)
                await tx.execute(_CLEAR_CELLS, test.tenant, test.test_id)
                await _write_cells(tx, test, cells)
        return gone

    async def recomputed(self, test: Test) -> list[Cell]:
        """The cells made from every unit; nothing is written."""
        async with self._database.transaction(test.tenant) as tx:
            return await summed(tx, test)

    async def cells(self, test: Test) -> list[Cell]:
        """The cells as they are kept."""
        async with self._database.transaction(test.tenant) as tx:
            return await _cells(tx, test)

    async def order(
        self, test: Test, phase: int, variation: int, metric: int, places: Sequence[int]
    ) -> list[OrderStatistic]:
        """Values of a metric at places of the order of all units of an arm, from 1 on."""
        async with self._database.transaction(test.tenant) as tx:
            rows = await tx.rows(_ORDER, test.tenant, test.test_id, phase, variation, metric, list(places))
        return [OrderStatistic(row["at"], row["value"]) for row in rows]

    async def keep(self, tenant: TenantId, test_id: TestId, evaluation: Evaluation) -> bool:
        """Keep a result, unless there is one of that time; whether it was kept."""
        async with self._database.transaction(tenant) as tx:
            kept = await tx.value(
                _KEEP_RESULT,
                tenant,
                test_id,
                evaluation.evaluated_at,
                evaluation.engine_version,
                orjson.dumps(dict(evaluation.inputs)).decode(),
                orjson.dumps(dict(evaluation.outputs)).decode(),
            )
        return kept is not None

    async def evaluated(self, tenant: TenantId, until: datetime) -> dict[TestId, datetime]:
        """The time of the latest result until then of every experiment that has one."""
        async with self._database.transaction(tenant) as tx:
            return {TestId(row["test_id"]): row["evaluated_at"] for row in await tx.rows(_EVALUATED, tenant, until)}

    async def standing(self) -> Standing:
        """How the experiments that run are doing, all tenants together."""
        async with self._database.dispatch() as tx:
            row = await tx.row(_STANDING)
        assert row is not None  # noqa: S101  # sums always answer with a row
        return Standing(row["running"], row["held"], row["units"], row["evaluated_at"])

    async def results(self, tenant: TenantId, test_id: TestId, first: int) -> list[Evaluation]:
        """The latest results, the newest first."""
        async with self._database.transaction(tenant) as tx:
            rows = await tx.rows(_LATEST, tenant, test_id, first)
        return [Evaluation(row[0], row[1], orjson.loads(row["inputs"]), orjson.loads(row["outputs"])) for row in rows]


async def _counted(tx: Transaction, test: Test, people: Sequence[SubjectId]) -> None:
    units = await tx.rows(_UNITS, test.tenant, test.test_id, people)
    slots = slots_of(test.plan.metrics)
    written = orjson.dumps([_slot(place, slot) for place, slot in enumerate(slots)]).decode()
    rows = await tx.rows(_DOINGS, test.tenant, test.test_id, people, written)
    doings: dict[tuple[Any, int], dict[int, Doings]] = {}
    for row in rows:
        found = doings.setdefault((row["subject_id"], row["phase"]), {})
        found[row["slot"]] = Doings(row["count_after"], row["count_before"], int(row[5]), int(row[6]))
    gone: list[Unit] = []
    come: list[Unit] = []
    kept: list[tuple[str, int, list[int]]] = []
    for row in units:
        place = place_of(row)
        counted = counted_of(test.plan.metrics, doings.get((row["subject_id"], row["phase"]), {}))
        if row["counted"] is not None:
            gone.append(Unit(place, tuple(row["counted"]), row["multiple"]))
        come.append(Unit(place, counted, row["multiple"]))
        kept.append((str(row["subject_id"]), row["phase"], list(counted)))
    await tx.execute(_KEEP, test.tenant, test.test_id, orjson.dumps(kept).decode())
    held = {cell.place: cell for cell in await _cells(tx, test)}
    await _write_cells(tx, test, list(changed(held, gone, come, len(test.plan.metrics)).values()))


def _slot(place: int, slot: Slot) -> dict[str, Any]:
    return {"slot": place, "types": list(slot.types), "hours": slot.hours, "looks_back": slot.looks_back}


async def summed(tx: Transaction, test: Test) -> list[Cell]:
    """The cells, made from every unit that is counted."""
    found: dict[Place, dict[str, Any]] = {}
    for number, metric in enumerate(test.plan.metrics):
        shape = shape_of(metric)
        for row in await tx.rows(_SUM_UNITS, test.tenant, test.test_id, number, shape):
            place = place_of(row)
            cell = found.setdefault(place, {"units": row["units"], "multiples": row["multiples"], "sums": {}})
            cell["sums"] |= {
                (number, name): int(total or 0) for name, total in zip(SHAPES[shape], row["sums"], strict=True)
            }
    places = [(number, name) for number in range(len(test.plan.metrics)) for name in SUMS]
    return [
        Cell(place, cell["units"], cell["multiples"], tuple(cell["sums"].get(one, 0) for one in places))
        for place, cell in sorted(found.items())
    ]


async def _cells(tx: Transaction, test: Test) -> list[Cell]:
    return [_cell(row) for row in await tx.rows(_CELLS, test.tenant, test.test_id)]


def place_of(row: asyncpg.Record) -> Place:
    """The cell that a row is, or belongs to."""
    return Place(row["phase"], row["policy_version"], row["variation"], row["context"])


def _cell(row: asyncpg.Record) -> Cell:
    place = place_of(row)
    return Cell(place, row["units"], row["multiples"], tuple(map(int, row["sums"])))


async def _write_cells(tx: Transaction, test: Test, cells: Sequence[Cell]) -> None:
    for cell in cells:
        sums = [Decimal(total) for total in cell.sums]
        await tx.execute(_WRITE_CELL, test.tenant, test.test_id, *cell.place, cell.units, cell.multiples, sums)

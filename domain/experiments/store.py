"""Experiments and their policies in Postgres; writers of one tenant take turns, so that ranges cannot overlap."""

from collections.abc import Sequence
from typing import Any, Final

import asyncpg
import orjson

from domain.errors import Conflict, NotFound
from domain.experiments.model import Policy, Status, Test, TestId
from domain.experiments.plan import ExperimentPlan
from domain.experiments.service import Change
from domain.ids import TenantId
from domain.storage.postgres import Database, Transaction

BY_CONTEXT: Final = "byContext"
"""Where the reason of a policy keeps its split for each segment."""

_ENSURE_TENANT: Final = """
    INSERT INTO tenants (tenant_id, name, created_at) VALUES ($1, $1, $2) ON CONFLICT DO NOTHING"""
_LOCK_TENANT: Final = "SELECT experiments_version FROM tenants WHERE tenant_id = $1 FOR NO KEY UPDATE"
_RAISE_VERSION: Final = "UPDATE tenants SET experiments_version = experiments_version + 1 WHERE tenant_id = $1"
_VERSION: Final = "SELECT experiments_version FROM tenants WHERE tenant_id = $1"

_CREATE: Final = """
    INSERT INTO ab_tests (tenant_id, test_id, key, status, definition, created_at)
    VALUES ($1, $2, $3, $4, $5::jsonb, $6) ON CONFLICT (tenant_id, key) DO NOTHING RETURNING test_id"""
_UPDATE: Final = """
    UPDATE ab_tests SET status = $3, started_at = $4, stopped_at = $5, revision = revision + 1
    WHERE tenant_id = $1 AND test_id = $2"""
_ADD_POLICY: Final = """
    INSERT INTO ab_test_policies (tenant_id, test_id, phase, number, seed, weights, coverage, reason, made_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8::jsonb, $9)"""

_COLUMNS: Final = """
    SELECT t.test_id, t.key, t.status, t.definition, t.created_at, t.started_at, t.stopped_at, t.revision,
           p.phase, p.number, p.seed, p.weights, p.coverage, p.reason, p.made_at,
           gone.erased_units, gone.merged_units
    FROM ab_tests t
    CROSS JOIN LATERAL (
        SELECT coalesce(sum(d.units), 0)::bigint AS erased_units, coalesce(sum(d.merged), 0)::bigint AS merged_units
        FROM ab_test_departures d
        WHERE t.status = 'stopped' AND d.tenant_id = t.tenant_id AND d.test_id = t.test_id) AS gone
    LEFT JOIN LATERAL (
        SELECT * FROM ab_test_policies o WHERE o.tenant_id = t.tenant_id AND o.test_id = t.test_id
        ORDER BY o.phase DESC, o.number DESC LIMIT 1) AS p ON true"""
_TEST: Final = f"{_COLUMNS} WHERE t.tenant_id = $1 AND t.test_id = $2"
_FIND: Final = f"{_COLUMNS} WHERE t.tenant_id = $1 AND t.key = $2"
_TESTS: Final = f"""{_COLUMNS}
    WHERE t.tenant_id = $1 AND t.status = ANY($2::text[]) AND ($3::text IS NULL OR t.key > $3)
    ORDER BY t.key LIMIT $4"""
_ALIVE: Final = f"{_COLUMNS} WHERE t.tenant_id = $1 AND t.status <> 'stopped' ORDER BY t.key"
_POLICIES: Final = """
    SELECT phase, number, seed, weights, coverage, reason, made_at FROM ab_test_policies
    WHERE tenant_id = $1 AND test_id = $2 ORDER BY phase, number"""


class PostgresTestStore:
    """Experiments, as a `TestStore`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def create(self, test: Test) -> Test:
        """Write a new one. Raises `Conflict` if the key is taken."""
        written = test.plan.model_dump_json(by_alias=True, exclude_defaults=True)
        async with self._database.transaction(test.tenant) as tx:
            await tx.execute(_ENSURE_TENANT, test.tenant, test.created_at)
            made = await tx.value(
                _CREATE, test.tenant, test.test_id, test.key, test.status.value, written, test.created_at
            )
        if made is None:
            raise Conflict("There is an experiment of that key.", field="key")
        return test

    async def change(self, tenant: TenantId, test_id: TestId, change: Change) -> Test:
        """Replace a test by what `change` makes of it; nothing if it raises. Raises `NotFound`."""
        async with self._database.transaction(tenant) as tx:
            await tx.value(_LOCK_TENANT, tenant)
            row = await tx.row(_TEST, tenant, test_id)
            if row is None:
                raise NotFound("There is no such experiment.", field="experimentId")
            test = _test(tenant, row)
            changed = change(test, [_test(tenant, other) for other in await tx.rows(_ALIVE, tenant)])
            if changed == test:
                return test
            await tx.execute(_UPDATE, tenant, test_id, changed.status.value, changed.started_at, changed.stopped_at)
            if changed.policy is not None and changed.policy != test.policy:
                await _add_policy(tx, changed, changed.policy)
            await tx.execute(_RAISE_VERSION, tenant)
            row = await tx.row(_TEST, tenant, test_id)
        assert row is not None  # noqa: S101  # it was there a moment ago, under a lock
        return _test(tenant, row)

    async def test(self, tenant: TenantId, test_id: TestId) -> Test | None:
        """One experiment."""
        async with self._database.transaction(tenant) as tx:
            row = await tx.row(_TEST, tenant, test_id)
        return None if row is None else _test(tenant, row)

    async def find(self, tenant: TenantId, key: str) -> Test | None:
        """The experiment of a key."""
        async with self._database.transaction(tenant) as tx:
            row = await tx.row(_FIND, tenant, key)
        return None if row is None else _test(tenant, row)

    async def tests(self, tenant: TenantId, statuses: Sequence[Status], after: str | None, limit: int) -> list[Test]:
        """Those in one of these states, by key, from the one after `after` on."""
        async with self._database.transaction(tenant) as tx:
            rows = await tx.rows(_TESTS, tenant, [status.value for status in statuses], after, limit)
        return [_test(tenant, row) for row in rows]

    async def policies(self, tenant: TenantId, test_id: TestId) -> list[Policy]:
        """Every policy that a test has had, in order."""
        async with self._database.transaction(tenant) as tx:
            return [_policy(row) for row in await tx.rows(_POLICIES, tenant, test_id)]

    async def version(self, tenant: TenantId) -> int:
        """How often experiments were changed."""
        async with self._database.transaction(tenant) as tx:
            return int(await tx.value(_VERSION, tenant) or 0)


async def _add_policy(tx: Transaction, test: Test, policy: Policy) -> None:
    await tx.execute(
        _ADD_POLICY,
        test.tenant,
        test.test_id,
        policy.phase,
        policy.number,
        policy.seed,
        list(policy.weights),
        policy.coverage,
        orjson.dumps({**policy.reason, **_contexts(policy)}).decode(),
        policy.made_at,
    )


def _test(tenant: TenantId, row: asyncpg.Record) -> Test:
    return Test(
        tenant=tenant,
        test_id=TestId(row["test_id"]),
        status=Status(row["status"]),
        plan=ExperimentPlan.model_validate_json(row["definition"]),
        created_at=row["created_at"],
        policy=None if row["phase"] is None else _policy(row),
        started_at=row["started_at"],
        stopped_at=row["stopped_at"],
        revision=row["revision"],
        erased_units=row["erased_units"],
        merged_units=row["merged_units"],
    )


def _contexts(policy: Policy) -> dict[str, Any]:
    split = {str(context): list(weights) for context, weights in policy.by_context.items()}
    return {BY_CONTEXT: split} if split else {}


def _policy(row: asyncpg.Record) -> Policy:
    reason = orjson.loads(row["reason"])
    return Policy(
        phase=row["phase"],
        number=row["number"],
        seed=row["seed"],
        weights=tuple(row["weights"]),
        coverage=row["coverage"],
        made_at=row["made_at"],
        reason=reason,
        by_context={int(context): tuple(split) for context, split in reason.get(BY_CONTEXT, {}).items()},
    )

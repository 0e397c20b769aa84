"""What people were shown, in Postgres, and what conditions look at."""

from collections.abc import Sequence
from typing import Final

from domain.experiments.model import FORCED_PHASE, TestId
from domain.exposures.model import Exposure
from domain.ids import EventId, SubjectId, TenantId
from domain.storage.postgres import Database, Transaction

_EXPOSURES: Final = """
    SELECT test_id, phase, variation, policy_version, propensity, exposed_at, context FROM user_ab_tests
    WHERE tenant_id = $1 AND subject_id = $2"""

# Guarded by what the person agrees to at this moment, which may have changed since the answer was made.
_NOTE: Final = """
    INSERT INTO user_ab_tests
        (tenant_id, subject_id, test_id, phase, variation, policy_version, propensity, exposed_at, context)
    SELECT $1, $2, x.*
    FROM unnest($3::uuid[], $4::integer[], $5::integer[], $6::text[], $7::float8[], $8::timestamptz[],
                $9::integer[]) AS x,
         subjects s
    WHERE s.tenant_id = $1 AND s.subject_id = $2 AND s.collects AND s.privacy_level <> 'strict'
      AND s.erased_at IS NULL
      AND coalesce((SELECT c.granted FROM consents c
                    WHERE c.tenant_id = $1 AND c.subject_id = $2 AND c.purpose = 'experiments'
                    ORDER BY c.recorded_at DESC LIMIT 1), true)
    FOR KEY SHARE OF s
    ON CONFLICT (subject_id, test_id, phase) DO NOTHING"""

# Whoever sees a variation by force counts no more, nor does what they did before.
_DROP: Final = """
    DELETE FROM user_ab_tests WHERE tenant_id = $1 AND subject_id = $2 AND test_id = $3 AND ($4 OR phase = $5)"""

_SEGMENT: Final = """
    SELECT segment FROM user_segments WHERE tenant_id = $1 AND subject_id = $2 ORDER BY assigned_at DESC LIMIT 1"""
_ACCOUNT: Final = "SELECT attributes_sealed FROM user_accounts WHERE tenant_id = $1 AND subject_id = $2"

# What was told before a stop may be learned after it, and counts until the last evaluation.
_MARK_STALE: Final = f"""
    UPDATE user_ab_tests u SET stale = true
    FROM ab_tests t
    WHERE u.tenant_id = $1 AND u.subject_id = ANY($2::uuid[]) AND NOT u.stale AND u.phase > {FORCED_PHASE}
      AND t.tenant_id = $1 AND t.test_id = u.test_id
      AND (t.status <> 'stopped' OR NOT EXISTS (
          SELECT FROM ab_test_results r
          WHERE r.tenant_id = $1 AND r.test_id = t.test_id AND r.evaluated_at >= t.stopped_at))"""  # noqa: S608  # of a constant


class PostgresExposureStore:
    """What people were shown, as an `ExposureStore`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def exposures(self, tenant: TenantId, subject: SubjectId) -> list[Exposure]:
        """Everything that a person was shown, and what was forced on them."""
        async with self._database.transaction(tenant, (subject,)) as tx:
            rows = await tx.rows(_EXPOSURES, tenant, subject)
        return [Exposure(TestId(row["test_id"]), *tuple(row)[1:]) for row in rows]

    async def note(self, tenant: TenantId, subject: SubjectId, exposures: Sequence[Exposure], *, durable: bool) -> None:
        """Keep first exposures of a person who agrees to experiments at this moment; those that are there stay."""
        async with self._database.transaction(tenant, (subject,), durable=durable) as tx:
            await _note(tx, tenant, subject, exposures)

    async def force(self, tenant: TenantId, subject: SubjectId, test_id: TestId, exposure: Exposure | None) -> None:
        """Put a variation before whatever is assigned, or take that back."""
        async with self._database.transaction(tenant, (subject,)) as tx:
            await tx.execute(_DROP, tenant, subject, test_id, exposure is not None, FORCED_PHASE)
            if exposure is not None:
                await _note(tx, tenant, subject, [exposure])

    async def described(self, tenant: TenantId, subject: SubjectId) -> tuple[int | None, bytes | None]:
        """A person's segment, and the sealed attributes of their account; None for what there is not."""
        async with self._database.transaction(tenant, (subject,)) as tx:
            segment = await tx.value(_SEGMENT, tenant, subject)
            sealed = await tx.value(_ACCOUNT, tenant, subject)
        return segment, None if sealed is None else bytes(sealed)


class StaleUnits:
    """Notes, in the transaction that learns from events, whose doings have to be counted anew."""

    async def count(self, tx: Transaction, tenant: TenantId, events: Sequence[tuple[SubjectId, EventId]]) -> None:
        """Mark the people of these events in every experiment that they take part in and that is still evaluated."""
        if events:
            await tx.execute(_MARK_STALE, tenant, sorted({subject for subject, _ in events}))


async def _note(tx: Transaction, tenant: TenantId, subject: SubjectId, exposures: Sequence[Exposure]) -> None:
    await tx.execute(
        _NOTE,
        tenant,
        subject,
        [one.test_id for one in exposures],
        [one.phase for one in exposures],
        [one.variation for one in exposures],
        [one.policy_version for one in exposures],
        [one.propensity for one in exposures],
        [one.exposed_at for one in exposures],
        [one.context for one in exposures],
    )

"""History and exposures in Postgres; history is read from the log itself, so that an action counts at once."""

from domain.ids import ItemId, SubjectId, TenantId
from domain.recommendations.page import Exposure, PastAction
from domain.storage.postgres import Database

_HISTORY = """
    SELECT item_id, type, occurred_at, value FROM user_behavior_events
    WHERE tenant_id = $1 AND subject_id = $2 AND item_id IS NOT NULL AND quarantined_at IS NULL
    ORDER BY occurred_at DESC, event_id
    LIMIT $3"""

# Guarded by the person's consent at this moment, which may have been withdrawn since the list was computed.
_NOTE = """
    INSERT INTO recommendations
        (tenant_id, subject_id, recommendation_id, kind, surface, model_version, policy_version,
         item_ids, scores, propensities, served_at)
    SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, array_fill(1::real, ARRAY[cardinality($8::text[])]), $10
    FROM subjects WHERE tenant_id = $1 AND subject_id = $2 AND collects AND erased_at IS NULL"""


class PostgresRecommendationStore:
    """History and exposures, as a `RecommendationStore`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def history(self, tenant: TenantId, subject: SubjectId, limit: int) -> list[PastAction]:
        """What a person did with catalogue items, latest first."""
        async with self._database.transaction(tenant, (subject,)) as tx:
            rows = await tx.rows(_HISTORY, tenant, subject, limit)
        return [PastAction(ItemId(row["item_id"]), row["type"], row["occurred_at"], row["value"]) for row in rows]

    async def note(self, tenant: TenantId, subject: SubjectId, exposure: Exposure) -> None:
        """Keep what was served to a person who agrees to it.

        An exposure is no promise to anybody, so the commit does not wait for the disk.
        """
        async with self._database.transaction(tenant, (subject,), durable=False) as tx:
            await tx.execute(
                _NOTE,
                tenant,
                subject,
                exposure.recommendation_id,
                None if exposure.kind is None else exposure.kind.value,
                exposure.surface,
                exposure.model_version,
                exposure.policy_version,
                [item.item_id for item in exposure.items],
                [item.score for item in exposure.items],
                exposure.served_at,
            )

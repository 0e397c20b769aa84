"""History and exposures in Postgres; history is read from the log itself, so that an action counts at once."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from operator import itemgetter
from typing import Final

from domain.ids import ItemId, SubjectId, TenantId
from domain.recommendations.page import Exposure, PastAction
from domain.recommendations.segmentation import Membership
from domain.storage.postgres import Database
from domain.together import Together

NOTED_TOGETHER: Final = 64

# Beyond the latest rows only the items count, and what was said of them: what has been seen or sent away stays away
# however much has happened since.
_HISTORY = """
    WITH latest AS MATERIALIZED (
        SELECT item_id, type, occurred_at, value FROM user_behavior_events
        WHERE tenant_id = $1 AND subject_id = $2 AND item_id IS NOT NULL AND quarantined_at IS NULL
        ORDER BY occurred_at DESC, event_id
        LIMIT $3)
    SELECT item_id, type, occurred_at, value, true AS recent FROM latest
    UNION ALL
    SELECT * FROM (
        SELECT item_id, type, max(occurred_at) AS occurred_at, (array_agg(value ORDER BY occurred_at DESC))[1] AS value,
            false AS recent
        FROM user_behavior_events
        WHERE (SELECT count(*) FROM latest) = $3 AND tenant_id = $1 AND subject_id = $2 AND item_id IS NOT NULL
            AND quarantined_at IS NULL
            AND occurred_at <= (SELECT min(occurred_at) FROM latest)
        GROUP BY item_id, type
        ORDER BY max(occurred_at) DESC, item_id) AS older"""

# Guarded by the person's consent at this moment, which may have been withdrawn since the list was computed.
_NOTE = """
    INSERT INTO recommendations
        (tenant_id, subject_id, recommendation_id, kind, surface, model_version, policy_version,
         item_ids, scores, propensities, served_at, device, purpose, local_hour, weekday)
    SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15
    FROM subjects WHERE tenant_id = $1 AND subject_id = $2 AND collects AND erased_at IS NULL
    FOR KEY SHARE"""


class PostgresRecommendationStore:
    """A person's past, as `History`, and what was served to them, as an `ExposureStore`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._notes = Together(self._note, limit=NOTED_TOGETHER)

    async def history(self, tenant: TenantId, subject: SubjectId, limit: int) -> list[PastAction]:
        """What a person did with catalogue items, latest first."""
        async with self._database.transaction(tenant, (subject,)) as tx:
            rows = await tx.rows(_HISTORY, tenant, subject, limit)
        return [
            PastAction(ItemId(row["item_id"]), row["type"], row["occurred_at"], row["value"], row["recent"])
            for row in rows
        ]

    async def note(self, tenant: TenantId, subject: SubjectId, exposure: Exposure) -> None:
        """Keep what was served to a person who agrees to it; returns once that has committed.

        Lists that are served at the same moment are noted in one transaction. An exposure is no promise to anybody, so
        its commit does not wait for the disk.
        """
        await self._notes.ask(tenant, (subject, exposure))

    async def _note(self, tenant: TenantId, served: Sequence[tuple[SubjectId, Exposure]]) -> list[None]:
        # In the order of people, as everybody locks them who locks several: each row holds its person until the commit.
        ordered = sorted(served, key=itemgetter(0))
        async with self._database.transaction(tenant, {subject for subject, _ in ordered}, durable=False) as tx:
            await tx.execute_for_each(_NOTE, [_row(tenant, subject, exposure) for subject, exposure in ordered])
        return [None] * len(served)


def _row(tenant: TenantId, subject: SubjectId, exposure: Exposure) -> tuple[object, ...]:
    return (
        tenant,
        subject,
        exposure.recommendation_id,
        None if exposure.kind is None else exposure.kind.value,
        exposure.surface,
        exposure.model_version,
        exposure.policy_version,
        [item.item_id for item in exposure.items],
        [item.score for item in exposure.items],
        [item.propensity for item in exposure.items],
        exposure.served_at,
        exposure.device,
        exposure.purpose,
        exposure.local_hour,
        exposure.weekday,
    )


_HISTORIES = """
    SELECT log.subject_id, log.item_id, log.type, log.occurred_at
    FROM subjects person
    CROSS JOIN LATERAL (
        SELECT * FROM user_behavior_events e
        WHERE e.subject_id = person.subject_id AND e.tenant_id = $1 AND e.item_id IS NOT NULL
          AND e.quarantined_at IS NULL
        ORDER BY e.occurred_at DESC, e.event_id
        LIMIT $3
    ) AS log
    WHERE person.tenant_id = $1 AND person.subject_id = ANY($2::uuid[]) AND person.collects
      AND person.erased_at IS NULL"""

_LEAVE_SEGMENTS = """
    DELETE FROM user_segments WHERE tenant_id = $1 AND subject_id = ANY($2::uuid[])"""

_ASSIGN_SEGMENTS = """
    INSERT INTO user_segments (tenant_id, assigned_at, subject_id, model_version, segment, confidence)
    SELECT $1, $2::timestamptz, found.*
    FROM unnest($3::uuid[], $4::text[], $5::integer[], $6::real[])
        AS found (subject_id, model_version, segment, confidence)
    JOIN subjects USING (subject_id)
    WHERE subjects.tenant_id = $1 AND subjects.collects AND subjects.erased_at IS NULL
    ORDER BY found.subject_id
    FOR KEY SHARE OF subjects
    ON CONFLICT (subject_id, model_version) DO UPDATE SET
        segment = excluded.segment, confidence = excluded.confidence, assigned_at = excluded.assigned_at"""


class PostgresSegmentStore:
    """Histories and segments, as a `SegmentStore`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def histories(
        self, tenant: TenantId, subjects: Collection[SubjectId], limit: int
    ) -> Mapping[SubjectId, Sequence[PastAction]]:
        """The latest actions of those of the people who agree that something is learned of them."""
        async with self._database.transaction(tenant, subjects) as tx:
            rows = await tx.rows(_HISTORIES, tenant, list(subjects), limit)
        found: dict[SubjectId, list[PastAction]] = {}
        for row in rows:
            action = PastAction(ItemId(row["item_id"]), row["type"], row["occurred_at"])
            found.setdefault(SubjectId(row["subject_id"]), []).append(action)
        return found

    async def assign(self, tenant: TenantId, memberships: Mapping[SubjectId, Membership | None], at: datetime) -> None:
        """Keep the segment of each, and no other; None for those in none."""
        if not memberships:
            return
        people = sorted(memberships)
        found = [(subject, membership) for subject in people if (membership := memberships[subject]) is not None]
        async with self._database.transaction(tenant, people) as tx:
            await tx.execute(_LEAVE_SEGMENTS, tenant, people)
            await tx.execute(
                _ASSIGN_SEGMENTS,
                tenant,
                at,
                [subject for subject, _ in found],
                [membership.model_version for _, membership in found],
                [membership.segment for _, membership in found],
                [membership.confidence for _, membership in found],
            )

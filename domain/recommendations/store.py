"""History and exposures in Postgres; history is read from the log itself, so that an action counts at once."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import orjson

from domain.ids import ItemId, SubjectId, TenantId
from domain.privacy.model import Subject
from domain.recommendations.page import Exposure, PastAction
from domain.recommendations.segmentation import Membership
from domain.storage.postgres import Database
from domain.together import Together

NOTED_TOGETHER: Final = 64

_HISTORY = "SELECT * FROM past_of($1, $2, $3)"
_NOTE = "SELECT note_lists($1, $2)"


class PostgresRecommendationStore:
    """A person's past, as `History`, and what was served to them, as an `ExposureStore`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._notes = Together(self._note, limit=NOTED_TOGETHER)

    async def history(self, tenant: TenantId, subject: SubjectId, limit: int) -> list[PastAction]:
        """What a person did with catalogue items, latest first."""
        rows = await self._database.call(_HISTORY, tenant, subject, limit)
        return [
            PastAction(ItemId(row["item_id"]), row["type"], row["occurred_at"], row["value"], row["recent"])
            for row in rows
        ]

    async def note(self, tenant: TenantId, subject: SubjectId, exposure: Exposure, seen: Subject | None = None) -> bool:
        """Keep what was served to a person who agrees to it; returns once that has committed.

        Lists that are served at the same moment are noted together. An exposure is no promise to anybody, so its commit
        does not wait for the disk.

        Args:
            tenant: whose list.
            subject: who saw it.
            exposure: the list.
            seen: whom it was made for; it is kept only if that is still what a reading of them would find, consent and
                versions alike.

        Returns:
            Whether it was kept.
        """
        return await self._notes.ask(tenant, _row(subject, exposure, seen))

    async def _note(self, tenant: TenantId, lists: Sequence[Mapping[str, Any]]) -> list[bool]:
        rows = await self._database.call(_NOTE, tenant, orjson.dumps(lists, default=str).decode())
        noted = {row[0] for row in rows}
        return [served["recommendation_id"] in noted for served in lists]


def _row(subject: SubjectId, exposure: Exposure, seen: Subject | None) -> dict[str, Any]:
    return {
        "subject_id": subject,
        "recommendation_id": exposure.recommendation_id,
        "kind": exposure.kind,
        "surface": exposure.surface,
        "model_version": exposure.model_version,
        "policy_version": exposure.policy_version,
        "item_ids": [item.item_id for item in exposure.items],
        "scores": [item.score for item in exposure.items],
        "propensities": [item.propensity for item in exposure.items],
        "served_at": exposure.served_at,
        "device": exposure.device,
        "purpose": exposure.purpose,
        "local_hour": exposure.local_hour,
        "weekday": exposure.weekday,
        "seen": None if seen is None else _standing(seen),
    }


def _standing(seen: Subject) -> dict[str, Any]:
    return {
        "privacy_level": seen.privacy_level,
        "collects": seen.collects,
        "trains": seen.trains,
        "gpc": seen.gpc,
        "version": seen.version,
        "unannounced": seen.unannounced,
        "granted": list(seen.consents.granted),
        "withdrawn": list(seen.consents.withdrawn),
    }


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

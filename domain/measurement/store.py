"""Metrics, counted in Postgres by one statement that reads one person's rows."""

from datetime import datetime
from typing import Final

from domain.ids import SubjectId, TenantId
from domain.measurement.model import CLICK_WINDOW, Engagement, PersonalMetrics, Satisfaction, Shown
from domain.storage.postgres import Database

TAKEN: Final = ["clicked", "used", "liked"]

# A place counts once, however often its item is clicked; what nobody says the list of is no list's.
_OF_PERSON: Final = """
    WITH lists AS (
        SELECT r.served_at, cardinality(r.item_ids) AS places,
               (SELECT count(DISTINCT i.item_id) FROM recommendation_interactions i
                WHERE i.tenant_id = $1 AND i.subject_id = $2 AND i.recommendation_id = r.recommendation_id
                  AND i.action = ANY($6::text[]) AND i.item_id = ANY(r.item_ids)
                  AND i.occurred_at < r.served_at + $5::interval) AS clicked
        FROM recommendations r
        WHERE r.tenant_id = $1 AND r.subject_id = $2 AND r.served_at >= $3::timestamptz),
    shown AS (
        SELECT count(*) AS lists, count(*) FILTER (WHERE served_at > $4::timestamptz - $5::interval) AS open_lists,
               count(*) FILTER (WHERE clicked > 0) AS lists_taken_from,
               coalesce(sum(places), 0)::bigint AS places, coalesce(sum(clicked), 0)::bigint AS clicked
        FROM lists),
    said AS (
        SELECT count(*) FILTER (WHERE sentiment = 'positive') AS positive,
               count(*) FILTER (WHERE sentiment = 'neutral') AS neutral,
               count(*) FILTER (WHERE sentiment = 'negative') AS negative
        FROM user_feedback WHERE tenant_id = $1 AND subject_id = $2 AND occurred_at >= $3),
    made AS (
        SELECT count(*) FILTER (WHERE outcome IN ('accepted', 'edited')) AS kept,
               count(*) FILTER (WHERE outcome IN ('regenerated', 'discarded')) AS sent_back
        FROM video_generation_tracking WHERE tenant_id = $1 AND subject_id = $2 AND created_at >= $3),
    rated AS (
        SELECT count(*) AS ratings, avg(value / CASE WHEN value <= 5 THEN 5 WHEN value <= 10 THEN 10
                                               WHEN value <= 100 THEN 100 ELSE value END)::float8 AS average_rating
        FROM user_behavior_events
        WHERE tenant_id = $1 AND subject_id = $2 AND occurred_at >= $3 AND value >= 0
          AND type IN ('feedback_positive', 'feedback_neutral', 'feedback_negative')),
    done AS (
        SELECT count(*) AS events, count(DISTINCT (occurred_at AT TIME ZONE 'UTC')::date) AS active_days,
               count(DISTINCT session_id) AS sessions, count(DISTINCT item_id) AS items,
               max(occurred_at) AS last_active_at
        FROM user_behavior_events WHERE tenant_id = $1 AND subject_id = $2 AND occurred_at >= $3)
    SELECT * FROM shown, said, made, rated, done"""


class PostgresMeasurementStore:
    """Counts, as a `MeasurementStore`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def of_person(self, tenant: TenantId, subject: SubjectId, since: datetime, now: datetime) -> PersonalMetrics:
        """What one person's rows since a moment say."""
        async with self._database.transaction(tenant, (subject,)) as tx:
            row = await tx.row(_OF_PERSON, tenant, subject, since, now, CLICK_WINDOW, TAKEN)
        assert row is not None  # noqa: S101  # aggregates always answer with a row
        return PersonalMetrics(
            days=(now - since).days,
            shown=Shown(**{name: row[name] for name in Shown.__dataclass_fields__}),
            satisfaction=Satisfaction(**{name: row[name] for name in Satisfaction.__dataclass_fields__}),
            engagement=Engagement(**{name: row[name] for name in Engagement.__dataclass_fields__}),
        )

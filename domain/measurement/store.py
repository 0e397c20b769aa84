"""Metrics, counted in Postgres by one statement that reads one person's rows, and the log as training reads it."""

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Final

from domain.behavior.model import TAKEN, TrainingRow
from domain.behavior.served import ExploredPlace, TakenList
from domain.ids import ModelVersion, SubjectId, TenantId
from domain.measurement.model import CLICK_WINDOW, Engagement, PersonalMetrics, Satisfaction, Shown
from domain.storage.postgres import Database, Isolation

SUCCESSES: Final = [action.value for action in TAKEN]

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
            row = await tx.row(_OF_PERSON, tenant, subject, since, now, CLICK_WINDOW, SUCCESSES)
        assert row is not None  # noqa: S101  # aggregates always answer with a row
        return PersonalMetrics(
            days=(now - since).days,
            shown=Shown(**{name: row[name] for name in Shown.__dataclass_fields__}),
            satisfaction=Satisfaction(**{name: row[name] for name in Satisfaction.__dataclass_fields__}),
            engagement=Engagement(**{name: row[name] for name in Engagement.__dataclass_fields__}),
        )


ATTRIBUTION: Final = timedelta(minutes=30)
"""What is done with a list within this time is put down to it."""

# A snapshot for training: rows of whoever agreed to it, which row-level security sees to.
_TRAINING_ROWS = """
    SELECT subject_id, item_id, type, occurred_at FROM user_behavior_events
    WHERE tenant_id = $1 AND item_id IS NOT NULL"""

# The first list of each person on each day, so that nobody who looks often counts more than others; whether something
# of it was taken within the time given. Row-level security leaves out who did not agree to training.
_FIRST_LISTS = """
    SELECT succeeded FROM (
        SELECT DISTINCT ON (r.subject_id, (r.served_at AT TIME ZONE 'UTC')::date) r.served_at, r.recommendation_id,
               EXISTS (SELECT FROM recommendation_interactions i
                       WHERE i.subject_id = r.subject_id AND i.recommendation_id = r.recommendation_id
                         AND i.action = ANY($5::text[]) AND i.occurred_at < r.served_at + $4::interval) AS succeeded
        FROM recommendations r
        WHERE tenant_id = $1 AND model_version = $2 AND r.served_at < $3::timestamptz - $4::interval
        ORDER BY r.subject_id, (r.served_at AT TIME ZONE 'UTC')::date, r.served_at, r.recommendation_id
    ) AS first ORDER BY served_at, recommendation_id LIMIT $6"""

# Places of served lists that chance had a part in, and whether the item was taken.
_EXPLORED = """
    SELECT r.subject_id, r.served_at, place.item_id, place.propensity,
           EXISTS (SELECT FROM recommendation_interactions i
                   WHERE i.subject_id = r.subject_id AND i.recommendation_id = r.recommendation_id
                     AND i.item_id = place.item_id AND i.action = ANY($3::text[])) AS succeeded
    FROM recommendations r CROSS JOIN LATERAL unnest(r.item_ids, r.propensities) AS place (item_id, propensity)
    WHERE r.tenant_id = $1 AND place.propensity > 0 AND place.propensity < 1
    ORDER BY r.served_at DESC, r.recommendation_id, place.item_id LIMIT $2"""

_TAKEN_LISTS = """
    SELECT r.subject_id, r.served_at, r.item_ids, array_agg(DISTINCT i.item_id) AS taken, r.device, r.surface, r.purpose
    FROM recommendations r JOIN recommendation_interactions i USING (tenant_id, subject_id, recommendation_id)
    WHERE r.tenant_id = $1 AND i.action = ANY($3::text[])
    GROUP BY r.subject_id, r.recommendation_id, r.served_at, r.item_ids, r.device, r.surface, r.purpose
    ORDER BY r.served_at DESC, r.recommendation_id LIMIT $2"""


class TrainingLog:
    """The log as the trainer sees it: consented rows, no sealed field, one snapshot for the whole reading.

    Args:
        database: logged in as the trainer.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def chunks(self, tenant: TenantId) -> AsyncIterator[list[TrainingRow]]:
        """Every row about a catalogue item, in chunks, in no particular order."""
        async with self._database.transaction(tenant, isolation=Isolation.REPEATABLE_READ) as tx:
            async for rows in tx.stream(_TRAINING_ROWS, tenant):
                yield [TrainingRow(row["subject_id"], row["item_id"], row["type"], row["occurred_at"]) for row in rows]

    async def first_lists(self, tenant: TenantId, version: ModelVersion, now: datetime, limit: int) -> list[bool]:
        """Of each person and day the first list of a model version, in time order: whether something of it was taken.

        A list counts once `ATTRIBUTION` has passed since it was served.
        """
        async with self._database.transaction(tenant) as tx:
            rows = await tx.rows(_FIRST_LISTS, tenant, version, now, ATTRIBUTION, SUCCESSES, limit)
        return [row["succeeded"] for row in rows]

    async def explored(self, tenant: TenantId, limit: int) -> list[ExploredPlace]:
        """The newest places of served lists that chance had a part in."""
        async with self._database.transaction(tenant) as tx:
            rows = await tx.rows(_EXPLORED, tenant, limit, SUCCESSES)
        return [
            ExploredPlace(
                row["subject_id"], row["served_at"], row["item_id"], float(row["propensity"]), row["succeeded"]
            )
            for row in rows
        ]

    async def taken_lists(self, tenant: TenantId, limit: int) -> list[TakenList]:
        """The newest served lists of which something was taken."""
        async with self._database.transaction(tenant) as tx:
            rows = await tx.rows(_TAKEN_LISTS, tenant, limit, SUCCESSES)
        return [TakenList(*row) for row in rows]

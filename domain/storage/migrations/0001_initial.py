"""The documented tables, what the design adds to them, and who may touch which rows."""

from pathlib import Path
from uuid import uuid4

from orjson import loads
from tortoise import fields, migrations
from tortoise.contrib.postgres.fields import ArrayField
from tortoise.fields.data import JSON_DUMPS
from tortoise.migrations.operations import RunSQL

from domain.storage.migrations._state import DeclareTable

_SQL_FOLDER = Path(__file__).parent / "sql"

SQL = RunSQL(
    [(_SQL_FOLDER / name).read_text() for name in ("0001_tables.sql", "0001_security.sql")],
    reverse_sql=(_SQL_FOLDER / "0001_down.sql").read_text(),
)


class Migration(migrations.Migration):
    initial = True

    operations = [
        SQL,
        DeclareTable(
            name="BehaviorEventRow",
            fields=[
                ("subject_id", fields.UUIDField()),
                ("event_id", fields.UUIDField(primary_key=True, default=uuid4, unique=True, db_index=True)),
                ("tenant_id", fields.TextField(unique=False)),
                ("seq", fields.BigIntField()),
                ("type", fields.TextField(unique=False)),
                ("item_id", fields.TextField(null=True, unique=False)),
                ("value", fields.FloatField(null=True)),
                ("session_id", fields.UUIDField(null=True)),
                ("payload_sealed", fields.BinaryField(null=True)),
                ("occurred_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("received_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("attempts", fields.SmallIntField()),
                ("processed_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("quarantined_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("quarantine_reason", fields.TextField(null=True, unique=False)),
            ],
            options={
                "table": "user_behavior_events",
                "app": "personalization",
                "pk_attr": "event_id",
                "table_description": "What a person did; the log that batches are taken from.",
            },
            bases=["Model"],
        ),
        DeclareTable(
            name="CatalogItemRow",
            fields=[
                ("tenant_id", fields.TextField(unique=False)),
                ("item_id", fields.CharField(primary_key=True, unique=True, db_index=True, max_length=256)),
                ("kind", fields.TextField(unique=False)),
                ("title", fields.TextField(unique=False)),
                ("description", fields.TextField(unique=False)),
                ("tags", ArrayField(element_type="TEXT")),
                ("category", fields.TextField(unique=False)),
                ("attributes", fields.JSONField(encoder=JSON_DUMPS, decoder=loads)),
                ("available_from", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("available_until", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("sensitive", fields.BooleanField()),
                ("created_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("updated_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "catalog_items",
                "app": "personalization",
                "pk_attr": "item_id",
                "table_description": "Something that can be recommended.",
            },
            bases=["Model"],
        ),
        DeclareTable(
            name="ConsentRow",
            fields=[
                ("subject_id", fields.UUIDField()),
                ("consent_id", fields.UUIDField(primary_key=True, default=uuid4, unique=True, db_index=True)),
                ("tenant_id", fields.TextField(unique=False)),
                ("purpose", fields.TextField(unique=False)),
                ("granted", fields.BooleanField()),
                ("policy_version", fields.TextField(unique=False)),
                ("source", fields.TextField(unique=False)),
                ("jurisdiction", fields.TextField(unique=False)),
                ("legal_basis", fields.TextField(unique=False)),
                ("recorded_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "consents",
                "app": "personalization",
                "pk_attr": "consent_id",
                "table_description": "A dated receipt of what a person agreed to or withdrew.",
            },
            bases=["Model"],
        ),
        DeclareTable(
            name="DataKeyRow",
            fields=[
                ("subject_id", fields.UUIDField(primary_key=True, default=uuid4, unique=True, db_index=True)),
                ("tenant_id", fields.TextField(unique=False)),
                ("wrapped", fields.BinaryField()),
                ("kek_id", fields.TextField(unique=False)),
                ("created_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "data_keys",
                "schema": "vault",
                "app": "personalization",
                "pk_attr": "subject_id",
                "table_description": "A person's data key, wrapped by a key-encryption key.",
            },
            bases=["Model"],
        ),
        DeclareTable(
            name="ExperimentResultRow",
            fields=[
                ("tenant_id", fields.TextField(unique=False)),
                ("test_id", fields.UUIDField()),
                (
                    "evaluated_at",
                    fields.DatetimeField(
                        primary_key=True, unique=True, db_index=True, auto_now=False, auto_now_add=False
                    ),
                ),
                ("engine_version", fields.TextField(unique=False)),
                ("inputs", fields.JSONField(encoder=JSON_DUMPS, decoder=loads)),
                ("outputs", fields.JSONField(encoder=JSON_DUMPS, decoder=loads)),
            ],
            options={
                "table": "ab_test_results",
                "app": "personalization",
                "pk_attr": "evaluated_at",
                "table_description": "Inputs and outputs of one evaluation of a test.",
            },
            bases=["Model"],
        ),
        DeclareTable(
            name="ExperimentRow",
            fields=[
                ("tenant_id", fields.TextField(unique=False)),
                ("test_id", fields.UUIDField(primary_key=True, default=uuid4, unique=True, db_index=True)),
                ("key", fields.TextField(unique=False)),
                ("status", fields.TextField(unique=False)),
                ("definition", fields.JSONField(encoder=JSON_DUMPS, decoder=loads)),
                ("created_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("started_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("stopped_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "ab_tests",
                "app": "personalization",
                "pk_attr": "test_id",
                "table_description": "An A/B test and its definition.",
            },
            bases=["Model"],
        ),
        DeclareTable(
            name="ExposureRow",
            fields=[
                ("subject_id", fields.UUIDField()),
                ("test_id", fields.UUIDField(primary_key=True, default=uuid4, unique=True, db_index=True)),
                ("phase", fields.IntField()),
                ("tenant_id", fields.TextField(unique=False)),
                ("variation", fields.IntField()),
                ("policy_version", fields.TextField(unique=False)),
                ("propensity", fields.FloatField()),
                ("exposed_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "user_ab_tests",
                "app": "personalization",
                "pk_attr": "test_id",
                "table_description": "The first exposure of a person to a phase of a test.",
            },
            bases=["Model"],
        ),
        DeclareTable(
            name="FeedbackRow",
            fields=[
                ("subject_id", fields.UUIDField()),
                ("feedback_id", fields.UUIDField(primary_key=True, default=uuid4, unique=True, db_index=True)),
                ("tenant_id", fields.TextField(unique=False)),
                ("sentiment", fields.TextField(unique=False)),
                ("item_id", fields.TextField(null=True, unique=False)),
                ("payload_sealed", fields.BinaryField(null=True)),
                ("occurred_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "user_feedback",
                "app": "personalization",
                "pk_attr": "feedback_id",
                "table_description": "What a person said about an item or a part of the product.",
            },
            bases=["Model"],
        ),
        DeclareTable(
            name="GenerationRow",
            fields=[
                ("subject_id", fields.UUIDField()),
                ("generation_id", fields.UUIDField(primary_key=True, default=uuid4, unique=True, db_index=True)),
                ("tenant_id", fields.TextField(unique=False)),
                ("purpose", fields.TextField(null=True, unique=False)),
                ("device", fields.TextField(null=True, unique=False)),
                ("outcome", fields.TextField(unique=False)),
                ("parameters_sealed", fields.BinaryField(null=True)),
                ("created_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "video_generation_tracking",
                "app": "personalization",
                "pk_attr": "generation_id",
                "table_description": "A generated video: its parameters and what came of it.",
            },
            bases=["Model"],
        ),
        DeclareTable(
            name="InteractionRow",
            fields=[
                ("subject_id", fields.UUIDField()),
                ("interaction_id", fields.UUIDField(primary_key=True, default=uuid4, unique=True, db_index=True)),
                ("tenant_id", fields.TextField(unique=False)),
                ("recommendation_id", fields.UUIDField(null=True)),
                ("item_id", fields.TextField(unique=False)),
                ("action", fields.TextField(unique=False)),
                ("position", fields.IntField(null=True)),
                ("occurred_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "recommendation_interactions",
                "app": "personalization",
                "pk_attr": "interaction_id",
                "table_description": "What a person did with a recommended item.",
            },
            bases=["Model"],
        ),
        DeclareTable(
            name="JobRow",
            fields=[
                ("job_id", fields.UUIDField(primary_key=True, default=uuid4, unique=True, db_index=True)),
                ("tenant_id", fields.TextField(unique=False)),
                ("kind", fields.TextField(unique=False)),
                ("state", fields.TextField(unique=False)),
                ("arguments", fields.JSONField(encoder=JSON_DUMPS, decoder=loads)),
                ("progress", fields.FloatField()),
                ("attempts", fields.SmallIntField()),
                ("heartbeat_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("result", fields.JSONField(null=True, encoder=JSON_DUMPS, decoder=loads)),
                ("error", fields.TextField(null=True, unique=False)),
                ("created_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("started_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("finished_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "jobs",
                "app": "personalization",
                "pk_attr": "job_id",
                "table_description": "Work off the request path, with its state and heartbeat.",
            },
            bases=["Model"],
        ),
        DeclareTable(
            name="ModelRow",
            fields=[
                ("tenant_id", fields.TextField(unique=False)),
                ("name", fields.TextField(unique=False)),
                ("version", fields.CharField(primary_key=True, unique=True, db_index=True, max_length=256)),
                ("algorithm", fields.TextField(unique=False)),
                ("status", fields.TextField(unique=False)),
                ("sha256", fields.TextField(unique=False)),
                ("size_bytes", fields.BigIntField()),
                ("metrics", fields.JSONField(encoder=JSON_DUMPS, decoder=loads)),
                ("artifact", fields.BinaryField()),
                ("trained_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("created_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "ml_models",
                "app": "personalization",
                "pk_attr": "version",
                "table_description": "A trained artifact with its checksum and metrics.",
            },
            bases=["Model"],
        ),
        DeclareTable(
            name="OutboxRow",
            fields=[
                ("subject_id", fields.UUIDField(primary_key=True, default=uuid4, unique=True, db_index=True)),
                ("version", fields.BigIntField()),
                ("tenant_id", fields.TextField(unique=False)),
                ("kind", fields.TextField(unique=False)),
                ("body_sealed", fields.BinaryField()),
                ("created_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "outbox",
                "app": "personalization",
                "pk_attr": "subject_id",
                "table_description": "A live update that is committed and not yet published.",
            },
            bases=["Model"],
        ),
        DeclareTable(
            name="ProfileRow",
            fields=[
                ("subject_id", fields.UUIDField(primary_key=True, default=uuid4, unique=True, db_index=True)),
                ("tenant_id", fields.TextField(unique=False)),
                ("learned_sealed", fields.BinaryField(null=True)),
                ("stated_sealed", fields.BinaryField(null=True)),
                ("event_count", fields.BigIntField()),
                ("updated_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "user_profiles",
                "app": "personalization",
                "pk_attr": "subject_id",
                "table_description": "What was learned of a person and what they stated, both sealed.",
            },
            bases=["Model"],
        ),
        DeclareTable(
            name="RecommendationRow",
            fields=[
                ("subject_id", fields.UUIDField()),
                ("recommendation_id", fields.UUIDField(primary_key=True, default=uuid4, unique=True, db_index=True)),
                ("tenant_id", fields.TextField(unique=False)),
                ("kind", fields.TextField(null=True, unique=False)),
                ("surface", fields.TextField(null=True, unique=False)),
                ("model_version", fields.TextField(null=True, unique=False)),
                ("policy_version", fields.TextField(unique=False)),
                ("item_ids", ArrayField(element_type="TEXT")),
                ("scores", ArrayField(element_type="REAL")),
                ("propensities", ArrayField(element_type="REAL")),
                ("served_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "recommendations",
                "app": "personalization",
                "pk_attr": "recommendation_id",
                "table_description": "A list that was served, with its propensities.",
            },
            bases=["Model"],
        ),
        DeclareTable(
            name="SegmentRow",
            fields=[
                ("subject_id", fields.UUIDField()),
                ("model_version", fields.CharField(primary_key=True, unique=True, db_index=True, max_length=256)),
                ("tenant_id", fields.TextField(unique=False)),
                ("segment", fields.IntField()),
                ("confidence", fields.FloatField()),
                ("assigned_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "user_segments",
                "app": "personalization",
                "pk_attr": "model_version",
                "table_description": "A person's segment under one model version.",
            },
            bases=["Model"],
        ),
        DeclareTable(
            name="SessionRow",
            fields=[
                ("subject_id", fields.UUIDField()),
                ("session_id", fields.UUIDField(primary_key=True, default=uuid4, unique=True, db_index=True)),
                ("tenant_id", fields.TextField(unique=False)),
                ("client_session_sealed", fields.BinaryField()),
                ("device", fields.TextField(null=True, unique=False)),
                ("started_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("last_seen_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("event_count", fields.IntField()),
            ],
            options={
                "table": "user_sessions",
                "app": "personalization",
                "pk_attr": "session_id",
                "table_description": "A visit: device, start, last sign of life.",
            },
            bases=["Model"],
        ),
        DeclareTable(
            name="SubjectIdentityRow",
            fields=[
                ("tenant_id", fields.TextField(unique=False)),
                ("identity_hash", fields.BinaryField()),
                ("subject_id", fields.UUIDField(primary_key=True, default=uuid4, unique=True, db_index=True)),
            ],
            options={
                "table": "subject_identities",
                "app": "personalization",
                "pk_attr": "subject_id",
                "table_description": "From the hash of an external id to the subject.",
            },
            bases=["Model"],
        ),
        DeclareTable(
            name="SubjectRow",
            fields=[
                ("subject_id", fields.UUIDField(primary_key=True, default=uuid4, unique=True, db_index=True)),
                ("tenant_id", fields.TextField(unique=False)),
                ("external_id_sealed", fields.BinaryField()),
                ("privacy_level", fields.TextField(unique=False)),
                ("collects", fields.BooleanField()),
                ("trains", fields.BooleanField()),
                ("gpc", fields.BooleanField()),
                ("version", fields.BigIntField()),
                ("created_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("erased_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "subjects",
                "app": "personalization",
                "pk_attr": "subject_id",
                "table_description": "A person, under a random id.",
            },
            bases=["Model"],
        ),
        DeclareTable(
            name="Tenant",
            fields=[
                ("tenant_id", fields.CharField(primary_key=True, unique=True, db_index=True, max_length=256)),
                ("name", fields.TextField(unique=False)),
                ("catalog_version", fields.BigIntField()),
                ("created_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "tenants",
                "app": "personalization",
                "pk_attr": "tenant_id",
                "table_description": "A product whose people and catalogue are kept apart from every other.",
            },
            bases=["Model"],
        ),
    ]

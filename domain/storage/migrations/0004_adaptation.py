"""What people said about their interface, the context of their sessions, and what many people of a tenant do alike."""

from uuid import uuid4

from tortoise import fields
from tortoise.contrib.postgres.fields import ArrayField

from domain.storage.migrations._sql import SqlMigration, written
from domain.storage.migrations._state import DeclareField, DeclareTable


class Migration(SqlMigration):
    dependencies = [("personalization", "0003_registry")]

    operations = [
        written("0004_adaptation", back="0004_down"),
        DeclareField(model_name="SessionRow", name="context_sealed", field=fields.BinaryField(null=True)),
        DeclareTable(
            name="AdaptationRow",
            fields=[
                ("subject_id", fields.UUIDField(primary_key=True, default=uuid4, unique=True, db_index=True)),
                ("tenant_id", fields.TextField(unique=False)),
                ("choices_sealed", fields.BinaryField()),
                ("updated_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "user_adaptations",
                "app": "personalization",
                "pk_attr": "subject_id",
                "table_description": "What a person said about their interface and its offers, sealed.",
            },
            bases=["Model"],
        ),
        DeclareTable(
            name="CommonWorkflowRow",
            fields=[
                ("tenant_id", fields.TextField(unique=False)),
                ("workflow_id", fields.CharField(primary_key=True, unique=True, db_index=True, max_length=256)),
                ("steps", ArrayField(element_type="TEXT")),
                ("people", fields.IntField()),
                ("of_people", fields.IntField()),
                ("sessions", fields.IntField()),
                ("support", fields.FloatField()),
                ("confidence", fields.FloatField()),
                ("lift", fields.FloatField()),
                ("last_seen_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("mined_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "common_workflows",
                "app": "personalization",
                "pk_attr": "workflow_id",
                "table_description": "A sequence of steps that many people of a tenant follow.",
            },
            bases=["Model"],
        ),
        DeclareTable(
            name="FeatureCompanionRow",
            fields=[
                ("tenant_id", fields.TextField(unique=False)),
                ("step", fields.TextField(unique=False)),
                ("feature", fields.CharField(primary_key=True, unique=True, db_index=True, max_length=256)),
                ("people", fields.IntField()),
                ("of_people", fields.IntField()),
                ("confidence", fields.FloatField()),
                ("share", fields.FloatField()),
                ("kept", fields.FloatField()),
                ("last_seen_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("mined_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "feature_companions",
                "app": "personalization",
                "pk_attr": "feature",
                "table_description": "A feature that many people use who also take a certain step.",
            },
            bases=["Model"],
        ),
    ]

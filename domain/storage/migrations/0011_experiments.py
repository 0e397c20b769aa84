"""Policies of experiments and the sums of what their units did."""

from tortoise import fields
from tortoise.contrib.postgres.fields import ArrayField

from domain.storage.migrations._sql import SqlMigration, written
from domain.storage.migrations._state import DeclareField, DeclareTable


class Migration(SqlMigration):
    dependencies = [("personalization", "0010_rights")]

    operations = [
        written("0011_experiments", back="0011_down"),
        DeclareField(model_name="Tenant", name="experiments_version", field=fields.BigIntField()),
        DeclareField(model_name="ExperimentRow", name="revision", field=fields.BigIntField()),
        DeclareField(model_name="ExposureRow", name="stale", field=fields.BooleanField()),
        DeclareField(model_name="ExposureRow", name="multiple", field=fields.BooleanField()),
        DeclareField(model_name="ExposureRow", name="counted", field=ArrayField(element_type="bigint", null=True)),
        DeclareTable(
            name="ExperimentPolicyRow",
            fields=[
                ("tenant_id", fields.TextField(unique=False)),
                ("test_id", fields.UUIDField(primary_key=True, unique=True, db_index=True)),
                ("phase", fields.IntField()),
                ("number", fields.IntField()),
                ("seed", fields.TextField(unique=False)),
                ("weights", ArrayField(element_type="double precision")),
                ("coverage", fields.FloatField()),
                ("reason", fields.JSONField()),
                ("made_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "ab_test_policies",
                "app": "personalization",
                "pk_attr": "test_id",
                "table_description": "The rule by which units of a test were assigned for a while.",
            },
            bases=["Model"],
        ),
        DeclareTable(
            name="ExperimentCellRow",
            fields=[
                ("tenant_id", fields.TextField(unique=False)),
                ("test_id", fields.UUIDField(primary_key=True, unique=True, db_index=True)),
                ("phase", fields.IntField()),
                ("policy_version", fields.TextField(unique=False)),
                ("variation", fields.IntField()),
                ("units", fields.BigIntField()),
                ("multiples", fields.BigIntField()),
                ("sums", ArrayField(element_type="numeric")),
            ],
            options={
                "table": "ab_test_cells",
                "app": "personalization",
                "pk_attr": "test_id",
                "table_description": "What the units of one arm under one policy did, summed.",
            },
            bases=["Model"],
        ),
        DeclareTable(
            name="ExperimentDepartureRow",
            fields=[
                ("departure_id", fields.BigIntField(primary_key=True, unique=True, db_index=True)),
                ("tenant_id", fields.TextField(unique=False)),
                ("test_id", fields.UUIDField()),
                ("units", fields.BigIntField()),
            ],
            options={
                "table": "ab_test_departures",
                "app": "personalization",
                "pk_attr": "departure_id",
                "table_description": "Units of a test whose rows are gone.",
            },
            bases=["Model"],
        ),
    ]

"""What serving needs beside the model: business rules, live counts, circumstances of a list, ids in byte order."""

from orjson import loads
from tortoise import fields
from tortoise.contrib.postgres.fields import ArrayField
from tortoise.fields.data import JSON_DUMPS

from domain.storage.migrations._sql import SqlMigration, written
from domain.storage.migrations._state import DeclareField, DeclareTable


class Migration(SqlMigration):
    dependencies = [("personalization", "0001_initial")]

    operations = [
        written("0002_serving", back="0002_down"),
        DeclareTable(
            name="CountedInterestRow",
            fields=[
                ("subject_id", fields.UUIDField()),
                ("item_id", fields.CharField(primary_key=True, unique=True, db_index=True, max_length=256)),
                ("tenant_id", fields.TextField(unique=False)),
                ("counted_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("partners", ArrayField(element_type="TEXT")),
            ],
            options={
                "table": "user_interest",
                "app": "personalization",
                "pk_attr": "item_id",
                "table_description": "When a person was last counted among those who took to an item, "
                "and with which other items of theirs.",
            },
            bases=["Model"],
        ),
        DeclareTable(
            name="ItemInterestRow",
            fields=[
                ("tenant_id", fields.TextField(unique=False)),
                ("item_id", fields.CharField(primary_key=True, unique=True, db_index=True, max_length=256)),
                ("day", fields.FloatField()),
                ("week", fields.FloatField()),
                ("month", fields.FloatField()),
                ("touched_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "item_interest",
                "app": "personalization",
                "pk_attr": "item_id",
                "table_description": "How many people took to an item lately, fading with time; no person is named.",
            },
            bases=["Model"],
        ),
        DeclareTable(
            name="ItemPairRow",
            fields=[
                ("tenant_id", fields.TextField(unique=False)),
                ("item_id", fields.CharField(primary_key=True, unique=True, db_index=True, max_length=256)),
                ("other_id", fields.TextField(unique=False)),
                ("people", fields.FloatField()),
                ("touched_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "item_pairs",
                "app": "personalization",
                "pk_attr": "item_id",
                "table_description": "How many people took to both of two items lately, fading with time; "
                "no person is named.",
            },
            bases=["Model"],
        ),
        DeclareTable(
            name="RuleRow",
            fields=[
                ("tenant_id", fields.TextField(unique=False)),
                ("rule_id", fields.CharField(primary_key=True, unique=True, db_index=True, max_length=256)),
                ("definition", fields.JSONField(encoder=JSON_DUMPS, decoder=loads)),
                ("updated_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "recommendation_rules",
                "app": "personalization",
                "pk_attr": "rule_id",
                "table_description": "One business rule of a tenant's lists.",
            },
            bases=["Model"],
        ),
        *(
            DeclareField(model_name="RecommendationRow", name=name, field=field)
            for name, field in (
                ("device", fields.TextField(null=True, unique=False)),
                ("local_hour", fields.SmallIntField(null=True)),
                ("purpose", fields.TextField(null=True, unique=False)),
                ("weekday", fields.SmallIntField(null=True)),
            )
        ),
        DeclareField(model_name="Tenant", name="rules_version", field=fields.BigIntField()),
    ]

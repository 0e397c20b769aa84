"""What groups of people chose for their videos, what analyses found in items, and whose generations may be counted."""

from orjson import loads
from tortoise import fields
from tortoise.fields.data import JSON_DUMPS

from domain.storage.migrations._sql import SqlMigration, written
from domain.storage.migrations._state import DeclareTable


class Migration(SqlMigration):
    dependencies = [("personalization", "0004_adaptation")]

    operations = [
        written("0005_generation", back="0005_down"),
        DeclareTable(
            name="CatalogInsightsRow",
            fields=[
                ("tenant_id", fields.TextField(unique=False)),
                ("item_id", fields.CharField(primary_key=True, unique=True, db_index=True, max_length=256)),
                ("source", fields.TextField(unique=False)),
                ("insights", fields.JSONField(encoder=JSON_DUMPS, decoder=loads)),
                ("analysed_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "catalog_insights",
                "app": "personalization",
                "pk_attr": "item_id",
                "table_description": "What an analysis found in an item, beside what its editors say of it.",
            },
            bases=["Model"],
        ),
        DeclareTable(
            name="GenerationPoolRow",
            fields=[
                ("tenant_id", fields.TextField(unique=False)),
                ("segment", fields.TextField(unique=False)),
                ("purpose", fields.TextField(unique=False)),
                ("device", fields.TextField(unique=False)),
                ("parameter", fields.CharField(primary_key=True, unique=True, db_index=True, max_length=256)),
                ("value", fields.TextField(unique=False)),
                ("weight", fields.FloatField()),
                ("people", fields.IntField()),
                ("computed_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "generation_pools",
                "app": "personalization",
                "pk_attr": "parameter",
                "table_description": "What at least five people of a group chose for one parameter of their videos.",
            },
            bases=["Model"],
        ),
    ]

"""The record of ids that turned out to be one person."""

from tortoise import fields

from domain.storage.migrations._sql import SqlMigration, written
from domain.storage.migrations._state import DeclareTable


class Migration(SqlMigration):
    dependencies = [("personalization", "0005_generation")]

    operations = [
        written("0006_identities", back="0006_down"),
        DeclareTable(
            name="IdentityMergeRow",
            fields=[
                ("subject_id", fields.UUIDField()),
                (
                    "merged_subject_id",
                    fields.UUIDField(primary_key=True, unique=True, db_index=True),
                ),
                ("tenant_id", fields.TextField(unique=False)),
                ("merged_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("key_destroyed_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "identity_merges",
                "app": "personalization",
                "pk_attr": "merged_subject_id",
                "table_description": "An id that turned out to be a person's, and whether its key is destroyed.",
            },
            bases=["Model"],
        ),
    ]

"""The record of ids that turned out to be one person."""

from pathlib import Path

from tortoise import fields, migrations
from tortoise.migrations.operations import RunSQL

from domain.storage.migrations._state import DeclareTable

_SQL_FOLDER = Path(__file__).parent / "sql"


class Migration(migrations.Migration):
    dependencies = [("personalization", "0005_generation")]

    operations = [
        RunSQL(
            (_SQL_FOLDER / "0006_identities.sql").read_text(), reverse_sql=(_SQL_FOLDER / "0006_down.sql").read_text()
        ),
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

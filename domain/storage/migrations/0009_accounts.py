"""Accounts of the user management service, and the record of their deletions."""

from tortoise import fields
from tortoise.contrib.postgres.fields import ArrayField

from domain.storage.migrations._sql import SqlMigration, written
from domain.storage.migrations._state import DeclareTable


class Migration(SqlMigration):
    dependencies = [("personalization", "0008_unannounced")]

    operations = [
        written("0009_accounts", back="0009_down"),
        DeclareTable(
            name="UserAccountRow",
            fields=[
                ("subject_id", fields.UUIDField(primary_key=True, unique=True, db_index=True)),
                ("tenant_id", fields.TextField(unique=False)),
                ("revision", fields.BigIntField()),
                ("attributes_sealed", fields.BinaryField()),
                ("synced_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "user_accounts",
                "app": "personalization",
                "pk_attr": "subject_id",
                "table_description": "What the user management service says of a user.",
            },
            bases=["Model"],
        ),
        DeclareTable(
            name="AccountTombstoneRow",
            fields=[
                ("tenant_id", fields.CharField(primary_key=True, unique=True, db_index=True, max_length=256)),
                ("identity_hash", fields.BinaryField()),
                ("revision", fields.BigIntField()),
                ("deleted_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("unfinished", ArrayField(element_type="uuid")),
                ("finished_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "account_tombstones",
                "app": "personalization",
                "pk_attr": "tenant_id",
                "table_description": "A deletion that was told of, under the keyed hash of an id.",
            },
            bases=["Model"],
        ),
    ]

"""Requests of people, and the receipts of what was done."""

from tortoise import fields
from tortoise.contrib.postgres.fields import ArrayField

from domain.storage.migrations._sql import SqlMigration, written
from domain.storage.migrations._state import DeclareRemoval, DeclareTable


class Migration(SqlMigration):
    dependencies = [("personalization", "0009_accounts")]

    operations = [
        written("0010_rights", back="0010_down"),
        DeclareRemoval(model_name="AccountTombstoneRow", name="unfinished"),
        DeclareRemoval(model_name="AccountTombstoneRow", name="finished_at"),
        DeclareTable(
            name="PrivacyRequestRow",
            fields=[
                ("tenant_id", fields.TextField(unique=False)),
                ("request_id", fields.UUIDField(primary_key=True, unique=True, db_index=True)),
                ("identity_hash", fields.BinaryField()),
                ("kind", fields.TextField(unique=False)),
                ("state", fields.TextField(unique=False)),
                ("subjects", ArrayField(element_type="uuid")),
                ("checkpoint", fields.TextField(null=True, unique=False)),
                ("evidence", fields.JSONField()),
                ("attempts", fields.IntField()),
                ("retry_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("error", fields.TextField(null=True, unique=False)),
                ("requested_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("taught_since", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("erased_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("finished_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "privacy_requests",
                "app": "personalization",
                "pk_attr": "request_id",
                "table_description": "What a person asked for, under the keyed hash of their id, and how far it is.",
            },
            bases=["Model"],
        ),
        DeclareTable(
            name="PrivacyReceiptRow",
            fields=[
                ("tenant_id", fields.TextField(unique=False)),
                ("number", fields.BigIntField()),
                ("request_id", fields.UUIDField(primary_key=True, unique=True, db_index=True)),
                ("document", fields.TextField(unique=False)),
            ],
            options={
                "table": "privacy_receipts",
                "app": "personalization",
                "pk_attr": "request_id",
                "table_description": "A signed receipt, which names the hash of the one before it.",
            },
            bases=["Model"],
        ),
    ]

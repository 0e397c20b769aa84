"""Requests of people, and the receipts of what was done."""

from pathlib import Path

from tortoise import fields, migrations
from tortoise.contrib.postgres.fields import ArrayField
from tortoise.migrations.operations import RunSQL

from domain.storage.migrations._state import DeclareRemoval, DeclareTable

_SQL_FOLDER = Path(__file__).parent / "sql"


class Migration(migrations.Migration):
    dependencies = [("personalization", "0009_accounts")]

    operations = [
        RunSQL((_SQL_FOLDER / "0010_rights.sql").read_text(), reverse_sql=(_SQL_FOLDER / "0010_down.sql").read_text()),
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

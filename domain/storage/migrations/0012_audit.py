"""The audit log."""

from tortoise import fields

from domain.storage.migrations._sql import SqlMigration, written
from domain.storage.migrations._state import DeclareTable


class Migration(SqlMigration):
    dependencies = [("personalization", "0011_experiments")]

    operations = [
        written("0012_audit", back="0012_down"),
        DeclareTable(
            name="AuditRow",
            fields=[
                ("tenant_id", fields.TextField(unique=False)),
                ("entry_id", fields.BigIntField(primary_key=True, unique=True, db_index=True)),
                ("action", fields.TextField(unique=False)),
                ("actor", fields.BinaryField()),
                ("subject", fields.BinaryField(null=True)),
                ("object", fields.TextField(null=True, unique=False)),
                ("outcome", fields.TextField(unique=False)),
                ("door", fields.TextField(unique=False)),
                ("correlation", fields.TextField(unique=False)),
                ("done_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("previous", fields.BinaryField()),
                ("digest", fields.BinaryField()),
            ],
            options={
                "table": "audit_log",
                "app": "personalization",
                "pk_attr": "entry_id",
                "table_description": "One act, sealed together with the digest of the one before it.",
            },
            bases=["Model"],
        ),
    ]

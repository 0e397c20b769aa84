"""Archives of what is kept of people, until they are fetched."""

from tortoise import fields

from domain.storage.migrations._sql import SqlMigration, written
from domain.storage.migrations._state import DeclareTable


class Migration(SqlMigration):
    dependencies = [("personalization", "0012_audit")]

    operations = [
        written("0013_exports", back="0013_down"),
        DeclareTable(
            name="PrivacyExportRow",
            fields=[
                ("subject_id", fields.UUIDField()),
                ("request_id", fields.UUIDField(primary_key=True, unique=True, db_index=True)),
                ("tenant_id", fields.TextField(unique=False)),
                ("archive_sealed", fields.BinaryField()),
                ("link_hash", fields.BinaryField(null=True)),
                ("link_until", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("made_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("expires_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "privacy_exports",
                "app": "personalization",
                "pk_attr": "request_id",
                "table_description": "Everything that is kept of a person, sealed, until they fetch it.",
            },
            bases=["Model"],
        ),
    ]

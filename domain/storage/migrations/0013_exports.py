"""Archives of what is kept of people, until they are fetched."""

from pathlib import Path

from tortoise import fields, migrations
from tortoise.migrations.operations import RunSQL

from domain.storage.migrations._state import DeclareTable

_SQL_FOLDER = Path(__file__).parent / "sql"


class Migration(migrations.Migration):
    dependencies = [("personalization", "0012_audit")]

    operations = [
        RunSQL((_SQL_FOLDER / "0013_exports.sql").read_text(), reverse_sql=(_SQL_FOLDER / "0013_down.sql").read_text()),
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

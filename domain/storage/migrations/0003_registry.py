"""What the registry keeps of a version beside its bytes, and what the trainer may read of served lists."""

from pathlib import Path

from orjson import loads
from tortoise import fields, migrations
from tortoise.fields.data import JSON_DUMPS
from tortoise.migrations.operations import RunSQL

from domain.storage.migrations._state import DeclareChange, DeclareField, DeclareTable

_SQL_FOLDER = Path(__file__).parent / "sql"


class Migration(migrations.Migration):
    dependencies = [("personalization", "0002_serving")]

    operations = [
        RunSQL(
            (_SQL_FOLDER / "0003_registry.sql").read_text(), reverse_sql=(_SQL_FOLDER / "0003_down.sql").read_text()
        ),
        DeclareTable(
            name="ModelChangeRow",
            fields=[
                ("tenant_id", fields.TextField(unique=False)),
                ("change_id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("name", fields.TextField(unique=False)),
                ("version", fields.TextField(unique=False)),
                ("replaced", fields.TextField(null=True, unique=False)),
                ("action", fields.TextField(unique=False)),
                ("actor", fields.TextField(unique=False)),
                ("reason", fields.TextField(unique=False)),
                ("changed_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "model_changes",
                "app": "personalization",
                "pk_attr": "change_id",
                "table_description": "A change of champion: which version replaced which, by whom and why.",
            },
            bases=["Model"],
        ),
        DeclareChange(model_name="ModelRow", name="artifact", field=fields.BinaryField(null=True)),
        *(
            DeclareField(model_name="ModelRow", name=name, field=field)
            for name, field in (
                ("signature", fields.BinaryField(null=True)),
                ("crowned_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("trained_from", fields.JSONField(encoder=JSON_DUMPS, decoder=loads)),
                ("verdict", fields.JSONField(encoder=JSON_DUMPS, decoder=loads)),
                ("baseline", fields.JSONField(encoder=JSON_DUMPS, decoder=loads)),
                ("drift", fields.JSONField(encoder=JSON_DUMPS, decoder=loads)),
            )
        ),
        DeclareField(model_name="JobRow", name="stage", field=fields.TextField(null=True, unique=False)),
    ]

"""What the registry keeps of a version beside its bytes, and what the trainer may read of served lists."""

from orjson import loads
from tortoise import fields
from tortoise.fields.data import JSON_DUMPS

from domain.storage.migrations._sql import SqlMigration, written
from domain.storage.migrations._state import DeclareChange, DeclareField, DeclareTable


class Migration(SqlMigration):
    dependencies = [("personalization", "0002_serving")]

    operations = [
        written("0003_registry", back="0003_down"),
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

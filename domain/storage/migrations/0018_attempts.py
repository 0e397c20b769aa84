"""Which attempt an entry of the audit log concludes."""

from tortoise import fields

from domain.storage.migrations._sql import SqlMigration, written
from domain.storage.migrations._state import DeclareField


class Migration(SqlMigration):
    dependencies = [("personalization", "0017_roles")]

    operations = [
        written("0018_attempts", back="0018_down"),
        DeclareField(model_name="AuditRow", name="concludes", field=fields.BigIntField(null=True)),
    ]

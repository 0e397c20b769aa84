"""What waits of one tenant, and which units of experiments became part of another."""

from tortoise import fields

from domain.storage.migrations._sql import SqlMigration, written
from domain.storage.migrations._state import DeclareField


class Migration(SqlMigration):
    dependencies = [("personalization", "0022_quarantine")]

    operations = [
        written("0023_rights", back="0023_down"),
        DeclareField(model_name="ExperimentDepartureRow", name="merged", field=fields.BigIntField()),
    ]

"""The segment that a person was in at their first exposure, for bandits that look at it."""

from tortoise import fields

from domain.storage.migrations._sql import SqlMigration, written
from domain.storage.migrations._state import DeclareField


class Migration(SqlMigration):
    dependencies = [("personalization", "0015_rotation")]

    operations = [
        written("0016_contexts", back="0016_down"),
        DeclareField(model_name="ExposureRow", name="context", field=fields.IntField()),
        DeclareField(model_name="ExperimentCellRow", name="context", field=fields.IntField()),
    ]

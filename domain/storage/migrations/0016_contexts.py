"""The segment that a person was in at their first exposure, for bandits that look at it."""

from pathlib import Path

from tortoise import fields, migrations
from tortoise.migrations.operations import RunSQL

from domain.storage.migrations._state import DeclareField

_SQL_FOLDER = Path(__file__).parent / "sql"


class Migration(migrations.Migration):
    dependencies = [("personalization", "0015_rotation")]

    operations = [
        RunSQL(
            (_SQL_FOLDER / "0016_contexts.sql").read_text(), reverse_sql=(_SQL_FOLDER / "0016_down.sql").read_text()
        ),
        DeclareField(model_name="ExposureRow", name="context", field=fields.IntField()),
        DeclareField(model_name="ExperimentCellRow", name="context", field=fields.IntField()),
    ]

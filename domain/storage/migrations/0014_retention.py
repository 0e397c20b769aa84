"""Who is there at which level, for the daily run of retention."""

from pathlib import Path

from tortoise import migrations
from tortoise.migrations.operations import RunSQL

_SQL_FOLDER = Path(__file__).parent / "sql"


class Migration(migrations.Migration):
    dependencies = [("personalization", "0013_exports")]

    operations = [
        RunSQL(
            (_SQL_FOLDER / "0014_retention.sql").read_text(), reverse_sql=(_SQL_FOLDER / "0014_down.sql").read_text()
        ),
    ]

"""Which data keys an older key-encryption key wrapped, for its rotation."""

from pathlib import Path

from tortoise import migrations
from tortoise.migrations.operations import RunSQL

_SQL_FOLDER = Path(__file__).parent / "sql"


class Migration(migrations.Migration):
    dependencies = [("personalization", "0014_retention")]

    operations = [
        RunSQL(
            (_SQL_FOLDER / "0015_rotation.sql").read_text(), reverse_sql=(_SQL_FOLDER / "0015_down.sql").read_text()
        ),
    ]

"""Training sees where lists were served."""

from pathlib import Path

from tortoise import migrations
from tortoise.migrations.operations import RunSQL

_SQL_FOLDER = Path(__file__).parent / "sql"


class Migration(migrations.Migration):
    dependencies = [("personalization", "0006_identities")]

    operations = [
        RunSQL(
            (_SQL_FOLDER / "0007_situations.sql").read_text(), reverse_sql=(_SQL_FOLDER / "0007_down.sql").read_text()
        ),
    ]

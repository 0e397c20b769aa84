"""Logins for archives of one person and for sums of many."""

from pathlib import Path

from tortoise import migrations
from tortoise.migrations.operations import RunSQL

_SQL_FOLDER = Path(__file__).parent / "sql"


class Migration(migrations.Migration):
    dependencies = [("personalization", "0016_contexts")]

    operations = [
        RunSQL((_SQL_FOLDER / "0017_roles.sql").read_text(), reverse_sql=(_SQL_FOLDER / "0017_down.sql").read_text()),
        RunSQL((_SQL_FOLDER / "0017_analytics.sql").read_text(), reverse_sql="SELECT 1"),
    ]

"""Counts changes of people that nobody is told of, so that cached answers are overtaken by them as well."""

from pathlib import Path

from tortoise import fields, migrations
from tortoise.migrations.operations import RunSQL

from domain.storage.migrations._state import DeclareField

_SQL_FOLDER = Path(__file__).parent / "sql"


class Migration(migrations.Migration):
    dependencies = [("personalization", "0007_situations")]

    operations = [
        RunSQL(
            (_SQL_FOLDER / "0008_unannounced.sql").read_text(), reverse_sql=(_SQL_FOLDER / "0008_down.sql").read_text()
        ),
        DeclareField(model_name="SubjectRow", name="unannounced", field=fields.BigIntField()),
    ]

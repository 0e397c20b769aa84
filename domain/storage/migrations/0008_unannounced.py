"""Counts changes of people that nobody is told of, so that cached answers are overtaken by them as well."""

from tortoise import fields

from domain.storage.migrations._sql import SqlMigration, written
from domain.storage.migrations._state import DeclareField


class Migration(SqlMigration):
    dependencies = [("personalization", "0007_situations")]

    operations = [
        written("0008_unannounced", back="0008_down"),
        DeclareField(model_name="SubjectRow", name="unannounced", field=fields.BigIntField()),
    ]

"""Who is there at which level, for the daily run of retention."""

from domain.storage.migrations._sql import SqlMigration, written


class Migration(SqlMigration):
    dependencies = [("personalization", "0013_exports")]

    operations = [
        written("0014_retention", back="0014_down"),
    ]

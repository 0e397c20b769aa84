"""Functions that let a served list go to the database and back in one call."""

from domain.storage.migrations._sql import SqlMigration, written


class Migration(SqlMigration):
    dependencies = [("personalization", "0020_schedule")]

    operations = [written("0021_round_trips", back="0021_down")]

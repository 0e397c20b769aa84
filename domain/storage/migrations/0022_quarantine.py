"""Events that were set aside are listed."""

from domain.storage.migrations._sql import SqlMigration, written


class Migration(SqlMigration):
    dependencies = [("personalization", "0021_round_trips")]

    operations = [written("0022_quarantine", back="0022_down")]

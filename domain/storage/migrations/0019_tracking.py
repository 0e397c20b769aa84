"""How much is tracked of a tenant."""

from domain.storage.migrations._sql import SqlMigration, written


class Migration(SqlMigration):
    dependencies = [("personalization", "0018_attempts")]

    operations = [written("0019_tracking", back="0019_down")]

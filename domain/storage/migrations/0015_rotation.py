"""Which data keys an older key-encryption key wrapped, for its rotation."""

from domain.storage.migrations._sql import SqlMigration, written


class Migration(SqlMigration):
    dependencies = [("personalization", "0014_retention")]

    operations = [
        written("0015_rotation", back="0015_down"),
    ]

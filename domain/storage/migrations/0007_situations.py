"""Training sees where lists were served."""

from domain.storage.migrations._sql import SqlMigration, written


class Migration(SqlMigration):
    dependencies = [("personalization", "0006_identities")]

    operations = [
        written("0007_situations", back="0007_down"),
    ]

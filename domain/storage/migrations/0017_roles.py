"""Logins for archives of one person and for sums of many."""

from domain.storage.migrations._sql import SqlMigration, written


class Migration(SqlMigration):
    dependencies = [("personalization", "0016_contexts")]

    operations = [
        written("0017_roles", "0017_analytics", back="0017_down"),
    ]

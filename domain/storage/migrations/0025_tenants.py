"""Every table keeps tenants apart by itself."""

from domain.storage.migrations._sql import SqlMigration, written


class Migration(SqlMigration):
    dependencies = [("personalization", "0024_analysts")]

    operations = [written("0025_tenants", back="0025_down")]

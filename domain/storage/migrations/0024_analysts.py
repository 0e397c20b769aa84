"""Logins of analysts, one for each tenant, and totals in which nobody stands out."""

from tortoise import fields

from domain.storage.migrations._sql import SqlMigration, written
from domain.storage.migrations._state import DeclareTable


class Migration(SqlMigration):
    dependencies = [("personalization", "0023_rights")]

    operations = [
        written("0024_analysts", back=("0024_down", "0017_analytics")),
        DeclareTable(
            name="AnalystLoginRow",
            fields=[
                ("tenant_id", fields.CharField(primary_key=True, unique=True, db_index=True, max_length=256)),
                ("login", fields.TextField(unique=False)),
                ("made_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "analyst_logins",
                "app": "personalization",
                "pk_attr": "tenant_id",
                "table_description": "The database role by which the analysts of a tenant log in.",
            },
            bases=["Model"],
        ),
    ]

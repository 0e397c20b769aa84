"""Which windows of time were seen to."""

from tortoise import fields

from domain.storage.migrations._sql import SqlMigration, written
from domain.storage.migrations._state import DeclareTable


class Migration(SqlMigration):
    dependencies = [("personalization", "0019_tracking")]

    operations = [
        written("0020_schedule", back="0020_down"),
        DeclareTable(
            name="ScheduledRunRow",
            fields=[
                ("task", fields.CharField(primary_key=True, unique=True, db_index=True, max_length=64)),
                ("window_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("heartbeat_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("finished_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "scheduled_runs",
                "app": "personalization",
                "pk_attr": "task",
                "table_description": "A window of time in which something is done by the clock.",
            },
            bases=["Model"],
        ),
    ]

"""Migrations that are written in SQL, and what makes them quick to run."""

from pathlib import Path
from typing import Final

from tortoise import migrations
from tortoise.migrations.operations import RunSQL
from tortoise.migrations.schema_editor.base import BaseSchemaEditor
from tortoise.migrations.schema_generator.state import State

_FOLDER: Final = Path(__file__).parent / "sql"


def written(*names: str, back: str | tuple[str, ...]) -> RunSQL:
    """The operation that runs files of SQL in this order, and those of `back` to undo them; names have no ending."""
    undone = (back,) if isinstance(back, str) else back
    return RunSQL([_read(name) for name in names], reverse_sql=[_read(name) for name in undone])


class SqlMigration(migrations.Migration):
    """A migration whose operations never look at the state before them: SQL does all, and the rest is declared.

    Tortoise copies the whole state for each operation, and builds every model of it anew, which took most of the time
    of a migration.
    """

    async def apply(
        self,
        state: State,
        *,
        dry_run: bool = False,
        schema_editor: BaseSchemaEditor | None = None,
        collect_sql: bool = False,
    ) -> State:
        """Run it; `state` is brought forward."""
        if dry_run or collect_sql or schema_editor is None:
            return await super().apply(state, dry_run=dry_run, schema_editor=schema_editor, collect_sql=collect_sql)
        in_transaction = schema_editor.client.capabilities.supports_transactions
        for operation in self.operations:
            operation.state_forward(self.app_label, state)
            await self._run_database_forward(operation, state, state, schema_editor, in_transaction)
        return state

    async def unapply(
        self,
        state: State,
        *,
        dry_run: bool = False,
        schema_editor: BaseSchemaEditor | None = None,
        collect_sql: bool = False,
    ) -> State:
        """Take it back; `state` is what was before it, and stays."""
        if dry_run or collect_sql or schema_editor is None:
            return await super().unapply(state, dry_run=dry_run, schema_editor=schema_editor, collect_sql=collect_sql)
        in_transaction = schema_editor.client.capabilities.supports_transactions
        for operation in reversed(self.operations):
            await self._run_database_backward(operation, state, state, schema_editor, in_transaction)
        return state


def _read(name: str) -> str:
    return (_FOLDER / f"{name}.sql").read_text()

"""Declares what SQL has made, so that Tortoise knows of it: it cannot write a key of two columns itself."""

from tortoise.migrations.operations import AddField, AlterField, CreateModel, RemoveField
from tortoise.migrations.schema_editor.base import BaseSchemaEditor
from tortoise.migrations.schema_generator.state import State


class _Declared:
    """An operation that changes the migration state and leaves the database alone."""

    async def database_forward(
        self, app_label: str, old_state: State, new_state: State, state_editor: BaseSchemaEditor | None = None
    ) -> None:
        """Nothing to do: the SQL of the same migration did it."""

    async def database_backward(
        self, app_label: str, old_state: State, new_state: State, state_editor: BaseSchemaEditor | None = None
    ) -> None:
        """Nothing to do: the SQL of the same migration undoes it."""


class DeclareTable(_Declared, CreateModel):
    """Adds a model to the migration state."""


class DeclareField(_Declared, AddField):
    """Adds a column to the migration state."""


class DeclareChange(_Declared, AlterField):
    """Changes a column in the migration state."""


class DeclareRemoval(_Declared, RemoveField):
    """Takes a column out of the migration state."""

"""Declares what SQL has made, so that Tortoise knows of it: it cannot write a key of two columns itself."""

from tortoise.migrations.operations import AddField, AlterField, CreateModel
from tortoise.migrations.schema_editor.base import BaseSchemaEditor
from tortoise.migrations.schema_generator.state import State


class DeclareTable(CreateModel):
    """Adds a model to the migration state and leaves the database alone."""

    async def database_forward(
        self, app_label: str, old_state: State, new_state: State, state_editor: BaseSchemaEditor | None = None
    ) -> None:
        """Nothing to do: the SQL of the same migration made the table."""

    async def database_backward(
        self, app_label: str, old_state: State, new_state: State, state_editor: BaseSchemaEditor | None = None
    ) -> None:
        """Nothing to do: the SQL of the same migration drops the table."""


class DeclareField(AddField):
    """Adds a column to the migration state and leaves the database alone."""

    async def database_forward(
        self, app_label: str, old_state: State, new_state: State, state_editor: BaseSchemaEditor | None = None
    ) -> None:
        """Nothing to do: the SQL of the same migration made the column."""

    async def database_backward(
        self, app_label: str, old_state: State, new_state: State, state_editor: BaseSchemaEditor | None = None
    ) -> None:
        """Nothing to do: the SQL of the same migration drops the column."""


class DeclareChange(AlterField):
    """Changes a column in the migration state and leaves the database alone."""

    async def database_forward(
        self, app_label: str, old_state: State, new_state: State, state_editor: BaseSchemaEditor | None = None
    ) -> None:
        """Nothing to do: the SQL of the same migration changed the column."""

    async def database_backward(
        self, app_label: str, old_state: State, new_state: State, state_editor: BaseSchemaEditor | None = None
    ) -> None:
        """Nothing to do: the SQL of the same migration changes the column back."""

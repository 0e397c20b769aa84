"""Importing items: many rows at once, of which a broken one costs only itself."""

from typing import Annotated, TypeAlias

import strawberry

from domain.catalog.model import CatalogItem
from domain.errors import ValidationFailed
from graphql_api.auth import Scope
from graphql_api.catalog import CatalogItemInput, item_at
from graphql_api.context import Info
from graphql_api.problems import INPUT, AnyProblem, Problem, ValidationProblem, answering_problems

MAX_ROWS = 1000


@strawberry.input(description="Rows of a catalogue.")
class ImportItemsInput:
    """The input of `importItems`."""

    items: list[CatalogItemInput] = strawberry.field(
        description="1 to 1,000 rows; of two with one id the later counts."
    )


@strawberry.type(description="A row that was not imported.")
class RefusedRow:
    """A row and its problem."""

    index: int = strawberry.field(description="Where in `items` it stands, from 0.")
    item_id: str = strawberry.field(description="The id that it names.")
    problem: Problem = strawberry.field(description="Why.")


@strawberry.type(description="What came of an import; every row without a problem is stored for certain.")
class ImportedItems:
    """The success of `importItems`."""

    inserted: int = strawberry.field(description="Items that are new.")
    updated: int = strawberry.field(description="Items that were there and changed.")
    unchanged: int = strawberry.field(description="Items that were there like this.")
    refused: list[RefusedRow] = strawberry.field(description="Rows that mean nothing valid, in their order.")
    catalog_version: int = strawberry.field(description="Grows with every change of the catalogue.")


ImportItemsPayload: TypeAlias = Annotated[
    ImportedItems | AnyProblem,
    strawberry.union("ImportItemsPayload", description="What came of the rows, or why none was looked at."),
]


@strawberry.type
class ItemImportMutation:
    """Importing a catalogue."""

    @strawberry.mutation(
        description="Insert or replace up to 1,000 items; a broken row costs itself alone. Needs catalog:write."
    )
    @answering_problems
    async def import_items(
        self,
        info: Info,
        input: Annotated[ImportItemsInput, INPUT],  # noqa: A002 - the name clients expect
    ) -> ImportItemsPayload:
        """Whatever is valid, in one transaction."""
        tenant = info.context.allow(Scope.CATALOG_WRITE)
        if not 1 <= len(input.items) <= MAX_ROWS:
            raise ValidationFailed(f"1 to {MAX_ROWS} rows", field="items")
        good, refused = _sorted_out(input.items)
        change = await info.context.services.catalog.upsert(tenant, good)
        return ImportedItems(
            inserted=change.inserted,
            updated=change.updated,
            unchanged=change.unchanged,
            refused=refused,
            catalog_version=change.version,
        )


def _sorted_out(rows: list[CatalogItemInput]) -> tuple[list[CatalogItem], list[RefusedRow]]:
    good: list[CatalogItem] = []
    refused: list[RefusedRow] = []
    for index, row in enumerate(rows):
        try:
            good.append(item_at(index, row))
        except ValidationFailed as error:
            problem = ValidationProblem(code=error.code, message=error.message, field=error.field)
            refused.append(RefusedRow(index=index, item_id=row.item_id, problem=problem))
    return good, refused

"""Catalogue items: read one, page through them, write them."""

from collections.abc import Iterable
from datetime import datetime
from typing import Annotated, Any, Self, TypeAlias

import strawberry
from strawberry import relay
from strawberry.scalars import JSON
from strawberry.types import Info as StrawberryInfo

from domain.catalog import model
from domain.errors import NotFound, ValidationFailed
from domain.ids import ItemId
from graphql_api.auth import Scope
from graphql_api.context import Info, context_of
from graphql_api.enums import ItemKind
from graphql_api.inputs import path_of
from graphql_api.insights import ItemAnalysis, analyses
from graphql_api.paging import PageInfo, item_after, item_cursor, require_first
from graphql_api.problems import INPUT, AnyProblem, answering_problems


@strawberry.type(name="CatalogItem", description="Something that can be recommended.")
class CatalogItemNode(relay.Node):
    """One item."""

    node_key: relay.NodeID[str]
    item_id: str = strawberry.field(description="The item's id within its tenant, as recommendations name it.")
    kind: ItemKind = strawberry.field(description="What sort of thing it is.")
    title: str = strawberry.field(description="What people call it.")
    description: str = strawberry.field(description="What it is, in a sentence or two; may be empty.")
    tags: list[str] = strawberry.field(description="Words that describe it, the most important first.")
    category: str = strawberry.field(description="Its category; empty for none.")
    attributes: JSON = strawberry.field(description="Named texts, numbers and booleans.")
    available_from: datetime | None = strawberry.field(description="First moment it may be recommended.")
    available_until: datetime | None = strawberry.field(description="First moment it may no longer be recommended.")
    sensitive: bool = strawberry.field(description="Whether it touches a special category of personal data.")

    @strawberry.field(description="What analyses found in it, beside what its editors say.")
    async def insights(self, info: Info) -> list[ItemAnalysis] | None:
        """Loaded together with those of the other items of the answer."""
        return analyses(await info.context.loaders.insights.load((info.context.tenant, ItemId(self.item_id))))

    @classmethod
    async def resolve_nodes(  # type: ignore[override]  # the base allows answers of many shapes
        cls,
        *,
        info: StrawberryInfo,
        node_ids: Iterable[str],
        required: bool = False,  # noqa: ARG003 - the base's signature
    ) -> list[Self | None]:
        """The items behind global ids, in their order."""
        context = context_of(info)
        tenant = context.allow(Scope.RECOMMENDATIONS_READ)
        found = await context.loaders.items.load_many([(tenant, ItemId(node_id)) for node_id in node_ids])
        return [None if item is None else cls.of(item) for item in found]

    @classmethod
    def of(cls, item: model.CatalogItem) -> Self:
        """The item as clients see it."""
        return cls(
            node_key=item.item_id,
            item_id=item.item_id,
            kind=item.kind,
            title=item.title,
            description=item.description,
            tags=list(item.tags),
            category=item.category,
            attributes=JSON(dict(item.attributes)),
            available_from=item.available_from,
            available_until=item.available_until,
            sensitive=item.sensitive,
        )


@strawberry.type(description="One place of a page of the catalogue.")
class CatalogItemEdge:
    """An item and its cursor."""

    cursor: str = strawberry.field(description="Names this place.")
    node: CatalogItemNode = strawberry.field(description="The item.")


@strawberry.type(description="A page of the catalogue, in the order of item ids.")
class CatalogItemConnection:
    """A page."""

    edges: list[CatalogItemEdge] = strawberry.field(description="The items of this page.")
    page_info: PageInfo = strawberry.field(description="Where this page stands.")


@strawberry.input(description="One catalogue item to insert or replace.")
class CatalogItemInput:
    """An item as clients write it."""

    item_id: str = strawberry.field(description="1 to 128 of letters, digits and `_.:-`.")
    kind: ItemKind = strawberry.field(description="What sort of thing it is.")
    title: str = strawberry.field(description="What people call it.")
    description: str = strawberry.field(default="", description="What it is.")
    tags: list[str] = strawberry.field(default_factory=list, description="Words that describe it.")
    category: str = strawberry.field(default="", description="Its category.")
    attributes: JSON | None = strawberry.field(default=None, description="Named texts, numbers and booleans.")
    available_from: datetime | None = strawberry.field(default=None, description="First moment to recommend it.")
    available_until: datetime | None = strawberry.field(default=None, description="First moment not to any more.")
    sensitive: bool = strawberry.field(default=False, description="Touches a special category of personal data.")

    def item(self) -> model.CatalogItem:
        """The item; raises `ValidationFailed`."""
        attributes: Any = {} if self.attributes is None else self.attributes
        return model.CatalogItem(
            item_id=ItemId(self.item_id),
            kind=self.kind,
            title=self.title,
            description=self.description,
            tags=tuple(self.tags),
            category=self.category,
            attributes=attributes,
            available_from=self.available_from,
            available_until=self.available_until,
            sensitive=self.sensitive,
        )


@strawberry.input(description="Items to insert or replace, all or none.")
class UpsertCatalogItemsInput:
    """The input of `upsertCatalogItems`."""

    items: list[CatalogItemInput] = strawberry.field(description="The items.")


@strawberry.type(description="What came of writing items.")
class UpsertedCatalogItems:
    """The success of `upsertCatalogItems`."""

    inserted: int = strawberry.field(description="Items that are new.")
    updated: int = strawberry.field(description="Items that were there and changed.")
    unchanged: int = strawberry.field(description="Items that were there like this.")
    catalog_version: int = strawberry.field(description="Grows with every change of the catalogue.")


UpsertCatalogItemsPayload: TypeAlias = Annotated[
    UpsertedCatalogItems | AnyProblem,
    strawberry.union("UpsertCatalogItemsPayload", description="Items written, or why none was."),
]


@strawberry.type
class CatalogQuery:
    """Reading the catalogue."""

    @strawberry.field(description="One catalogue item; null if the catalogue holds no such item.")
    async def catalog_item(
        self, info: Info, item_id: Annotated[str, strawberry.argument(description="The item's id.")]
    ) -> CatalogItemNode | None:
        """One item."""
        tenant = info.context.allow(Scope.RECOMMENDATIONS_READ)
        try:
            return CatalogItemNode.of(await info.context.services.catalog.item(tenant, ItemId(item_id)))
        except NotFound:
            return None

    @strawberry.field(description="The catalogue, page by page; null where it fails while the rest works.")
    async def catalog_items(
        self,
        info: Info,
        kind: Annotated[ItemKind | None, strawberry.argument(description="Only items of this kind.")] = None,
        first: Annotated[int, strawberry.argument(description="Page length, 1 to 100.")] = 10,
        after: Annotated[str | None, strawberry.argument(description="The end cursor of the page before.")] = None,
    ) -> CatalogItemConnection | None:
        """A page in the order of ids."""
        tenant = info.context.allow(Scope.RECOMMENDATIONS_READ)
        page = await info.context.services.catalog.items(
            tenant, kind=kind, after=item_after(after), first=require_first(first)
        )
        edges = [CatalogItemEdge(cursor=item_cursor(i.item_id), node=CatalogItemNode.of(i)) for i in page.items]
        return CatalogItemConnection(
            edges=edges,
            page_info=PageInfo(
                has_next_page=page.has_next,
                has_previous_page=after is not None,
                start_cursor=edges[0].cursor if edges else None,
                end_cursor=edges[-1].cursor if edges else None,
            ),
        )


@strawberry.type
class CatalogMutation:
    """Writing the catalogue."""

    @strawberry.mutation(description="Insert or replace catalogue items; needs the scope catalog:write.")
    @answering_problems
    async def upsert_catalog_items(
        self,
        info: Info,
        input: Annotated[UpsertCatalogItemsInput, INPUT],  # noqa: A002 - the name clients expect
    ) -> UpsertCatalogItemsPayload:
        """All or none."""
        tenant = info.context.allow(Scope.CATALOG_WRITE)
        items = [item_at(index, entry) for index, entry in enumerate(input.items)]
        change = await info.context.services.catalog.upsert(tenant, items)
        return UpsertedCatalogItems(
            inserted=change.inserted,
            updated=change.updated,
            unchanged=change.unchanged,
            catalog_version=change.version,
        )


def item_at(index: int, entry: CatalogItemInput) -> model.CatalogItem:
    """The item in a place of `items`; raises `ValidationFailed`, whose field names place and part."""
    try:
        return entry.item()
    except ValidationFailed as error:
        raise ValidationFailed(error.message, field=f"items.{index}.{path_of(error.field or '')}") from error

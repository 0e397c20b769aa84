"""The data map: what the service keeps, for whoever answers for it."""

from typing import Self

import strawberry

from domain.privacy.article30 import as_document
from domain.privacy.data_map import Column, Entry
from domain.privacy.inventory import DATA_MAP
from graphql_api.auth import Scope
from graphql_api.context import Info


@strawberry.type(description="A column of a table.")
class DataMapColumn:
    """One column."""

    name: str = strawberry.field(description="Its name.")
    category: str = strawberry.field(description="What kind of data it is, such as `behaviour` or `stated`.")
    sealed: bool = strawberry.field(description="It is encrypted with the key of the person it is about.")
    exported: bool = strawberry.field(description="A person who asks for their data is given it.")

    @classmethod
    def of(cls, column: Column, entry: Entry) -> Self:
        """The column as clients see it."""
        return cls(
            name=column.name, category=column.category.value, sealed=column.sealed, exported=column in entry.told
        )


@strawberry.type(description="Something that is kept: a table, a kind of Redis key, a folder.")
class DataMapEntry:
    """One declaration."""

    store: str = strawberry.field(description="`postgres`, `redis` or `files`.")
    name: str = strawberry.field(description="The table, the kind of key, or the folder.")
    purpose: str = strawberry.field(description="Why it is kept.")
    legal_basis: str = strawberry.field(description="What makes that lawful, with the article of the GDPR.")
    retention: str = strawberry.field(description="For how long it is kept.")
    erasure: str = strawberry.field(description="What an erasure does with it.")
    personal: bool = strawberry.field(description="It is about single people.")
    columns: list[DataMapColumn] = strawberry.field(description="Of a table; empty elsewhere.")

    @classmethod
    def of(cls, entry: Entry) -> Self:
        """The declaration as clients see it."""
        return cls(
            store=entry.store.value,
            name=entry.name,
            purpose=entry.purpose,
            legal_basis=entry.basis.value,
            retention=entry.keeping.value,
            erasure=entry.erasure.value,
            personal=entry.personal,
            columns=[DataMapColumn.of(column, entry) for column in entry.columns],
        )


@strawberry.type(description="Everything that the service keeps.")
class DataMap:
    """The declarations, and the record made of them."""

    entries: list[DataMapEntry] = strawberry.field(description="Tables, kinds of Redis keys, folders.")
    article30: str = strawberry.field(description="The record of processing activities (GDPR Article 30), in Markdown.")


@strawberry.type
class DataMapQuery:
    """Reading the data map."""

    @strawberry.field(description="What the service keeps, why and for how long; needs privacy:admin.")
    def data_map(self, info: Info) -> DataMap | None:
        """The same for every tenant."""
        info.context.allow(Scope.PRIVACY_ADMIN)
        return DataMap(entries=list(map(DataMapEntry.of, DATA_MAP.entries)), article30=as_document(DATA_MAP))

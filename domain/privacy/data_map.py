"""The data map: what is kept where, why, on what legal basis, for how long, and what export and erasure do with it.

Export, erasure, retention and the Article 30 record walk these declarations and know nothing else of what exists, and
a test holds them against the database, the builders of Redis keys and the folders on disk. So what is not declared
cannot be kept, and what is declared is exported and erased without further code.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from domain.errors import ValidationFailed

SEALED_SUFFIX: Final = "_sealed"


class Store(StrEnum):
    """Where something is kept."""

    POSTGRES = "postgres"
    REDIS = "redis"
    FILES = "files"


class Category(StrEnum):
    """What kind of data something is; the last one says nothing about anybody."""

    IDENTIFIER = "identifier"
    PSEUDONYM = "pseudonym"
    CONSENT = "consent"
    BEHAVIOUR = "behaviour"
    DEVICE = "device"
    STATED = "stated"
    INFERRED = "inferred"
    ACCOUNT = "account"
    EXPERIMENT = "experiment"
    EVIDENCE = "evidence"
    TECHNICAL = "technical"
    KEY = "key"
    NOBODY = "nobody"

    @property
    def told(self) -> bool:
        """Whether a person who asks for their data is given it."""
        return self not in {Category.TECHNICAL, Category.KEY, Category.NOBODY}


class Basis(StrEnum):
    """What makes the processing lawful (GDPR Article 6)."""

    CONSENT = "consent, Article 6(1)(a)"
    OBLIGATION = "legal obligation, Article 6(1)(c)"
    INTERESTS = "legitimate interests, Article 6(1)(f)"
    NONE_NEEDED = "not personal data"


class Erasure(StrEnum):
    """What an erasure does with it."""

    DELETE = "deleted"
    STRIP = "kept without a way to the person"
    EMPTY = "emptied at once, deleted once it is told"
    SHRED = "destroyed, so that what it sealed is unreadable wherever it lies"
    RETIRE = "holds no person; versions that learned from them are retired by a deadline"
    EXPIRE = "deleted, and ends by itself"
    KEEP = "kept: it is not about one person"


class Keeping(StrEnum):
    """For how long it is kept."""

    LEVEL = "as long as the person's privacy level says"
    ACCOUNT = "until the person is erased, or withdraws what it rests on"
    EVIDENCE = "as long as the operator must be able to show it"
    LIFETIME = "its lifetime in Redis"
    DAYS = "7 days"
    OPERATION = "as long as the service runs"


@dataclass(frozen=True, slots=True)
class Column:
    """One column.

    Attributes:
        category: what kind of data it is.
    """

    name: str
    category: Category

    @property
    def sealed(self) -> bool:
        """Whether it is encrypted with the person's own key."""
        return self.name.endswith(SEALED_SUFFIX)


@dataclass(frozen=True, slots=True)
class Entry:
    """Something that is kept: a table, a kind of Redis key, a folder.

    Attributes:
        store: where.
        name: the table (with its schema unless that is public), the key's builder, or the folder below the data folder.
        purpose: why it is kept, in words for a person.
        basis: what makes that lawful.
        erasure: what an erasure does with it.
        keeping: for how long it is kept.
        columns: of a table; empty elsewhere.
        dated_by: the column by which retention tells a row's age.
        prefix: how a Redis key begins.
        personal: it is about single people, found by their subject id.
    """

    store: Store
    name: str
    purpose: str
    basis: Basis
    erasure: Erasure
    keeping: Keeping
    columns: tuple[Column, ...] = ()
    dated_by: str | None = None
    prefix: str = ""
    personal: bool = False

    @property
    def schema(self) -> str:
        """The schema of a table."""
        return self.name.partition(".")[0] if "." in self.name else "public"

    @property
    def table(self) -> str:
        """The table without its schema."""
        return self.name.rpartition(".")[2]

    @property
    def categories(self) -> tuple[Category, ...]:
        """What kinds of data it holds, each once."""
        return tuple(dict.fromkeys(column.category for column in self.columns))

    @property
    def told(self) -> tuple[Column, ...]:
        """The columns that a person who asks for their data is given."""
        return tuple(column for column in self.columns if self.personal and column.category.told)


class DataMap:
    """Every declaration, by store and name.

    Raises:
        ValidationFailed: something is declared twice, or a table's columns are.
    """

    def __init__(self, entries: Iterable[Entry]) -> None:
        self.entries: Final = tuple(entries)
        _require_unique((entry.store, entry.name) for entry in self.entries)
        for entry in self.entries:
            _require_unique((entry.name, column.name) for column in entry.columns)

    def of(self, store: Store) -> tuple[Entry, ...]:
        """What is declared for a store."""
        return tuple(entry for entry in self.entries if entry.store is store)

    @property
    def tables(self) -> tuple[Entry, ...]:
        """Every table."""
        return self.of(Store.POSTGRES)

    @property
    def about_people(self) -> tuple[Entry, ...]:
        """The tables whose rows are about one person each."""
        return tuple(entry for entry in self.tables if entry.personal)

    def deleted(self) -> tuple[Entry, ...]:
        """The tables whose rows go with their person."""
        return tuple(entry for entry in self.about_people if entry.erasure is Erasure.DELETE)

    def exported(self) -> tuple[Entry, ...]:
        """The tables that a person who asks for their data is shown."""
        return tuple(entry for entry in self.about_people if entry.told and entry.schema == "public")

    def aging(self) -> tuple[Entry, ...]:
        """The tables from which retention deletes by the age of a row."""
        return tuple(entry for entry in self.about_people if entry.dated_by is not None)


def differences(
    data_map: DataMap, tables: Mapping[str, Iterable[str]], keys: Iterable[str], folders: Iterable[str]
) -> list[str]:
    """What exists and is not declared, or is declared and does not exist; each line says what to do about it.

    Args:
        data_map: the declarations.
        tables: column names by table, with the schema unless that is public.
        keys: the builders of Redis keys and channels.
        folders: what the service writes below its data folder.
    """
    there = {
        **{f"table {t}": f"declare it in domain/privacy/inventory: {_example(t)}" for t in tables},
        **{f"column {t}.{c}": f"add it to {t} under its category" for t, columns in tables.items() for c in columns},
        **{
            f"Redis key builder {key}": "declare it with `key(...)` in domain/privacy/inventory/places.py"
            for key in keys
        },
        **{f"folder {name}": "declare it with `folder(...)` in domain/privacy/inventory/places.py" for name in folders},
    }
    declared = {f"table {entry.name}" for entry in data_map.tables}
    declared |= {f"column {entry.name}.{column.name}" for entry in data_map.tables for column in entry.columns}
    declared |= {f"Redis key builder {entry.name}" for entry in data_map.of(Store.REDIS)}
    declared |= {f"folder {entry.name}" for entry in data_map.of(Store.FILES)}
    undeclared = [f"{what} is not in the data map: {there[what]}" for what in sorted(there.keys() - declared)]
    return undeclared + [f"{what} is in the data map and does not exist" for what in sorted(declared - there.keys())]


def _example(table: str) -> str:
    return f'`person_table("{table}", "why it is kept", dated_by="..._at", behaviour="column column", ...)`'


def _require_unique(names: Iterable[tuple[str, str]]) -> None:
    found = list(names)
    twice = sorted({" ".join(name) for name in found if found.count(name) > 1})
    if twice:
        raise ValidationFailed(f"declared twice in the data map: {', '.join(twice)}")

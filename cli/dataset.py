"""Behaviour from files as the histories that an evaluation works on, without a database."""

from dataclasses import dataclass
from hashlib import blake2b

import numpy as np

from cli.importing.records import ImportedEvent, ImportedItem, ItemTag, RejectedRow
from cli.importing.sources import Source
from cli.output import Advance
from cli.rejects import Rejects
from domain.errors import ValidationFailed
from domain.models.item_terms import NO_TERMS, ItemTerms, item_terms
from workers.evaluation.circumstances import circumstances, coded
from workers.evaluation.features import Features, build_features
from workers.evaluation.histories import Histories, build_histories
from workers.evaluation.known import Known

DISMISSED = "dismissed"


@dataclass(frozen=True, slots=True, eq=False)
class Dataset:
    """What was read.

    Attributes:
        histories: of users in the order in which the files name them; the order of items says nothing about them.
        features: the words that describe the items, where there are any.
        rows: how many were read, bad ones included.
        dismissed: rows that say what was not wanted, which are left out.
        terms: what the files say of each item.
        tags: what people called each item, where the files say that apart.
    """

    histories: Histories
    features: Features | None
    rows: int
    dismissed: int
    terms: tuple[ItemTerms, ...]
    tags: tuple[tuple[str, ...], ...]

    def known(self, *, context: bool) -> Known:
        """What models may know beside who took to what: what items are about, and circumstances if `context`."""
        return Known(self.features, circumstances(self.histories.columns) if context else ())


class _Numbers:
    """Names as numbers from 0, in the order in which they come."""

    def __init__(self) -> None:
        self.known: dict[str, int] = {}

    def __getitem__(self, name: str) -> int:
        return self.known.setdefault(name, len(self.known))


class _Reading:
    def __init__(self, reject: Rejects) -> None:
        self._reject = reject
        self._users, self._items = _Numbers(), _Numbers()
        self._triples: list[tuple[int, int, float]] = []
        self._told: list[dict[str, str]] = []
        self._words: dict[str, tuple[str, ...]] = {}
        self._terms: dict[str, ItemTerms] = {}
        self._tags: dict[str, list[str]] = {}
        self._rows = self._dismissed = 0

    def read(self, source: Source, advance: Advance) -> None:
        for row in source:
            self._rows += 1
            if self._rows % 1000 == 0:
                advance(1000)
            if isinstance(row, RejectedRow):
                self._reject(row)
            elif isinstance(row, ImportedEvent):
                self._add(row)
            elif isinstance(row, ItemTag):
                self._tags.setdefault(row.item_id, []).append(row.tag)
            else:
                self._describe(row)
        advance(self._rows % 1000)

    def _describe(self, item: ImportedItem) -> None:
        self._words[item.item_id] = (*item.tags, item.category) if item.category else item.tags
        self._terms[item.item_id] = item_terms(
            kind=item.kind,
            title=item.title,
            description=item.description,
            tags=item.tags,
            category=item.category,
            attributes=item.attributes,
        )

    def _add(self, event: ImportedEvent) -> None:
        if event.type == DISMISSED:
            self._dismissed += 1
            return
        place = (self._users[event.user_id], self._items[event.item_id], event.occurred_at.timestamp())
        self._triples.append(place)
        self._told.append(_told(event))

    def dataset(self) -> Dataset:
        if not self._triples:
            raise ValidationFailed(f"none of {self._rows} rows is behaviour to learn from", field="--dataset")
        users, items, times = (np.array(column) for column in zip(*self._triples, strict=True))
        names = sorted(self._items.known, key=_digest)
        numbers = np.empty(len(names), dtype=np.int64)
        numbers[[self._items.known[name] for name in names]] = np.arange(len(names))
        columns = tuple(sorted({name for told in self._told for name in told}))
        codes = coded([[told.get(name) for name in columns] for told in self._told], len(columns))
        histories = build_histories(users, numbers[items], times, len(self._users.known), len(names), columns, codes)
        words = [frozenset(self._words.get(name, ())) for name in names]
        return Dataset(
            histories,
            build_features(words),
            self._rows,
            self._dismissed,
            tuple(self._terms.get(name, NO_TERMS) for name in names),
            tuple(tuple(self._tags.get(name, ())) for name in names),
        )


def _told(event: ImportedEvent) -> dict[str, str]:
    """What a row says of where and what for."""
    own = {"device": event.device, "session": event.session}
    return {**event.context, **{name: value for name, value in own.items() if value}}


def _digest(name: str) -> bytes:
    """An order that says nothing about an item: of equal scores the first item wins, and files are often by time."""
    return blake2b(name.encode(), digest_size=8).digest()


def read_dataset(source: Source, reject: Rejects, advance: Advance) -> Dataset:
    """Read everything.

    Args:
        source: the files.
        reject: told each bad row.
        advance: told how many more rows are read.

    Raises:
        ValidationFailed: a file means nothing, or no row does.
    """
    reading = _Reading(reject)
    reading.read(source, advance)
    return reading.dataset()

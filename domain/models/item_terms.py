"""What a catalogue says of its items, as words, labels and numbers: the raw material of everything content-based.

Whatever writes tags or attributes of an item, a person, an import or an analysis of its content, is read alike here.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from domain.catalog.model import AttributeValue, ItemKind
from domain.catalog.snapshot import CatalogSnapshot

LABEL_LENGTH: Final = 64
"""A longer attribute is a text to read, not a label to compare."""

WORD_PREFIX: Final = "~"
"""Marks words among terms, so that the word `drama` of a title is not the tag `drama`."""

_WORD: Final = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)?")


class ItemTerms(NamedTuple):
    """One item as terms.

    Attributes:
        words: of title, description, tags and long texts, repeated as often as they stand there.
        labels: kind, category, tags, and attributes that are short texts or booleans, such as `style=modern`.
        numbers: attributes that are numbers.
    """

    words: tuple[str, ...]
    labels: tuple[str, ...]
    numbers: Mapping[str, float]


NO_TERMS: Final = ItemTerms((), (), {})


def item_terms(
    *,
    kind: ItemKind,
    title: str,
    description: str = "",
    tags: Sequence[str] = (),
    category: str = "",
    attributes: Mapping[str, AttributeValue] | None = None,
) -> ItemTerms:
    """The terms of an item; case, order and repeated tags make no difference."""
    named = attributes or {}
    texts = [title, description, *tags]
    texts += [value for value in named.values() if isinstance(value, str)]
    labels = {f"kind={kind.value.lower()}", *_tag_labels((*tags, category)), *_attribute_labels(named)}
    numbers = {name: float(value) for name, value in named.items() if _is_number(value)}
    return ItemTerms(tuple(sorted(_words(texts))), tuple(sorted(labels)), numbers)


def with_tags(terms: ItemTerms, tags: Iterable[str]) -> ItemTerms:
    """The terms of an item that has these tags, too."""
    listed = tuple(tags)
    words = tuple(sorted((*terms.words, *_words(listed))))
    return ItemTerms(words, tuple(sorted({*terms.labels, *_tag_labels(listed)})), terms.numbers)


def catalog_terms(catalog: CatalogSnapshot, rows: Iterable[int] | None = None) -> list[ItemTerms]:
    """The terms of the items in these rows of a catalogue; of all of them where none are named."""
    return [
        item_terms(
            kind=catalog.kind_of(row),
            title=catalog.titles[row],
            description=catalog.descriptions[row],
            tags=catalog.tags[row],
            category=catalog.category_of(row),
            attributes=catalog.attributes[row],
        )
        for row in (range(len(catalog)) if rows is None else rows)
    ]


def shown_label(label: str) -> str:
    """A label as people may read it: the tag itself, or `name: value`."""
    name, _, value = label.partition("=")
    return value if name == "tag" else f"{name}: {value}"


def _words(texts: Iterable[str]) -> Iterator[str]:
    for text in texts:
        for found in _WORD.finditer(_folded(text)):
            yield WORD_PREFIX + found.group()


def _tag_labels(names: Iterable[str]) -> Iterator[str]:
    return (f"tag={folded}" for name in names if (folded := _folded(name).strip()))


def _attribute_labels(attributes: Mapping[str, AttributeValue]) -> Iterator[str]:
    for name, value in attributes.items():
        if isinstance(value, bool):
            yield f"{name}={str(value).lower()}"
        elif isinstance(value, str) and 0 < len(value.strip()) <= LABEL_LENGTH:
            yield f"{name}={_folded(value).strip()}"


def _is_number(value: AttributeValue) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _folded(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold()

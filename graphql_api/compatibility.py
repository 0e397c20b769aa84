"""Changes of the schema that break clients, and whether the changelog tells of them."""

import re
from collections.abc import Sequence
from typing import Final, NamedTuple

from graphql import build_schema
from graphql.utilities import find_breaking_changes

_COORDINATE: Final = re.compile(r"\b[A-Za-z_]\w*\.\w+|\b[A-Z]\w*\b(?! required|num )")
_ANNOUNCEMENT: Final = re.compile(r"^- Breaking: (.*(?:\n  .*)*)", re.MULTILINE)
_WORDS: Final = frozenset({"Field", "Enum", "A", "An", "Type", "Standard"})


class Break(NamedTuple):
    """A change that a client of the promised schema cannot live with.

    Attributes:
        about: the type, or `Type.field`.
        what: a sentence.
    """

    about: str
    what: str


def breaks(promised: str, fresh: str) -> list[Break]:
    """What a schema takes from clients of another.

    Args:
        promised: the schema that clients were given, in the definition language.
        fresh: the one that they would get.
    """
    found = find_breaking_changes(build_schema(promised), build_schema(fresh))
    return [Break(_coordinate(change.description), change.description) for change in found]


def unannounced(found: Sequence[Break], changelog: str) -> list[Break]:
    """Those that no line of the unreleased part of a changelog names.

    A line announces what it is about: ``- Breaking: `Query.metrics` takes `days`.``

    Args:
        found: the breaking changes.
        changelog: the whole text.
    """
    unreleased = changelog.partition("## [Unreleased]")[2].partition("\n## [")[0]
    told = " ".join(_ANNOUNCEMENT.findall(unreleased))
    return [one for one in found if f"`{one.about}`" not in told]


def _coordinate(description: str) -> str:
    named = [word for word in _COORDINATE.findall(description) if word not in _WORDS]
    return next((word for word in named if "." in word), named[0] if named else description)

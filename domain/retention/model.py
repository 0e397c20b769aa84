"""How old something may become, and what a run of retention did or would do."""

import calendar
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from domain.ids import ModelVersion
from domain.privacy.model import RULES, PrivacyLevel

CHUNK: Final = 200
"""So many people are looked at in one transaction."""

TRAINED_AHEAD: Final = timedelta(days=7)
"""A champion that must go is trained anew so long before, whatever the gate says."""


@dataclass(frozen=True, slots=True)
class Retiring:
    """A model version that may have learned from somebody who was erased.

    Attributes:
        by: when it must be gone.
        serves: it is the champion.
    """

    version: ModelVersion
    by: datetime
    serves: bool


@dataclass(slots=True)
class Swept:
    """What a run did, or in a dry run would do.

    Attributes:
        people: how many were looked at.
        rows: how many rows went, by table and level.
        versions: model versions that went.
        trained_anew: a training was handed in so that a version can go.
    """

    people: int = 0
    rows: Counter[tuple[str, str]] = field(default_factory=Counter)
    versions: list[ModelVersion] = field(default_factory=list)
    trained_anew: bool = False


def kept_since(level: PrivacyLevel, now: datetime) -> datetime:
    """What happened before this is too old at a level; months end on their last day (31 May less 3 is 28 February)."""
    months = RULES[level].retention_months
    year, month = divmod(now.year * 12 + now.month - 1 - months, 12)
    day = min(now.day, calendar.monthrange(year, month + 1)[1])
    return now.replace(year=year, month=month + 1, day=day)

"""What a training sees of the lists that were served."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from domain.ids import ItemId, SubjectId


class TakenList(NamedTuple):
    """A list that was served, and what was taken of it."""

    subject_id: SubjectId
    served_at: datetime
    item_ids: Sequence[ItemId]
    taken: Sequence[ItemId]
    device: str | None = None
    surface: str | None = None
    purpose: str | None = None


class ExploredPlace(NamedTuple):
    """One place of a served list whose item was drawn with a known probability, and what came of it."""

    subject_id: SubjectId
    served_at: datetime
    item_id: ItemId
    propensity: float
    succeeded: bool

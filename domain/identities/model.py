"""What merging two ids means, table by table."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from domain.errors import Unavailable
from domain.ids import SubjectId, UserId
from domain.privacy.decisions import Standing
from domain.privacy.model import Subject
from domain.privacy.receipts import ConsentReceipt


@dataclass(frozen=True, slots=True)
class MovedTable:
    """A table whose rows become another person's; of two rows with one key the account's stays.

    Attributes:
        name: the table.
        key: the columns that, after the subject, make its primary key; none where there is one row a person.
        sealed: columns that are sealed anew under the account's key; such a table's key is one column at most.
        key_type: the type of that column.
    """

    name: str
    key: tuple[str, ...]
    sealed: tuple[str, ...] = ()
    key_type: str = "uuid"


MOVED: Final = (
    MovedTable("user_behavior_events", ("event_id",), ("payload_sealed",)),
    MovedTable("user_feedback", ("feedback_id",), ("payload_sealed",)),
    MovedTable("recommendations", ("recommendation_id",)),
    MovedTable("recommendation_interactions", ("interaction_id",)),
    MovedTable("video_generation_tracking", ("generation_id",), ("parameters_sealed",)),
    MovedTable("user_ab_tests", ("test_id", "phase")),
    MovedTable("user_interest", ("item_id",)),
    MovedTable("user_adaptations", (), ("choices_sealed",)),
    MovedTable("user_accounts", (), ("attributes_sealed",)),
)
"""What belongs to the history; a new table about people is declared here, or is among `KEPT`."""

KEPT: Final = frozenset(
    {
        "subjects",  # the merged one stays as a tombstone, so that its subscribers can be told
        "subject_identities",  # leads to the account
        "consents",  # moved whatever else is
        "user_sessions",  # moved under ids of the account
        "user_profiles",  # learned anew, statements joined
        "user_segments",  # assigned anew
        "outbox",  # emptied: it belongs to the merged one's subscribers
        "identity_merges",  # the account's record
        "data_keys",  # destroyed afterwards
        "privacy_exports",  # deleted: they tell of one of the two alone
    }
)
"""What a merge treats in a way of its own."""


class Busy(Unavailable):
    """A worker learns from this person at this moment; soon it will not."""


@dataclass(frozen=True, slots=True)
class Joined:
    """What holds once both are one.

    Attributes:
        account: the person, as they are from now on.
        receipts: what is added to their record.
        stated_sealed: their statements; None for none.
    """

    account: Subject
    receipts: tuple[ConsentReceipt, ...]
    stated_sealed: bytes | None


@dataclass(frozen=True, slots=True)
class Merging:
    """How to merge.

    Attributes:
        account: who remains.
        other: who becomes part of them.
        join: what holds then, by both as they are now and their sealed statements.
        reseal: a sealed value of `other` (table, column, value) as one of `account`.
        session: the account's id and sealed name of a visit of `other`, by its sealed name.
        merged_at: now.
    """

    account: SubjectId
    other: SubjectId
    join: Callable[[Mapping[SubjectId, Standing], Mapping[SubjectId, bytes]], Joined]
    reseal: Callable[[str, str, bytes], bytes]
    session: Callable[[bytes], tuple[UUID, bytes]]
    merged_at: datetime


@dataclass(frozen=True, slots=True)
class Merge:
    """What came of a merge.

    Attributes:
        merged_now: False if the ids were one person before.
        events: how many events moved.
        version: the account's version.
    """

    user_id: UserId
    anonymous_id: UserId
    merged_now: bool
    events: int
    version: int

"""What users did, in order: the one form that splits, models and metrics share."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix


@dataclass(frozen=True, slots=True, eq=False)
class Past:
    """What is known of one user when a list is asked for.

    Attributes:
        items: int64[h], oldest first.
        times: float64[h], seconds since the epoch.
        at: when the list is asked for, in the same seconds.
        codes: int64[h, d], the circumstances of each; no columns where none are kept.
        now: int64[d], the circumstances of the list; None where they are not known.
    """

    items: NDArray[np.int64]
    times: NDArray[np.float64]
    at: float
    codes: NDArray[np.int64] = field(default_factory=lambda: no_codes(0))
    now: NDArray[np.int64] | None = None

    def __len__(self) -> int:
        return len(self.items)

    def newest(self, count: int) -> "Past":
        """The same user at the same moment, of whom only the last `count` actions are known."""
        first = max(0, len(self) - count)
        return replace(self, items=self.items[first:], times=self.times[first:], codes=self.codes[first:])


Pasts = Sequence[Past]


def no_codes(count: int) -> NDArray[np.int64]:
    """The circumstances of so many actions where none are kept."""
    return np.empty((count, 0), dtype=np.int64)


def items_of(pasts: Pasts) -> list[NDArray[np.int64]]:
    """Every past's items, oldest first."""
    return [past.items for past in pasts]


@dataclass(frozen=True, slots=True, eq=False)
class Histories:
    """m interactions of u users with n items; a user's are together, oldest first, and name each item once.

    Attributes:
        users: int64[m], ascending.
        items: int64[m].
        times: float64[m], seconds since the epoch.
        user_count: u, users without an interaction included.
        item_count: n.
        columns: names of the d circumstances that are kept of each.
        codes: int64[m, d], their values; -1 where one is not known.
    """

    users: NDArray[np.int64]
    items: NDArray[np.int64]
    times: NDArray[np.float64]
    user_count: int
    item_count: int
    columns: tuple[str, ...] = ()
    codes: NDArray[np.int64] = field(default_factory=lambda: no_codes(0))

    def __post_init__(self) -> None:
        if not self.columns:
            object.__setattr__(self, "codes", no_codes(len(self.users)))

    def __len__(self) -> int:
        return len(self.users)

    @property
    def offsets(self) -> NDArray[np.int64]:
        """Where each user's interactions begin, int64[u + 1]."""
        return np.searchsorted(self.users, np.arange(self.user_count + 1)).astype(np.int64)

    def select(self, mask: NDArray[np.bool_]) -> "Histories":
        """The same users and items with only the interactions in `mask`, bool[m]."""
        return replace(
            self, users=self.users[mask], items=self.items[mask], times=self.times[mask], codes=self.codes[mask]
        )

    def of(self, user: int) -> NDArray[np.int64]:
        """One user's items, oldest first."""
        first, last = np.searchsorted(self.users, (user, user + 1))
        return self.items[first:last]

    def past(self, user: int, at: float | None = None) -> Past:
        """What one user did.

        Args:
            user: who.
            at: when a list is asked for; None for right after the user's last action, or after everybody's for a user
                who did nothing.
        """
        first, last = np.searchsorted(self.users, (user, user + 1))
        items, times = self.items[first:last], self.times[first:last]
        if at is None:
            known = times if len(times) else self.times
            at = float(known.max()) if len(known) else 0.0
        return Past(items, times, at, self.codes[first:last])

    def lists(self) -> list[NDArray[np.int64]]:
        """Every user's items, oldest first."""
        return np.split(self.items, self.offsets[1:-1])

    def matrix(self) -> csr_matrix:
        """float32 CSR[u, n] of ones."""
        values = np.ones(len(self), dtype=np.float32)
        return csr_matrix((values, (self.users, self.items)), shape=(self.user_count, self.item_count))


def build_histories(
    users: NDArray[np.int64],
    items: NDArray[np.int64],
    times: NDArray[np.float64],
    user_count: int,
    item_count: int,
    columns: tuple[str, ...] = (),
    codes: NDArray[np.int64] | None = None,
) -> Histories:
    """Histories of rows in any order.

    Of several rows about one pair the latest counts. Of equal times the later row is the later one: logs are written in
    the order in which things happen, and many keep no more than seconds.
    """
    rows = np.arange(len(users))
    latest_first = np.lexsort((-rows, -times, items, users))
    pairs = np.stack((users[latest_first], items[latest_first]))
    first = np.append(True, (pairs[:, 1:] != pairs[:, :-1]).any(axis=0))[: len(users)]
    kept = latest_first[first]
    order = kept[np.lexsort((rows[kept], times[kept], users[kept]))]
    codes = no_codes(len(users)) if codes is None else codes
    return Histories(users[order], items[order], times[order], user_count, item_count, columns, codes[order])

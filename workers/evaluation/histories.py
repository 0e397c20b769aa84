"""What users did, in order: the one form that splits, models and metrics share."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix


@dataclass(frozen=True, slots=True, eq=False)
class Histories:
    """m interactions of u users with n items; a user's are together, oldest first, and name each item once.

    Attributes:
        users: int64[m], ascending.
        items: int64[m].
        times: float64[m], seconds since the epoch.
        user_count: u, users without an interaction included.
        item_count: n.
    """

    users: NDArray[np.int64]
    items: NDArray[np.int64]
    times: NDArray[np.float64]
    user_count: int
    item_count: int

    def __len__(self) -> int:
        return len(self.users)

    @property
    def offsets(self) -> NDArray[np.int64]:
        """Where each user's interactions begin, int64[u + 1]."""
        return np.searchsorted(self.users, np.arange(self.user_count + 1)).astype(np.int64)

    def select(self, mask: NDArray[np.bool_]) -> "Histories":
        """The same users and items with only the interactions in `mask`, bool[m]."""
        return Histories(self.users[mask], self.items[mask], self.times[mask], self.user_count, self.item_count)

    def of(self, user: int) -> NDArray[np.int64]:
        """One user's items, oldest first."""
        first, last = np.searchsorted(self.users, (user, user + 1))
        return self.items[first:last]

    def lists(self) -> list[NDArray[np.int64]]:
        """Every user's items, oldest first."""
        return np.split(self.items, self.offsets[1:-1])

    def matrix(self) -> csr_matrix:
        """float32 CSR[u, n] of ones."""
        values = np.ones(len(self), dtype=np.float32)
        return csr_matrix((values, (self.users, self.items)), shape=(self.user_count, self.item_count))


def build_histories(
    users: NDArray[np.int64], items: NDArray[np.int64], times: NDArray[np.float64], user_count: int, item_count: int
) -> Histories:
    """Histories of rows in any order; of several rows about one pair the latest counts."""
    newest_first = np.lexsort((-times, items, users))
    users, items, times = users[newest_first], items[newest_first], times[newest_first]
    first = np.append(True, (users[1:] != users[:-1]) | (items[1:] != items[:-1])) if len(users) else np.empty(0, bool)
    users, items, times = users[first], items[first], times[first]
    order = np.lexsort((items, times, users))
    return Histories(users[order], items[order], times[order], user_count, item_count)

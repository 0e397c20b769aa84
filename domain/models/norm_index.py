"""Items in blocks by the length of their factors, so that whoever looks for the best may leave whole blocks unread.

By the inequality of Cauchy and Schwarz no item of a block scores more than its longest one could. Factors of items that
few people touched are short, and most items of a large catalogue are such; so the best are found, all of them, in the
first few blocks. Source: Teflioudi, Gemulla and Mykytiuk, "LEMP: Fast Retrieval of Large Entries in a Matrix Product"
(SIGMOD 2015).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from domain.models.checks import require_array
from domain.models.layout import CorruptArtifact

BLOCK_ROWS: Final = 512
CHUNK_ROWS: Final = 1 << 16


@dataclass(frozen=True, slots=True, eq=False)
class NormIndex:
    """n items in b blocks, the last of which may be shorter.

    Attributes:
        order: int32[n], every row once, the longest factors first.
        lengths: float32[b], at least the length of every row of the block.
        block_rows: rows of a block.
    """

    order: NDArray[np.int32]
    lengths: NDArray[np.float32]
    block_rows: int = BLOCK_ROWS

    def arrays(self) -> dict[str, NDArray[Any]]:
        """What the artifact keeps."""
        return {"index_order": self.order, "index_lengths": self.lengths}

    @classmethod
    def restored(cls, arrays: Mapping[str, NDArray[Any]], items: int) -> "NormIndex | None":
        """What `arrays` wrote; None if nothing was written.

        Raises:
            CorruptArtifact: an array is not what it should be.
        """
        order, lengths = arrays.get("index_order"), arrays.get("index_lengths")
        if order is None or lengths is None:
            return None
        require_array("index_order", order, np.int32, (items,))
        require_array("index_lengths", lengths, np.float32, (-(-items // BLOCK_ROWS),))
        found = np.zeros(items, dtype=np.bool_)
        if items and (int(order.min()) < 0 or int(order.max()) >= items):
            raise CorruptArtifact("a model's index names an item that it does not have")
        found[order] = True
        if not found.all() or np.any(lengths < 0):
            raise CorruptArtifact("a model's index is damaged")
        return cls(order, lengths)


def norm_index(factors: NDArray[np.float32], block_rows: int = BLOCK_ROWS) -> NormIndex:
    """The index of items by their factors, float32[n, d]; of equal lengths the lower row is first.

    An artifact keeps blocks of `BLOCK_ROWS` alone.
    """
    lengths = np.empty(len(factors), dtype=np.float32)
    for start in range(0, len(factors), CHUNK_ROWS):
        chunk = factors[start : start + CHUNK_ROWS].astype(np.float64)
        # Rounded up: a bound must not be below what it bounds.
        found = np.sqrt(np.einsum("ij,ij->i", chunk, chunk)).astype(np.float32)
        lengths[start : start + CHUNK_ROWS] = np.nextafter(found, np.float32(np.inf))
    order = np.argsort(-lengths, kind="stable").astype(np.int32)
    return NormIndex(order, lengths[order[::block_rows]], block_rows)

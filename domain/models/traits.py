"""What items are and when they are used, as far as the preference network asks for it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from domain.models.checks import require_array
from domain.models.layout import CorruptArtifact

DAY_PARTS: Final = 6
"""Of four hours each, in UTC."""

WEEK_PARTS: Final = 2
"""Monday to Friday, Saturday and Sunday."""

_DAY_SECONDS: Final = 86_400.0


@dataclass(frozen=True, slots=True, eq=False)
class ItemTraits:
    """Traits of n items.

    Attributes:
        facet_offsets: int32[n + 1], where the facets of each item begin in `facet_codes`.
        facet_codes: int32[m], its category and tags, numbered from 0.
        first_at: float64[n], seconds since the epoch of the first action on it; that of the newest item for one that
            nobody touched.
        by_day_part: float32[n, 6], how much more often than others it is used in each part of the day, as a logarithm.
        by_week_part: float32[n, 2], the same for the parts of the week.
    """

    facet_offsets: NDArray[np.int32]
    facet_codes: NDArray[np.int32]
    first_at: NDArray[np.float64]
    by_day_part: NDArray[np.float32]
    by_week_part: NDArray[np.float32]

    def arrays(self) -> dict[str, NDArray[Any]]:
        """What the artifact keeps."""
        return {
            "trait_facet_offsets": self.facet_offsets,
            "trait_facet_codes": self.facet_codes,
            "trait_first_at": self.first_at,
            "trait_by_day_part": self.by_day_part,
            "trait_by_week_part": self.by_week_part,
        }

    @classmethod
    def restored(cls, arrays: Mapping[str, NDArray[Any]], items: int) -> "ItemTraits | None":
        """What `arrays` wrote; None if nothing was written.

        Raises:
            CorruptArtifact: an array is missing or not what it should be.
        """
        if "trait_first_at" not in arrays:
            return None
        try:
            offsets, codes = arrays["trait_facet_offsets"], arrays["trait_facet_codes"]
            first_at = arrays["trait_first_at"]
            by_day_part, by_week_part = arrays["trait_by_day_part"], arrays["trait_by_week_part"]
        except KeyError as error:
            raise CorruptArtifact(f"a model lacks the array {error.args[0]}") from error
        require_array("trait_facet_offsets", offsets, np.int32, (items + 1,))
        require_array("trait_facet_codes", codes, np.int32, (codes.size,))
        require_array("trait_first_at", first_at, np.float64, (items,))
        require_array("trait_by_day_part", by_day_part, np.float32, (items, DAY_PARTS))
        require_array("trait_by_week_part", by_week_part, np.float32, (items, WEEK_PARTS))
        damaged = offsets[0] != 0 or offsets[-1] != codes.size or np.any(np.diff(offsets) < 0)
        if damaged or (codes.size and int(codes.min()) < 0):
            raise CorruptArtifact("a model's item traits are damaged")
        return cls(offsets, codes, first_at, by_day_part, by_week_part)


def parts_of(seconds: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The part of the day and of the week of moments in seconds since the epoch, int64[m] each; in UTC."""
    days = np.floor(seconds / _DAY_SECONDS)
    day_part = np.floor((seconds - days * _DAY_SECONDS) * DAY_PARTS / _DAY_SECONDS).astype(np.int64)
    # The epoch was a Thursday.
    weekday = (days.astype(np.int64) + 3) % 7
    return np.minimum(day_part, DAY_PARTS - 1), (weekday >= 5).astype(np.int64)

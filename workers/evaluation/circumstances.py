"""Where and when things were done, as numbers: columns of a data set, and the parts of the day and week."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from domain.models.traits import parts_of
from workers.evaluation.histories import Histories, Past

UNKNOWN: Final = -1
HOUR: Final = "hour"
WEEKDAY: Final = "weekday"


@dataclass(frozen=True, slots=True)
class Circumstance:
    """One thing that is known of the moment at which something was done.

    Attributes:
        name: of the column; `hour` and `weekday` are read off the clock.
        column: its place in the codes of the histories; None for what the clock says.
    """

    name: str
    column: int | None = None

    def of(self, histories: Histories) -> NDArray[np.int64]:
        """The code of each interaction, int64[m]; -1 where it is not known."""
        if self.column is None:
            return self._clock(histories.times)
        return histories.codes[:, self.column]

    def now(self, past: Past) -> int:
        """The code of the list that is asked for."""
        if self.column is None:
            return int(self._clock(np.array([past.at]))[0])
        return UNKNOWN if past.now is None else int(past.now[self.column])

    def before(self, past: Past) -> NDArray[np.int64]:
        """The code of each action of a past, int64[h]."""
        return self._clock(past.times) if self.column is None else past.codes[:, self.column]

    def _clock(self, times: NDArray[np.float64]) -> NDArray[np.int64]:
        day_part, week_part = parts_of(times)
        return day_part if self.name == HOUR else week_part


CLOCK: Final = (Circumstance(HOUR), Circumstance(WEEKDAY))


def circumstances(columns: Sequence[str]) -> tuple[Circumstance, ...]:
    """What is known of each moment: the clock, and columns that are not named like it."""
    named = (Circumstance(name, place) for place, name in enumerate(columns) if name not in (HOUR, WEEKDAY))
    return (*CLOCK, *named)


def coded(rows: Sequence[Sequence[str | None]], columns: int) -> NDArray[np.int64]:
    """Texts as codes, int64[m, d], numbered in each column as they come; -1 for none.

    Args:
        rows: m rows of d texts.
        columns: d.
    """
    codes = np.full((len(rows), columns), UNKNOWN, dtype=np.int64)
    for column in range(columns):
        numbers: dict[str, int] = {}
        for place, row in enumerate(rows):
            text = row[column]
            if text:
                codes[place, column] = numbers.setdefault(text, len(numbers))
    return codes

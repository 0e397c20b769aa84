"""How many people, and days, an experiment will need: before it starts."""

from dataclasses import dataclass
from math import ceil
from typing import Final

from domain.errors import ValidationFailed
from domain.experiments.planning import fixed_power, proportion_size, sequential_power, units_needed
from domain.experiments.sequential import DEFAULT_N_STAR

REFERENCE: Final = 1000.0
"""Units of an arm in relation to which sizes are searched."""
LEAST: Final = 1e-9
MOST: Final = 1e9
MOST_PEOPLE: Final = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Expectation:
    """What is expected of the primary metric.

    Attributes:
        mean: of the control; of a proportion, the rate.
        deviation: standard deviation of one person; None for a proportion, which has its own.
        effect: the relative change that is worth finding, such as 0.05.
        alpha: the two-sided level.
        power: the chance to find `effect`.
        variations: how many there are, the control included; they have equal shares.
        people_a_day: how many new people are shown the difference each day; None if that is not known.
        tightest_at: N* of the confidence sequence.
    """

    mean: float
    effect: float
    deviation: float | None = None
    alpha: float = 0.05
    power: float = 0.8
    variations: int = 2
    people_a_day: float | None = None
    tightest_at: float = DEFAULT_N_STAR

    def check(self) -> None:
        """Raise `ValidationFailed` unless every part is usable."""
        if self.mean == 0.0:
            raise ValidationFailed("a relative change of 0 is none", field="mean")
        if not LEAST <= abs(self.mean) <= MOST:
            raise ValidationFailed(f"must be within {LEAST:g} to {MOST:g}, or as much below 0", field="mean")
        if self.effect == 0.0 or not -1.0 < self.effect <= MOST:
            raise ValidationFailed(f"must be above -1, at most {MOST:g}, and not 0", field="effect")
        if self.deviation is None and not 0.0 < self.mean * (1.0 + min(self.effect, 0.0)) < self._most() < 1.0:
            raise ValidationFailed("a proportion, also a changed one, is within 0 to 1", field="mean")
        if not 2 <= self.variations <= 20:
            raise ValidationFailed("must be within 2 to 20", field="variations")
        for name, value, low, high in (
            ("deviation", self.deviation, LEAST, MOST),
            ("alpha", self.alpha, LEAST, 0.5),
            ("power", self.power, 0.5, 1.0 - LEAST),
            ("peopleADay", self.people_a_day, LEAST, MOST),
            ("tightestAt", self.tightest_at, 10.0, 1e9),
        ):
            if value is not None and not low <= value <= high:
                raise ValidationFailed(f"must be within {low:g} to {high:g}", field=name)

    def _most(self) -> float:
        return self.mean * (1.0 + max(self.effect, 0.0))

    @property
    def squared_error(self) -> float:
        """The variance of the lift with `REFERENCE` units in each arm."""
        if self.deviation is not None:
            return 2.0 * self.deviation**2 / REFERENCE / self.mean**2
        changed = self.mean * (1.0 + self.effect)
        return (self.mean * (1.0 - self.mean) + changed * (1.0 - changed)) / REFERENCE / self.mean**2


@dataclass(frozen=True, slots=True)
class Forecast:
    """What is needed.

    Attributes:
        fixed: people of all variations, for one look at the end.
        sequential: the same for any number of looks; the most, reached if the effect is just `effect`.
        fixed_days: the days that takes; None if it is not known how many people there are.
        sequential_days: the same for `sequential`.
    """

    fixed: int
    sequential: int
    fixed_days: float | None
    sequential_days: float | None


def forecast(expected: Expectation) -> Forecast:
    """The people that are needed. Levels are divided among the variations beside the control, after Bonferroni.

    Raises:
        ValidationFailed: what is expected means nothing, or no number of people is enough.
    """
    expected.check()
    alpha = expected.alpha / (expected.variations - 1)
    squared, effect, tightest = expected.squared_error, expected.effect, expected.tightest_at
    if expected.deviation is None:
        changed = expected.mean * (1.0 + effect)
        fixed = proportion_size(expected.mean, changed, alpha, expected.power, 1.0, pooled=True)
    else:
        fixed = REFERENCE * units_needed(lambda n: fixed_power(n, effect, squared, alpha), expected.power, 0.002)
    always = REFERENCE * units_needed(
        lambda n: sequential_power(n, effect, squared, alpha, 2.0 * REFERENCE, tightest), expected.power, 0.002
    )
    sizes = [ceil(one) * expected.variations for one in (fixed, always)]
    if max(sizes) > MOST_PEOPLE:
        raise ValidationFailed(f"is so small that more than {MOST_PEOPLE:,} people are needed", field="effect")
    days = [None if expected.people_a_day is None else size / expected.people_a_day for size in sizes]
    return Forecast(sizes[0], sizes[1], days[0], days[1])

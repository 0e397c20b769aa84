"""Arms as analysts write them down: sums, sums of products, or the values of each unit."""

from collections.abc import Mapping
from fractions import Fraction
from typing import Annotated, Final

import numpy as np
from pydantic import Field

from domain.errors import ValidationFailed
from domain.experiments.case import Count, Inputs
from domain.experiments.moments import Arm, Moments

RAW_AGREES: Final = 1e-6
"""How far, relatively, sums may be from those of the units' values."""


class Sums(Inputs):
    """Sufficient statistics of one value."""

    n: Count
    sum: float
    sum_squares: Annotated[float, Field(ge=0.0)]

    def moments(self) -> Moments:
        """As the engine takes them."""
        return Moments(self.n, self.sum, self.sum_squares)


class Products(Inputs):
    """Sums of products of two values, `a*b`, in each arm."""

    control: Mapping[str, float] = Field(default_factory=dict)
    treatment: Mapping[str, float] = Field(default_factory=dict)


class Raw(Inputs):
    """The values of each unit, in each arm."""

    control: Mapping[str, list[float]]
    treatment: Mapping[str, list[float]]


def read_arm(
    sums: Mapping[str, Sums] | None, cross: Mapping[str, float], raw: Mapping[str, list[float]] | None, name: str
) -> Arm:
    """The arm from its sums, from the units' values, or from both if they agree."""
    of_units = None if raw is None else _arm_of_units(raw, name)
    if not sums:
        if of_units is None:
            raise ValidationFailed("an arm needs sums or the values of its units", field=name)
        return of_units
    arm = Arm({value: one.moments() for value, one in sums.items()}, cross)
    if len({one.n for one in arm.values.values()}) > 1:
        raise ValidationFailed("all values of an arm are of the same units", field=f"{name}.n")
    if of_units is not None:
        _check_agreement(arm, of_units, name)
    return arm


def _arm_of_units(raw: Mapping[str, list[float]], name: str) -> Arm:
    if not raw or len({len(values) for values in raw.values()}) > 1:
        raise ValidationFailed("the values of an arm are as many for each name", field=f"raw.{name}")
    units = {value: np.asarray(values, dtype=np.float64) for value, values in raw.items()}
    sums = {value: Fraction(float(x.sum())) for value, x in units.items()}
    apart = {value: x - x.mean() for value, x in units.items()}

    def product(one: str, other: str) -> Fraction:
        """The sum of products, from what is left of it about the means, which a float holds."""
        return Fraction(float(apart[one] @ apart[other])) + sums[one] * sums[other] / len(units[one])

    moments = {value: Moments(len(x), sums[value], product(value, value)) for value, x in units.items()}
    return Arm(moments, {f"{a}*{b}": product(a, b) for a in units for b in units if a < b})


def _check_agreement(arm: Arm, of_units: Arm, name: str) -> None:
    for value, one in arm.values.items():
        other = of_units.values.get(value)
        if other is not None and not np.allclose(_numbers(one), _numbers(other), rtol=RAW_AGREES):
            raise ValidationFailed("the sums are not those of the units' values", field=f"{name}.{value}")


def _numbers(moments: Moments) -> list[float]:
    return [moments.n, float(moments.sum), float(moments.sum_squares)]

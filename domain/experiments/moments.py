"""Sufficient statistics of one arm: counts, sums, and sums of squares and of products.

Sums may be exact (`Fraction`), and then variances are: far from 0 a sum of squares has so many digits that a float
drops those by which values differ.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import TypeAlias

from domain.errors import ValidationFailed

Sum: TypeAlias = float | Fraction
"""A sum, rounded or exact."""

LEAST_UNITS = 2
ROUNDING = 1e-9


@dataclass(frozen=True, slots=True)
class Moments:
    """Of one value of each unit.

    Attributes:
        n: how many units.
        sum: of the values.
        sum_squares: of the values' squares.
    """

    n: int
    sum: Sum
    sum_squares: Sum

    def __post_init__(self) -> None:
        if self.n < LEAST_UNITS:
            raise ValidationFailed(f"an arm needs at least {LEAST_UNITS} units", field="n")
        if float(self.sum_squares) * self.n < float(self.sum) ** 2 * (1.0 - ROUNDING):
            raise ValidationFailed("the sum of squares is less than these values can have", field="sum_squares")

    @property
    def mean(self) -> float:
        """Of the values."""
        return float(self.sum / self.n)

    @property
    def variance(self) -> float:
        """Of the values, with n - 1."""
        return max(float(self.sum_squares - self.sum * self.sum / self.n), 0.0) / (self.n - 1)

    def __add__(self, other: "Moments") -> "Moments":
        return Moments(self.n + other.n, self.sum + other.sum, self.sum_squares + other.sum_squares)


@dataclass(frozen=True, slots=True)
class Arm:
    """Several values of each unit of one arm.

    Attributes:
        values: name of a value -> its moments, all of the same units.
        cross: `a*b` -> the sum of products of the values a and b; either order.
    """

    values: Mapping[str, Moments]
    cross: Mapping[str, Sum]

    @property
    def n(self) -> int:
        """How many units."""
        return next(iter(self.values.values())).n

    def mean(self, name: str) -> float:
        """Of a value."""
        return self._moments(name).mean

    def covariance(self, one: str, other: str) -> float:
        """Of two values, with n - 1; the variance where both are the same."""
        first, second = self._moments(one), self._moments(other)
        if one == other:
            return first.variance
        product = self.cross.get(f"{one}*{other}", self.cross.get(f"{other}*{one}"))
        if product is None:
            raise ValidationFailed(f"the sum of products {one}*{other} is missing", field=f"cross.{one}*{other}")
        return float(product - first.sum * second.sum / first.n) / (first.n - 1)

    def __add__(self, other: "Arm") -> "Arm":
        values = {name: self.values[name] + other.values[name] for name in self.values if name in other.values}
        cross = {name: self.cross[name] + other.cross[name] for name in self.cross if name in other.cross}
        return Arm(values, cross)

    def _moments(self, name: str) -> Moments:
        if name not in self.values:
            raise ValidationFailed(f"the value {name} is missing", field=name)
        return self.values[name]

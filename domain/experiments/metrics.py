"""What an experiment is judged by: metrics over the service's own events, in a window after each person's exposure."""

from enum import StrEnum
from typing import Annotated, Final, Literal, Self

from pydantic import Field, model_validator

from domain.behavior.vocabulary import EVENT_TYPES, goal_event
from domain.errors import ValidationFailed
from domain.experiments.definition import Written

MAX_WINDOW_HOURS: Final = 90 * 24
BEFORE_DAYS: Final = 14
"""CUPED looks at so many days before a person's exposure."""

MILLIONTHS: Final = 1_000_000
"""Values of people are counted in whole millionths, so that sums are exact in whatever order they are made."""

LARGEST_VALUE: Final = 1e12


class MetricKind(StrEnum):
    """How a metric compares arms."""

    PROPORTION = "proportion"
    MEAN = "mean"
    RATIO = "ratio"
    QUANTILE = "quantile"


class Measure(StrEnum):
    """What is taken of a person's events: how many there are, or the sum of their values."""

    COUNT = "count"
    SUM = "sum"


class Source(Written):
    """Events of a person.

    Attributes:
        events: types of the vocabulary.
        goals: what `recordConversion` names.
        measure: their number, or the sum of their values.
        cap: the most that one person counts, so that nobody outweighs all others.
    """

    events: tuple[str, ...] = ()
    goals: tuple[Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_.-]{0,62}$")], ...] = ()
    measure: Measure = Measure.COUNT
    cap: Annotated[float, Field(gt=0.0, le=LARGEST_VALUE, allow_inf_nan=False)] | None = None

    @model_validator(mode="after")
    def _known(self) -> Self:
        if not self.types:
            raise ValueError("name an event or a goal")
        for name in self.events:
            if name not in EVENT_TYPES:
                raise ValueError(f"unknown event {name}; goals are for what the vocabulary does not have")
        return self

    @property
    def types(self) -> tuple[str, ...]:
        """The types under which its events are logged."""
        return (*self.events, *map(goal_event, self.goals))


class Metric(Written):
    """One figure of each person, and how arms are compared by it.

    Attributes:
        key: its name within the experiment.
        kind: how arms are compared.
        source: the events that count; for a ratio, those of the numerator.
        per: of a ratio, those of the denominator.
        window_hours: events count that happen within so many hours of the person's exposure.
        better: whether more of it is better.
        quantile: of a quantile metric, which, in (0, 1).
        cuped: whether the same figure of the two weeks before takes out what people brought along; means and ratios.
    """

    key: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_.-]{0,62}$")]
    kind: MetricKind
    source: Source
    per: Source | None = None
    window_hours: Annotated[float, Field(gt=0.0, le=MAX_WINDOW_HOURS)] = 7 * 24
    better: Literal["more", "less"] = "more"
    quantile: Annotated[float, Field(gt=0.0, lt=1.0)] | None = None
    cuped: bool = True

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if (self.kind is MetricKind.RATIO) != (self.per is not None):
            raise ValueError("a ratio, and no other metric, has `per`")
        if (self.kind is MetricKind.QUANTILE) != (self.quantile is not None):
            raise ValueError("a quantile metric, and no other, has `quantile`")
        return self

    @property
    def adjusts(self) -> bool:
        """Whether CUPED applies."""
        return self.cuped and self.kind in (MetricKind.MEAN, MetricKind.RATIO)

    @property
    def goals(self) -> tuple[str, ...]:
        """Every goal that it names."""
        return self.source.goals + (() if self.per is None else self.per.goals)


class Guardrail(Written):
    """What must not get worse by more than a margin for an experiment to be shipped.

    Attributes:
        metric: the key of a metric.
        margin: how much worse it may be, relative to the control; 0.02 is two per cent.
    """

    metric: str
    margin: Annotated[float, Field(ge=0.0, le=1.0)] = 0.0


def counted(value: float) -> int:
    """A value in whole millionths.

    Raises:
        ValidationFailed: it is beyond what can be counted.
    """
    if not abs(value) <= LARGEST_VALUE:
        raise ValidationFailed(f"must be within {LARGEST_VALUE:g}", field="value")
    return round(value * MILLIONTHS)

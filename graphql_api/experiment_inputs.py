"""What is written to create and to plan an experiment."""

from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from typing import Any, Final

import strawberry
from strawberry.scalars import JSON
from strawberry.utils.str_converters import to_camel_case

from domain.errors import ValidationFailed
from domain.experiments.forecast import Expectation
from domain.experiments.levers import LEVERS
from domain.experiments.sequential import DEFAULT_N_STAR
from graphql_api.experiment_enums import AllocationPolicy, Better, Inference, Measure, MetricKind

DEEPEST_NAME: Final = 8
"""No name of a parameter has more parts."""


@strawberry.input(description="One of the ways; the first of an experiment is the control.")
class VariationInput:
    """A variation."""

    key: str = strawberry.field(description="Its name within the experiment: lower-case letters, digits, `_.-`.")
    name: str = strawberry.field(default="", description="For people.")
    parameters: JSON | None = strawberry.field(
        default=None,
        description="What it changes, by name: parameters of the service, such as `recommendations.diversity`, "
        "`ui.density` or `generation.pace`, which are checked, and any of your own. `{ui: {density: 'compact'}}` is "
        "the same as `{'ui.density': 'compact'}`.",
    )


@strawberry.input(description="Experiments with separate ranges in one group never share a person.")
class ExclusionGroupInput:
    """A range of a group."""

    name: str = strawberry.field(description="The group.")
    start: float = strawberry.field(description="Where this experiment's range begins, within 0 to 1.")
    end: float = strawberry.field(description="Where it ends.")


@strawberry.input(description="Events of a person.")
class MetricSourceInput:
    """Events."""

    events: list[str] = strawberry.field(default_factory=list, description="Types of the vocabulary of behaviour.")
    goals: list[str] = strawberry.field(default_factory=list, description="Goals of your own; see recordConversion.")
    measure: Measure = strawberry.field(default=Measure.COUNT, description="What is taken of them.")
    cap: float | None = strawberry.field(default=None, description="The most that one person counts.")


@strawberry.input(description="One figure of each person, and how variations are compared by it.")
class ExperimentMetricInput:
    """A metric."""

    key: str = strawberry.field(description="Its name within the experiment.")
    kind: MetricKind = strawberry.field(description="How variations are compared.")
    source: MetricSourceInput = strawberry.field(description="What counts; of a ratio, above the line.")
    per: MetricSourceInput | None = strawberry.field(default=None, description="Of a ratio, below the line.")
    window_hours: float = strawberry.field(
        default=168.0, description="For how long after a person was exposed events count."
    )
    better: Better = strawberry.field(default=Better.MORE, description="Which way is better.")
    quantile: float | None = strawberry.field(default=None, description="Of a quantile metric, within 0 to 1.")
    cuped: bool = strawberry.field(
        default=True, description="Whether the two weeks before take out what people brought along."
    )


@strawberry.input(description="What must not get worse for an experiment to be shipped.")
class GuardrailInput:
    """A guardrail."""

    metric: str = strawberry.field(description="The key of a metric.")
    margin: float = strawberry.field(default=0.0, description="How much worse it may be; 0.02 is two per cent.")


@strawberry.input(description="Who decides how traffic is split.")
class AllocationInput:
    """An allocation."""

    policy: AllocationPolicy = strawberry.field(default=AllocationPolicy.FIXED, description="The weights, or a bandit.")
    floor: float = strawberry.field(default=0.05, description="What a bandit gives each variation at least.")


@strawberry.input(description="How results are read; fixed at the start.")
class AnalysisInput:
    """An analysis."""

    inference: Inference = strawberry.field(default=Inference.SEQUENTIAL, description="What decisions rest on.")
    alpha: float = strawberry.field(default=0.05, description="The two-sided level.")
    power: float = strawberry.field(default=0.8, description="The chance to find `effect`.")
    effect: float = strawberry.field(default=0.05, description="The relative change that is worth finding.")
    tightest_at: float = strawberry.field(
        default=DEFAULT_N_STAR, description="Number of people at which the sequential interval is tightest."
    )
    minimum_days: float = strawberry.field(default=7.0, description="Nothing is shipped before.")


@strawberry.input(description="An experiment to be created.")
class CreateExperimentInput:
    """The input of `createExperiment`."""

    key: str = strawberry.field(description="Its name, once and for all: lower-case letters, digits, `_`, `.`, `-`.")
    name: str = strawberry.field(default="", description="For people.")
    hypothesis: str = strawberry.field(default="", description="What is expected, and why.")
    variations: list[VariationInput] = strawberry.field(description="Two to twenty; the first is the control.")
    weights: list[float] | None = strawberry.field(default=None, description="The share of each; equal if absent.")
    coverage: float = strawberry.field(default=1.0, description="The share of those meant that takes part.")
    condition: JSON | None = strawberry.field(
        default=None,
        description="Whom it is for, such as `{country: 'PT', segment: {$in: [1, 2]}}`: attributes of the account, "
        "`roles`, `segment` and `id`.",
    )
    exclusion_group: ExclusionGroupInput | None = strawberry.field(
        default=None, description="Where it shares people with others that exclude it."
    )
    metrics: list[ExperimentMetricInput] = strawberry.field(description="One to twenty; the first is the primary one.")
    guardrails: list[GuardrailInput] = strawberry.field(default_factory=list, description="What must not get worse.")
    allocation: AllocationInput | None = strawberry.field(default=None, description="Fixed if absent.")
    analysis: AnalysisInput | None = strawberry.field(default=None, description="The defaults if absent.")


@strawberry.input(description="What is expected of the primary metric.")
class PlanExperimentInput:
    """The input of `planExperiment`."""

    mean: float = strawberry.field(description="Of the control; of a proportion, the rate.")
    effect: float = strawberry.field(description="The relative change that is worth finding, such as 0.05.")
    deviation: float | None = strawberry.field(
        default=None, description="Standard deviation of one person; absent for a proportion."
    )
    alpha: float = strawberry.field(default=0.05, description="The two-sided level.")
    power: float = strawberry.field(default=0.8, description="The chance to find `effect`.")
    variations: int = strawberry.field(default=2, description="How many there are, the control included.")
    people_a_day: float | None = strawberry.field(
        default=None, description="How many new people meet the difference each day."
    )
    tightest_at: float = strawberry.field(
        default=DEFAULT_N_STAR, description="Number of people at which the sequential interval is tightest."
    )

    def expectation(self) -> Expectation:
        """What the domain expects."""
        return Expectation(**{field.name: getattr(self, field.name) for field in fields(Expectation)})


def written(given: Any) -> Any:
    """An input as the JSON that it stands for, in camel case; what is absent is left out."""
    if isinstance(given, Enum):
        return given.value
    if isinstance(given, list):
        return [written(one) for one in given]
    if isinstance(given, VariationInput):
        return {"key": given.key, "name": given.name, "parameters": dotted(given.parameters)}
    if is_dataclass(given) and not isinstance(given, type):
        parts: Mapping[str, Any] = {field.name: getattr(given, field.name) for field in fields(given)}
        return {to_camel_case(name): written(value) for name, value in parts.items() if value is not None}
    return given


def dotted(parameters: Any) -> Any:
    """Parameters with the names of nested objects joined by dots; GraphQL has no literal for a name with a dot. None
    are none.

    Raises:
        ValidationFailed: two of them have the same name then.
    """
    if parameters is None:
        return {}
    if not isinstance(parameters, Mapping):
        return parameters
    found: dict[str, Any] = {}
    for name, value in _flat(parameters, "", 1):
        if name in found:
            raise ValidationFailed(f"{name} is given twice", field="variations")
        found[name] = value
    return found


def _flat(parameters: Mapping[str, Any], prefix: str, depth: int) -> Iterator[tuple[str, Any]]:
    for name, value in parameters.items():
        whole = f"{prefix}{name}"
        if isinstance(value, Mapping) and value and whole not in LEVERS and depth < DEEPEST_NAME:
            yield from _flat(value, f"{whole}.", depth + 1)
        else:
            yield whole, value

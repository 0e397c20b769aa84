"""What an operator writes to create an experiment; all of it is checked before anything is stored."""

import re
from collections.abc import Mapping, Sequence
from enum import StrEnum
from math import fsum
from typing import Annotated, Any, Final, Self

from pydantic import Field, ValidationError, model_validator

from domain.errors import ValidationFailed
from domain.experiments.bucketing import SUM_TOLERANCE, equal_weights
from domain.experiments.definition import Share, Written
from domain.experiments.levers import Area, CheckElsewhere, area_of, check_parameter
from domain.experiments.metrics import Guardrail, Metric, MetricKind
from domain.experiments.sequential import DEFAULT_N_STAR
from domain.experiments.storable import require_storable
from domain.experiments.targeting import check_condition

MAX_VARIATIONS: Final = 20
MAX_METRICS: Final = 20
LEAST_FLOOR: Final = 0.01

KEY: Final = re.compile(r"[a-z0-9][a-z0-9_.-]{0,62}")
Key = Annotated[str, Field(pattern=rf"^{KEY.pattern}$")]
Text = Annotated[str, Field(max_length=1000)]


class Inference(StrEnum):
    """Which interval a decision rests on."""

    SEQUENTIAL = "sequential"
    FIXED = "fixed"
    BAYESIAN = "bayesian"


class AllocationPolicy(StrEnum):
    """Who decides how traffic is split: the weights that were written down, or a bandit."""

    FIXED = "fixed"
    THOMPSON = "thompson"
    UCB1 = "ucb1"
    LINUCB = "linucb"
    INVERSE_GAP = "inverse_gap"


BANDITS: Final = frozenset(AllocationPolicy) - {AllocationPolicy.FIXED}
CONTEXTUAL: Final = frozenset({AllocationPolicy.LINUCB, AllocationPolicy.INVERSE_GAP})
"""Bandits that look at the segment that a person is in."""


class Variation(Written):
    """One of the ways; the first of an experiment is the control.

    Attributes:
        key: its name within the experiment.
        name: for people.
        parameters: what it changes; see `levers`.
    """

    key: Key
    name: Annotated[str, Field(max_length=200)] = ""
    parameters: Mapping[str, Any] = Field(default_factory=dict)


class ExclusionGroup(Written):
    """Experiments with separate ranges in one group never share a person.

    Attributes:
        name: the group.
        start: where this experiment's range begins, in [0, 1].
        end: where it ends; the end does not belong to it.
    """

    name: Key
    start: Share
    end: Share

    @model_validator(mode="after")
    def _rises(self) -> Self:
        if self.start >= self.end:
            raise ValueError("a range ends after it starts")
        return self

    def overlaps(self, other: "ExclusionGroup") -> bool:
        """Whether both have room in common in the same group."""
        return self.name == other.name and self.start < other.end and other.start < self.end


class Allocation(Written):
    """Who decides the split.

    Attributes:
        policy: the weights as written, or a bandit that moves them every hour.
        floor: what a bandit gives each arm at least.
    """

    policy: AllocationPolicy = AllocationPolicy.FIXED
    floor: Annotated[float, Field(ge=LEAST_FLOOR, le=0.5)] = 0.05


class Analysis(Written):
    """How results are read; frozen at the start.

    Attributes:
        inference: which interval a decision rests on.
        alpha: the two-sided level.
        power: the chance to find `effect`.
        effect: the relative change of the primary metric that is worth finding.
        tightest_at: units at which the confidence sequence is tightest, N*.
        minimum_days: no decision to ship before so many days.
    """

    inference: Inference = Inference.SEQUENTIAL
    alpha: Annotated[float, Field(gt=0.0, le=0.5)] = 0.05
    power: Annotated[float, Field(ge=0.5, lt=1.0)] = 0.8
    effect: Annotated[float, Field(gt=0.0, le=10.0)] = 0.05
    tightest_at: Annotated[float, Field(ge=10.0, le=1e9)] = DEFAULT_N_STAR
    minimum_days: Annotated[float, Field(ge=0.0, le=365.0)] = 7.0


class ExperimentPlan(Written):
    """An experiment as it is created.

    Attributes:
        key: its name within the tenant; the seed of its hashes begins with it.
        hypothesis: what is expected and why.
        variations: two to twenty; the first is the control.
        weights: the share of each variation; equal if left out.
        coverage: the share of those meant that takes part.
        condition: whom it is for; attributes of the account, `segment`, and `id`.
        metrics: the first is the primary one.
        guardrails: what must not get worse.
    """

    key: Key
    name: Annotated[str, Field(max_length=200)] = ""
    hypothesis: Text = ""
    variations: Annotated[tuple[Variation, ...], Field(min_length=2, max_length=MAX_VARIATIONS)]
    weights: tuple[Share, ...] | None = None
    coverage: Share = 1.0
    condition: Mapping[str, Any] = Field(default_factory=dict)
    exclusion_group: ExclusionGroup | None = None
    metrics: Annotated[tuple[Metric, ...], Field(min_length=1, max_length=MAX_METRICS)]
    guardrails: tuple[Guardrail, ...] = ()
    allocation: Allocation = Allocation()
    analysis: Analysis = Analysis()

    @model_validator(mode="after")
    def _agrees(self) -> Self:
        _require_distinct("variations", [variation.key for variation in self.variations])
        _require_distinct("metrics", [metric.key for metric in self.metrics])
        require_weights(self.weights, len(self.variations))
        known = {metric.key: metric for metric in self.metrics}
        for guardrail in self.guardrails:
            if guardrail.metric not in known:
                raise ValueError(f"guardrails: there is no metric {guardrail.metric}")
            if known[guardrail.metric].kind is MetricKind.QUANTILE:
                raise ValueError(f"guardrails: {guardrail.metric} is a quantile, which has no margin")
        arms = len(self.variations)
        if self.allocation.policy in BANDITS and arms * self.allocation.floor > 1.0:
            raise ValueError("allocation: the floors of all arms are more than everything")
        if self.allocation.policy in BANDITS and self.metrics[0].kind not in (MetricKind.PROPORTION, MetricKind.MEAN):
            raise ValueError("allocation: a bandit needs a proportion or a mean as its primary metric")
        return self

    @property
    def split(self) -> list[float]:
        """The share of each variation, in the sum 1."""
        return equal_weights(len(self.variations)) if self.weights is None else normalized(self.weights)

    @property
    def areas(self) -> frozenset[Area]:
        """Where its variations take effect."""
        return frozenset(area_of(name) for variation in self.variations for name in variation.parameters)

    @property
    def goals(self) -> frozenset[str]:
        """What `recordConversion` may name for it."""
        return frozenset(goal for metric in self.metrics for goal in metric.goals)


def require_weights(weights: tuple[float, ...] | None, arms: int) -> None:
    """Refuse weights that are no split of all units; raises ValueError."""
    if weights is None:
        return
    if len(weights) != arms:
        raise ValueError(f"weights: there are {arms} variations and {len(weights)} weights")
    if abs(fsum(weights) - 1.0) > SUM_TOLERANCE:
        raise ValueError(f"weights: their sum is {fsum(weights):g}, not 1")
    if sum(weight > 0 for weight in weights) < 2:
        raise ValueError("weights: at least two variations need a share")


def normalized(weights: Sequence[float]) -> list[float]:
    """Weights in the sum 1."""
    total = fsum(weights)
    return [weight / total for weight in weights]


def parse_plan(written: Mapping[str, Any], elsewhere: Mapping[Area, CheckElsewhere]) -> ExperimentPlan:
    """The plan that was written.

    Args:
        written: in camel case, as JSON has it.
        elsewhere: knows the parameters of the interface and of generation.

    Raises:
        ValidationFailed: an unknown field, parameter, event or operator, or a value that means nothing.
    """
    try:
        plan = ExperimentPlan.model_validate(written)
    except ValidationError as error:
        raise refusal(error) from None
    require_storable(written)
    check_condition(plan.condition, groups=False)
    for place, variation in enumerate(plan.variations):
        for name, value in variation.parameters.items():
            check_parameter(name, value, elsewhere, f"variations.{place}.parameters")
    return plan


def refusal(error: ValidationError) -> ValidationFailed:
    """What a client is told of the first thing that is wrong."""
    first = error.errors(include_url=False, include_context=False)[0]
    field = ".".join(str(part) for part in first["loc"])
    said = str(first["msg"]).removeprefix("Value error, ")
    if not field:
        field, _, rest = said.partition(":")
        said = rest.strip() or said
    return ValidationFailed(f"{field}: {said}", field=field)


def _require_distinct(what: str, keys: list[str]) -> None:
    twice = sorted({key for key in keys if keys.count(key) > 1})
    if twice:
        raise ValueError(f"{what}: {twice[0]} is there twice")

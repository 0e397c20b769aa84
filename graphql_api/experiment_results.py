"""What came of an experiment, as clients see it."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Self

import strawberry

from domain.experiments.model import Test
from domain.outcomes import proposing
from domain.outcomes.model import Evaluation
from graphql_api.experiment_enums import Better, ExperimentVerdict, MetricKind


@strawberry.type(description="From `low` to `high`, of variation minus control.")
class EffectInterval:
    """An interval."""

    low: float = strawberry.field(description="The lower end.")
    high: float = strawberry.field(description="The upper end.")
    p: float | None = strawberry.field(description="The p-value that belongs to it, if one does.")

    @classmethod
    def of(cls, said: Mapping[str, Any] | None) -> Self | None:
        """The interval as it is kept."""
        return None if said is None else cls(low=said["low"], high=said["high"], p=said.get("p"))


@strawberry.type(description="A posterior, under flat priors. NOT safe to peek at: a prior is no error rate.")
class Posterior:
    """A posterior."""

    chance_to_win: float = strawberry.field(description="Probability that the variation is better.")
    expected_loss: float = strawberry.field(description="What is lost on average by shipping it.")
    low: float = strawberry.field(description="Lower end of the credible interval of the difference.")
    high: float = strawberry.field(description="Upper end.")

    @classmethod
    def of(cls, said: Mapping[str, Any]) -> Self:
        """The posterior as it is kept."""
        return cls(
            chance_to_win=said["chanceToWin"], expected_loss=said["expectedLoss"], low=said["low"], high=said["high"]
        )


@strawberry.type(description="How a variation differs from the control in one metric.")
class MetricComparison:
    """A comparison."""

    variation: str = strawberry.field(description="Which variation.")
    difference: float = strawberry.field(description="Variation minus control.")
    standard_error: float = strawberry.field(description="Of the difference.")
    lift: float | None = strawberry.field(description="The difference as a share of the control; null if that is 0.")
    fixed: EffectInterval = strawberry.field(description="For one look that was chosen beforehand.")
    relative: EffectInterval | None = strawberry.field(
        description="Of the lift, agreeing with `fixed`; null if the control is not clearly different from 0."
    )
    sequential: EffectInterval = strawberry.field(description="For any number of looks.")
    bayesian: Posterior = strawberry.field(description="A posterior.")
    holm: float | None = strawberry.field(description="p for all comparisons of the experiment together, after Holm.")
    benjamini_hochberg: float | None = strawberry.field(description="The same, by the share of false discoveries.")
    method: str = strawberry.field(description="How `fixed` was computed.")
    theta: float = strawberry.field(description="What CUPED multiplied the two weeks before with; 0 without it.")


@strawberry.type(description="One variation's part in a metric.")
class MetricArm:
    """An arm."""

    variation: str = strawberry.field(description="Which variation.")
    units: int = strawberry.field(description="How many people.")
    value: float | None = strawberry.field(description="The metric; null for fewer than five people.")


@strawberry.type(description="One metric of an experiment.")
class MetricResult:
    """A metric."""

    key: str = strawberry.field(description="Its name.")
    kind: MetricKind = strawberry.field(description="How variations are compared.")
    better: Better = strawberry.field(description="Which way is better.")
    arms: list[MetricArm] = strawberry.field(description="The variations, the control first.")
    comparisons: list[MetricComparison] = strawberry.field(
        description="Each variation with the control; one of which nothing can be said is left out."
    )

    @classmethod
    def of(cls, said: Mapping[str, Any], keys: Sequence[str]) -> Self:
        """The metric as it is kept."""
        arms = [MetricArm(variation=key, **arm) for key, arm in zip(keys, said["arms"], strict=True)]
        pairs = zip(keys[1:], said["comparisons"], strict=True)
        return cls(
            key=said["key"],
            kind=MetricKind(said["kind"]),
            better=Better(said["better"]),
            arms=arms,
            comparisons=[_comparison(key, one) for key, one in pairs if one is not None],
        )


@strawberry.type(description="Whether the variations have the sizes that they should; if not, trust no figure.")
class SampleRatio:
    """Sizes."""

    p: float = strawberry.field(description="Chi-square test of a single look.")
    always_valid_p: float = strawberry.field(
        description="For any number of looks, by a Bayes factor; an alarm below 0.001."
    )
    chi2: float = strawberry.field(description="The statistic.")
    df: int = strawberry.field(description="Variations with a share, minus 1.")
    deviations: list[float] = strawberry.field(description="Share of each variation minus the one it should have.")
    strays: int = strawberry.field(description="People in variations without a share: always an error.")
    alarm: bool = strawberry.field(description="Whether it is one.")


@strawberry.type(description="A phase: from one split of traffic to the next.")
class ExperimentPhase:
    """A phase."""

    phase: int = strawberry.field(description="From 1 on.")
    units: list[int] = strawberry.field(description="People of each variation.")
    multiples: int = strawberry.field(description="People who were shown more than one variation.")
    sample_ratio: SampleRatio | None = strawberry.field(description="Null while there is nobody to compare.")
    alarms: list[str] = strawberry.field(description="Why its figures cannot be trusted; empty if they can.")

    @classmethod
    def of(cls, said: Mapping[str, Any]) -> Self:
        """The phase as it is kept."""
        ratio = said["sampleRatio"]
        return cls(
            phase=said["phase"],
            units=said["units"],
            multiples=said["multiples"],
            sample_ratio=None
            if ratio is None
            else SampleRatio(
                p=ratio["p"],
                always_valid_p=ratio["alwaysValidP"],
                chi2=ratio["chi2"],
                df=ratio["df"],
                deviations=ratio["deviations"],
                strays=ratio["strays"],
                alarm=ratio["alarm"],
            ),
            alarms=said["alarms"],
        )


@strawberry.type(description="Further people of all variations until the effect worth finding is found.")
class StillNeeded:
    """People."""

    fixed: float | None = strawberry.field(description="For one look; null where nothing can be said.")
    sequential: float | None = strawberry.field(description="For any number of looks.")


@strawberry.type(description="What the written rules say; see docs/experiments.md.")
class ExperimentDecision:
    """A decision."""

    verdict: ExperimentVerdict = strawberry.field(description="What to do.")
    variation: str | None = strawberry.field(description="What to ship; null for everything else.")
    reasons: list[str] = strawberry.field(description="Why, in words.")


@strawberry.type(description="What came of an experiment.")
class ExperimentResults:
    """A result."""

    experiment_id: str = strawberry.field(description="Of which experiment.")
    key: str = strawberry.field(description="Its name.")
    evaluated_at: datetime = strawberry.field(description="The hour that it stands for; of live figures, their moment.")
    engine_version: str = strawberry.field(description="Equal inputs and engines give equal results.")
    phase: int = strawberry.field(description="The phase that metrics are of: the latest.")
    adaptive: bool = strawberry.field(
        description="A bandit moves the traffic: proportions and means are compared within each split."
    )
    phases: list[ExperimentPhase] = strawberry.field(description="Every phase that has people.")
    metrics: list[MetricResult] = strawberry.field(description="The metrics, the primary one first.")
    still_needed: StillNeeded = strawberry.field(description="How many more people.")
    decision: ExperimentDecision = strawberry.field(description="What to do.")
    erased_units: int = strawberry.field(
        description="People who were erased since the end, and are in these figures still."
    )
    merged_units: int = strawberry.field(
        description="Ids that turned out since the end to belong to another of these people; the figures count both."
    )

    @classmethod
    def of(cls, test: Test, evaluation: Evaluation) -> Self:
        """The result as clients see it."""
        said, keys = evaluation.outputs, [variation.key for variation in test.plan.variations]
        decided = said["decision"]
        return cls(
            experiment_id=str(test.test_id),
            key=test.key,
            evaluated_at=evaluation.evaluated_at,
            engine_version=evaluation.engine_version,
            phase=said["phase"],
            adaptive=said["adaptive"],
            phases=[ExperimentPhase.of(one) for one in said["phases"]],
            metrics=[MetricResult.of(one, keys) for one in said["metrics"]],
            still_needed=StillNeeded(**said["stillNeeded"]),
            decision=ExperimentDecision(
                verdict=ExperimentVerdict(decided["verdict"]),
                variation=decided["variation"],
                reasons=decided["reasons"],
            ),
            erased_units=test.erased_units,
            merged_units=test.merged_units,
        )


@strawberry.type(description="An estimate, and the interval that it lies in with the confidence of the experiment.")
class SplitEstimate:
    """An estimate."""

    value: float = strawberry.field(description="What a person earns on average.")
    low: float | None = strawberry.field(description="Lower end; null where there is no honest one.")
    high: float | None = strawberry.field(description="Upper end.")


@strawberry.type(description="What another split of the traffic would have earned in the primary metric.")
class SplitValue:
    """The value of a split."""

    ips: SplitEstimate = strawberry.field(description="By inverse propensity scores.")
    snips: SplitEstimate = strawberry.field(description="The same, divided by the sum of weights.")
    dm: SplitEstimate = strawberry.field(description="By the means of the variations alone.")
    dr: SplitEstimate = strawberry.field(description="Doubly robust; the one to believe.")
    effective_units: float = strawberry.field(description="How many people the weights are worth.")
    units: int = strawberry.field(description="How many people there are.")

    @classmethod
    def of(cls, found: proposing.SplitValue) -> Self:
        """The value as clients see it."""
        return cls(
            ips=SplitEstimate(value=found.ips, low=found.ips_interval.low, high=found.ips_interval.high),
            snips=SplitEstimate(value=found.snips, low=None, high=None),
            dm=SplitEstimate(value=found.dm, low=None, high=None),
            dr=SplitEstimate(value=found.dr, low=found.dr_interval.low, high=found.dr_interval.high),
            effective_units=found.effective,
            units=found.units,
        )


def _comparison(key: str, said: Mapping[str, Any]) -> MetricComparison:
    fixed, sequential = EffectInterval.of(said["fixed"]), EffectInterval.of(said["sequential"])
    assert fixed is not None  # noqa: S101  # both are always there
    assert sequential is not None  # noqa: S101
    return MetricComparison(
        variation=key,
        difference=said["difference"],
        standard_error=said["standardError"],
        lift=said["lift"],
        fixed=fixed,
        relative=EffectInterval.of(said["relative"]),
        sequential=sequential,
        bayesian=Posterior.of(said["bayesian"]),
        holm=said["holm"],
        benjamini_hochberg=said["bh"],
        method=said["method"],
        theta=said["theta"],
    )

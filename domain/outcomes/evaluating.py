"""From sums to a result: everything that goes in is kept, so that equal inputs give the same result again; pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any, Final

from domain.disclosure import FEWEST_PEOPLE
from domain.errors import ValidationFailed
from domain.experiments.corrections import benjamini_hochberg, holm
from domain.experiments.effects import Interval
from domain.experiments.metrics import MILLIONTHS, Metric, MetricKind
from domain.experiments.moments import Arm
from domain.experiments.plan import BANDITS, ExperimentPlan, Inference
from domain.experiments.quantiles import SampleQuantile
from domain.experiments.sample_ratio import sample_ratio
from domain.outcomes import judging
from domain.outcomes.cells import Cell, arm_of, merged
from domain.outcomes.comparing import (
    Compared,
    compare,
    compare_quantiles,
    compare_within_splits,
    theta_of,
    value_of,
)
from domain.outcomes.inputs import Inputs
from domain.outcomes.needing import still_needed
from domain.outcomes.splits import within_splits

ENGINE_VERSION: Final = "3"

SECONDS_A_DAY: Final = 86_400.0


def evaluate(inputs: Inputs) -> dict[str, Any]:
    """The result, in JSON: sizes, metrics by arm, comparisons with the control, and the decision by the written rules.

    The figures are those of the latest phase. Alarms are looked for in every phase that has units.
    """
    plan, phase = inputs.plan, inputs.phase
    arms, metrics = _arms(inputs), _measured(inputs)
    _correct(metrics, plan)
    phases = [_phase(inputs, number) for number in inputs.phases]
    needed = still_needed(plan, [arm for place, arm in enumerate(arms) if place == 0 or inputs.in_use[place]])
    alarms = [alarm for one in phases for alarm in one["alarms"]]
    decision = judging.decide(_evidence(inputs, alarms, needed["fixed"]))
    return {
        "phase": phase,
        "variations": [variation.key for variation in plan.variations],
        "units": [0 if arm is None else arm.units for arm in arms],
        "adaptive": plan.allocation.policy in BANDITS,
        "phases": phases,
        "metrics": [metric.to_json() for metric in metrics],
        "stillNeeded": needed,
        "decision": decision.to_json(),
    }


@dataclass(frozen=True, slots=True)
class _Measured:
    """One metric with its comparisons, one for each variation beside the control."""

    metric: Metric
    values: Sequence[float | None]
    units: Sequence[int]
    compared: Sequence[Compared | None]
    adjusted: dict[str, list[float | None]]

    def to_json(self) -> dict[str, Any]:
        arms = [{"units": n, "value": value} for n, value in zip(self.units, self.values, strict=True)]
        comparisons = [
            None
            if one is None
            else {**one.to_json(), "holm": self.adjusted["holm"][place], "bh": self.adjusted["bh"][place]}
            for place, one in enumerate(self.compared)
        ]
        kind, better = self.metric.kind.value, self.metric.better
        return {"key": self.metric.key, "kind": kind, "better": better, "arms": arms, "comparisons": comparisons}


def _arms(inputs: Inputs) -> list[Cell | None]:
    """The units of each variation in the latest phase."""
    plan = inputs.plan
    return [merged(inputs.of(inputs.phase, place), len(plan.metrics)) for place in range(len(plan.variations))]


def _measured(inputs: Inputs) -> list[_Measured]:
    """Every metric of the latest phase."""
    arms = _arms(inputs)
    return [_metric(inputs, arms, place) for place in range(len(inputs.plan.metrics))]


def _metric(inputs: Inputs, cells: Sequence[Cell | None], place: int) -> _Measured:
    metric, analysis = inputs.plan.metrics[place], inputs.plan.analysis
    units = [0 if cell is None else cell.units for cell in cells]
    nothing: dict[str, list[float | None]] = {"holm": [], "bh": []}
    if metric.kind is MetricKind.QUANTILE:
        found = [
            inputs.quantiles.get((place, arm)) if units[arm] >= FEWEST_PEOPLE else None for arm in range(len(cells))
        ]
        pairs = [_compared_quantiles(metric, found[0], one, inputs) for one in found[1:]]
        return _Measured(metric, [None if one is None else one.q for one in found], units, pairs, nothing)
    arms = [_arm(cell, place) for cell in cells]
    rest = [arm for arm in arms[1:] if arm is not None]
    control = arms[0]
    within = within_splits(inputs, place)
    if within is not None:
        compared = [compare_within_splits(metric, within[0], one, analysis) for one in within[1:]]
        return _Measured(metric, [None if one is None else one.mean for one in within], units, compared, nothing)
    values = [None if arm is None else value_of(metric, arm) for arm in arms]
    if control is None or not rest:
        return _Measured(metric, values, units, [None] * (len(cells) - 1), nothing)
    theta = theta_of(metric, control, reduce(Arm.__add__, rest))
    compared = [None if arm is None else compare(metric, control, arm, theta, analysis) for arm in arms[1:]]
    return _Measured(metric, values, units, compared, nothing)


def _arm(cell: Cell | None, place: int) -> Arm | None:
    """A metric of an arm; None with so few people that it could tell of one of them."""
    try:
        return None if cell is None or cell.units < FEWEST_PEOPLE else arm_of(cell, place)
    except ValidationFailed:
        return None


def _compared_quantiles(
    metric: Metric, control: SampleQuantile | None, other: SampleQuantile | None, inputs: Inputs
) -> Compared | None:
    if control is None or other is None:
        return None
    return compare_quantiles(metric, control, other, inputs.plan.analysis)


def _correct(metrics: Sequence[_Measured], plan: ExperimentPlan) -> None:
    """Give each comparison p-values that stand for all comparisons of the experiment together."""
    places = [(m, arm) for m in metrics for arm, one in enumerate(m.compared) if one is not None]
    raw = [_p(one, plan.analysis.inference) for m in metrics for one in m.compared if one is not None]
    for name, adjust in (("holm", holm), ("bh", benjamini_hochberg)):
        for m in metrics:
            m.adjusted[name] += [None] * len(m.compared)
        for (m, arm), p in zip(places, adjust(raw) if raw else [], strict=True):
            m.adjusted[name][arm] = p


def _p(one: Compared, inference: Inference) -> float:
    return one.sequential_p if inference is Inference.SEQUENTIAL else one.fixed_p


def _phase(inputs: Inputs, phase: int) -> dict[str, Any]:
    """Sizes and alarms of one phase."""
    places = range(len(inputs.plan.variations))
    observed = [sum(cell.units for cell in inputs.of(phase, place)) for place in places]
    multiples = sum(cell.multiples for place in places for cell in inputs.of(phase, place))
    total, alarms = sum(observed), []
    said: dict[str, Any] = {"phase": phase, "units": observed, "multiples": multiples, "sampleRatio": None}
    expected = inputs.expected(phase)
    if (
        total
        and sum(weight > 0 for weight in expected) > 1
        and any(count and weight > 0 for count, weight in zip(observed, expected, strict=True))
    ):
        ratio = sample_ratio(observed, expected)
        said["sampleRatio"] = {
            "p": ratio.p,
            "chi2": ratio.chi2,
            "df": ratio.df,
            "alwaysValidP": ratio.always_valid_p,
            "deviations": list(ratio.deviations),
            "strays": ratio.strays,
            "alarm": ratio.alarm_at_any_look,
        }
        if ratio.alarm_at_any_look:
            p = ratio.always_valid_p
            alarms.append(f"phase {phase}: the arms do not have the sizes that they should (p = {p:.2g})")
    if total and multiples / total > judging.MOST_MULTIPLES:
        alarms.append(f"phase {phase}: {multiples / total:.1%} of all units were shown more than one variation")
    return {**said, "alarms": alarms}


def _evidence(inputs: Inputs, alarms: Sequence[str], needed: float | None) -> judging.Evidence:
    plan = inputs.plan
    known = {measured.metric.key: measured for measured in _measured(inputs.for_each_arm())}
    arms = [_judged(plan, known, place) for place in range(1, len(plan.variations)) if inputs.in_use[place]]
    days = max(0.0, (inputs.at - inputs.started_at).total_seconds() / SECONDS_A_DAY)
    least, settings = plan.analysis.minimum_days, plan.analysis
    return judging.Evidence(arms, alarms, days, least, settings.inference, needed, settings.effect)


def _judged(plan: ExperimentPlan, known: Mapping[str, _Measured], place: int) -> judging.Arm:
    primary = known[plan.metrics[0].key]
    one = primary.compared[place - 1]
    harmed = tuple(
        rail.metric
        for rail in plan.guardrails
        if _worse_by(known[rail.metric], place, rail.margin, plan.analysis.inference)
    )
    key = plan.variations[place].key
    if one is None:
        return judging.Arm(key, harmed=harmed)
    interval, control = _better_by(primary.metric, one, plan.analysis.inference), abs(one.control)
    if not control:
        return judging.Arm(key, interval=interval, harmed=harmed)
    gain = one.difference if primary.metric.better == "more" else -one.difference
    return judging.Arm(key, gain / control, interval, Interval(interval.low / control, interval.high / control), harmed)


def interval_of(one: Compared, inference: Inference) -> Interval:
    """The interval that decisions rest on."""
    return {
        Inference.SEQUENTIAL: one.sequential,
        Inference.FIXED: one.fixed,
        Inference.BAYESIAN: one.credible,
    }[inference]


def _better_by(metric: Metric, one: Compared, inference: Inference) -> Interval:
    """The interval of the difference in the direction that is better."""
    low, high = interval_of(one, inference)
    return Interval(low, high) if metric.better == "more" else Interval(-high, -low)


def _worse_by(measured: _Measured, place: int, margin: float, inference: Inference) -> bool:
    """Whether a variation is worse by more than the margin; where the control has nothing, worse at all."""
    one = measured.compared[place - 1]
    return one is not None and _better_by(measured.metric, one, inference).high < -margin * abs(one.control)


def quantile_of(units: int, value: int, low: int, high: int) -> SampleQuantile:
    """A quantile from order statistics in whole millionths."""
    return SampleQuantile(units, value / MILLIONTHS, low / MILLIONTHS, high / MILLIONTHS)

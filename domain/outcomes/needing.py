"""How many units a running experiment still needs to find what is worth finding."""

from collections.abc import Callable, Sequence
from typing import Final

from domain.errors import ValidationFailed
from domain.experiments.effects import Estimate
from domain.experiments.metrics import MetricKind
from domain.experiments.plan import ExperimentPlan
from domain.experiments.planning import fixed_power, sequential_power, units_needed
from domain.outcomes.cells import Cell, arm_of
from domain.outcomes.comparing import estimate, theta_of

LEAST_SHARE: Final = 0.001
"""Of the units that are there: where fewer would do, none are needed."""


def still_needed(plan: ExperimentPlan, arms: Sequence[Cell | None]) -> dict[str, float | None]:
    """Further units of all arms until the effect worth finding is found with the power asked for.

    `fixed` counts for one look at the end, `sequential` for any number of looks; of several variations the one that
    needs most counts, and the others grow with it. None where nothing can be said, as for quantiles.

    Args:
        plan: of the experiment.
        arms: the variations that have a share, the control first; None for one that nobody was shown.
    """
    nothing: dict[str, float | None] = {"fixed": None, "sequential": None}
    found = dict(nothing)
    metric = plan.metrics[0]
    if metric.kind is MetricKind.QUANTILE:
        return nothing
    try:
        measured = [None if cell is None else arm_of(cell, 0) for cell in arms]
    except ValidationFailed:
        return nothing
    told = [arm for arm in measured if arm is not None]
    if len(told) < len(arms):
        return nothing
    control, people = told[0], sum(arm.n for arm in told)
    for arm in told[1:]:
        theta = theta_of(metric, control, arm)
        base, changed = estimate(metric, control, theta), estimate(metric, arm, theta)
        if base is None or changed is None or not base.mean:
            return nothing
        try:
            needed = _needed(plan, base, changed, people)
        except ValidationFailed:
            # Nothing varies, or the arms vary so much that no number of people would do.
            return nothing
        found = {name: max(found[name] or 0.0, needed[name]) for name in needed}
    return found


def _needed(plan: ExperimentPlan, control: Estimate, treatment: Estimate, people: int) -> dict[str, float]:
    n, settings = control.n + treatment.n, plan.analysis
    squared = (control.squared_error + treatment.squared_error) / control.mean**2
    alpha = settings.alpha / (len(plan.variations) - 1)
    ways: dict[str, Callable[[float], float]] = {
        "fixed": lambda scale: fixed_power(scale, settings.effect, squared, alpha),
        "sequential": lambda scale: sequential_power(scale, settings.effect, squared, alpha, n, settings.tightest_at),
    }
    if squared <= 0.0:
        raise ValidationFailed("nothing varies, so nothing can be said")
    scales = {name: units_needed(power_at, settings.power, LEAST_SHARE) for name, power_at in ways.items()}
    return {name: max(0.0, (scale - 1.0) * people) for name, scale in scales.items()}

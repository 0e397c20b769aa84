"""Analyses of how many units are needed."""

from typing import Annotated, ClassVar

from pydantic import Field

from domain.errors import ValidationFailed
from domain.experiments.arm_inputs import Sums
from domain.experiments.case import Case, Inputs, Level, Positive, Result
from domain.experiments.planning import (
    arcsine_effect,
    bayes_power,
    detectable_effect,
    fixed_power,
    normal_power,
    proportion_size,
    sequential_power,
    t_power,
    units_needed,
)
from domain.experiments.sequential import DEFAULT_N_STAR

REFERENCE_UNITS = 1000

Effect = Annotated[float, Field(gt=-1.0)]


class SampleSizeProportion(Case):
    """Units that a test of two rates needs."""

    kind: ClassVar[str] = "sample_size_proportion"
    method: ClassVar[str] = "normal approximation: unpooled, pooled under the null, arcsine"
    assumptions: ClassVar[tuple[str, ...]] = ("one look, at the end", "sizes are of the control and not rounded")

    baseline: Level
    relative_mde: Effect
    alpha: Level = 0.05
    power: Level = 0.8
    ratio_treatment_to_control: Positive = 1.0

    def result(self) -> Result:
        """The size of the control."""
        changed, ratio = self.baseline * (1.0 + self.relative_mde), self.ratio_treatment_to_control
        if not 0.0 < changed < 1.0:
            raise ValidationFailed("the changed rate is between 0 and 1", field="relative_mde")
        asked = self.baseline, changed, self.alpha, self.power, ratio
        pooled, unpooled = proportion_size(*asked, pooled=True), proportion_size(*asked, pooled=False)
        h = arcsine_effect(self.baseline, changed)
        return {
            "n_control_unpooled": unpooled,
            "n_control_pooled_null": pooled,
            "n_control_arcsine": units_needed(lambda n: normal_power(h, n, ratio, self.alpha), self.power),
        }


class SampleSizeMean(Case):
    """Units that a test of two means needs."""

    kind: ClassVar[str] = "sample_size_mean"
    method: ClassVar[str] = "power of the t test by the noncentral t distribution, and of the z test"
    assumptions: ClassVar[tuple[str, ...]] = ("equal variances", "one look, at the end", "sizes are not rounded")

    cohen_d: float
    alpha: Level = 0.05
    power: Level = 0.8
    ratio: Positive = 1.0

    def result(self) -> Result:
        """The size of the control, and the effect that 1,000 units in it find."""
        if self.cohen_d == 0.0:
            raise ValidationFailed("an effect of 0 is found by no number of units", field="cohen_d")
        d, ratio, alpha = abs(self.cohen_d), self.ratio, self.alpha
        least = max(2.0, 2.5 / (1.0 + ratio))
        return {
            "n1_t": units_needed(lambda n: t_power(d, n, ratio, alpha), self.power, least),
            "n1_normal": units_needed(lambda n: normal_power(d, n, ratio, alpha), self.power, 1.0),
            "mde_d_at_n1_1000": detectable_effect(REFERENCE_UNITS, ratio, alpha, self.power),
        }


class Prior(Inputs):
    """A normal prior of the relative effect."""

    mean: float = 0.05
    variance: Positive = 0.001


class MidExperimentPower(Case):
    """How many more units a running experiment needs."""

    kind: ClassVar[str] = "mid_experiment_power"
    method: ClassVar[str] = (
        "power of the relative effect at multiples of the units so far; its variance by the delta method"
    )
    assumptions: ClassVar[tuple[str, ...]] = (
        "the arms grow in proportion",
        "the effect is the target, not what was seen",
    )

    control: Sums
    treatment: Sums
    target_mde_relative: Effect
    target_power: Level = 0.8
    alpha: Level = 0.05
    N_star: Positive = DEFAULT_N_STAR
    prior: Prior = Prior()

    def result(self) -> Result:
        """`scaling_factor` times the units so far are needed in addition; 0 if there are enough."""
        control, treatment = self.control.moments(), self.treatment.moments()
        if control.mean == 0.0 or self.target_mde_relative == 0.0:
            raise ValidationFailed("the control's mean and the target are not 0", field="target_mde_relative")
        lift = treatment.mean / control.mean
        one = lift**2 * control.variance / control.n
        squared = (one + treatment.variance / treatment.n) / control.mean**2
        if squared == 0.0:
            raise ValidationFailed("the values of neither arm vary, so nothing can be tested")
        n, asked = control.n + treatment.n, (self.target_mde_relative, squared, self.alpha)
        prior = self.prior.mean, self.prior.variance
        ways = {
            "fixed": lambda scale: fixed_power(scale, *asked),
            "sequential": lambda scale: sequential_power(scale, *asked, n, self.N_star),
            f"bayes_prior_N({prior[0]:g},{prior[1]:g})": lambda scale: bayes_power(scale, *asked, prior),
        }
        scales = {name: units_needed(power_at, self.target_power, 1.0) - 1.0 for name, power_at in ways.items()}
        return {
            name: {"scaling_factor": scale, "additional_users": scale * n, "power_now": ways[name](1.0)}
            for name, scale in scales.items()
        }

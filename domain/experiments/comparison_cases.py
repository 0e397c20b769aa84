"""Analyses of two arms: proportions, means, ratios, quantiles, with and without CUPED."""

from collections.abc import Mapping
from math import exp, sqrt
from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field

from domain.errors import ValidationFailed
from domain.experiments.adjustment import NONE_BEFORE, absolute, adjusted, pooled_theta, relative
from domain.experiments.arm_inputs import Products, Raw, Sums, read_arm
from domain.experiments.case import Case, Count, Inputs, Level, Positive, Result, pair
from domain.experiments.effects import (
    EXPECTED_CELL,
    Counts,
    Effect,
    Estimate,
    difference,
    fieller_lift,
    fisher,
    newcombe,
    pooled_z,
    smallest_expected,
    two_sided,
)
from domain.experiments.later import stats
from domain.experiments.quantiles import SampleQuantile, sample_quantile
from domain.experiments.sequential import DEFAULT_N_STAR, always_valid_interval, always_valid_p

EXACT_UNITS = 10_000_000
"""Beyond so many units Fisher's test is only made where it decides: it takes seconds, and agrees with the z test."""

INDEPENDENT = "units are independent of each other, and each is in one arm"
ONE_LOOK = "the time of this look was chosen beforehand; the sequential interval may be looked at any time"


class Tally(Inputs):
    """How many of an arm did it."""

    x: Count
    n: Count


class TwoProportion(Case):
    """Whether the share of units that did something differs."""

    kind: ClassVar[str] = "two_proportion"
    method: ClassVar[str] = "pooled z test; Newcombe's interval of the difference"
    assumptions: ClassVar[tuple[str, ...]] = (INDEPENDENT, "the time of this look was chosen beforehand")

    control: Tally
    treatment: Tally
    alpha: Level = 0.05

    def method_used(self) -> str:
        """Fisher's exact test where the normal approximation does not hold."""
        exact = "Fisher's exact test (an expected cell is below 5); Newcombe's interval of the difference"
        return exact if smallest_expected(*self._arms()) < EXPECTED_CELL else self.method

    def result(self) -> Result:
        """`p` is the one that the method stands for; `p_fisher` is null for very many units that need no exact test."""
        control, treatment = self._arms()
        diff, z = treatment.rate - control.rate, pooled_z(control, treatment)
        se = sqrt(control.squared_error + treatment.squared_error)
        half = float(stats.norm.ppf(1.0 - self.alpha / 2.0)) * se
        few = smallest_expected(control, treatment) < EXPECTED_CELL
        exact = fisher(control, treatment) if few or control.n + treatment.n <= EXACT_UNITS else None
        return {
            "diff": diff,
            "lift": treatment.rate / control.rate - 1.0 if control.x else None,
            "p": exact if few else two_sided(z),
            "z_pooled": z,
            "p_pooled": two_sided(z),
            "z_unpooled": diff / se if se else None,
            "p_unpooled": two_sided(diff / se) if se else None,
            "se_unpooled": se,
            "ci_diff_wald": [diff - half, diff + half],
            "ci_diff_newcombe": pair(newcombe(control, treatment, self.alpha)),
            "ci_ratio_log": self._ratio_interval(control, treatment),
            "p_fisher": exact,
        }

    def _arms(self) -> tuple[Counts, Counts]:
        return Counts(self.control.x, self.control.n), Counts(self.treatment.x, self.treatment.n)

    def _ratio_interval(self, control: Counts, treatment: Counts) -> list[float] | None:
        if not control.x or not treatment.x:
            return None
        se = sqrt(1.0 / treatment.x - 1.0 / treatment.n + 1.0 / control.x - 1.0 / control.n)
        half, ratio = float(stats.norm.ppf(1.0 - self.alpha / 2.0)) * se, treatment.rate / control.rate
        return [ratio * exp(-half), ratio * exp(half)]


class WelchT(Case):
    """Whether a mean differs."""

    kind: ClassVar[str] = "welch_t"
    method: ClassVar[str] = "Welch's t test; Fieller's interval of the lift; asymptotic confidence sequence"
    assumptions: ClassVar[tuple[str, ...]] = (INDEPENDENT, "the means are close to normal", ONE_LOOK)

    control: Sums
    treatment: Sums
    alpha: Level = 0.05
    N_star: Positive = DEFAULT_N_STAR

    def result(self) -> Result:
        """The lift's interval is null where the control's mean is not clearly different from 0."""
        control, treatment = self.control.moments(), self.treatment.moments()
        base, changed = (Estimate(one.mean, one.variance, one.n) for one in (control, treatment))
        effect = difference(base, changed, self.alpha)
        return {
            "mean_control": control.mean,
            "mean_treatment": treatment.mean,
            "var_control": control.variance,
            "var_treatment": treatment.variance,
            "diff": effect.est,
            "se": effect.se,
            "df": effect.df,
            "t": effect.t,
            "p": effect.p,
            "ci": pair(effect.ci),
            "fieller_lift_ci_z": pair(fieller_lift(base, changed, self.alpha)),
            **sequential(effect, control.n + treatment.n, self.N_star, self.alpha),
        }


class _Units(Case):
    control: Mapping[str, Sums] | None = None
    treatment: Mapping[str, Sums] | None = None
    cross: Products = Products()
    raw: Raw | None = None
    alpha: Level = 0.05
    N_star: Positive = DEFAULT_N_STAR

    def compare(self, metric: str, covariate: str) -> Result:
        """The comparison of a metric, adjusted by a covariate unless that is `NONE_BEFORE`."""
        control = read_arm(self.control, self.cross.control, self.raw.control if self.raw else None, "control")
        treatment = read_arm(
            self.treatment, self.cross.treatment, self.raw.treatment if self.raw else None, "treatment"
        )
        theta = pooled_theta(control, treatment, metric, covariate)
        base, changed = (adjusted(arm, metric, covariate, theta) for arm in (control, treatment))
        effect, lift = absolute(base, changed, self.alpha), relative(base, changed, self.alpha, ratio="/" in metric)
        return {
            "theta": theta,
            "relative": None if lift is None else shown(lift),
            "absolute": shown(effect),
            **sequential(effect, control.n + treatment.n, self.N_star, self.alpha),
        }


class RatioDelta(_Units):
    """Whether a ratio of two sums differs, such as clicks a view, where users are the units."""

    kind: ClassVar[str] = "ratio_delta"
    method: ClassVar[str] = "delta method, Welch's t test; asymptotic confidence sequence"
    assumptions: ClassVar[tuple[str, ...]] = (
        INDEPENDENT,
        "the means are close to normal, the denominator's not near 0",
        ONE_LOOK,
    )

    metric: str = "numer/denom"

    def result(self) -> Result:
        """Whether there is a difference at all is for `absolute` to say."""
        _shape(self.metric, "metric", ratio=True)
        return {name: value for name, value in self.compare(self.metric, NONE_BEFORE).items() if name != "theta"}


class CupedMean(_Units):
    """A mean, adjusted by what units did before the experiment."""

    kind: ClassVar[str] = "cuped_mean"
    method: ClassVar[str] = "CUPED with one theta for all arms, Welch's t test; asymptotic confidence sequence"
    assumptions: ClassVar[tuple[str, ...]] = (
        INDEPENDENT,
        "the covariate was measured before the experiment began",
        ONE_LOOK,
    )

    metric: str = "y"
    covariate: str = "x"

    def result(self) -> Result:
        """The lift is relative to the control's mean as it is, not as adjusted."""
        _shape(self.metric, "metric", ratio=False)
        _shape(self.covariate, "covariate", ratio=False)
        return self.compare(self.metric, self.covariate)


class CupedRatio(_Units):
    """A ratio, adjusted by the same ratio before the experiment."""

    kind: ClassVar[str] = "cuped_ratio"
    method: ClassVar[str] = "CUPED on the delta method with one theta for all arms, Welch's t test"
    assumptions: ClassVar[tuple[str, ...]] = CupedMean.assumptions

    metric: str = "numer/denom"
    covariate: str = "numer_pre/denom_pre"

    def result(self) -> Result:
        """As `CupedMean`."""
        _shape(self.metric, "metric", ratio=True)
        _shape(self.covariate, "covariate", ratio=True)
        return self.compare(self.metric, self.covariate)


class QuantileBounds(Inputs):
    """A quantile and the ends of its 95 % interval from order statistics."""

    n: Annotated[int, Field(ge=2)]
    q: float
    lo: float
    hi: float


class Values(Inputs):
    """The values of each arm."""

    control: list[float]
    treatment: list[float]


class Clusters(Inputs):
    """To which cluster, such as a person, each value of each arm belongs."""

    control: list[Count]
    treatment: list[Count]


class Quantile(Case):
    """Whether a quantile differs."""

    kind: ClassVar[str] = "quantile"
    method: ClassVar[str] = "normal approximation with the error that order statistics give, Welch's t test"
    assumptions: ClassVar[tuple[str, ...]] = (
        INDEPENDENT,
        "lo and hi are the order statistics of a 95 % interval, for clusters the cluster-aware ones",
        "the posterior has a flat prior and is not safe to peek at",
    )

    nu: Level
    control: QuantileBounds | None = None
    treatment: QuantileBounds | None = None
    raw: Values | None = None
    clusters: Clusters | None = None
    alpha: Level = 0.05

    def result(self) -> Result:
        """`ctw` is the chance that the treatment's quantile is the higher one."""
        control, treatment = self._arm("control"), self._arm("treatment")
        effect = difference(control.estimate(), treatment.estimate(), self.alpha)
        half = float(stats.norm.ppf(1.0 - self.alpha / 2.0)) * effect.se
        chance = float(stats.norm.cdf(effect.t))
        bayes = {"ctw": chance, "ci": [effect.est - half, effect.est + half]}
        return {"absolute": shown(effect), "bayes": bayes}

    def _arm(self, name: str) -> SampleQuantile:
        """From its bounds or its values, of which there is one."""
        bounds: QuantileBounds | None = getattr(self, name)
        if (bounds is None) == (self.raw is None):
            raise ValidationFailed("an arm needs either n, q, lo and hi or its raw values", field=name)
        if self.clusters is not None and self.raw is None:
            raise ValidationFailed("clusters are of raw values", field="clusters")
        if bounds is not None:
            return SampleQuantile(bounds.n, bounds.q, bounds.lo, bounds.hi)
        clusters = None if self.clusters is None else np.array(getattr(self.clusters, name), dtype=np.int64)
        return sample_quantile(np.array(getattr(self.raw, name), dtype=np.float64), self.nu, clusters)


def shown(effect: Effect) -> Result:
    """An effect as JSON has it."""
    return {"est": effect.est, "se": effect.se, "ci": pair(effect.ci), "p": effect.p}


def sequential(effect: Effect, n: int, n_star: float, alpha: float) -> Result:
    """The always-valid interval and p-value of an absolute difference."""
    interval = always_valid_interval(effect.est, effect.se, n, n_star, alpha)
    p = always_valid_p(effect.est, effect.se, n, n_star, alpha)
    return {f"sequential_absolute_N{n_star:.15g}": {"ci": pair(interval), "p": p}}


def _shape(metric: str, field: str, *, ratio: bool) -> None:
    parts = metric.split("/")
    if len(parts) != (2 if ratio else 1) or not all(parts):
        raise ValidationFailed(
            f"{field} is {'numerator/denominator' if ratio else 'the name of one value'}", field=field
        )

"""Analyses around a comparison: sequences, planned looks, sample ratio, many tests, posteriors."""

import re
from typing import Annotated, ClassVar, Final

from pydantic import Field

from domain.errors import ValidationFailed
from domain.experiments import corrections
from domain.experiments.bayesian import beta_posterior, chance_to_beat, credible, expected_loss
from domain.experiments.case import Case, Chance, Count, Inputs, Level, Positive, Result, pair
from domain.experiments.group_sequential import Spending, boundaries
from domain.experiments.later import stats
from domain.experiments.sample_ratio import sample_ratio
from domain.experiments.sequential import (
    DEFAULT_N_STAR,
    always_valid_p,
    exact_one_sided_multiplier,
    multiplier,
    one_sided_multiplier,
)

SPENDINGS: Final[dict[str, Spending]] = {"obf": "obf", "obrienfleming": "obf", "pocock": "pocock"}

OneSided = Annotated[float, Field(gt=0.0, lt=0.5)]


class NormalMixtureBoundary(Case):
    """How wide an interval that may be looked at any time is, in standard errors."""

    kind: ClassVar[str] = "normal_mixture_boundary"
    method: ClassVar[str] = "normal mixture; rho for alpha two-sided, for 2 alpha one-sided"
    assumptions: ClassVar[tuple[str, ...]] = ("N counts the units of both arms", "N_star was chosen before the start")

    alpha: OneSided = 0.05
    N: Positive
    N_star: Positive = DEFAULT_N_STAR

    def result(self) -> Result:
        """Beside it, what a single look needs."""
        asked = self.N, self.N_star, self.alpha
        return {
            "two_sided_multiplier_of_se": multiplier(*asked),
            "one_sided_exact_multiplier": exact_one_sided_multiplier(*asked),
            "one_sided_gbstats_closed_form_multiplier": one_sided_multiplier(*asked),
            "fixed_z": float(stats.norm.ppf(1.0 - self.alpha / 2.0)),
        }


class AlwaysValidP(Case):
    """A p-value that may be looked at any time."""

    kind: ClassVar[str] = "always_valid_p"
    method: ClassVar[str] = "asymptotic confidence sequence, normal mixture"
    assumptions: ClassVar[tuple[str, ...]] = NormalMixtureBoundary.assumptions

    est: float
    se: Positive
    N: Positive
    N_star: Positive = DEFAULT_N_STAR
    alpha: Level = 0.05

    def result(self) -> Result:
        """`alpha` only says where the sequence is tightest."""
        return {"p": always_valid_p(self.est, self.se, self.N, self.N_star, self.alpha)}


class GroupSequential(Case):
    """Boundaries for planned looks."""

    kind: ClassVar[str] = "group_sequential_lan_demets"
    method: ClassVar[str] = "error spending, recursive numerical integration"
    assumptions: ClassVar[tuple[str, ...]] = ("increments are independent and normal", "looks do not depend on results")

    alpha: Level = 0.05
    information: Annotated[list[Chance], Field(min_length=1, max_length=100)]
    spending: str

    def result(self) -> Result:
        """`spending` is `obf` or `pocock`."""
        name = re.sub("[^a-z]", "", self.spending.lower())
        if name not in SPENDINGS:
            raise ValidationFailed("spending is obf or pocock", field="spending")
        return {"z": boundaries(self.information, self.alpha, SPENDINGS[name])}


class Srm(Case):
    """Whether the arms have the sizes that the weights promise."""

    kind: ClassVar[str] = "srm_chisquare"
    method: ClassVar[str] = "chi-square over the arms of positive weight; Dirichlet-multinomial Bayes factor beside it"
    assumptions: ClassVar[tuple[str, ...]] = ("units of one phase only, each counted once",)

    observed: Annotated[list[Count], Field(min_length=2)]
    weights: Annotated[list[Annotated[float, Field(ge=0.0)]], Field(min_length=2)]

    def result(self) -> Result:
        """The flag is raised for a unit in an arm of weight 0, whatever p is."""
        found = sample_ratio(self.observed, self.weights)
        return {
            "chi2": found.chi2,
            "df": found.df,
            "p": found.p,
            "flag_at_0_001": found.alarm,
            "units_in_zero_weight_arms": found.strays,
            "deviation": list(found.deviations),
            "p_always_valid": found.always_valid_p,
        }


class MultipleComparisons(Case):
    """p-values of many tests."""

    kind: ClassVar[str] = "multiple_comparisons"
    method: ClassVar[str] = "Benjamini-Hochberg, Benjamini-Yekutieli, Holm, Bonferroni, Hochberg"
    assumptions: ClassVar[tuple[str, ...]] = ("bh and hochberg: tests are independent or positively dependent",)

    p: Annotated[list[Chance], Field(min_length=1)]

    def result(self) -> Result:
        """Each adjusted, in the order given."""
        return {
            "bh": corrections.benjamini_hochberg(self.p),
            "by": corrections.benjamini_yekutieli(self.p),
            "holm": corrections.holm(self.p),
            "bonferroni": corrections.bonferroni(self.p),
            "hochberg": corrections.hochberg(self.p),
        }


class BetaShape(Inputs):
    """A Beta distribution; after a Beta(1, 1) prior, 1 + those who did it and 1 + those who did not."""

    alpha: Positive
    beta: Positive


class BetaBinomial(Case):
    """Which of two rates is higher, and what choosing the wrong one costs."""

    kind: ClassVar[str] = "bayes_beta_binomial"
    method: ClassVar[str] = "quadrature over Beta posteriors"
    assumptions: ClassVar[tuple[str, ...]] = ("not safe to peek at: a chance to win is no error rate",)

    A: BetaShape
    B: BetaShape

    def result(self) -> Result:
        """Losses are in the units of the rate."""
        a, b = (beta_posterior(one.alpha, one.beta) for one in (self.A, self.B))
        return {
            "prob_B_beats_A": chance_to_beat(a, b),
            "expected_loss_choose_A": expected_loss(a, b),
            "expected_loss_choose_B": expected_loss(b, a),
            "credible_A_95": pair(credible(a)),
            "credible_B_95": pair(credible(b)),
        }

"""Whether the arms have the sizes that the weights promise; if not, no result can be trusted."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp, fsum, lgamma, log
from typing import Final

from domain.errors import ValidationFailed
from domain.experiments.later import special

ALARM_P: Final = 0.001


@dataclass(frozen=True, slots=True)
class SampleRatio:
    """What the sizes say.

    Attributes:
        chi2: Pearson's statistic over the arms of positive weight.
        df: those arms minus 1.
        p: of a single look.
        deviations: observed share minus promised share, of each arm.
        strays: units in arms of weight 0: an error of assignment whatever p is.
        always_valid_p: may be looked at any number of times.
    """

    chi2: float
    df: int
    p: float
    deviations: tuple[float, ...]
    strays: int
    always_valid_p: float

    @property
    def alarm(self) -> bool:
        """Whether results are not to be trusted, where sizes are looked at once."""
        return self.p < ALARM_P or self.strays > 0

    @property
    def alarm_at_any_look(self) -> bool:
        """The same where they are looked at again and again: false alarms stay below `ALARM_P` over all looks."""
        return self.always_valid_p < ALARM_P or self.strays > 0


def sample_ratio(observed: Sequence[int], weights: Sequence[float]) -> SampleRatio:
    """Compare sizes with weights.

    Args:
        observed: units in each arm.
        weights: in any unit.

    Raises:
        ValidationFailed: they are not as many, or nothing can be compared.
    """
    if len(observed) != len(weights):
        raise ValidationFailed("there are as many weights as arms", field="weights")
    used = [arm for arm, weight in enumerate(weights) if weight > 0]
    counts, total = [observed[arm] for arm in used], fsum(weights)
    n = sum(counts)
    if len(used) < 2 or n == 0:
        raise ValidationFailed("at least two arms of positive weight and one unit are needed", field="observed")
    shares = [weights[arm] / total for arm in used]
    chi2 = fsum((count - n * share) ** 2 / (n * share) for count, share in zip(counts, shares, strict=True))
    everybody = sum(observed)
    deviations = tuple(one / everybody - weight / total for one, weight in zip(observed, weights, strict=True))
    p = float(special.chdtrc(len(used) - 1, chi2))
    return SampleRatio(chi2, len(used) - 1, p, deviations, everybody - n, _always_valid_p(counts, shares))


def _always_valid_p(counts: Sequence[int], shares: Sequence[float]) -> float:
    """1 over the Bayes factor of a uniform Dirichlet-multinomial against the shares, 1 at most.

    Source: Lindon, Malek, "Anytime-Valid Inference for Multinomial Count Data" (NeurIPS 2022).
    """
    arms = len(counts)
    factor = lgamma(arms) - lgamma(arms + sum(counts))
    factor += fsum(lgamma(1 + count) - count * log(share) for count, share in zip(counts, shares, strict=True))
    return exp(min(0.0, -factor))

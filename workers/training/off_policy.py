"""What another policy would have earned, from lists that were served with known probabilities.

An exposure is a place of a list whose item was drawn with a logged propensity. The estimators weigh its reward by how
much likelier the other policy would have shown it:

- IPS: inverse propensity scoring (Horvitz and Thompson, 1952), with clipped weights (Ionides, 2008);
- SNIPS: its self-normalised form, which does not depend on the level of the rewards (Swaminathan and Joachims, 2015);
- DR: doubly robust (Dudik, Langford and Li, 2011), self-normalised: a model of the reward, corrected by what the
  exposures say against it; it is right if either the propensities or the model are.

Intervals come from resampling people, since what one person does is not independent.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

RESAMPLES: Final = 1000
CHUNKS: Final = 20
COLUMNS: Final = 5
DEFAULT_CLIP: Final = 50.0

Estimator = Callable[[NDArray[np.float64]], NDArray[np.float64]]
"""From sums over exposures, float64[k, 5], to means, float64[k]."""


@dataclass(frozen=True, slots=True, eq=False)
class Exposures:
    """n logged exposures and what a policy would have done in their place.

    Attributes:
        rewards: float64[n], what came of each.
        propensities: float64[n], probability with which the logging policy showed what it showed, in (0, 1].
        target: float64[n], probability with which the policy in question would have shown it.
        predicted: float64[n], the reward that a model expects of what was shown.
        expected: float64[n], the reward that the same model expects of the policy in question in that place.
        people: int64[n], who saw it.

    Raises:
        ValueError: the columns differ in length, or a propensity is not in (0, 1].
    """

    rewards: NDArray[np.float64]
    propensities: NDArray[np.float64]
    target: NDArray[np.float64]
    predicted: NDArray[np.float64]
    expected: NDArray[np.float64]
    people: NDArray[np.int64]

    def __post_init__(self) -> None:
        columns = (self.rewards, self.propensities, self.target, self.predicted, self.expected, self.people)
        if len({column.shape for column in columns}) != 1 or self.rewards.ndim != 1:
            raise ValueError("the columns of exposures differ in length")
        if not np.all((self.propensities > 0) & (self.propensities <= 1)):
            raise ValueError("a propensity is a probability above 0")

    def __len__(self) -> int:
        return len(self.rewards)

    def weights(self, clip: float = DEFAULT_CLIP) -> NDArray[np.float64]:
        """Importance weights, float64[n], at most `clip`: clipping trades a little bias for much variance."""
        return np.minimum(self.target / self.propensities, clip)

    def effective_size(self, clip: float = DEFAULT_CLIP) -> float:
        """How many equally weighted exposures say as much (Kish, 1965); 0 if none speaks of the policy."""
        weights = self.weights(clip)
        squares = float((weights**2).sum())
        return float(weights.sum()) ** 2 / squares if squares > 0 else 0.0


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean reward for each exposure, with its 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Estimates:
    """The three estimates of one policy, and how much they rest on."""

    ips: Estimate
    snips: Estimate
    doubly_robust: Estimate
    effective_size: float


def estimates(exposures: Exposures, seed: int) -> Estimates:
    """What the policy would have earned.

    Raises:
        ValueError: no exposure speaks of the policy.
    """
    table = _table(exposures)
    resampled = _resampled(table, seed)
    return Estimates(
        ips=_estimate(table, resampled, _ips),
        snips=_estimate(table, resampled, _snips),
        doubly_robust=_estimate(table, resampled, _doubly_robust),
        effective_size=exposures.effective_size(),
    )


def difference(one: Exposures, other: Exposures, seed: int) -> Estimate:
    """What `one` would have earned more than `other` on the same exposures, doubly robust and paired.

    Raises:
        ValueError: no exposure speaks of one of the policies.
    """
    table = np.hstack((_table(one), _table(other)))
    return _estimate(
        table,
        _resampled(table, seed),
        lambda sums: _doubly_robust(sums[:, :COLUMNS]) - _doubly_robust(sums[:, COLUMNS:]),
    )


def _table(exposures: Exposures) -> NDArray[np.float64]:
    """The sums that all estimators are made of, for each person: float64[people, 5]."""
    weights = exposures.weights()
    if not weights.any():
        raise ValueError("no exposure speaks of the policy")
    people = np.unique(exposures.people, return_inverse=True)[1]
    columns = (
        np.ones(len(exposures)),
        weights,
        weights * exposures.rewards,
        weights * (exposures.rewards - exposures.predicted),
        exposures.expected,
    )
    return np.stack([np.bincount(people, weights=column) for column in columns], axis=1)


def _ips(sums: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(sums[:, 2] / sums[:, 0])


def _snips(sums: NDArray[np.float64]) -> NDArray[np.float64]:
    return _ratio(sums[:, 2], sums[:, 1])


def _doubly_robust(sums: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(sums[:, 4] / sums[:, 0] + _ratio(sums[:, 3], sums[:, 1]))


def _ratio(above: NDArray[np.float64], below: NDArray[np.float64]) -> NDArray[np.float64]:
    """Their ratio; 0 where nothing speaks of the policy."""
    return np.divide(above, below, out=np.zeros_like(above), where=below > 0)


def _resampled(table: NDArray[np.float64], seed: int) -> NDArray[np.float64]:
    """Sums over people drawn with replacement, float64[resamples, columns]; some at a time, to bound the memory."""
    rng, count = np.random.default_rng(seed), len(table)
    share = np.full(count, 1.0 / count)
    chunks = [rng.multinomial(count, share, RESAMPLES // CHUNKS) @ table for _ in range(CHUNKS)]
    return np.asarray(np.concatenate(chunks), dtype=np.float64)


def _estimate(table: NDArray[np.float64], resampled: NDArray[np.float64], of: Estimator) -> Estimate:
    value = float(of(table.sum(axis=0)[np.newaxis])[0])
    low, high = np.quantile(of(resampled), (0.025, 0.975))
    return Estimate(value, float(low), float(high))

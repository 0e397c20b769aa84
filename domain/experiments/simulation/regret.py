"""What bandits lose while they learn, beside an equal split and beside whoever knew the best arm from the start.

Regret is counted in rewards that an exposure would have earned more, on average, under the best arm. Traffic comes in
batches, and the split moves after each, as it does when the service reallocates every hour.
"""

from collections.abc import Callable, Mapping
from typing import Final

import numpy as np

from domain.experiments.allocation import THOMPSON, UCB1, ArmOutcome, reallocate
from domain.experiments.bandits import with_floor
from domain.experiments.contextual import INVERSE_GAP, LINUCB, LinearArm, split_by_context
from domain.experiments.simulation.study import (
    Advance,
    Curve,
    Finding,
    Floats,
    Goal,
    Outcome,
    Picture,
    Study,
    chunks,
    mean_of,
    share_of,
)

BATCH: Final = 400
BATCHES: Final = 50
FLOOR: Final = 0.05

RATES: Final = np.array([0.10, 0.11, 0.12, 0.15])

CONTEXTS: Final = np.array([[1.0, 0.0, 0.0], [1.0, 1.0, 0.0], [1.0, 0.0, 1.0], [1.0, 1.0, 1.0]])
"""A constant and two traits, which every second unit has."""

WEIGHTS: Final = np.array([[0.14, 0.0, 0.0], [0.08, 0.14, 0.0], [0.08, 0.0, 0.14]])
"""Each arm's reward: without traits the first arm is the best, with one of them the arm that is made for it."""

ON_CONTEXTS: Final = CONTEXTS @ WEIGHTS.T

Split = Callable[[Floats, Floats], Floats | None]
"""From exposures and rewards so far, each float64[contexts, arms], to the next split of the same shape."""


def _regardless(policy: str) -> Split:
    """A policy that does not look at contexts."""

    def split(shown: Floats, earned: Floats) -> Floats | None:
        totals = zip(shown.sum(axis=0).tolist(), earned.sum(axis=0).tolist(), strict=True)
        shares = reallocate(policy, [ArmOutcome(int(n), done, done) for n, done in totals], FLOOR, rate=True)
        return None if shares is None else np.tile(shares, (len(shown), 1))

    return split


def _by_context(policy: str) -> Split:
    def split(shown: Floats, earned: Floats) -> Floats | None:
        units = shown.astype(np.int64)
        arms = [LinearArm.of(CONTEXTS, earned[:, arm], units[:, arm]) for arm in range(shown.shape[1])]
        return split_by_context(policy, arms, CONTEXTS, FLOOR)

    return split


ALONE: Final[Mapping[str, Split]] = {"Thompson": _regardless(THOMPSON), "UCB1": _regardless(UCB1)}
IN_CONTEXT: Final[Mapping[str, Split]] = {
    "Thompson, no context": _regardless(THOMPSON),
    "LinUCB": _by_context(LINUCB),
    "inverse gap": _by_context(INVERSE_GAP),
}


def regret_of(rates: Floats, split: Floats) -> float:
    """The regret of a batch under a split, both float64[contexts, arms]; contexts are equally frequent."""
    return float(BATCH * ((rates.max(axis=1, keepdims=True) - rates) * split).sum(axis=1).mean())


def knowing(rates: Floats) -> Floats:
    """The split of whoever knows the best arm of each context and keeps the floors."""
    best = np.eye(rates.shape[1])[rates.argmax(axis=1)]
    return np.array([with_floor(row, FLOOR) for row in best.tolist()])


def _run(rng: np.random.Generator, rates: Floats, policy: Split) -> tuple[Floats, Floats]:
    """The regret of each batch, float64[batches], and the last split."""
    split = np.full(rates.shape, 1.0 / rates.shape[1])
    shown, earned = np.zeros(rates.shape), np.zeros(rates.shape)
    lost = np.empty(BATCHES)
    for batch in range(BATCHES):
        lost[batch] = regret_of(rates, split)
        arrived = rng.multinomial(BATCH, np.full(len(rates), 1.0 / len(rates)))
        exposed = rng.multinomial(arrived, split)
        shown += exposed
        earned += rng.binomial(exposed, rates)
        proposed = policy(shown, earned)
        split = split if proposed is None else proposed
    return lost, split


def _measure(rng: np.random.Generator, runs: int, advance: Advance) -> Outcome:
    plain, picture = _compare("", rng, runs, advance, RATES[np.newaxis], ALONE)
    context, other = _compare("contexts: ", rng, runs, advance, ON_CONTEXTS, IN_CONTEXT)
    return Outcome((*plain, *context), (picture, other))


def _compare(  # the two settings differ in their arms and in who competes
    prefix: str, rng: np.random.Generator, runs: int, advance: Advance, rates: Floats, policies: Mapping[str, Split]
) -> tuple[list[Finding], Picture]:
    equal = regret_of(rates, np.full(rates.shape, 1.0 / rates.shape[1])) * BATCHES
    informed = regret_of(rates, knowing(rates)) * BATCHES
    one_arm = regret_of(rates, np.tile(knowing(rates.mean(axis=0, keepdims=True)), (len(rates), 1))) * BATCHES
    units = tuple(float(BATCH * (batch + 1)) for batch in range(BATCHES))
    findings = [_exactly(f"{prefix}equal split: regret", equal), _exactly(f"{prefix}best arm known: regret", informed)]
    if len(rates) > 1:
        findings.append(_exactly(f"{prefix}best single arm known: regret", one_arm))
    curves = [_straight("equal split", units, equal), _straight("best arm known, floors kept", units, informed)]
    for name, policy in policies.items():
        lost, right = [], 0
        for _ in chunks(runs, 1, advance, 0.5 / len(policies)):
            batches, split = _run(rng, rates, policy)
            lost.append(batches)
            right += bool((split.argmax(axis=1) == rates.argmax(axis=1)).all())
        totals = np.array(lost)
        findings.append(mean_of(f"{prefix}{name}: regret", totals.sum(axis=1), _goal(name, equal, one_arm)))
        if policies is ALONE:
            findings.append(share_of(f"{name}: best arm has most traffic at the end", right, runs))
        curves.append(Curve(name, units, tuple(float(mean) for mean in totals.mean(axis=0).cumsum())))
    title = "Regret, arms that differ by context" if len(rates) > 1 else "Regret, arms with one rate each"
    return findings, Picture(title, "exposures", tuple(curves))


def _goal(name: str, equal: float, one_arm: float) -> Goal:
    """Less than a policy without learning loses; whoever sees contexts, less than the best arm for all of them."""
    if name in ("LinUCB", "inverse gap"):
        return Goal(high=one_arm)
    return Goal(high=0.5 * equal) if name == "Thompson" else Goal(high=equal)


def _exactly(name: str, value: float) -> Finding:
    return mean_of(name, np.full(2, value))


def _straight(name: str, units: tuple[float, ...], total: float) -> Curve:
    return Curve(name, units, tuple(total * unit / units[-1] for unit in units))


STUDY: Final = Study(
    "regret",
    f"bandits over {BATCH * BATCHES:,} exposures in {BATCHES} batches: rewards lost while learning",
    60,
    _measure,
)

"""How much a value is spoken for, level by level: a person in a context, the person, people like them, everybody.

Each level takes the one above it as its prior and moves away from it as far as its own evidence goes, so a level
without evidence changes nothing. This is the back-off of hierarchical Dirichlet models (MacKay and Peto, A Hierarchical
Dirichlet Language Model, 1995); the weight N/(N+k) that a level gets is Bühlmann's credibility (Gelman et al., Bayesian
Data Analysis, 2.4 and 3.4). A later acceptance of a value never lowers its share.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import fsum
from typing import Final, NamedTuple

from domain.generation.model import ParameterSource
from domain.generation.parameters import Choice, Quantity, Value
from domain.profiles.naming import facet_value

DEFAULT_SHARE: Final = 0.5
"""The share of the default before anything was observed; the other values have the rest in equal parts."""

OPEN_VALUES: Final = 50
"""How many values a parameter that takes any text is taken to have."""

_BISECTIONS: Final = 60


class Vote(NamedTuple):
    """One value that something speaks for, or against where the weight is negative; the weight is decayed already."""

    value: Value
    weight: float


@dataclass(frozen=True, slots=True)
class Level:
    """What one group of generations says of one parameter.

    Attributes:
        source: whose generations.
        votes: in any order.
        prior_weight: the weight, in votes, of the level above it.
        evidence: how many generations or people are behind the votes.
    """

    source: ParameterSource
    votes: Sequence[Vote]
    prior_weight: float
    evidence: int


@dataclass(frozen=True, slots=True)
class Belief:
    """What is believed best, and why.

    Attributes:
        value: the best value.
        source: where most of what speaks for it comes from.
        confidence: the part of the posterior for this value that comes from observations, 0 to 1.
        share: the whole posterior of this value, 0 to 1; for a number, of values that agree with it.
        evidence: how many generations or people are behind the source.
    """

    value: Value
    source: ParameterSource
    confidence: float
    share: float
    evidence: int


def believe(
    parameter: Choice | Quantity, default: Value, levels: Iterable[Level], barred: Collection[str] = ()
) -> Belief:
    """The best value of `parameter`.

    Args:
        parameter: what it may be.
        default: its value where nothing was observed.
        levels: from the widest group to the narrowest.
        barred: choices that must not be answered, unless there is no other, as facets spell them.
    """
    said = [level for level in levels if level.votes]
    if isinstance(parameter, Choice):
        value, parts = _best_choice(parameter, default, said, barred)
    else:
        value, parts = _best_quantity(parameter, float(default), said)
    return _belief(value, parts, said)


def shares(parameter: Choice, default: Value, levels: Iterable[Level]) -> dict[Value, float]:
    """The posterior share of every value that `parameter` may have, or that was seen where it may be any text."""
    parts = _choice_parts(parameter, default, [level for level in levels if level.votes])
    return {value: fsum(by_source.values()) for value, by_source in parts.items()}


Parts = dict[ParameterSource, float]


def _belief(value: Value, parts: Parts, levels: Sequence[Level]) -> Belief:
    evidence = {level.source: level.evidence for level in levels}
    # The narrower of two equal sources; `parts` begins with the default and widest.
    source = max(reversed(parts), key=lambda one: parts[one])
    share = fsum(parts.values())
    if source is ParameterSource.DEFAULT:
        return Belief(value, source, 0.0, share, 0)
    observed = fsum(part for one, part in parts.items() if one is not ParameterSource.DEFAULT)
    return Belief(value, source, observed, share, evidence[source])


def _best_choice(
    parameter: Choice, default: Value, levels: Sequence[Level], barred: Collection[str]
) -> tuple[Value, Parts]:
    parts = _choice_parts(parameter, default, levels)
    allowed = [value for value in parts if facet_value("", value) not in barred] or list(parts)
    best = min(allowed, key=lambda value: (-fsum(parts[value].values()), value != default, str(value)))
    return best, parts[best]


def _choice_parts(parameter: Choice, default: Value, levels: Sequence[Level]) -> dict[Value, Parts]:
    """The share of each value, by where it comes from."""
    prior = _prior(parameter, default, levels)
    parts: dict[Value, Parts] = {value: {ParameterSource.DEFAULT: share} for value, share in prior.items()}
    for level in levels:
        spoken_for = _spoken_for(level.votes, prior)
        total = fsum(abs(vote.weight) for vote in level.votes) + level.prior_weight
        for value, found in parts.items():
            for source in found:
                found[source] *= level.prior_weight / total
            found[level.source] = spoken_for.get(value, 0.0) / total
        prior = {value: fsum(found.values()) for value, found in parts.items()}
    return parts


def _prior(parameter: Choice, default: Value, levels: Sequence[Level]) -> dict[Value, float]:
    values = parameter.values or tuple(sorted({vote.value for level in levels for vote in level.votes}, key=str))
    others = [value for value in values if value != default]
    possible = len(others) if parameter.values else max(OPEN_VALUES, len(others))
    return {default: DEFAULT_SHARE} | dict.fromkeys(others, (1 - DEFAULT_SHARE) / possible)


def _spoken_for(votes: Sequence[Vote], prior: Mapping[Value, float]) -> dict[Value, float]:
    """Weight in favour of each value. A vote against one speaks for the others, as likely as each was held before."""
    found: defaultdict[Value, list[float]] = defaultdict(list)
    for value, weight in votes:
        if weight > 0:
            found[value].append(weight)
            continue
        for other, share in prior.items():
            if other != value:
                found[other].append(-weight * share / (1 - prior[value]))
    return {value: fsum(sorted(parts)) for value, parts in found.items()}


def _best_quantity(parameter: Quantity, default: float, levels: Sequence[Level]) -> tuple[Value, Parts]:
    centre = parameter.scaled(default)
    delta = parameter.spread
    credible: list[tuple[ParameterSource, Sequence[tuple[float, float]], float]] = [
        (ParameterSource.DEFAULT, [(centre, 1.0)], 1.0)
    ]
    for level in levels:
        # A vote against a number does not say in which direction the better one lies.
        votes = sorted((parameter.scaled(float(value)), weight) for value, weight in level.votes if weight > 0)
        amount = fsum(weight for _, weight in votes)
        if not amount:
            continue
        centre = huber_location([*votes, (centre, level.prior_weight)], delta)
        credibility = amount / (amount + level.prior_weight)
        credible = [(source, seen, weight * (1 - credibility)) for source, seen, weight in credible]
        credible.append((level.source, votes, credibility))
    value = parameter.rounded(parameter.unscaled(centre))
    near = parameter.scaled(float(value))
    parts = {source: weight * _agreement(seen, near, delta) for source, seen, weight in credible}
    if not any(parts.values()):
        # Nobody is close to the middle of opposites: the heaviest of them decided it, with no confidence.
        heaviest = max(credible, key=lambda one: one[2])[0]
        return value, {ParameterSource.DEFAULT: 0.0} | {heaviest: 0.0}
    return value, parts


def huber_location(observations: Sequence[tuple[float, float]], delta: float) -> float:
    """Huber's M-estimate of location: the point where outliers pull with the force of `delta` and no more.

    Huber, Robust Estimation of a Location Parameter, 1964, with a known scale. The sum is convex, so adding an
    observation moves the estimate towards it or not at all, and it never leaves the range of what was observed.

    Args:
        observations: values with their weights above 0; at least one.
        delta: how far an observation may be before its pull stops growing.
    """
    low, high = min(value for value, _ in observations), max(value for value, _ in observations)
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        pull = fsum(weight * min(max(value - middle, -delta), delta) for value, weight in observations)
        low, high = (middle, high) if pull > 0 else (low, middle)
    return (low + high) / 2


def _agreement(votes: Sequence[tuple[float, float]], near: float, delta: float) -> float:
    """The part of the votes that lies within the tolerance of `near`, 0 to 1."""
    return fsum(w for v, w in votes if abs(v - near) <= delta + 1e-9) / fsum(w for _, w in votes)

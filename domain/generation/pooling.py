"""What many people chose, so that newcomers begin where most end; nothing that fewer than five people stand behind.

Each person has one vote for each parameter in each context, split over the values that their videos kept, so that who
generates most decides no more than others. Only people who agreed to training are counted. A value is kept only with
five different people behind it (k-anonymity; Sweeney, 2002); a number is the mean of the people's own middles, the
outermost tenths drawn in, so that it is nobody's own.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import product
from math import fsum
from typing import Final

from domain.disclosure import FEWEST_PEOPLE
from domain.generation.model import OTHER, Context, Observation
from domain.generation.parameters import PARAMETERS, Parameter, Quantity, Value
from domain.generation.posterior import huber_location

OUTERMOST: Final = 0.1
"""The part of the people on either side whose numbers are drawn in."""


@dataclass(frozen=True, slots=True)
class PoolEntry:
    """One value that a group chose.

    Attributes:
        weight: votes for it; one person has one vote for all values together.
        people: how many different people, at least `FEWEST_PEOPLE`.
    """

    value: Value
    weight: float
    people: int


@dataclass(frozen=True, slots=True)
class Pool:
    """What a group chose for one parameter in one context; a number has one entry."""

    entries: tuple[PoolEntry, ...]


Pools = Mapping[tuple[Context, str], Pool]

EVERYBODY: Final = ""
"""The name of the group of all; segments are named by their model and number."""

Ballot = Mapping[tuple[Context, str], Mapping[Value, float]]
"""One person's votes, by context and parameter; those of one parameter in one context sum to less than 1."""


def ballot(observations: Iterable[Observation], now: datetime) -> Ballot:
    """The votes of one person's generations at `now`; only videos that were kept have a vote."""
    kept: defaultdict[tuple[Context, str], list[tuple[Value, float]]] = defaultdict(list)
    for observation in observations:
        weight = observation.weight_at(now)
        if weight > 0:
            for context in _groups(observation.context.listed):
                for name, value in observation.parameters.items():
                    kept[context, name].append((value, weight))
    return {place: _split(PARAMETERS[place[1]], votes) for place, votes in kept.items()}


def pooled(ballots: Iterable[Ballot]) -> Pools:
    """What the people behind `ballots` chose, as far as enough of them chose it."""
    votes: defaultdict[tuple[Context, str], list[Mapping[Value, float]]] = defaultdict(list)
    for one in ballots:
        for place, split in one.items():
            votes[place].append(split)
    pools = {place: _pool(PARAMETERS[place[1]], found) for place, found in votes.items()}
    return {place: pool for place, pool in pools.items() if pool.entries}


def _groups(context: Context) -> Iterator[Context]:
    """The context and the wider ones that it belongs to; unlisted purposes have nothing in common."""
    purposes = {context.purpose, None} - {OTHER}
    devices = {context.device, None} - {OTHER}
    for purpose, device in product(purposes, devices):
        yield Context(purpose, device)


def _split(parameter: Parameter, votes: Sequence[tuple[Value, float]]) -> Mapping[Value, float]:
    """One person's vote: below 1, and the closer to it the more they generated."""
    amount = fsum(weight for _, weight in votes)
    if isinstance(parameter, Quantity):
        middle = huber_location([(parameter.scaled(float(v)), w) for v, w in votes], parameter.spread)
        return {parameter.unscaled(middle): amount / (amount + 1)}
    by_value: defaultdict[Value, list[float]] = defaultdict(list)
    for value, weight in votes:
        by_value[value].append(weight)
    return {value: fsum(sorted(parts)) / (amount + 1) for value, parts in by_value.items()}


def _pool(parameter: Parameter, votes: Sequence[Mapping[Value, float]]) -> Pool:
    if isinstance(parameter, Quantity):
        return _of_numbers(parameter, sorted((float(v), w) for vote in votes for v, w in vote.items()))
    by_value: defaultdict[Value, list[float]] = defaultdict(list)
    for vote in votes:
        for value, weight in vote.items():
            by_value[value].append(weight)
    entries = [
        PoolEntry(value, round(fsum(sorted(parts)), 3), len(parts))
        for value, parts in sorted(by_value.items(), key=lambda entry: str(entry[0]))
        if len(parts) >= FEWEST_PEOPLE
    ]
    return Pool(tuple(entries))


def _of_numbers(parameter: Quantity, votes: Sequence[tuple[float, float]]) -> Pool:
    """The winsorized mean of the people's middles; whoever is further from it than the tolerance lends no weight."""
    if len(votes) < FEWEST_PEOPLE:
        return Pool(())
    scaled = [(parameter.scaled(value), weight) for value, weight in votes]
    cut = max(1, int(len(scaled) * OUTERMOST))
    low, high = scaled[cut][0], scaled[-1 - cut][0]
    drawn_in = [(min(max(value, low), high), weight) for value, weight in scaled]
    mean = fsum(value * weight for value, weight in drawn_in) / fsum(weight for _, weight in drawn_in)
    near = fsum(weight for value, weight in scaled if abs(value - mean) <= parameter.spread)
    value = parameter.rounded(parameter.unscaled(mean))
    return Pool((PoolEntry(value, round(near, 3), len(votes)),) if near else ())

"""From observed generations to parameters: the levels of evidence of one answer, widest first."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from domain.disclosure import in_steps
from domain.generation.model import (
    Context,
    GenerationParameters,
    Observation,
    ParameterSource,
    PersonalizedParameter,
)
from domain.generation.parameters import (
    DEVICE,
    PARAMETERS,
    PURPOSE,
    Parameter,
    Quantity,
    Value,
    camel,
    default_of,
    usable,
)
from domain.generation.pooling import Pool, Pools
from domain.generation.posterior import Level, Vote, believe
from domain.generation.stated import NO_WISHES, Wishes

PERSON_PRIOR: Final = 2.0
"""How many fresh acceptances of one person weigh as much as everything that wider groups say."""

POOL_PRIOR: Final = 5.0
"""How many people of a group weigh as much as everything that wider groups and the defaults say."""

CARRIED_OVER: Final = 0.5
"""What a generation for another context counts, where the parameter carries over at all."""

_WHOLE = frozenset({PURPOSE, DEVICE})


@dataclass(frozen=True, slots=True)
class Known:
    """Everything that an answer may rest on.

    Attributes:
        observations: of the person; empty for an anonymous answer.
        wishes: what the person says about parameters.
        segment: what people like them chose.
        everybody: what the tenant's people chose.
        tried: parameters that an experiment sets for the person.
    """

    observations: Sequence[Observation] = ()
    wishes: Wishes = NO_WISHES
    segment: Pools = field(default_factory=dict)
    everybody: Pools = field(default_factory=dict)
    tried: Mapping[str, Value] = field(default_factory=dict)

    @property
    def used(self) -> tuple[str, ...]:
        """The categories of the person's data among it."""
        had = {
            "generation_outcomes": self.observations,
            "segment": self.segment,
            "stated_preferences": self.wishes,
        }
        return tuple(name for name, data in had.items() if data)


def personalize(asked: Context, known: Known, now: datetime) -> GenerationParameters:
    """Every parameter for a context, as far as `known` goes; ages count from `now`."""
    found = [_found(parameter, asked, known, now) for parameter in PARAMETERS.values()]
    return GenerationParameters(tuple(found), known.used)


def _found(parameter: Parameter, asked: Context, known: Known, now: datetime) -> PersonalizedParameter:
    name, wished = parameter.name, known.wishes.values
    if name in wished:
        return _stated(parameter, wished[name])
    if name in known.tried:
        shown = PersonalizedParameter
        return shown(camel(name), known.tried[name], parameter.unit, ParameterSource.EXPERIMENT, 0.0, 0)
    return _learned(parameter, asked, known, now)


def _stated(parameter: Parameter, value: Value) -> PersonalizedParameter:
    shown = parameter.rounded(float(value)) if isinstance(parameter, Quantity) else value
    return PersonalizedParameter(camel(parameter.name), shown, parameter.unit, ParameterSource.STATED, 1.0, 1)


def _learned(parameter: Parameter, asked: Context, known: Known, now: datetime) -> PersonalizedParameter:
    default = default_of(parameter, asked.purpose, asked.device)
    here, elsewhere = _own_votes(parameter, asked, known.observations, now)
    levels = [
        _pooled(ParameterSource.GLOBAL, parameter, asked, known.everybody),
        _pooled(ParameterSource.SEGMENT, parameter, asked, known.segment),
        Level(ParameterSource.PERSON, elsewhere, PERSON_PRIOR, _counted(parameter, elsewhere)),
        Level(ParameterSource.PERSON_CONTEXT, here, PERSON_PRIOR, _counted(parameter, here)),
    ]
    belief = believe(parameter, default, levels, known.wishes.barred.get(parameter.name, frozenset()))
    bounds = known.wishes.bounds.get(parameter.name)
    if bounds is not None:
        return _stated(parameter, min(max(float(belief.value), bounds[0]), bounds[1]))
    return PersonalizedParameter(
        name=camel(parameter.name),
        value=belief.value,
        unit=parameter.unit,
        source=belief.source,
        confidence=round(belief.confidence, 4),
        evidence=belief.evidence,
    )


def _own_votes(
    parameter: Parameter, asked: Context, observations: Iterable[Observation], now: datetime
) -> tuple[list[Vote], list[Vote]]:
    """The person's votes from just this context, and those that carry over from others."""
    here: list[Vote] = []
    elsewhere: list[Vote] = []
    for observation in observations:
        value = observation.parameters.get(parameter.name)
        if value is None:
            continue
        weight = observation.weight_at(now)
        if _agree(_WHOLE, asked, observation.context):
            here.append(Vote(value, weight))
        elif _agree(parameter.follows, asked, observation.context):
            elsewhere.append(Vote(value, weight * CARRIED_OVER))
    return here, elsewhere


def _agree(parts: frozenset[str], asked: Context, seen: Context) -> bool:
    """Whether both contexts have these parts in common; a part that nobody asks about agrees with any."""
    pairs = {PURPOSE: (asked.purpose, seen.purpose), DEVICE: (asked.device, seen.device)}
    return all(wanted is None or wanted == had for wanted, had in (pairs[part] for part in parts))


def _counted(parameter: Parameter, votes: Sequence[Vote]) -> int:
    return sum(vote.weight > 0 for vote in votes) if isinstance(parameter, Quantity) else len(votes)


def _pooled(source: ParameterSource, parameter: Parameter, asked: Context, pools: Pools) -> Level:
    """What a group chose in the asked context, else in those from which the parameter carries over."""
    carried = Context(
        asked.purpose if PURPOSE in parameter.follows else None,
        asked.device if DEVICE in parameter.follows else None,
    )
    for context in (asked.listed, carried.listed):
        pool = pools.get((context, parameter.name))
        if pool is not None:
            return _level(source, parameter, pool)
    return Level(source, (), POOL_PRIOR, 0)


def _level(source: ParameterSource, parameter: Parameter, pool: Pool) -> Level:
    values = [(usable({parameter.name: entry.value}).get(parameter.name), entry) for entry in pool.entries]
    votes = [Vote(value, entry.weight) for value, entry in values if value is not None]
    people = max((entry.people for entry in pool.entries), default=0)
    return Level(source, votes, POOL_PRIOR, in_steps(people) if people else 0)

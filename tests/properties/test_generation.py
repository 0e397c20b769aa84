"""What holds for any reports and any votes: order and repetition do not count, acceptance never harms, bounds hold."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from hypothesis import given
from hypothesis import strategies as st

from domain.disclosure import FEWEST_PEOPLE
from domain.generation.model import Context, GenerationReport, Observation, Outcome, ParameterSource
from domain.generation.parameters import DEVICES, PARAMETERS, PURPOSES, Choice, Parameter, Quantity, Value, default_of
from domain.generation.personalizing import Known, personalize
from domain.generation.pooling import ballot, pooled
from domain.generation.posterior import Level, Vote, believe, huber_location, shares
from domain.generation.tracking import Tracked, events_of
from domain.ids import ItemId
from domain.profiles.facets import learn
from domain.profiles.model import LoggedEvent

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
SERIES = UUID(int=7)
KNOWN = frozenset({ItemId("intro"), ItemId("retro")})
CHOICES = [parameter for parameter in PARAMETERS.values() if isinstance(parameter, Choice)]
QUANTITIES = [parameter for parameter in PARAMETERS.values() if isinstance(parameter, Quantity)]

contexts = st.builds(
    Context,
    st.none() | st.sampled_from(sorted(PURPOSES)) | st.just("a purpose of our own"),
    st.none() | st.sampled_from(sorted(DEVICES)),
)


def values_of(parameter: Parameter) -> st.SearchStrategy[Value]:
    if isinstance(parameter, Quantity):
        return st.floats(parameter.low, parameter.high)
    return st.sampled_from(parameter.values or ("modern", "retro", "noir"))


parameters = st.fixed_dictionaries({}, optional={name: values_of(one) for name, one in PARAMETERS.items()})


@st.composite
def reports(draw: st.DrawFn) -> GenerationReport:
    outcome = draw(st.none() | st.sampled_from(Outcome))
    return GenerationReport(
        generation_id="g",
        context=draw(contexts),
        template=draw(st.none() | st.sampled_from(["intro", "unknown"])),
        style=draw(st.none() | st.just("retro")),
        parameters=draw(parameters),
        outcome=outcome,
        edited_parameters=draw(parameters) if outcome is Outcome.EDITED else {},
        rating=draw(st.none() | st.floats(1, 5)),
        occurred_at=NOW - timedelta(minutes=draw(st.integers(0, 5))),
    )


@st.composite
def observations(draw: st.DrawFn) -> Observation:
    return Observation(
        context=draw(contexts),
        parameters=draw(parameters),
        approval=draw(st.floats(-1, 1.5).filter(bool)),
        half_life_days=120,
        occurred_at=NOW - timedelta(days=draw(st.integers(0, 400))),
    )


def told(order: list[GenerationReport]) -> tuple[Tracked, Any]:
    """What is known at the end, and what the profile learned from the log."""
    known = Tracked("g")
    log = {}
    for report in order:
        assert report.occurred_at is not None
        known = known.after(report, report.occurred_at, KNOWN)
        for event in events_of(known, SERIES):
            log.setdefault(event.event_id, event)
    events = [LoggedEvent(e.event_id, e.type, e.item_id, e.occurred_at, e.payload) for e in log.values()]
    learned = learn(events, {})
    return known, (learned.facets, learned.devices)


@given(st.lists(reports(), min_size=1, max_size=6), st.randoms(use_true_random=False))
def test_order_and_redelivery_of_reports_do_not_matter(said: list[GenerationReport], random: Any) -> None:
    delivered = said * 2
    random.shuffle(delivered)
    known, learned = told(delivered)
    first, facets = told(said)
    assert (known, known.observation(), known.items) == (first, first.observation(), first.items)
    assert learned == facets


def levels(votes: list[Vote]) -> list[Level]:
    here, there = votes[::2], votes[1::2]
    return [
        Level(ParameterSource.PERSON, there, 2.0, len(there)),
        Level(ParameterSource.PERSON_CONTEXT, here, 2.0, len(here)),
    ]


@given(st.data(), st.sampled_from(CHOICES), st.integers(0, 1))
def test_an_acceptance_never_lowers_the_share_of_its_value(data: st.DataObject, parameter: Choice, level: int) -> None:
    weights = st.floats(-2, 2).filter(bool)
    votes = data.draw(st.lists(st.builds(Vote, values_of(parameter), weights), max_size=12))
    value = data.draw(values_of(parameter))
    before = levels(votes)
    after = levels(votes)
    found = after[level]
    after[level] = Level(found.source, [*found.votes, Vote(value, data.draw(st.floats(0.01, 2)))], 2.0, 1)
    earlier = shares(parameter, parameter.default, before)
    later = shares(parameter, parameter.default, after)
    assert later[value] >= earlier.get(value, 0.0) - 1e-12
    if value in earlier:
        assert later[value] > earlier[value] - 1e-12
    assert sum(later.values()) <= 1 + 1e-9


@given(st.lists(st.tuples(st.floats(-50, 50), st.floats(0.01, 3)), min_size=1, max_size=10), st.floats(-50, 50))
def test_an_observation_never_drives_the_middle_away(seen: list[tuple[float, float]], value: float) -> None:
    before = huber_location(seen, 1.5)
    after = huber_location([*seen, (value, 1.0)], 1.5)
    assert min(seen)[0] - 1e-9 <= before <= max(seen)[0] + 1e-9
    assert abs(after - value) <= abs(before - value) + 1e-9
    assert (after - before) * (value - before) >= -1e-9


@given(contexts, st.lists(observations(), max_size=12), st.lists(observations(), max_size=8))
def test_every_parameter_is_within_its_bounds(
    asked: Context, own: list[Observation], others: list[Observation]
) -> None:
    pools = pooled([ballot(others, NOW)] * FEWEST_PEOPLE)
    found = personalize(asked, Known(observations=own, everybody=pools), NOW)
    assert [one.name for one in found.parameters] == [
        one.name for one in personalize(Context(), Known(), NOW).parameters
    ]
    for parameter, one in zip(PARAMETERS.values(), found.parameters, strict=True):
        assert parameter.checked(one.value, "value") == one.value
        assert 0 <= one.confidence <= 1
        assert one.evidence >= 0
        if one.source is ParameterSource.DEFAULT:
            assert (one.confidence, one.evidence) == (0, 0)


@given(contexts)
def test_nothing_observed_gives_the_defaults(asked: Context) -> None:
    found = personalize(asked, Known(), NOW)
    for parameter, one in zip(PARAMETERS.values(), found.parameters, strict=True):
        assert one.value == default_of(parameter, asked.purpose, asked.device)
    assert found.used == ()


@given(st.lists(st.lists(observations(), max_size=4), max_size=9), st.lists(observations(), min_size=1, max_size=4))
def test_a_pool_holds_no_choice_of_fewer_than_five_people(
    people: list[list[Observation]], alone: list[Observation]
) -> None:
    odd = [Observation(o.context, {"visual_style": f"{uuid4()}"}, 1.0, 120, NOW) for o in alone]
    pools = pooled([ballot(own, NOW) for own in people] + [ballot(odd, NOW)] * (FEWEST_PEOPLE - 1))
    for (_, name), pool in pools.items():
        for entry in pool.entries:
            assert entry.people >= FEWEST_PEOPLE
            if name == "visual_style":
                assert entry.value not in {o.parameters["visual_style"] for o in odd}


@given(st.sampled_from(QUANTITIES), st.data())
def test_the_default_is_kept_without_votes(parameter: Quantity, data: st.DataObject) -> None:
    default = data.draw(values_of(parameter))
    belief = believe(parameter, default, [])
    assert belief.value == parameter.rounded(float(default))
    assert (belief.source, belief.confidence) == (ParameterSource.DEFAULT, 0.0)

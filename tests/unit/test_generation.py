"""How parameters are believed: figures worked out by hand, and what pools may say."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from domain.errors import ValidationFailed
from domain.generation.filing import COLUMN, TABLE
from domain.generation.model import Context, GenerationReport, Observation, Outcome, ParameterSource
from domain.generation.parameters import DEVICES, PARAMETERS, PURPOSES, Choice, Quantity, checked, default_of
from domain.generation.personalizing import Known, personalize
from domain.generation.pooling import Pool, PoolEntry, ballot, pooled
from domain.generation.posterior import Level, Vote, believe, huber_location, shares
from domain.generation.service import observations_of
from domain.generation.stated import wishes_of
from domain.generation.tracking import Tracked, tracked_from_json, tracked_to_json
from domain.ids import SubjectId
from domain.privacy.encryption import SubjectKey
from domain.profiles.portrait import NO_TASTE, Taste

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
PACE = PARAMETERS["pace"]
DURATION = PARAMETERS["duration_seconds"]
HERE = ParameterSource.PERSON_CONTEXT
ANYWHERE = Context()
assert isinstance(PACE, Choice)
assert isinstance(DURATION, Quantity)


def level(*votes: tuple[str | float, float], source: ParameterSource = HERE) -> Level:
    return Level(source, [Vote(*vote) for vote in votes], 2.0, len(votes))


def kept(value: str | float, name: str = "pace", context: Context = ANYWHERE, approval: float = 1.0) -> Observation:
    return Observation(context, {name: value}, approval, 120, NOW)


def test_the_share_of_a_value_is_its_votes_and_its_part_of_the_prior() -> None:
    found = shares(PACE, "medium", [level(("slow", 1.0), ("slow", 1.0), ("fast", 1.0))])
    # Two and a prior of 2 x 1/4, of 3 + 2 together.
    assert found == pytest.approx({"slow": 2.5 / 5, "medium": 1.0 / 5, "fast": 1.5 / 5})


def test_a_vote_against_a_value_speaks_for_the_others_as_they_were_held_before() -> None:
    found = shares(PACE, "medium", [level(("medium", -1.0))])
    assert found == pytest.approx({"medium": 1 / 3, "slow": 1 / 3, "fast": 1 / 3})


def test_confidence_is_the_part_of_the_posterior_that_was_observed() -> None:
    belief = believe(PACE, "medium", [level(("slow", 1.0), ("slow", 1.0), ("slow", 1.0))])
    assert (belief.value, belief.source, belief.evidence) == ("slow", HERE, 3)
    assert belief.confidence == pytest.approx(3 / 5)
    assert belief.share == pytest.approx(3.5 / 5)


def test_a_narrow_level_outweighs_a_wide_one_as_it_grows() -> None:
    everybody = level(*[("fast", 1.0)] * 20, source=ParameterSource.GLOBAL)
    sources = [believe(PACE, "medium", [everybody, level(*[("slow", 1.0)] * n)]) for n in range(5)]
    assert [belief.value for belief in sources] == ["fast", "fast", "slow", "slow", "slow"]
    assert sources[0].source is ParameterSource.GLOBAL
    assert sources[-1].source is HERE


def test_a_barred_value_is_not_answered() -> None:
    votes = [level(*[("slow", 1.0)] * 9, ("fast", 1.0))]
    assert believe(PACE, "medium", votes, {"slow"}).value == "fast"


def test_one_outlier_moves_a_number_no_more_than_any_other() -> None:
    near = [(3.0, 1.0)] * 5
    assert huber_location([*near, (4.0, 1.0)], 0.2) == pytest.approx(huber_location([*near, (9.0, 1.0)], 0.2), abs=1e-6)


def test_a_number_goes_from_the_default_to_what_was_kept() -> None:
    values = [believe(DURATION, 20, [level(*[(60.0, 1.0)] * n)]).value for n in range(6)]
    assert values[0] == 20
    assert values == sorted(values, key=float)
    assert values[-1] in range(50, 61)


def test_opposites_leave_a_number_without_confidence() -> None:
    belief = believe(DURATION, 30, [level(*[(5.0, 1.0)] * 50, *[(500.0, 1.0)] * 50)])
    assert belief.confidence < 0.05


def test_old_generations_fade() -> None:
    old = Observation(Context(), {"pace": "slow"}, 1.0, 120, NOW - timedelta(days=240))
    assert old.weight_at(NOW) == pytest.approx(0.25)
    assert old.weight_at(NOW - timedelta(days=300)) == 1.0


@pytest.mark.parametrize(
    ("purpose", "device", "expected"),
    [
        ("social_media", "mobile", "9:16"),
        ("social_media", None, "9:16"),
        ("social_media", "desktop", "16:9"),
        ("education", "mobile", "9:16"),
        (None, None, "16:9"),
        ("unheard of", "fridge", "16:9"),
    ],
)
def test_the_device_decides_the_frame(purpose: str | None, device: str | None, expected: str) -> None:
    assert default_of(PARAMETERS["aspect_ratio"], purpose, device) == expected


@pytest.mark.parametrize("purpose", [None, *sorted(PURPOSES)])
@pytest.mark.parametrize("device", [None, *sorted(DEVICES)])
def test_every_default_is_allowed(purpose: str | None, device: str | None) -> None:
    assert checked({name: default_of(one, purpose, device) for name, one in PARAMETERS.items()}, "x")


@pytest.mark.parametrize(
    ("report", "field"),
    [
        (GenerationReport("\ud800"), "generationId"),
        (GenerationReport("g", Context("\ud800")), "purpose"),
        (GenerationReport("g", style="\ud800"), "items.0"),
        (GenerationReport("g", attributes={"a": "\ud800"}), "attributes.a"),
        (GenerationReport("g", parameters={"visual_style": "\ud800"}), "parameters.visual_style"),
    ],
)
def test_a_broken_character_is_refused(report: GenerationReport, field: str) -> None:
    with pytest.raises(ValidationFailed) as refused:
        report.check()
    assert refused.value.field == field


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"aspect": "9:16"}, "parameters.aspect"),
        ({"fps": True}, "parameters.fps"),
        ({"duration_seconds": float("nan")}, "parameters.durationSeconds"),
        ({"duration_seconds": "30"}, "parameters.durationSeconds"),
        ({"visual_style": 3}, "parameters.visualStyle"),
        ({"visual_style": "x" * 129}, "parameters.visualStyle"),
    ],
)
def test_what_is_no_value_names_its_field(given: dict[str, object], field: str) -> None:
    with pytest.raises(ValidationFailed) as refused:
        checked(given, "parameters")
    assert refused.value.field == field


def test_a_pool_keeps_what_five_people_chose_and_nothing_of_fewer() -> None:
    five = [ballot([kept("slow")], NOW)] * 5
    four = [ballot([kept("fast")], NOW)] * 4
    assert pooled(five + four)[Context(), "pace"] == Pool((PoolEntry("slow", 2.5, 5),))
    assert pooled(four) == {}


def test_whoever_generates_most_has_one_vote_all_the_same() -> None:
    busy = ballot([kept("slow")] * 500, NOW)
    assert sum(busy[Context(), "pace"].values()) < 1


def test_what_was_sent_back_has_no_vote() -> None:
    assert ballot([kept("slow", approval=-1.0)], NOW) == {}


def test_a_number_of_a_pool_is_nobodys_own() -> None:
    people = [ballot([kept(seconds, "duration_seconds")], NOW) for seconds in (20, 21, 22, 24, 600)]
    [entry] = pooled(people)[Context(), "duration_seconds"].entries
    assert entry.people == 5
    assert entry.value in range(20, 25)


def test_a_vote_counts_in_the_wider_contexts_too_but_unlisted_ones_have_nothing_in_common() -> None:
    mobile = Context("social_media", "mobile")
    places = {context for context, _ in ballot([kept("slow", context=mobile)], NOW)}
    assert places == {mobile, Context("social_media"), Context(device="mobile"), Context()}
    own = {context for context, _ in ballot([kept("slow", context=Context("ours", "mobile"))], NOW)}
    assert own == {Context(device="mobile"), Context()}


def test_statements_become_values_bounds_and_bars() -> None:
    taste = Taste(
        {},
        {("music", "hip_hop"): 0.0, ("voice", "calm"): 2.0},
        {
            "colour": {"warm": 0.5, "cool": 1.0},
            "fps": {"60": 1.0},
            "duration": {"16 to 30 s": 1.0},
            "pace": {"slow": -1.0},
            "aspect_ratio": {"7:3": 1.0},
            "guidance": {"9.5": 1.0},
        },
    )
    wishes = wishes_of(taste)
    assert wishes.values == {"fps": 60, "colour_palette": "cool", "guidance": 9.5}
    assert wishes.bounds == {"duration_seconds": (16.0, 30.0)}
    assert wishes.barred == {"pace": {"slow"}, "music": {"hip_hop"}}
    assert not wishes_of(NO_TASTE)


def test_statements_win_over_everything() -> None:
    wishes = wishes_of(Taste({}, {}, {"pace": {"fast": 1.0}, "duration": {"16 to 30 s": 1.0}}))
    own = [kept("slow")] * 50 + [kept(300, "duration_seconds")] * 50
    found = {one.name: one for one in personalize(Context(), Known(own, wishes), NOW).parameters}
    assert (found["pace"].value, found["pace"].source) == ("fast", ParameterSource.STATED)
    assert (found["durationSeconds"].value, found["durationSeconds"].source) == (30, ParameterSource.STATED)


def test_people_like_them_come_before_everybody() -> None:
    slow, fast = (pooled([ballot([kept(pace)] * 9, NOW)] * 20) for pace in ("slow", "fast"))
    found = {one.name: one for one in personalize(Context(), Known(segment=slow, everybody=fast), NOW).parameters}
    assert (found["pace"].value, found["pace"].source, found["pace"].evidence) == ("slow", ParameterSource.SEGMENT, 20)


def test_a_rating_strengthens_what_the_outcome_says() -> None:
    def approval(outcome: Outcome, rating: float | None) -> float:
        said = Tracked("g").after(GenerationReport("g", outcome=outcome, rating=rating), NOW).observation()
        return said.approval if said else 0.0

    assert [approval(Outcome.ACCEPTED, rating) for rating in (1, None, 3, 5)] == [0.5, 1.0, 1.0, 1.5]
    assert [approval(Outcome.DISCARDED, rating) for rating in (1, 3, 5)] == [-0.75, -0.5, -0.25]
    assert approval(Outcome.FAILED, 1) == 0.0


def test_what_is_known_survives_being_stored() -> None:
    report = GenerationReport("g", Context("business"), "intro", parameters={"fps": 60}, outcome=Outcome.ACCEPTED)
    known = Tracked("g").after(report, NOW)
    assert tracked_from_json(tracked_to_json(known)) == known
    assert known.after(report, NOW + timedelta(hours=1)) is known


def test_a_row_that_cannot_be_read_costs_only_itself() -> None:
    key = SubjectKey(SubjectId(UUID(int=1)), bytes(32))
    told = Tracked("g").after(GenerationReport("g", parameters={"pace": "slow"}, outcome=Outcome.ACCEPTED), NOW)
    good = key.seal_json(TABLE, COLUMN, tracked_to_json(told))
    strange = key.seal_json(TABLE, COLUMN, {"id": "g", "told": [["digest", "not a time", {}]]})
    found = observations_of([good[:-1], strange, key.seal_json(TABLE, COLUMN, []), good], key)
    assert [observation.parameters for observation in found] == [{"pace": "slow"}]


def test_stored_values_that_are_no_longer_allowed_are_passed_over() -> None:
    stored = tracked_to_json(Tracked("g").after(GenerationReport("g", parameters={"fps": 60}), NOW))
    stored["told"][0][2]["parameters"] = {"fps": 12, "pace": "slow", "gone": 1}
    assert tracked_from_json(stored).parameters == {"pace": "slow"}

"""What the demo's people did: a generative model with a known structure, so that what is learned can be judged.

The model, user by user, from one seed:

* **Taste.** Eight personas favour categories, families of looks and feature groups. A session belongs to the user's
  first persona with 70 %, to the second with 20 %, to any with 10 %. Within a persona an item's chance is its
  popularity (1 / (rank + 10), dealt once per seed) times the persona's factors, times 2.5 for the
  user's own favourite palette and 1.6 for their favourite pace.
* **Drift.** For 25 % of users the first persona fades into another one over their history, so recent behaviour tells
  more than old behaviour.
* **Sessions** run (project created) -> templates viewed -> template used -> styles applied -> features used ->
  (exported), sometimes with a like, a rating, a dismissal or a tag. A style of the template's family is 4 times
  likelier; the feature after the last one in its group 12 times, another of the group twice. A quarter of the templates
  are ones the user has used among their last ten.
* **Context.** Devices follow the persona; on mobile, vertical templates are 2.5 times likelier. Weekday and hour follow
  the persona's schedule; all times are UTC, within 180 days before `now`.
* **Activity** is log-normal with median 25 events and sigma 1.15, at most 900; 30 % of users stopped coming.
* **Noise.** One tenth of all choices go by popularity alone.

`user_123`, whom the documented examples name, is a regular who likes Modern Intro and finishes each of its videos with
the same three features.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from statistics import NormalDist
from typing import Final

import numpy as np

from cli.demo.catalogue import demo_catalogue
from cli.demo.personas import DEVICES, PERSONAS, SCHEDULES
from cli.demo.schedule import HORIZON_DAYS, session_starts
from cli.demo.sessions import Project, draw_project
from cli.demo.taste import Dice, Taste, World, build_world
from cli.importing.records import ImportedEvent
from domain.ids import UserId

DEFAULT_SEED: Final = 7
DEFAULT_USERS: Final = 2000
EXAMPLE_USER: Final = UserId("user_123")

MEDIAN_EVENTS: Final = 25.0
SIGMA_EVENTS: Final = 1.15
MOST_EVENTS: Final = 900
FIRST_SHARE: Final = 0.7
SECOND_SHARE: Final = 0.2
DRIFTING_SHARE: Final = 0.25
STOPPED_SHARE: Final = 0.3

_NAMES: Final = tuple(PERSONAS)
_PERSONA_SUMS: Final = np.cumsum([float(persona.share) for persona in PERSONAS.values()])
_DEVICE_SUMS: Final = {name: np.cumsum(persona.devices) for name, persona in PERSONAS.items()}


@dataclass(frozen=True, slots=True)
class UserHistory:
    """One user with everything they did, oldest first.

    Attributes:
        user_id: `user_123` or `user_0001`, `user_0002`, ...
        persona: the first persona at the start.
        later_persona: what it fades into; the same for a user who does not drift.
        events: none to 900 events in the order of time.
    """

    user_id: UserId
    persona: str
    later_persona: str
    events: tuple[ImportedEvent, ...]


@dataclass(frozen=True, slots=True)
class _Person:
    user_id: UserId
    personas: tuple[str, str]
    later: str
    taste: Taste
    events: int
    days: tuple[float, float]
    favourite: int | None = None


def demo_behaviour(seed: int, users: int, now: datetime) -> Iterator[UserHistory]:
    """Yield `users` histories, the example user's first; the same arguments give the same histories.

    A user's history depends on the seed, `now` and their own number, not on how many users there are.

    Args:
        seed: 0 or greater.
        users: how many.
        now: aware; nothing happens after it.
    """
    world = build_world(demo_catalogue(), seed)
    for number in range(users):
        dice = Dice(seed, 1, number)
        yield _history(_person(dice, world, number), dice, now.astimezone(UTC))


def _person(dice: Dice, world: World, number: int) -> _Person:
    first, second, other = (_NAMES[dice.index(_PERSONA_SUMS)] for _ in range(3))
    later = other if dice.chance(DRIFTING_SHARE) else first
    template = world.templates.items[dice.index(np.cumsum(world.templates.by_persona[first]))]
    taste = Taste(world, str(template.attributes["palette"]), str(template.attributes["pace"]))
    joined = 3 + dice.roll() * (HORIZON_DAYS - 3)
    left = joined * dice.roll() if dice.chance(STOPPED_SHARE) else 0.0
    strength = NormalDist().inv_cdf(max(dice.roll(), 1e-9))
    events = min(int(MEDIAN_EVENTS * math.exp(SIGMA_EVENTS * strength)), MOST_EVENTS)
    if number:
        return _Person(UserId(f"user_{number:04d}"), (first, second), later, taste, events, (joined, left))
    modern = next(index for index, item in enumerate(world.templates.items) if item.item_id == "modern_template")
    taste = Taste(world, palette="cool", pace="medium")
    personas = ("small_business", "social_marketer")
    return _Person(EXAMPLE_USER, personas, personas[0], taste, 120, (30.0, 0.0), favourite=modern)


def _history(person: _Person, dice: Dice, now: datetime) -> UserHistory:
    projects: list[Project] = []
    used: list[int] = []
    drawn = 0
    while drawn < person.events:
        persona = _persona_of_session(person, dice, drawn / person.events)
        device = DEVICES[dice.index(_DEVICE_SUMS[persona])]
        favourite = person.favourite if len(projects) % 2 == 0 else None
        project = draw_project(dice, person.taste, persona, device, used[-10:], favourite)
        project.steps = project.steps[: person.events - drawn]
        drawn += len(project.steps)
        used.append(project.template)
        projects.append(project)
    schedule = SCHEDULES[PERSONAS[person.personas[0]].schedule]
    starts = session_starts(dice, schedule, now, person.days, [project.seconds for project in projects])
    events = tuple(
        event
        for number, (start, project) in enumerate(zip(starts, projects, strict=True), start=1)
        for event in _events(person.user_id, f"{person.user_id}-{number}", start, project)
    )
    return UserHistory(person.user_id, person.personas[0], person.later, events)


def _persona_of_session(person: _Person, dice: Dice, progress: float) -> str:
    roll = dice.roll()
    if roll < FIRST_SHARE:
        return person.later if dice.chance(progress) else person.personas[0]
    if roll < FIRST_SHARE + SECOND_SHARE:
        return person.personas[1]
    return _NAMES[dice.below(len(_NAMES))]


def _events(user_id: UserId, session: str, start: int, project: Project) -> Iterator[ImportedEvent]:
    for step in project.steps:
        yield ImportedEvent(
            user_id=user_id,
            item_id=step.item_id,
            type=step.type,
            value=step.value,
            occurred_at=datetime.fromtimestamp(start + step.seconds, UTC),
            device=project.device,
            session=session,
        )

"""What the days of a person say about each setting of their interface.

Only days that are over count: nothing moves on the day it is clicked. What was done on the same device and surface
counts in full, what was done elsewhere a quarter, and what was done on another device not at all for settings that
depend on the device itself.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import groupby
from typing import Final, TypeAlias, TypeVar

from domain.adaptation.acts import Act
from domain.adaptation.hysteresis import CHANGE_DAYS, Ballot, Standing, choose, collect
from domain.adaptation.model import (
    BOUNDS,
    Density,
    DeviceClass,
    Layout,
    Onboarding,
    Panel,
    Setting,
    SettingEvidence,
    SettingSource,
    Steps,
    Theme,
    UiSettings,
)
from domain.adaptation.routines import Routine
from domain.ids import ItemId

ELSEWHERE: Final = 0.25
"""How much a day on another device, or another surface, counts."""

LEAST_ACTS: Final = 3
"""A day with fewer steps says nothing about density."""

FEW_STEPS: Final = 2
MANY_STEPS: Final = 6
"""Up to two different steps on a day speak for a comfortable density, from six on for a compact one."""

PANEL_SHARE: Final = 0.25
"""A panel counts as used on a day if so much of what was done took place in it."""

HINTS_AFTER_DAYS: Final = 3
NONE_AFTER_DAYS: Final = 7
KNOWN_STEPS: Final = 5
"""Explanations become hints after three days of use, and end after seven with five different steps."""

FORGOTTEN_AFTER: Final = timedelta(days=90)
HELP_WINDOW: Final = timedelta(days=28)
"""Whoever stayed away for ninety days, or opened help on three days of the latest 28, gets hints again."""

Days: TypeAlias = Mapping[date, Sequence[Act]]
Option = TypeVar("Option")
Chosen = TypeVar("Chosen", Density, Theme, Layout)

_TOUCHED: Final = frozenset({DeviceClass.MOBILE, DeviceClass.TABLET})
_PANELS: Final = (Panel.TEMPLATES, Panel.PROJECTS)


@dataclass(frozen=True, slots=True)
class Place:
    """What the settings are for."""

    device: DeviceClass | None
    surface: str | None = None

    def weight(self, act: Act) -> float:
        """How much an act counts here."""
        here = 1.0 if self.on_device(act) else ELSEWHERE
        return here if self.surface in {None, act.surface} else here * ELSEWHERE

    def on_device(self, act: Act) -> bool:
        """Whether an act took place on this class of device, as far as both are known."""
        return self.device is None or act.device is None or act.device is self.device


def learned_settings(acts: Sequence[Act], routines: Sequence[Routine], place: Place, today: date) -> UiSettings:
    """The settings that a person's days speak for, defaults elsewhere.

    Args:
        acts: of the person, in order.
        routines: sequences of steps that could be shortcuts, found before `today`.
        place: device and surface.
        today: the day that is not over.
    """
    over = [act for act in acts if act.day < today]
    days = {day: list(done) for day, done in groupby(over, key=lambda act: act.day)}
    here = {day: kept for day, done in days.items() if (kept := [act for act in done if place.on_device(act)])}
    bounds, touched = BOUNDS[place.device], place.device in _TOUCHED
    density = Density.COMFORTABLE if touched else Density.REGULAR
    layout = Layout.STACKED if touched else Layout.SIDE_BY_SIDE
    panels = collect(_ballots(here, place, _panels_on), _PANELS, bounds.panels)
    tools = collect(_ballots(days, place, _tools_on), (), bounds.tools)
    shortcuts = collect(_shortcut_ballots(routines, place, today), (), bounds.shortcuts)
    return UiSettings(
        device=place.device,
        density=_setting(choose(_density_ballots(here, place), density), touched),
        theme=_setting(choose(_ballots(days, place, _chosen(Theme, "theme", place)), Theme.SYSTEM), by_device=False),
        layout=_setting(choose(_ballots(here, place, _chosen(Layout, "layout", place)), layout), touched),
        onboarding=_onboarding(days, place, today),
        default_panels=_list(panels, touched),
        pinned_tools=_list(tools, by_device=False),
        shortcuts=_list(shortcuts, by_device=False),
    )


def _setting(standing: Standing[Option], by_device: bool) -> Setting[Option]:
    if standing.learned:
        return Setting(standing.shown[0], SettingSource.LEARNED, round(standing.confidence, 6), standing.evidence)
    return Setting(standing.shown[0], _unlearned(by_device))


def _list(standing: Standing[Option], by_device: bool) -> Setting[tuple[Option, ...]]:
    if standing.learned:
        return Setting(standing.shown, SettingSource.LEARNED, round(standing.confidence, 6), standing.evidence)
    return Setting(standing.shown, _unlearned(by_device))


def _unlearned(by_device: bool) -> SettingSource:
    return SettingSource.DEVICE if by_device else SettingSource.DEFAULT


def _ballots(
    days: Days, place: Place, speak: Callable[[Sequence[Act]], Mapping[Option, Sequence[Act]]]
) -> list[Ballot[Option]]:
    """One ballot for each day on which something spoke: each option with the acts that speak for it."""
    found = []
    for day, done in days.items():
        spoken = speak(done)
        if spoken:
            shares = {option: max(map(place.weight, acts)) for option, acts in spoken.items()}
            events = {option: len(acts) for option, acts in spoken.items()}
            found.append(Ballot(day, max(shares.values()), shares, events))
    return found


def _chosen(
    kind: type[Chosen], setting: str, place: Place
) -> Callable[[Sequence[Act]], Mapping[Chosen, Sequence[Act]]]:
    """What was chosen last on a day by changing the interface itself, where that was nearest to `place`."""
    values = {str(value): value for value in kind}

    def speak(done: Sequence[Act]) -> Mapping[Chosen, Sequence[Act]]:
        said = [
            (values[act.chosen[1]], act)
            for act in done
            if act.chosen is not None and act.chosen[0] == setting and act.chosen[1] in values
        ]
        if not said:
            return {}
        nearest = max(place.weight(act) for _, act in said)
        last = [value for value, act in said if place.weight(act) == nearest][-1]
        return {last: [act for value, act in said if value is last]}

    return speak


def _density_ballots(days: Days, place: Place) -> list[Ballot[Density]]:
    allowed = BOUNDS[place.device].densities
    chosen = _chosen(Density, "density", place)

    def speak(done: Sequence[Act]) -> Mapping[Density, Sequence[Act]]:
        said = {density: acts for density, acts in chosen(done).items() if density in allowed}
        if said:
            return said
        worked = [act for act in done if act.step is not None]
        if len(worked) < LEAST_ACTS:
            return {}
        kinds = len({act.step for act in worked})
        fitting = Density.COMFORTABLE if kinds <= FEW_STEPS else Density.REGULAR
        if kinds >= MANY_STEPS and Density.COMPACT in allowed:
            fitting = Density.COMPACT
        return {fitting: worked}

    return _ballots(days, place, speak)


def _panels_on(done: Sequence[Act]) -> Mapping[Panel, Sequence[Act]]:
    counts = Counter(act.panel for act in done if act.panel is not None)
    return {
        panel: [act for act in done if act.panel is panel]
        for panel, count in counts.items()
        if count >= PANEL_SHARE * counts.total()
    }


def _tools_on(done: Sequence[Act]) -> Mapping[ItemId, Sequence[Act]]:
    used: dict[ItemId, list[Act]] = {}
    for act in done:
        if act.tool is not None:
            used.setdefault(act.tool, []).append(act)
    return used


def _shortcut_ballots(routines: Sequence[Routine], place: Place, today: date) -> list[Ballot[Steps]]:
    shares: dict[date, dict[Steps, float]] = {}
    events: dict[date, Counter[Steps]] = {}
    for routine in routines:
        for session in routine.sessions:
            if session.day < today:
                weight = max(map(place.weight, session.acts))
                said = shares.setdefault(session.day, {})
                said[routine.steps] = max(weight, said.get(routine.steps, 0.0))
                events.setdefault(session.day, Counter())[routine.steps] += 1
    return [Ballot(day, max(said.values()), said, events[day]) for day, said in shares.items()]


def _onboarding(days: Days, place: Place, today: date) -> Setting[Onboarding]:
    if not days:
        return Setting(Onboarding.FULL, SettingSource.DEFAULT)
    level, since = _experience(days)
    last = max(days)
    helped = [day for day, done in days.items() if any(act.asked_help for act in done) and last - day < HELP_WINDOW]
    on_device = place.device is None or any(
        act.device in {None, place.device} for done in days.values() for act in done
    )
    away = today - last >= FORGOTTEN_AFTER
    if level is Onboarding.NONE and (away or len(helped) >= CHANGE_DAYS or not on_device):
        level = Onboarding.HINTS
    if level is Onboarding.FULL:
        return Setting(level, SettingSource.DEFAULT)
    evidence = SettingEvidence(sum(map(len, days.values())), len(days), last, since)
    return Setting(level, SettingSource.LEARNED, round(len(days) / (len(days) + CHANGE_DAYS), 6), evidence)


def _experience(days: Days) -> tuple[Onboarding, date | None]:
    """How much has to be explained after these days, and since when."""
    level, since, practised = Onboarding.FULL, None, 0
    known: set[str] = set()
    before: date | None = None
    for day, done in sorted(days.items()):
        if before is not None and day - before >= FORGOTTEN_AFTER and level is Onboarding.NONE:
            level, since, practised = Onboarding.HINTS, day, HINTS_AFTER_DAYS
        practised += 1
        known |= {act.step for act in done if act.step is not None}
        before = day
        if level is Onboarding.FULL and practised >= HINTS_AFTER_DAYS:
            level, since = Onboarding.HINTS, day
        if level is Onboarding.HINTS and practised >= NONE_AFTER_DAYS and len(known) >= KNOWN_STEPS:
            level, since = Onboarding.NONE, day
    return level, since

"""When a setting follows behaviour: day by day, after enough days, by a clear margin, and not back and forth.

An interface that moves under its users costs them more than it saves unless it is predictable (Findlater and McGrenere,
A Comparison of Static, Adaptive, and Adaptable Menus, CHI 2004; Gajos et al., Predictability and Accuracy in Adaptive
User Interfaces, CHI 2008). So each day of the log is counted once, however much was clicked on it, and is replayed in
order through two thresholds (a Schmitt trigger): what is shown stays until something else has enough days and margin.

Everything is a function of the days alone. Scores fade only from one active day to the next, so somebody who comes back
after a year finds their interface as they left it.
"""

from collections import deque
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from math import exp2, fsum
from typing import Final, Generic, TypeVar

from domain.adaptation.model import SettingEvidence

CHANGE_DAYS: Final = 3
"""On so many distinct days something must have led, since the last change, before it is shown."""

WINDOW: Final = timedelta(days=28)
"""Those days lie within so many days."""

MARGIN: Final = 0.2
"""By so much the share of a new value must be above the share of the shown one."""

REPLACE_FACTOR: Final = 1.25
"""How much more than the weakest member of a full list a newcomer must have been used."""

LEAVE_SCORE: Final = 0.5
"""Below it, in days of use, a member leaves its list."""

HALF_LIFE_DAYS: Final = 14.0
PRIOR_DAYS: Final = 1.0
"""Evidence for nothing in particular, so that a few days do not look certain."""

Option = TypeVar("Option", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Ballot(Generic[Option]):
    """What one active day says.

    Attributes:
        weight: how much the day counts, 0 to 1.
        shares: option -> how much of the day speaks for it, 0 to `weight` each.
        events: option -> how many events say so.
    """

    day: date
    weight: float
    shares: Mapping[Option, float]
    events: Mapping[Option, int]

    @property
    def leader(self) -> Option | None:
        """The option with the largest share; None for a draw, or where nothing was said."""
        ranked = sorted(self.shares.values(), reverse=True)
        if not ranked or ranked[0] <= 0 or ranked[1:2] == ranked[:1]:
            return None
        return max(self.shares, key=lambda option: self.shares[option])


@dataclass(frozen=True, slots=True)
class Standing(Generic[Option]):
    """Where the replay ended.

    Attributes:
        shown: the option, or the members of a list in the order in which they came.
        confidence: the share of the faded evidence that speaks for what is shown, 0 to 1.
        learned: whether behaviour speaks for it on enough days.
    """

    shown: tuple[Option, ...]
    confidence: float
    evidence: SettingEvidence
    learned: bool


def choose(ballots: Iterable[Ballot[Option]], start: Option) -> Standing[Option]:
    """Replay the days of a setting that has one value.

    Args:
        ballots: in any order, one for each day.
        start: what is shown before anything was learned.
    """
    tally: _Tally[Option] = _Tally()
    shown, since = start, None
    for ballot in sorted(ballots, key=lambda ballot: ballot.day):
        tally.add(ballot, [] if ballot.leader is None else [ballot.leader])
        challenger = tally.strongest()
        if challenger is None or challenger == shown or tally.recent_days(challenger, since) < CHANGE_DAYS:
            continue
        if (tally.scores[challenger] - tally.scores.get(shown, 0.0)) / (tally.weight + PRIOR_DAYS) >= MARGIN:
            shown, since = challenger, ballot.day
    evidence = tally.evidence([shown], since)
    return Standing((shown,), tally.share(shown), evidence, evidence.days >= CHANGE_DAYS)


def collect(ballots: Iterable[Ballot[Option]], start: Sequence[Option], capacity: int) -> Standing[Option]:
    """Replay the days of a setting that is a list; members keep their places.

    Args:
        ballots: in any order, one for each day.
        start: what is shown before anything was learned; it gives way to the first that was.
        capacity: the longest list.
    """
    tally: _Tally[Option] = _Tally()
    members: dict[Option, date] = {}
    for ballot in sorted(ballots, key=lambda ballot: ballot.day):
        tally.add(ballot, [option for option, share in ballot.shares.items() if share > 0])
        for member in [m for m in members if tally.scores[m] < LEAVE_SCORE]:
            del members[member]
        for option in tally.by_score():
            if option not in members and tally.recent_days(option, None) >= CHANGE_DAYS:
                _admit(option, members, tally, capacity, ballot.day)
    if not members:
        return Standing(tuple(start[:capacity]), 0.0, SettingEvidence(), learned=False)
    confidence = fsum(tally.share(member) for member in members) / len(members)
    return Standing(tuple(members), confidence, tally.evidence(list(members), max(members.values())), learned=True)


def _admit(option: Option, members: dict[Option, date], tally: "_Tally[Option]", capacity: int, day: date) -> None:
    if tally.scores[option] < LEAVE_SCORE:
        return
    if len(members) >= capacity:
        weakest = min(members, key=lambda member: tally.scores[member])
        if tally.scores[option] < REPLACE_FACTOR * tally.scores[weakest]:
            return
        del members[weakest]
    members[option] = day


@dataclass(slots=True)
class _Tally(Generic[Option]):
    """Evidence up to a day, faded to that day."""

    scores: dict[Option, float] = field(default_factory=dict)
    weight: float = 0.0
    days: dict[Option, list[date]] = field(default_factory=dict)
    events: dict[Option, int] = field(default_factory=dict)
    _recent: dict[Option, deque[date]] = field(default_factory=dict)
    _today: date | None = None

    def add(self, ballot: Ballot[Option], leading: Iterable[Option]) -> None:
        """Count one more day."""
        if self._today is not None:
            fade = exp2(-(ballot.day - self._today).days / HALF_LIFE_DAYS)
            self.weight *= fade
            self.scores = {option: score * fade for option, score in self.scores.items()}
        self._today = ballot.day
        self.weight += ballot.weight
        for option, share in ballot.shares.items():
            self.scores[option] = self.scores.get(option, 0.0) + share
        for option, count in ballot.events.items():
            self.events[option] = self.events.get(option, 0) + count
            self.days.setdefault(option, []).append(ballot.day)
        for option in leading:
            self._recent.setdefault(option, deque()).append(ballot.day)

    def strongest(self) -> Option | None:
        """The option with the highest score."""
        return next(iter(self.by_score()), None)

    def by_score(self) -> list[Option]:
        """The options, those with the highest score first."""
        return sorted(self.scores, key=lambda option: (-self.scores[option], str(option)))

    def recent_days(self, option: Option, after: date | None) -> int:
        """On how many days within the window, and after `after`, the option led."""
        led = self._recent.get(option, deque())
        while led and self._today is not None and self._today - led[0] >= WINDOW:
            led.popleft()
        return sum(after is None or day > after for day in led)

    def share(self, option: Option) -> float:
        """The part of the faded evidence that speaks for an option."""
        return self.scores.get(option, 0.0) / (self.weight + PRIOR_DAYS)

    def evidence(self, options: Sequence[Option], since: date | None) -> SettingEvidence:
        """What speaks for these options together."""
        days = {day for option in options for day in self.days.get(option, ())}
        if not days:
            return SettingEvidence()
        events = sum(self.events.get(option, 0) for option in options)
        return SettingEvidence(events, len(days), max(days), since)

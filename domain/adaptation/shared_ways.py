"""What many people of a tenant do alike: sequences, and features that go together, told only of five people or more.

Mined off the request path from the log of those who agreed to training, without names, payloads or free text: steps
come from the open vocabulary and the catalogue alone, and sensitive items are left out. A row that fewer than
`FEWEST_PEOPLE` people stand behind is never made (k-anonymity: Sweeney, 2002).
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from itertools import combinations
from typing import Final

from domain.adaptation.acts import PAUSE, step_of
from domain.adaptation.model import Step, Steps
from domain.adaptation.routines import LEAST_LIFT, varied
from domain.adaptation.sequences import MiningLimits, Pattern, mine
from domain.behavior.model import TrainingRow
from domain.catalog.snapshot import CatalogSnapshot
from domain.disclosure import FEWEST_PEOPLE
from domain.ids import ItemId

LEAST_SHARE: Final = 0.01
"""Of all people, or a sequence is not common."""

LIMITS: Final = MiningLimits(min_support=FEWEST_PEOPLE, max_length=4, max_gap=1, max_patterns=300)
LEAST_CONFIDENCE: Final = 0.2
MOST_WAYS: Final = 50
MOST_SESSIONS: Final = 20_000
SESSIONS_EACH: Final = 10
LONGEST_SESSION: Final = 20
COMPANIONS_EACH: Final = 10
KEPT_DAYS: Final = 3
MOST_FEATURES_EACH: Final = 30
"""Of one person, who would otherwise stand for every pair there is."""


@dataclass(frozen=True, slots=True)
class CommonWay:
    """A sequence that many people follow.

    Attributes:
        people: how many do.
        sessions: how often.
        support: their share of all people.
        confidence: of the sessions with its first step, the share that went on with the others.
        lift: how many times more often than by chance the others followed.
        last_seen_at: the latest day since which five people did it, at midnight UTC.
    """

    steps: Steps
    people: int
    sessions: int
    support: float
    confidence: float
    lift: float
    last_seen_at: datetime


@dataclass(frozen=True, slots=True)
class Companion:
    """A feature that people use who also take a certain step.

    Attributes:
        step: what they do.
        feature: what they use as well.
        people: how many do both.
        confidence: of those who take the step, the share that uses the feature.
        share: of everybody, the share that uses it.
        kept: of those who tried it, the share that used it on three days or more.
        last_seen_at: the latest day since which five people used it, at midnight UTC.
    """

    step: Step
    feature: ItemId
    people: int
    confidence: float
    share: float
    kept: float
    last_seen_at: datetime


@dataclass(frozen=True, slots=True)
class CommonWays:
    """What one mining found; empty before the first."""

    ways: tuple[CommonWay, ...] = ()
    companions: tuple[Companion, ...] = ()
    people: int = 0
    mined_at: datetime | None = None


def still_offered(common: CommonWays, catalog: CatalogSnapshot, at: datetime) -> CommonWays:
    """What is common without features that have left the catalogue, or are not available or sensitive now."""
    shown = catalog.eligible(at) & ~catalog.sensitive

    def offered(item: ItemId | None) -> bool:
        row = -1 if item is None else catalog.rows.get(item, -1)
        return item is None or (row >= 0 and bool(shown[row]))

    return replace(
        common,
        ways=tuple(way for way in common.ways if all(offered(_feature(step)) for step in way.steps)),
        companions=tuple(companion for companion in common.companions if offered(companion.feature)),
    )


@dataclass(slots=True)
class CommonMiner:
    """Takes the log person by person, then tells what is common.

    Memory is bounded: nobody is taken any more once `most_sessions` sessions of at most `LONGEST_SESSION` steps, or as
    many people, are held. Rows come in the order of people's random ids, so the people who fit are a uniform sample.
    """

    catalog: CatalogSnapshot
    most_sessions: int = MOST_SESSIONS
    _sessions: list[Steps] = field(default_factory=list)
    _days: list[datetime] = field(default_factory=list)
    _people: list[int] = field(default_factory=list)
    _uses: list[dict[Step, int]] = field(default_factory=list)
    _last_used: defaultdict[Step, list[datetime]] = field(default_factory=lambda: defaultdict(list))

    @property
    def full(self) -> bool:
        """Whether nothing more is looked at."""
        return max(len(self._sessions), len(self._uses)) >= self.most_sessions

    def add(self, rows: Sequence[TrainingRow]) -> None:
        """Take everything of one person, in order of time."""
        steps = [(step, row.occurred_at) for row in rows if (step := self._step(row)) is not None]
        if not steps or self.full:
            return
        person = len(self._uses)
        days: defaultdict[Step, set[date]] = defaultdict(set)
        for step, at in steps:
            days[step].add(at.date())
        for step, at in dict(steps).items():
            self._last_used[step] = _latest([*self._last_used[step], _midnight(at)])
        common = sorted(days, key=lambda step: (-len(days[step]), step))[:MOST_FEATURES_EACH]
        self._uses.append({step: len(days[step]) for step in common})
        for at, session in _sessions(steps)[-SESSIONS_EACH:]:
            self._sessions.append(session)
            self._days.append(_midnight(at))
            self._people.append(person)

    def found(self, mined_at: datetime) -> CommonWays:
        """What is common to at least `FEWEST_PEOPLE` people."""
        return CommonWays(tuple(self._ways()), tuple(self._companions()), len(self._uses), mined_at)

    def _step(self, row: TrainingRow) -> Step | None:
        place = self.catalog.rows.get(row.item_id)
        if place is None or self.catalog.sensitive[place]:
            return None
        return step_of(row.type, row.item_id, self.catalog.kind_of(place))

    def _ways(self) -> list[CommonWay]:
        least = max(FEWEST_PEOPLE, round(LEAST_SHARE * len(self._uses)))
        limits = MiningLimits(least, LIMITS.max_length, LIMITS.max_gap, LIMITS.max_patterns)
        patterns = [p for p in mine(self._sessions, limits, self._people) if _is_way(p)]
        patterns.sort(key=lambda p: (-p.support * (len(p.steps) - 1) * p.confidence, p.steps))
        return [self._way(pattern) for pattern in varied(patterns, lambda p: p.steps, MOST_WAYS)]

    def _way(self, pattern: Pattern) -> CommonWay:
        return CommonWay(
            steps=pattern.steps,
            people=pattern.support,
            sessions=len(pattern.sequences),
            support=pattern.support / len(self._uses),
            confidence=pattern.confidence,
            lift=pattern.lift,
            last_seen_at=self._since(pattern),
        )

    def _since(self, pattern: Pattern) -> datetime:
        """The latest day since which enough people follow a pattern; that of a single one would tell of them."""
        latest: dict[int, datetime] = {}
        for index in pattern.sequences:
            person, day = self._people[index], self._days[index]
            latest[person] = max(day, latest.get(person, day))
        return _latest(latest.values())[-1]

    def _companions(self) -> list[Companion]:
        people = Counter(step for uses in self._uses for step in uses)
        kept = Counter(step for uses in self._uses for step, days in uses.items() if days >= KEPT_DAYS)
        both: Counter[tuple[Step, Step]] = Counter()
        for uses in self._uses:
            both.update(pair for one, other in combinations(sorted(uses), 2) for pair in ((one, other), (other, one)))
        found: defaultdict[Step, list[Companion]] = defaultdict(list)
        for (step, other), count in both.items():
            feature = _feature(other)
            if feature is not None and count >= FEWEST_PEOPLE:
                companion = Companion(
                    step=step,
                    feature=feature,
                    people=count,
                    confidence=count / people[step],
                    share=people[other] / len(self._uses),
                    # Laplace's rule of succession: few who tried it do not make it look certain.
                    kept=(kept[other] + 1) / (people[other] + 2),
                    last_seen_at=self._last_used[other][-1],
                )
                found[step].append(companion)
        return [companion for step in sorted(found) for companion in _best(found[step])]


def _best(companions: Iterable[Companion]) -> list[Companion]:
    ranked = sorted(companions, key=lambda c: (-(c.confidence - c.share) * c.kept, c.feature))
    return [companion for companion in ranked if companion.confidence > companion.share][:COMPANIONS_EACH]


def _is_way(pattern: Pattern) -> bool:
    several = len(set(pattern.steps)) == len(pattern.steps) > 1
    return several and pattern.confidence >= LEAST_CONFIDENCE and pattern.lift >= LEAST_LIFT


def _feature(step: Step) -> ItemId | None:
    name, _, item = step.partition(":")
    return ItemId(item) if name == "feature_used" and item else None


def _sessions(steps: Sequence[tuple[Step, datetime]]) -> list[tuple[datetime, Steps]]:
    """The sessions of one person with at least two steps, each with its end."""
    found: list[tuple[datetime, list[Step]]] = []
    for step, at in steps:
        if not found or at - found[-1][0] > PAUSE:
            found.append((at, [step]))
            continue
        taken = found[-1][1]
        if taken[-1] != step:
            taken.append(step)
        found[-1] = (at, taken)
    return [(at, tuple(taken[-LONGEST_SESSION:])) for at, taken in found if len(taken) > 1]


def _latest(days: Iterable[datetime]) -> list[datetime]:
    """The latest days of so many people as something is told of, the latest first."""
    return sorted(days, reverse=True)[:FEWEST_PEOPLE]


def _midnight(at: datetime) -> datetime:
    return at.replace(hour=0, minute=0, second=0, microsecond=0)

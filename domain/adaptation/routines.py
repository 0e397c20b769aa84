"""What a person does in the same order again and again, mined from their sessions within fixed bounds."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

from domain.adaptation.acts import Session
from domain.adaptation.hysteresis import CHANGE_DAYS
from domain.adaptation.model import MAX_STEPS, Step, Steps
from domain.adaptation.sequences import MiningLimits, Pattern, mine

MOST_SESSIONS: Final = 100
"""The latest sessions that are looked at."""

LONGEST_SESSION: Final = 30
"""The latest steps of a session that are looked at."""

LIMITS: Final = MiningLimits(min_support=3, max_length=MAX_STEPS, max_gap=2, max_patterns=1000)

LEAST_CONFIDENCE: Final = 0.5
LEAST_LIFT: Final = 1.1
MOST_ROUTINES: Final = 20

Found = TypeVar("Found")


@dataclass(frozen=True, slots=True)
class Routine:
    """A frequent sequence of one person.

    Attributes:
        sessions: those that it was seen in, in order.
        support: their share of all sessions that were looked at.
        confidence: of the sessions with its first step, the share that went on with the others.
        lift: how many times more often than by chance the others followed.
    """

    steps: Steps
    sessions: tuple[Session, ...]
    support: float
    confidence: float
    lift: float

    @property
    def days(self) -> int:
        """On how many distinct days it was done."""
        return len({session.day for session in self.sessions})

    @property
    def steps_saved(self) -> int:
        """What it would have saved so far, if it were one step."""
        return len(self.sessions) * (len(self.steps) - 1)


def routines_of(sessions: Sequence[Session]) -> list[Routine]:
    """The routines of a person, those that would have saved most steps first; each has a step that none before it has.

    A routine was done in three sessions on three days, went on to its end in at least half of the sessions with its
    first step, and did so more often than by chance.
    """
    worked = [(session, steps) for session in sessions if len(steps := session.steps(LONGEST_SESSION)) > 1]
    worked = worked[-MOST_SESSIONS:]
    patterns = mine([steps for _, steps in worked], LIMITS)
    found = [_routine(pattern, [session for session, _ in worked]) for pattern in patterns if _is_work(pattern)]
    lasting = [routine for routine in found if routine.days >= CHANGE_DAYS]
    lasting.sort(key=lambda routine: (-routine.steps_saved, -routine.confidence, routine.steps))
    return varied(lasting, lambda routine: routine.steps, MOST_ROUTINES)


def is_part(steps: Steps, of: Steps) -> bool:
    """Whether `steps` are among `of`, in the same order."""
    rest = iter(of)
    return all(step in rest for step in steps)


def _is_work(pattern: Pattern) -> bool:
    several = len(set(pattern.steps)) == len(pattern.steps) > 1
    return several and pattern.confidence >= LEAST_CONFIDENCE and pattern.lift >= LEAST_LIFT


def _routine(pattern: Pattern, sessions: Sequence[Session]) -> Routine:
    return Routine(
        steps=pattern.steps,
        sessions=tuple(sessions[index] for index in pattern.sequences),
        support=len(pattern.sequences) / len(sessions),
        confidence=pattern.confidence,
        lift=pattern.lift,
    )


def varied(ranked: Iterable[Found], steps_of: Callable[[Found], Steps], most: int) -> list[Found]:
    """The first of `ranked` that each bring a step of their own and do not merely go on from one before them.

    Args:
        ranked: the best first.
        steps_of: the steps of one.
        most: how many are answered.
    """
    kept: list[Found] = []
    known: set[Step] = set()
    for found in ranked:
        steps = steps_of(found)
        if len(kept) < most and not known.issuperset(steps) and not any(is_part(steps_of(k), steps) for k in kept):
            kept.append(found)
            known.update(steps)
    return kept

"""The words of workflow optimizations: what could be better, whose behaviour says so, and on what evidence."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from domain.adaptation.model import Steps
from domain.ids import ItemId


class OptimizationKind(StrEnum):
    """What could be better."""

    SHORTCUT = "shortcut"
    AUTOMATION = "automation"
    FEATURE = "feature"


class OptimizationSource(StrEnum):
    """Whose behaviour it was found in."""

    OWN = "own"
    COMMON = "common"


@dataclass(frozen=True, slots=True)
class WorkflowEvidence:
    """What an optimization rests on.

    Attributes:
        times_seen: how often it was done.
        sessions: in how many sessions.
        people: how many people did it; 1 for the person's own.
        last_seen_at: when it was done last.
    """

    times_seen: int
    sessions: int
    people: int
    last_seen_at: datetime


@dataclass(frozen=True, slots=True)
class Optimization:
    """Something that would save a person steps.

    Attributes:
        optimization_id: the same for the same steps, whoever they are offered to.
        steps: what it is about, in order.
        item_id: the choice to repeat, or the feature to try.
        support: the share of sessions, or of people, that it was seen in.
        confidence: how often the rest followed where it began.
        lift: how many times likelier than by chance.
        steps_saved: estimated for 30 days.
    """

    optimization_id: str
    kind: OptimizationKind
    source: OptimizationSource
    steps: Steps
    item_id: ItemId | None
    support: float
    confidence: float
    lift: float
    steps_saved: float
    evidence: WorkflowEvidence

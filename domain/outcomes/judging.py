"""Written rules by which an experiment is judged; each decision is kept with what it rests on.

In this order:

1. Hold while the arms have other sizes than they should, units lie in an arm without a share, or more than one per cent
   of all units were shown more than one variation: no figure can be trusted then.
2. Stop if a guardrail is worse by more than its margin, or the primary metric is worse, in every variation.
3. More data before the minimum duration is over; with one planned look, before the planned number of units is there.
4. Ship the variation with the greatest lift among those whose primary metric is better and that break no guardrail.
5. Stop if in every variation the interval of the lift lies within what is worth finding: there is nothing to be found.
6. Otherwise more data.

With several variations each interval is taken at the level alpha / (variations - 1), after Bonferroni.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from domain.experiments.effects import Interval
from domain.experiments.plan import Inference
from domain.outcomes.model import Verdict

MOST_MULTIPLES: Final = 0.01
"""The share of units that may have been shown more than one variation."""


@dataclass(frozen=True, slots=True)
class Arm:
    """What is known of one variation.

    Attributes:
        variation: its key.
        lift: of the primary metric, in the direction that is better; None if nothing can be said, or the control has
            nothing that it could be a share of.
        interval: of the difference in the primary metric, in that direction.
        relative: of the lift, in that direction; None without one.
        harmed: the guardrails that it breaks.
    """

    variation: str
    lift: float | None = None
    interval: Interval | None = None
    relative: Interval | None = None
    harmed: tuple[str, ...] = ()

    @property
    def better(self) -> bool:
        """Whether the primary metric is better."""
        return self.interval is not None and self.interval.low > 0.0

    @property
    def worse(self) -> bool:
        """Whether the primary metric is worse."""
        return self.interval is not None and self.interval.high < 0.0


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a decision rests on.

    Attributes:
        arms: the variations beside the control that have a share of the latest phase.
        alarms: why no figure can be trusted; empty if they can.
        days: since the start.
        minimum_days: before which nothing is shipped.
        inference: which interval was taken.
        still_needed: units that a single planned look still lacks; None if that cannot be said.
        effect: the lift that is worth finding.
    """

    arms: Sequence[Arm]
    alarms: Sequence[str]
    days: float
    minimum_days: float
    inference: Inference
    still_needed: float | None
    effect: float


@dataclass(frozen=True, slots=True)
class Decision:
    """What the rules say.

    Attributes:
        variation: what to ship; None for everything else.
        reasons: in words.
    """

    verdict: Verdict
    reasons: tuple[str, ...]
    variation: str | None = None

    def to_json(self) -> dict[str, Any]:
        """In camel case."""
        return {"verdict": self.verdict.value, "variation": self.variation, "reasons": list(self.reasons)}


def decide(evidence: Evidence) -> Decision:
    """Apply the rules."""
    if evidence.alarms:
        return Decision(Verdict.HOLD, tuple(evidence.alarms))
    arms = evidence.arms
    lost = [reason for arm in arms if (reason := _lost(arm)) is not None]
    if arms and len(lost) == len(arms):
        return Decision(Verdict.STOP, tuple(lost))
    waiting = _waiting(evidence)
    if waiting is not None:
        return Decision(Verdict.NEEDS_MORE_DATA, (waiting,))
    winners = [arm for arm in arms if arm.better and not arm.harmed]
    if winners:
        best = max(winners, key=_gain)
        return Decision(Verdict.SHIP, (f"{best.variation} is better and breaks no guardrail",), best.variation)
    if arms and all(_lost(arm) or _within(arm.relative, evidence.effect) for arm in arms):
        return Decision(Verdict.STOP, (f"no variation is better by as much as {evidence.effect:.1%}",))
    return Decision(Verdict.NEEDS_MORE_DATA, ("nothing is clear yet",))


def _gain(arm: Arm) -> tuple[float, float]:
    """What variations are ranked by: the lift, and where the control has nothing, the difference."""
    return arm.lift or 0.0, sum(arm.interval or ())


def _lost(arm: Arm) -> str | None:
    """Why a variation is out; None if it is not."""
    if arm.harmed:
        return f"{arm.variation} breaks {', '.join(arm.harmed)}"
    return f"{arm.variation} is worse than the control" if arm.worse else None


def _waiting(evidence: Evidence) -> str | None:
    if evidence.days < evidence.minimum_days:
        return f"it has run for {evidence.days:.1f} of at least {evidence.minimum_days:g} days"
    if evidence.inference is Inference.FIXED and (evidence.still_needed is None or evidence.still_needed > 0):
        return "the planned number of units is not there, and one look is all that this interval allows"
    return None


def _within(relative: Interval | None, effect: float) -> bool:
    return relative is not None and relative.high < effect

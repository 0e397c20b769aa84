"""What would save a person steps: their routines as shortcuts, their habits as automations, and features they miss.

Where a person has few routines of their own, or is not known, what many people do alike fills up.
"""

import hashlib
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Final

from domain.adaptation.acts import Act, Session
from domain.adaptation.automations import Habit, habits_of
from domain.adaptation.model import Step, Steps
from domain.adaptation.optimization import Optimization, OptimizationKind, OptimizationSource, WorkflowEvidence
from domain.adaptation.routines import Routine, is_part, routines_of
from domain.adaptation.shared_ways import SESSIONS_EACH, CommonWay, CommonWays, Companion
from domain.disclosure import FEWEST_PEOPLE, in_steps, multiple_in_steps, share_in_steps
from domain.ids import ItemId

MOST_OF_A_KIND: Final = 5
PERIOD: Final = timedelta(days=30)
"""What savings are estimated for."""


def optimizations_of(
    acts: Sequence[Act], sessions: Sequence[Session], common: CommonWays, dismissed: Collection[str]
) -> list[Optimization]:
    """What would save a person steps, kind by kind, the most first; somebody of whom nothing is known has no acts.

    Args:
        acts: of the person, in order.
        sessions: the same acts, cut into sessions.
        common: what many people of the tenant do.
        dismissed: ids of optimizations that the person does not want.
    """
    routines = routines_of(sessions)
    shortcuts = [_shortcut(routine) for routine in routines]
    taken = {act.step for act in acts if act.step is not None}
    shortcuts += [_common(way) for way in _fitting(common.ways, routines, taken)]
    automations = [_automation(habit) for habit in habits_of(sessions)]
    features = _missed(common, taken)
    return [
        optimization
        for kind in (shortcuts, automations, features)
        for optimization in [found for found in kind if found.optimization_id not in dismissed][:MOST_OF_A_KIND]
    ]


def optimization_id(kind: OptimizationKind, steps: Steps, item_id: ItemId | None) -> str:
    """The id of an optimization: the same for the same steps, and nothing that names anybody."""
    text = "\n".join((kind.value, item_id or "", *steps))
    return hashlib.blake2b(text.encode(), digest_size=12).hexdigest()


def _shortcut(routine: Routine) -> Optimization:
    ends = [_end_of(session, routine.steps) for session in routine.sessions]
    saved = (len(routine.steps) - 1) * _per_period([session.acts[0].at for session in routine.sessions])
    return Optimization(
        optimization_id=optimization_id(OptimizationKind.SHORTCUT, routine.steps, None),
        kind=OptimizationKind.SHORTCUT,
        source=OptimizationSource.OWN,
        steps=routine.steps,
        item_id=None,
        support=routine.support,
        confidence=routine.confidence,
        lift=routine.lift,
        steps_saved=saved,
        evidence=WorkflowEvidence(len(routine.sessions), len(routine.sessions), 1, max(ends)),
    )


def _end_of(session: Session, steps: Steps) -> datetime:
    return max(act.at for act in session.acts if act.step in steps)


def _automation(habit: Habit) -> Optimization:
    steps: Steps = (habit.step,) if habit.after is None else (f"template_used:{habit.after}", habit.step)
    return Optimization(
        optimization_id=optimization_id(OptimizationKind.AUTOMATION, steps, habit.item_id),
        kind=OptimizationKind.AUTOMATION,
        source=OptimizationSource.OWN,
        steps=steps,
        item_id=habit.item_id,
        support=habit.share,
        confidence=habit.share,
        lift=habit.lift,
        steps_saved=_per_period([act.at for act in habit.acts]),
        evidence=WorkflowEvidence(len(habit.acts), habit.sessions, 1, habit.acts[-1].at),
    )


def _per_period(moments: Sequence[datetime]) -> float:
    """How often something is done within 30 days, from the moments at which it was."""
    span = max(max(moments) - min(moments), PERIOD)
    return round(len(moments) * (PERIOD / span), 1)


def _fitting(ways: Iterable[CommonWay], routines: Sequence[Routine], taken: Collection[Step]) -> list[CommonWay]:
    """Common ways that are new to a person and begin with something that they do; all of them for a stranger."""
    own = [routine.steps for routine in routines]
    return [
        way
        for way in ways
        if (not taken or way.steps[0] in taken)
        and not any(is_part(way.steps, steps) or is_part(steps, way.steps) for steps in own)
    ]


def _common(way: CommonWay) -> Optimization:
    return Optimization(
        optimization_id=optimization_id(OptimizationKind.SHORTCUT, way.steps, None),
        kind=OptimizationKind.SHORTCUT,
        source=OptimizationSource.COMMON,
        steps=way.steps,
        item_id=None,
        support=share_in_steps(way.people, way.people / way.support),
        confidence=round(way.confidence, 1),
        lift=multiple_in_steps(way.lift),
        steps_saved=float(len(way.steps) - 1),
        evidence=_told(way.sessions, way.people, way.last_seen_at),
    )


def _missed(common: CommonWays, taken: Collection[Step]) -> list[Optimization]:
    """Features that people who work alike use and keep, and this person has not tried, the most promising first.

    A feature's promise is how much likelier people are to use it who take the same steps, averaged over the steps of
    the person, times the share of people who kept it once they had tried it.
    """
    speaking: dict[ItemId, list[Companion]] = {}
    for companion in common.companions:
        if companion.step in taken and f"feature_used:{companion.feature}" not in taken:
            speaking.setdefault(companion.feature, []).append(companion)
    promise = {feature: _promise(companions, taken) for feature, companions in speaking.items()}
    ranked = sorted(speaking, key=lambda feature: (-promise[feature], feature))
    return [_feature(feature, speaking[feature], common.people) for feature in ranked]


def _promise(companions: Sequence[Companion], taken: Collection[Step]) -> float:
    return sum(c.confidence - c.share for c in companions) / len(taken) * companions[0].kept


def _feature(feature: ItemId, companions: Sequence[Companion], of_people: int) -> Optimization:
    best = max(companions, key=lambda companion: (companion.confidence, companion.step))
    return Optimization(
        optimization_id=optimization_id(OptimizationKind.FEATURE, (), feature),
        kind=OptimizationKind.FEATURE,
        source=OptimizationSource.COMMON,
        steps=(best.step,),
        item_id=feature,
        support=share_in_steps(best.share * of_people, of_people),
        confidence=share_in_steps(best.people, best.people / best.confidence),
        lift=multiple_in_steps(best.confidence / best.share),
        steps_saved=0.0,
        evidence=_told(best.people, best.people, best.last_seen_at),
    )


def _told(times: int, people: int, last_seen_at: datetime) -> WorkflowEvidence:
    """What many did, in steps that one of them, with all their sessions, does not climb alone."""
    step = FEWEST_PEOPLE * SESSIONS_EACH
    told = max(in_steps(people), times - times % step)
    return WorkflowEvidence(told, told, in_steps(people), last_seen_at)

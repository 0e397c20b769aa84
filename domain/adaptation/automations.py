"""Choices that a person makes the same way again and again, which could be made for them.

A choice is worth making if it is the majority for certain: the lower end of Wilson's 95 % interval of its share is at
least one half. It is looked for wherever it comes up, and after each
template, since a style often belongs to one; what already follows from the former is not offered again.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from domain.adaptation.acts import Act, Session
from domain.adaptation.hysteresis import CHANGE_DAYS
from domain.adaptation.model import Step
from domain.ids import ItemId
from domain.wilson import score_interval

LEAST_TIMES: Final = 5
LEAST_SHARE: Final = 0.5
MOST_CHOICES: Final = 500
"""The latest choices that are looked at."""


@dataclass(frozen=True, slots=True)
class Habit:
    """A choice that is nearly always the same.

    Attributes:
        step: what is chosen, such as `style_applied`.
        item_id: the choice.
        after: the template that it follows; None for always.
        acts: when it was made, in order.
        chances: how often the choice came up.
        sessions: in how many sessions it was made.
        lift: how many times likelier than the same choice is overall; 1 where it is always made.
    """

    step: Step
    item_id: ItemId
    after: ItemId | None
    acts: tuple[Act, ...]
    chances: int
    sessions: int
    lift: float

    @property
    def share(self) -> float:
        """Of the times that the choice came up, the part in which it was this one."""
        return len(self.acts) / self.chances


@dataclass(frozen=True, slots=True)
class _Choice:
    act: Act
    session: int
    after: ItemId | None


def habits_of(sessions: Sequence[Session]) -> list[Habit]:
    """The habits of a person, the most frequent first."""
    choices = [choice for index, session in enumerate(sessions) for choice in _choices(session, index)]
    choices = choices[-MOST_CHOICES:]
    by_step: defaultdict[Step, list[_Choice]] = defaultdict(list)
    by_template: defaultdict[tuple[Step, ItemId], list[_Choice]] = defaultdict(list)
    for choice in choices:
        step = choice.act.step or ""
        by_step[step].append(choice)
        if choice.after is not None:
            by_template[step, choice.after].append(choice)
    always = {step: habit for step, found in by_step.items() if (habit := _habit(found, None, found)) is not None}
    habits = list(always.values())
    for (step, after), found in by_template.items():
        habit = _habit(found, after, by_step[step])
        if habit is not None and (step not in always or always[step].item_id != habit.item_id):
            habits.append(habit)
    return sorted(habits, key=lambda habit: (-len(habit.acts), habit.step, habit.item_id, habit.after or ""))


def _choices(session: Session, index: int) -> Iterator[_Choice]:
    template: ItemId | None = None
    for act in session.acts:
        if act.item_id is None:
            continue
        if act.step == "template_used":
            yield _Choice(act, index, None)
            template = act.item_id
        else:
            yield _Choice(act, index, template)


def _habit(choices: Sequence[_Choice], after: ItemId | None, overall: Sequence[_Choice]) -> Habit | None:
    made: defaultdict[ItemId, list[_Choice]] = defaultdict(list)
    for choice in choices:
        if choice.act.item_id is not None:
            made[choice.act.item_id].append(choice)
    item_id = min(made, key=lambda item: (-len(made[item]), item))
    same = made[item_id]
    if len(same) < LEAST_TIMES or len({choice.act.day for choice in same}) < CHANGE_DAYS:
        return None
    if score_interval(len(same), len(choices))[0] < LEAST_SHARE:
        return None
    base = sum(choice.act.item_id == item_id for choice in overall) / len(overall)
    return Habit(
        step=same[0].act.step or "",
        item_id=item_id,
        after=after,
        acts=tuple(choice.act for choice in same),
        chances=len(choices),
        sessions=len({choice.session for choice in same}),
        lift=len(same) / len(choices) / base,
    )

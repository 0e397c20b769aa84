"""Optimizations in words, for products that do not word them themselves."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from domain.adaptation.model import Step, Steps
from domain.adaptation.optimization import Optimization, OptimizationKind, OptimizationSource
from domain.ids import ItemId

HOW_OFTEN: Final = ((0.9, "always"), (0.7, "usually"), (0.0, "often"))

_WORDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "project_created": "Start a project",
        "project_exported": "Export",
        "style_applied": "Apply a style",
        "template_used": "Use a template",
    }
)

TitleOf = Callable[[ItemId], str]


def step_title(step: Step, title_of: TitleOf) -> str:
    """What people call a step: the title of what it is done with, or the name of the step in words."""
    name, _, item = step.partition(":")
    return title_of(ItemId(item)) if item else _WORDS.get(name, name.replace("_", " ").capitalize())


def workflow_title(steps: Steps, title_of: TitleOf) -> str:
    """What people call a sequence of steps."""
    return " → ".join(step_title(step, title_of) for step in steps)


def headline(optimization: Optimization, title_of: TitleOf) -> str:
    """What is offered, in a few words."""
    match optimization.kind:
        case OptimizationKind.SHORTCUT:
            return workflow_title(optimization.steps, title_of)
        case OptimizationKind.AUTOMATION:
            return f"{step_title(optimization.steps[-1], title_of)}: {_chosen(optimization, title_of)}"
        case OptimizationKind.FEATURE:
            return f"Try {_chosen(optimization, title_of)}"


def explanation(optimization: Optimization, title_of: TitleOf) -> str:
    """One English sentence that says why it is offered."""
    evidence = optimization.evidence
    match optimization.kind, optimization.source:
        case OptimizationKind.SHORTCUT, OptimizationSource.OWN:
            how = next(word for share, word in HOW_OFTEN if optimization.confidence >= share)
            steps = ", then ".join(step_title(step, title_of) for step in optimization.steps)
            return f"You {how} do {steps} ({evidence.sessions} sessions): do it in one step"
        case OptimizationKind.SHORTCUT, _:
            steps = ", then ".join(step_title(step, title_of) for step in optimization.steps)
            return f"{evidence.people} people here do {steps}: do it in one step"
        case OptimizationKind.AUTOMATION, _:
            after = f" after {step_title(optimization.steps[0], title_of)}" if len(optimization.steps) > 1 else ""
            share, chosen = f"{optimization.confidence:.0%}", _chosen(optimization, title_of)
            return f"You chose {chosen}{after} {evidence.times_seen} times ({share}): let it be chosen for you"
        case _:
            step = step_title(optimization.steps[0], title_of)
            return f"{evidence.people} people who use {step}, as you do, also use {_chosen(optimization, title_of)}"


def _chosen(optimization: Optimization, title_of: TitleOf) -> str:
    return "" if optimization.item_id is None else title_of(optimization.item_id)

"""One visit of a demo user as a sequence of steps, because the order of actions is part of what can be learned."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from cli.demo.taste import Dice, Taste
from domain.ids import ItemId

NOISE_SHARE: Final = 0.1
REUSE_SHARE: Final = 0.25
NEW_PROJECT_SHARE: Final = 0.5
EXPORT_SHARE: Final = 0.45
SECOND_STYLE_SHARE: Final = 0.25
ANOTHER_FEATURE_SHARE: Final = 0.55
MOST_FEATURES: Final = 5
MEAN_STEP_SECONDS: Final = 75.0
LONGEST_STEP_SECONDS: Final = 600.0

EDITOR: Final = ItemId("video_editor")
FINISHING: Final = tuple(map(ItemId, ("auto_captions", "caption_styles", "auto_resize")))
"""How somebody finishes every video of their favourite template."""


@dataclass(frozen=True, slots=True)
class Step:
    """One action, `seconds` after the start of its session."""

    type: str
    item_id: ItemId
    value: float | None
    seconds: int


@dataclass(slots=True)
class Project:
    """A session: what was done on which device, and the index of the template that it was about."""

    dice: Dice
    device: str
    template: int
    steps: list[Step] = field(default_factory=list)

    @property
    def seconds(self) -> int:
        """From the start to the last step."""
        return self.steps[-1].seconds if self.steps else 0

    def add(self, type: str, item_id: ItemId, value: float | None = None) -> None:  # noqa: A002 -- an event's type
        """Take the next step after a random pause."""
        pause = min(-math.log(1.0 - self.dice.roll()) * MEAN_STEP_SECONDS, LONGEST_STEP_SECONDS)
        self.steps.append(Step(type, item_id, value, self.seconds + 1 + int(pause)))


def draw_project(
    dice: Dice, taste: Taste, persona: str, device: str, recent: Sequence[int], favourite: int | None
) -> Project:
    """Draw one session of a user.

    Args:
        dice: the user's numbers.
        taste: what the user draws from.
        persona: whose project it is.
        device: where it is made.
        recent: templates used of late, by index; a quarter of the sessions return to one of them.
        favourite: a template to use in any case, by index; its videos are always finished with the same features.
    """
    project = Project(dice, device, _template(dice, taste, persona, device, recent, favourite))
    if dice.chance(NEW_PROJECT_SHARE):
        project.add("project_created", EDITOR)
    for _ in range(dice.below(3)):
        viewed = taste.template(dice, persona, device, NOISE_SHARE)
        project.add("item_viewed", taste.world.templates.id_of(viewed))
    template_id = taste.world.templates.id_of(project.template)
    project.add("template_used", template_id)
    _apply_styles(project, taste, persona)
    if favourite is None:
        _use_features(project, taste, persona)
    else:
        for feature in FINISHING:
            project.add("feature_used", feature)
    if dice.chance(EXPORT_SHARE):
        project.add("project_exported", template_id)
    _judge(project, taste, persona, template_id)
    return project


def _template(dice: Dice, taste: Taste, persona: str, device: str, recent: Sequence[int], favourite: int | None) -> int:
    if favourite is not None:
        return favourite
    if recent and dice.chance(REUSE_SHARE):
        return recent[dice.below(len(recent))]
    return taste.template(dice, persona, device, NOISE_SHARE)


def _apply_styles(project: Project, taste: Taste, persona: str) -> None:
    for share in (0.8, SECOND_STYLE_SHARE):
        if project.dice.chance(share):
            style = taste.style(project.dice, persona, project.template, NOISE_SHARE)
            project.add("style_applied", taste.world.styles.id_of(style))


def _use_features(project: Project, taste: Taste, persona: str) -> None:
    previous: int | None = None
    for _ in range(MOST_FEATURES):
        if not project.dice.chance(ANOTHER_FEATURE_SHARE):
            return
        previous = taste.feature(project.dice, persona, previous, NOISE_SHARE)
        project.add("feature_used", taste.world.features.id_of(previous))


def _judge(project: Project, taste: Taste, persona: str, template_id: ItemId) -> None:
    dice, suits = project.dice, taste.likes(project.template, persona)
    if dice.chance(0.1 if suits else 0.02):
        project.add("liked", template_id)
    if dice.chance(0.06):
        stars = (4 if suits else 3) + dice.below(3) - 1
        project.add("rated", template_id, float(stars))
    if dice.chance(0.02):
        project.add("tagged", template_id)
    if dice.chance(0.02 if suits else 0.08):
        project.add("dismissed", template_id)

"""The demo catalogue: readable items combined from a fixed vocabulary, the same in every run and on every machine."""

from typing import Final

import numpy as np

from cli.demo.features import FEATURES
from cli.demo.looks import FORMS, FRAMINGS, LOOKS, MOODS
from cli.demo.styles import STYLES
from cli.demo.subjects_leisure import LEISURE
from cli.demo.subjects_work import WORK
from domain.catalog.model import AttributeValue, CatalogItem, ItemKind
from domain.ids import ItemId

CATALOGUE_SEED: Final = 20_240_501
VARIANTS: Final = 2
"""Templates per subject; each has another look and another form."""

_SENTENCES: Final = (
    "{Purpose} with {manner}.",
    "Use {manner} to {purpose}.",
    "{Manner} help you {purpose}.",
)
_FITTINGS: Final = (
    "Runs {duration} seconds in a {framing} frame and takes {clips}.",
    "A {framing} cut of {duration} seconds with room for {clips}.",
    "Made for {framing} viewing: {duration} seconds and {clips}.",
)
_TEMPOS: Final = {"slow": (70, 90), "medium": (95, 115), "fast": (120, 150)}
_SLUG: Final = str.maketrans({" ": "_", "-": "_", "'": None})


def demo_catalogue() -> list[CatalogItem]:
    """Every template, style and feature of the demo product, in that order.

    The documented example payload names `modern_template`, `modern` and `video_editor`; they are among the items.
    """
    return [*_templates(), *_styles(), *_features()]


def _templates() -> list[CatalogItem]:
    draw = np.random.default_rng(CATALOGUE_SEED)
    items = [_modern_intro()]
    for name, (looks, forms, subjects) in sorted({**WORK, **LEISURE}.items()):
        for number, line in enumerate(subjects.strip().splitlines()):
            subject, _, purpose = line.strip().partition(": ")
            for variant in range(VARIANTS):
                look = _turn(looks, number + variant * 2)
                form = _turn(forms, number // 5 + number * 2 + variant * 3)
                items.append(_template(draw, name, look, form, subject, purpose))
    return items


def _turn(words: str, number: int) -> str:
    """The word whose turn it is when `words` are taken round and round."""
    choices = words.split()
    return choices[number % len(choices)]


def _modern_intro() -> CatalogItem:
    return CatalogItem(
        item_id=ItemId("modern_template"),
        kind=ItemKind.TEMPLATE,
        title="Modern Intro",
        description="Open any video with crisp sans-serif type and smooth slides. "
        "Runs 8 seconds in a widescreen frame and takes 2 clips.",
        tags=("intro", "modern", "clean", "uncluttered", "focused"),
        category="business",
        attributes=_template_attributes("Modern", "Intro", duration=8, aspect_ratio="16:9", clips=2, tempo=104),
    )


def _template(
    draw: np.random.Generator, category: str, look_name: str, form_name: str, subject: str, purpose: str
) -> CatalogItem:
    look, form = LOOKS[look_name], FORMS[form_name]
    duration = form.durations[_below(draw, len(form.durations))]
    aspect_ratio = form.aspect_ratios[_below(draw, len(form.aspect_ratios))]
    clips = form.clips[0] + _below(draw, form.clips[1] - form.clips[0] + 1)
    slowest, fastest = _TEMPOS[look.pace]
    tempo = slowest + _below(draw, fastest - slowest + 1)
    sentence = _SENTENCES[_below(draw, len(_SENTENCES))].format(
        Purpose=_capitalised(purpose), purpose=purpose, Manner=_capitalised(look.manner), manner=look.manner
    )
    fitting = _FITTINGS[_below(draw, len(_FITTINGS))].format(
        duration=duration, framing=FRAMINGS[aspect_ratio], clips="1 clip" if clips == 1 else f"{clips} clips"
    )
    title = f"{look_name} {subject} {form_name}"
    return CatalogItem(
        item_id=ItemId(_slug(title)),
        kind=ItemKind.TEMPLATE,
        title=title,
        description=f"{sentence} {fitting}",
        tags=_tags(form_name, look_name, subject, look.family, *MOODS[look.family]),
        category=category,
        attributes=_template_attributes(
            look_name, form_name, duration=duration, aspect_ratio=aspect_ratio, clips=clips, tempo=tempo
        ),
    )


def _template_attributes(
    look_name: str, form_name: str, *, duration: int, aspect_ratio: str, clips: int, tempo: int
) -> dict[str, AttributeValue]:
    look = LOOKS[look_name]
    return {
        "duration_seconds": duration,
        "aspect_ratio": aspect_ratio,
        "pace": look.pace,
        "palette": look.palette,
        "family": look.family,
        "look": look_name.lower(),
        "form": form_name.lower(),
        "clip_slots": clips,
        "text_slots": 1 + clips // 2,
        "tempo_bpm": tempo,
        "has_voice_over": form_name == "Explainer",
    }


def _styles() -> list[CatalogItem]:
    items: list[CatalogItem] = []
    for family, lines in STYLES.items():
        for line in lines.strip().splitlines():
            name, palette, description = (part.strip() for part in line.split("|"))
            paces = {look.pace for look in LOOKS.values() if look.family == family}
            items.append(
                CatalogItem(
                    item_id=ItemId(_slug(name)),
                    kind=ItemKind.STYLE,
                    title=name,
                    description=description,
                    tags=_tags(palette, family, *MOODS[family]),
                    category=family,
                    attributes={
                        "family": family,
                        "palette": palette,
                        "pace": sorted(paces)[len(items) % len(paces)],
                        "dark_background": palette == "dark",
                    },
                )
            )
    return items


def _features() -> list[CatalogItem]:
    items = []
    for group, lines in FEATURES.items():
        for step, line in enumerate(lines.strip().splitlines()):
            name, level, description = (part.strip() for part in line.split("|"))
            items.append(
                CatalogItem(
                    item_id=ItemId(_slug(name)),
                    kind=ItemKind.FEATURE,
                    title=name,
                    description=description,
                    tags=_tags(group, level, *(word for word in name.split() if word != "to")),
                    category=group,
                    attributes={"group": group, "level": level, "step": step, "needs_desktop": level == "advanced"},
                )
            )
    return items


def _tags(*words: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(word.lower() for word in words))


def _slug(title: str) -> str:
    return title.lower().translate(_SLUG)


def _capitalised(text: str) -> str:
    return text[0].upper() + text[1:]


def _below(draw: np.random.Generator, bound: int) -> int:
    # Plain doubles, because only their stream is the same in every numpy.
    return int(draw.random() * bound)

"""How videos look and are built: looks with their palette and pace, forms with their length and framing."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Look:
    """How a template looks; `manner` completes "with ..." and names two things.

    Styles belong to the same families, so that a style can suit a template.
    """

    family: str
    palette: str
    pace: str
    manner: str


@dataclass(frozen=True, slots=True)
class Form:
    """What a template is: the lengths and framings that it comes in, and how many clips it takes."""

    durations: tuple[int, ...]
    aspect_ratios: tuple[str, ...]
    clips: tuple[int, int]


LOOKS: Final[Mapping[str, Look]] = {
    "Modern": Look("clean", "cool", "medium", "crisp sans-serif type and smooth slides"),
    "Minimal": Look("clean", "monochrome", "slow", "plenty of white space and one accent colour"),
    "Bold": Look("bold", "vivid", "fast", "oversized type and hard cuts"),
    "Dynamic": Look("bold", "vivid", "fast", "whip pans and speed ramps"),
    "Cinematic": Look("cinematic", "muted", "slow", "wide framing and slow fades"),
    "Moody": Look("cinematic", "dark", "slow", "deep shadows and a single light"),
    "Playful": Look("playful", "vivid", "medium", "bouncing shapes and rounded letters"),
    "Pastel": Look("playful", "pastel", "medium", "soft colours and gentle pop-ins"),
    "Elegant": Look("elegant", "muted", "slow", "fine serif lettering and soft dissolves"),
    "Classic": Look("elegant", "monochrome", "medium", "balanced framing and quiet captions"),
    "Retro": Look("retro", "warm", "medium", "striped sunsets and chunky lettering"),
    "Analogue": Look("retro", "warm", "slow", "film grain and light leaks"),
    "Neon": Look("neon", "dark", "fast", "glowing outlines and a black backdrop"),
    "Glitch": Look("neon", "dark", "fast", "split colours and stuttering frames"),
    "Handmade": Look("handmade", "earthy", "medium", "paper cut-outs and torn edges"),
    "Sketchbook": Look("handmade", "monochrome", "medium", "pencil lines and hand lettering"),
    "Warm": Look("natural", "warm", "medium", "golden light and friendly captions"),
    "Earthy": Look("natural", "earthy", "slow", "natural textures and calm transitions"),
    "Futuristic": Look("tech", "cool", "fast", "light trails and floating panels"),
    "Blueprint": Look("tech", "cool", "medium", "thin lines and labelled diagrams"),
}

FORMS: Final[Mapping[str, Form]] = {
    "Intro": Form((5, 8, 10), ("16:9", "16:9", "1:1"), (1, 3)),
    "Opener": Form((10, 15, 20), ("16:9",), (2, 5)),
    "Promo": Form((15, 20, 30), ("16:9", "1:1", "9:16"), (3, 6)),
    "Teaser": Form((10, 15, 20), ("16:9", "9:16"), (2, 5)),
    "Story": Form((15, 30, 45), ("9:16", "9:16", "4:5"), (3, 7)),
    "Reel": Form((15, 30, 60), ("9:16",), (4, 10)),
    "Slideshow": Form((45, 60, 90), ("16:9", "1:1"), (8, 24)),
    "Recap": Form((45, 60, 90), ("16:9", "4:5"), (6, 16)),
    "Explainer": Form((60, 90, 120), ("16:9",), (5, 12)),
    "Countdown": Form((5, 10, 15), ("16:9", "9:16"), (1, 3)),
    "Spotlight": Form((20, 30, 45), ("16:9", "1:1", "4:5"), (2, 6)),
    "Loop": Form((5, 8, 12), ("9:16", "1:1"), (1, 3)),
}

FRAMINGS: Final[Mapping[str, str]] = {
    "16:9": "widescreen",
    "9:16": "vertical",
    "1:1": "square",
    "4:5": "portrait",
}

MOODS: Final[Mapping[str, tuple[str, str]]] = {
    "clean": ("uncluttered", "focused"),
    "bold": ("energetic", "loud"),
    "cinematic": ("atmospheric", "dramatic"),
    "playful": ("cheerful", "light"),
    "elegant": ("refined", "calm"),
    "retro": ("nostalgic", "analogue"),
    "neon": ("nightlife", "electric"),
    "handmade": ("crafted", "personal"),
    "natural": ("organic", "friendly"),
    "tech": ("precise", "digital"),
}
"""Two words of mood per family, used as tags of templates and styles alike."""

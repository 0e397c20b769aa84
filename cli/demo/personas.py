"""The kinds of people in the demo: what each makes videos about, in which looks, with which features, and when."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Persona:
    """One latent taste.

    Attributes:
        share: how many of a thousand users have it first.
        categories: template category -> how many times likelier than an indifferent one.
        families: family of looks -> the same, for templates and styles.
        groups: feature group -> the same, for features.
        devices: chances of desktop, mobile and tablet; they sum to 1.
        schedule: a key of `SCHEDULES`.
    """

    share: int
    categories: Mapping[str, float]
    families: Mapping[str, float]
    groups: Mapping[str, float]
    devices: tuple[float, float, float]
    schedule: str


@dataclass(frozen=True, slots=True)
class Schedule:
    """When people work on videos: a weight for each weekday from Monday, and hours [from, until) that weigh tenfold."""

    weekdays: tuple[float, ...]
    busy_from: int
    busy_until: int


DEVICES: Final = ("desktop", "mobile", "tablet")

SCHEDULES: Final[Mapping[str, Schedule]] = {
    "office": Schedule((1.0, 1.1, 1.1, 1.0, 0.8, 0.15, 0.1), 8, 18),
    "school": Schedule((1.0, 1.0, 0.9, 1.0, 0.7, 0.2, 0.6), 7, 17),
    "evenings": Schedule((0.7, 0.7, 0.7, 0.8, 1.0, 1.3, 1.2), 17, 24),
    "weekends": Schedule((0.3, 0.3, 0.3, 0.3, 0.6, 1.6, 1.6), 9, 22),
    "always": Schedule((1.0, 1.0, 1.0, 1.0, 1.1, 1.0, 0.9), 10, 23),
}

PERSONAS: Final[Mapping[str, Persona]] = {
    "social_marketer": Persona(
        share=190,
        categories={"social": 9, "beauty": 5, "fashion": 5, "food": 3, "business": 2},
        families={"bold": 4, "playful": 2.5, "clean": 2},
        groups={"publishing": 5, "text": 3.5, "brand": 2},
        devices=(0.35, 0.6, 0.05),
        schedule="office",
    ),
    "small_business": Persona(
        share=170,
        categories={"business": 8, "food": 5, "real-estate": 5, "events": 3},
        families={"clean": 4, "natural": 2.5, "elegant": 2},
        groups={"brand": 5, "editing": 2.5, "publishing": 2.5},
        devices=(0.55, 0.35, 0.1),
        schedule="office",
    ),
    "teacher": Persona(
        share=130,
        categories={"education": 12, "crafts": 4, "news": 2.5, "health": 2},
        families={"handmade": 4, "playful": 3, "tech": 2},
        groups={"text": 4, "audio": 3, "collaboration": 3},
        devices=(0.7, 0.1, 0.2),
        schedule="school",
    ),
    "gamer": Persona(
        share=140,
        categories={"gaming": 14, "music": 4, "sports": 2.5, "technology": 2},
        families={"neon": 6, "retro": 2.5, "tech": 2.5},
        groups={"effects": 5, "audio": 3, "generation": 2.5},
        devices=(0.85, 0.13, 0.02),
        schedule="evenings",
    ),
    "family_storyteller": Persona(
        share=130,
        categories={"family": 9, "wedding": 8, "travel": 3, "crafts": 2},
        families={"natural": 4, "elegant": 3.5, "retro": 2.5},
        groups={"audio": 4, "effects": 2, "editing": 2},
        devices=(0.4, 0.35, 0.25),
        schedule="weekends",
    ),
    "traveller": Persona(
        share=100,
        categories={"travel": 12, "food": 4, "social": 3, "music": 2},
        families={"cinematic": 6, "retro": 2.5, "natural": 2.5},
        groups={"effects": 4, "editing": 3.5, "publishing": 2},
        devices=(0.3, 0.6, 0.1),
        schedule="always",
    ),
    "corporate_trainer": Persona(
        share=80,
        categories={"recruiting": 9, "technology": 7, "business": 4, "nonprofit": 3},
        families={"tech": 5, "clean": 4},
        groups={"collaboration": 5, "generation": 3.5, "text": 3},
        devices=(0.93, 0.04, 0.03),
        schedule="office",
    ),
    "coach": Persona(
        share=60,
        categories={"fitness": 14, "health": 7, "sports": 6},
        families={"bold": 5, "tech": 2, "natural": 2},
        groups={"editing": 4, "text": 3, "publishing": 2.5},
        devices=(0.25, 0.65, 0.1),
        schedule="evenings",
    ),
}

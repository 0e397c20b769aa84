"""The parameters of a video generation: which there are, what each may be, and what of the context it hangs on.

A name that is not listed here is refused: a product that misspells one learns of it. Settings of its own travel as
attributes of the report, which are kept and become facets of the profile, and are never answered as parameters.
"""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from math import exp, log
from types import MappingProxyType
from typing import Any, Final

from domain.behavior.model import require_text
from domain.errors import ValidationFailed

Value = str | int | float
PURPOSE: Final = "purpose"
DEVICE: Final = "device"

LONGEST_TEXT: Final = 128


@dataclass(frozen=True, slots=True)
class Choice:
    """A parameter that is one of several values.

    Attributes:
        name: as stored; clients see it in camelCase.
        meaning: one sentence.
        default: where nothing else is known.
        values: what it may be; empty for any text of up to 128 characters, such as the id of a style.
        follows: the parts of the context that must agree before what was learned in one carries over to another.
        unit: of numbers; empty for none.
    """

    name: str
    meaning: str
    default: Value
    values: tuple[Value, ...] = ()
    follows: frozenset[str] = frozenset()
    unit: str = ""

    def checked(self, value: Any, place: str) -> Value:
        """`value` if the parameter may have it. Raises `ValidationFailed` at `place`."""
        if not self.values:
            if not isinstance(value, str):
                raise ValidationFailed("must be text", field=place)
            require_text(value, place, required=True)
            if len(value) > LONGEST_TEXT:
                raise ValidationFailed(f"at most {LONGEST_TEXT} characters", field=place)
            return value
        if isinstance(value, bool) or value not in self.values:
            raise ValidationFailed(f"is not one of {', '.join(map(str, self.values))}", field=place)
        return self.values[self.values.index(value)]


@dataclass(frozen=True, slots=True)
class Quantity:
    """A parameter that is a number.

    Attributes:
        low: the least it may be.
        high: the most it may be.
        step: what answers are rounded to.
        tolerance: how far apart two values still agree, in units or, where `ratio`, as a factor above 1.
        ratio: whether differences are judged as ratios: 5 to 10 as 30 to 60.
    """

    name: str
    meaning: str
    default: float
    low: float
    high: float
    step: float
    tolerance: float
    ratio: bool = False
    follows: frozenset[str] = frozenset()
    unit: str = ""

    def checked(self, value: Any, place: str) -> float:
        """`value` if the parameter may have it. Raises `ValidationFailed` at `place`."""
        if isinstance(value, bool) or not isinstance(value, int | float) or not self.low <= value <= self.high:
            unit = f" {self.unit}" if self.unit else ""
            raise ValidationFailed(f"is not a number within {self.low:g} to {self.high:g}{unit}", field=place)
        return float(value)

    @property
    def spread(self) -> float:
        """The tolerance on the scale on which differences are judged."""
        return log(self.tolerance) if self.ratio else self.tolerance

    def scaled(self, value: float) -> float:
        """`value` on the scale on which differences are judged."""
        return log(value) if self.ratio else value

    def unscaled(self, scaled: float) -> float:
        """The value at a place of that scale."""
        return exp(scaled) if self.ratio else scaled

    def rounded(self, value: float) -> Value:
        """`value` on the grid of answers and within the bounds; a whole number where the grid is of whole numbers."""
        steps = round((min(max(value, self.low), self.high) - self.low) / self.step)
        on_grid = min(self.low + steps * self.step, self.high)
        return round(on_grid) if float(self.step).is_integer() else round(on_grid, 6)


Parameter = Choice | Quantity

_DEVICE = frozenset({DEVICE})
_PURPOSE = frozenset({PURPOSE})

_ALL: tuple[Parameter, ...] = (
    Quantity(
        "duration_seconds",
        "Length of the video.",
        default=30,
        low=1,
        high=3600,
        step=1,
        tolerance=1.25,
        ratio=True,
        follows=_PURPOSE,
        unit="s",
    ),
    Choice(
        "aspect_ratio",
        "Width to height.",
        default="16:9",
        values=("9:16", "4:5", "1:1", "4:3", "3:2", "16:9", "21:9"),
        follows=_DEVICE,
    ),
    Choice(
        "resolution",
        "Length of the shorter side.",
        default="1080p",
        values=("480p", "720p", "1080p", "1440p", "2160p"),
        follows=_DEVICE,
    ),
    Choice("fps", "Frames per second.", default=30, values=(24, 25, 30, 48, 50, 60), follows=_DEVICE, unit="1/s"),
    Choice("pace", "How fast shots follow each other.", "medium", ("slow", "medium", "fast"), follows=_PURPOSE),
    Choice("visual_style", "The look: a style of the catalogue by its id, or a name.", default="modern"),
    Choice(
        "colour_palette",
        "The colours that prevail.",
        default="natural",
        values=("natural", "warm", "cool", "vibrant", "pastel", "muted", "earthy", "dark", "monochrome", "brand"),
    ),
    Choice(
        "music",
        "The music below the picture.",
        default="ambient",
        values=("none", "ambient", "acoustic", "corporate", "cinematic", "electronic", "hip_hop", "upbeat"),
        follows=_PURPOSE,
    ),
    Choice(
        "voice",
        "The voice that speaks.",
        default="none",
        values=("none", "neutral", "warm", "calm", "energetic", "authoritative"),
        follows=_PURPOSE,
    ),
    Choice(
        "transitions",
        "How one shot becomes the next.",
        default="cut",
        values=("none", "cut", "fade", "slide", "wipe", "zoom"),
    ),
    Choice(
        "captions",
        "Words on the picture.",
        default="subtitles",
        values=("none", "subtitles", "animated"),
        follows=_PURPOSE | _DEVICE,
    ),
    Choice("quality", "How much work is spent on it.", default="standard", values=("draft", "standard", "high")),
    Quantity("steps", "Sampling steps of the generator.", default=30, low=1, high=200, step=1, tolerance=8),
    Quantity(
        "guidance",
        "How closely the generator keeps to the prompt (classifier-free guidance scale).",
        default=7.5,
        low=0,
        high=30,
        step=0.5,
        tolerance=1.5,
    ),
    Quantity(
        "prompt_strength",
        "How far the result may leave what it starts from.",
        default=0.8,
        low=0,
        high=1,
        step=0.05,
        tolerance=0.1,
    ),
)

PARAMETERS: Final[Mapping[str, Parameter]] = MappingProxyType({parameter.name: parameter for parameter in _ALL})
"""Every parameter by name, in the order of answers."""

# The device decides the frame, the purpose the rest.
_BY_PURPOSE: Mapping[str, Mapping[str, Value]] = {
    "social_media": {
        "duration_seconds": 20,
        "aspect_ratio": "9:16",
        "pace": "fast",
        "colour_palette": "vibrant",
        "music": "upbeat",
        "captions": "animated",
    },
    "advertising": {"duration_seconds": 30, "pace": "fast", "music": "upbeat", "voice": "energetic"},
    "marketing": {"duration_seconds": 60, "music": "upbeat", "voice": "warm", "colour_palette": "brand"},
    "business": {"duration_seconds": 90, "music": "corporate", "voice": "neutral", "colour_palette": "brand"},
    "presentation": {"duration_seconds": 120, "pace": "slow", "music": "none", "transitions": "fade"},
    "education": {"duration_seconds": 180, "pace": "slow", "music": "none", "voice": "calm"},
    "tutorial": {"duration_seconds": 240, "pace": "slow", "music": "none", "voice": "neutral"},
    "entertainment": {"duration_seconds": 90, "music": "cinematic", "colour_palette": "vibrant"},
    "personal": {"duration_seconds": 45, "music": "acoustic", "captions": "none"},
}
_BY_DEVICE: Mapping[str, Mapping[str, Value]] = {
    "mobile": {"aspect_ratio": "9:16"},
    "tablet": {"aspect_ratio": "4:3"},
    "desktop": {"aspect_ratio": "16:9"},
    "tv": {"aspect_ratio": "16:9", "resolution": "2160p", "fps": 50},
}
PURPOSES: Final = frozenset(_BY_PURPOSE)
DEVICES: Final = frozenset(_BY_DEVICE)


def default_of(parameter: Parameter, purpose: str | None, device: str | None) -> Value:
    """What `parameter` is where nothing was learned, for a purpose and a device; either may be unknown."""
    by_device = _BY_DEVICE.get(device or "", {}) if DEVICE in parameter.follows else {}
    by_purpose = _BY_PURPOSE.get(purpose or "", {})
    return by_device.get(parameter.name, by_purpose.get(parameter.name, parameter.default))


def checked(parameters: Mapping[str, Any], place: str) -> dict[str, Value]:
    """`parameters` by name, each as its kind has it, in the order of `PARAMETERS`.

    Raises:
        ValidationFailed: a name is unknown or a value is out of bounds; `field` names it below `place`.
    """
    for name in parameters:
        if name not in PARAMETERS:
            raise ValidationFailed("is no generation parameter", field=f"{place}.{camel(str(name))}")
    return {
        name: parameter.checked(parameters[name], f"{place}.{camel(name)}")
        for name, parameter in PARAMETERS.items()
        if name in parameters
    }


def usable(parameters: Mapping[str, Any]) -> dict[str, Value]:
    """What `checked` would take of stored parameters: an older release may have known others."""
    found: dict[str, Value] = {}
    for name, parameter in PARAMETERS.items():
        with suppress(ValidationFailed):
            if name in parameters:
                found[name] = parameter.checked(parameters[name], name)
    return found


def camel(name: str) -> str:
    """A name as clients see it."""
    first, *others = name.split("_")
    return first + "".join(map(str.capitalize, others))

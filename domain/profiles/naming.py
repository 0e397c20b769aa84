"""One name for each facet and value, however a client spells it: what is learned, stated and corrected must meet."""

import re
from collections.abc import Mapping
from types import MappingProxyType

DURATION = "duration"
DURATION_BUCKETS = ((15.0, "up to 15 s"), (30.0, "16 to 30 s"), (60.0, "31 to 60 s"), (180.0, "1 to 3 min"))
LONGEST_BUCKET = "over 3 min"

_ALIASES: Mapping[str, str] = MappingProxyType(
    {
        "aspect_ratios": "aspect_ratio",
        "categories": "category",
        "color": "colour",
        "colors": "colour",
        "colours": "colour",
        "devices": "device",
        "duration_seconds": DURATION,
        "durations": DURATION,
        "features": "feature",
        "style": "visual_style",
        "styles": "visual_style",
        "tags": "tag",
        "templates": "template",
        "visual_styles": "visual_style",
    }
)
_WORD_BEGINS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_SECONDS = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9})?")
_SEPARATORS = re.compile(r"[\s\-.]+")


def facet_name(text: str) -> str:
    """`text` as the facet's one name: snake case, singular, `colour` for `color`."""
    name = _SEPARATORS.sub("_", _WORD_BEGINS.sub("_", text.strip())).lower()
    return _ALIASES.get(name, name)


def facet_value(facet: str, value: str | float) -> str:
    """`value` as text of a facet that `facet_name` named; a duration in seconds becomes its bucket."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return duration_bucket(value) if facet == DURATION else f"{value:g}"
    text = " ".join(str(value).split()).casefold()
    if facet == DURATION and _SECONDS.fullmatch(text):
        return duration_bucket(float(text))
    return text


def duration_bucket(seconds: float) -> str:
    """The bucket of a video's length in seconds."""
    return next((name for limit, name in DURATION_BUCKETS if seconds <= limit), LONGEST_BUCKET)

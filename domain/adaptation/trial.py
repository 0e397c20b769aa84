"""Settings of the interface under test: they take the place of what was learned, and never of what a person stated."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final

from domain.adaptation.model import (
    BOUNDS,
    Density,
    Layout,
    Onboarding,
    Setting,
    SettingName,
    SettingSource,
    Theme,
    UiSettings,
)
from domain.exposures.steering import Steering

VARIANT: Final = "variant"
LONGEST_VARIANT: Final = 128

_CHOICES: Final[Mapping[str, Callable[[str], Any]]] = {
    SettingName.DENSITY.value: Density,
    SettingName.THEME.value: Theme,
    SettingName.LAYOUT.value: Layout,
    SettingName.ONBOARDING.value: Onboarding,
}


def wrong_setting(name: str, value: Any) -> str | None:
    """What keeps a value from being a setting of a variation; None if nothing does."""
    if name == VARIANT:
        fits = isinstance(value, str) and 1 <= len(value) <= LONGEST_VARIANT
        return None if fits else f"must be a text of 1 to {LONGEST_VARIANT} characters"
    if name not in _CHOICES:
        return f"there are {', '.join((*_CHOICES, VARIANT))}"
    try:
        _CHOICES[name](value)
    except ValueError:
        return "is none of its values"
    return None


def tried(settings: UiSettings, steering: Steering) -> UiSettings:
    """The settings with those of a person's variations.

    A setting that the person stated is left alone and counts as not shown. A density that the device has not is left
    alone as well, and counts as shown: were it not, the arms would differ in who is counted.
    """
    changed: dict[str, Any] = {}
    for name, choice in _CHOICES.items():
        if getattr(settings, name).source is SettingSource.STATED:
            continue
        value = steering.get(f"ui.{name}")
        if value is not None and _allowed(settings, choice(value)):
            changed[name] = Setting(choice(value), SettingSource.EXPERIMENT)
    return replace(settings, variant=steering.get(f"ui.{VARIANT}"), **changed)


def _allowed(settings: UiSettings, value: Any) -> bool:
    return not isinstance(value, Density) or value in BOUNDS[settings.device].densities

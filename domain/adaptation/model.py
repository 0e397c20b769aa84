"""The words of adaptation: what can be set, to what, where a value came from and what it rests on."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from types import MappingProxyType
from typing import Final, Generic, TypeAlias, TypeVar

from domain.errors import ValidationFailed
from domain.ids import ItemId

MAX_STEP_LENGTH: Final = 300
MAX_STEPS: Final = 5

Step: TypeAlias = str
"""What was done, such as `template_used`, and where it says more, what with: `feature_used:auto_captions`."""

Steps: TypeAlias = tuple[Step, ...]

Value = TypeVar("Value")


class DeviceClass(StrEnum):
    """What people hold in their hands, as far as an interface has to differ."""

    DESKTOP = "desktop"
    TABLET = "tablet"
    MOBILE = "mobile"


class Density(StrEnum):
    """How much fits on a screen."""

    COMFORTABLE = "comfortable"
    REGULAR = "regular"
    COMPACT = "compact"


class Theme(StrEnum):
    """Light or dark."""

    SYSTEM = "system"
    LIGHT = "light"
    DARK = "dark"


class Layout(StrEnum):
    """How panels are arranged."""

    STACKED = "stacked"
    SIDE_BY_SIDE = "side_by_side"
    FOCUS = "focus"


class Onboarding(StrEnum):
    """How much is explained."""

    FULL = "full"
    HINTS = "hints"
    NONE = "none"


class Panel(StrEnum):
    """A part of the interface that can be open from the start."""

    PROJECTS = "projects"
    TEMPLATES = "templates"
    STYLES = "styles"
    TOOLS = "tools"
    LIBRARY = "library"
    EXPORT = "export"


class SettingName(StrEnum):
    """The settings."""

    DENSITY = "density"
    THEME = "theme"
    LAYOUT = "layout"
    ONBOARDING = "onboarding"
    DEFAULT_PANELS = "default_panels"
    PINNED_TOOLS = "pinned_tools"
    SHORTCUTS = "shortcuts"


class SettingSource(StrEnum):
    """Where a value came from."""

    STATED = "stated"
    LEARNED = "learned"
    EXPERIMENT = "experiment"
    DEVICE = "device"
    DEFAULT = "default"


@dataclass(frozen=True, slots=True)
class SettingEvidence:
    """What a value rests on; all zero for one that nobody's behaviour speaks for.

    Attributes:
        events: how many events speak for it.
        days: on how many distinct days they took place.
        last_day: the latest of those days.
        since: the day after which it was shown first; None if it has been so from the beginning.
    """

    events: int = 0
    days: int = 0
    last_day: date | None = None
    since: date | None = None


NO_EVIDENCE: Final = SettingEvidence()


@dataclass(frozen=True, slots=True)
class Setting(Generic[Value]):
    """One setting of an interface.

    Attributes:
        confidence: 0 for a default, 1 for what was stated, else the share of the evidence that speaks for the value.
    """

    value: Value
    source: SettingSource
    confidence: float = 0.0
    evidence: SettingEvidence = NO_EVIDENCE


@dataclass(frozen=True, slots=True)
class UiSettings:
    """How an interface shall be for one person on one device.

    Attributes:
        device: the class of device that they are for; None for any.
        pinned_tools: features, in the order in which they were pinned.
        default_panels: open from the start, the first in front.
        shortcuts: sequences of steps that can be one.
        variant: what an experiment of the client's calls the interface that is to be shown; None for the usual one.
        used: categories of the person's data behind the answer.
        title_of: what the catalogue calls an item.
    """

    device: DeviceClass | None
    density: Setting[Density]
    theme: Setting[Theme]
    layout: Setting[Layout]
    onboarding: Setting[Onboarding]
    default_panels: Setting[tuple[Panel, ...]]
    pinned_tools: Setting[tuple[ItemId, ...]]
    shortcuts: Setting[tuple[Steps, ...]]
    variant: str | None = None
    used: frozenset[str] = frozenset()
    title_of: Callable[[ItemId], str] = field(default=str, compare=False)

    @property
    def personalized(self) -> bool:
        """Whether anything of the person had a part in it."""
        return bool(self.used)


@dataclass(frozen=True, slots=True)
class UiContext:
    """Where an interface is shown.

    Attributes:
        device: as the client names it.
        surface: the part of the product, as told with the session.
    """

    device: str | None = None
    surface: str | None = None


_DEVICE_NAMES: Final[Mapping[str, DeviceClass]] = MappingProxyType(
    {
        **dict.fromkeys(("desktop", "laptop", "web", "windows", "macos", "mac", "linux", "pc"), DeviceClass.DESKTOP),
        **dict.fromkeys(("tablet", "ipad"), DeviceClass.TABLET),
        **dict.fromkeys(("mobile", "phone", "smartphone", "iphone", "ios", "android"), DeviceClass.MOBILE),
    }
)


def device_class(name: str | None) -> DeviceClass | None:
    """The class of a device as clients name it; None for none, or one that nothing is known of."""
    return None if name is None else _DEVICE_NAMES.get(name.strip().lower())


@dataclass(frozen=True, slots=True)
class SettingChanges:
    """What a person sets themselves; None leaves a setting as it is.

    Attributes:
        device: only for this class of device; None for all of them.
        reset: forget what was stated about these, before anything is set.
    """

    device: DeviceClass | None = None
    density: Density | None = None
    theme: Theme | None = None
    layout: Layout | None = None
    onboarding: Onboarding | None = None
    default_panels: tuple[Panel, ...] | None = None
    pinned_tools: tuple[ItemId, ...] | None = None
    shortcuts: tuple[Steps, ...] | None = None
    reset: frozenset[SettingName] = field(default_factory=frozenset)

    def check(self) -> None:
        """Raise `ValidationFailed`, naming the field, unless every value is within its bounds."""
        bounds = BOUNDS[self.device]
        if self.density is not None and self.density not in bounds.densities:
            raise ValidationFailed("is not available on this device", field="density")
        _check_list(self.default_panels, bounds.panels, "defaultPanels")
        _check_list(self.pinned_tools, bounds.tools, "pinnedTools")
        _check_list(self.shortcuts, bounds.shortcuts, "shortcuts")
        for tool in self.pinned_tools or ():
            _check_text(tool, "pinnedTools")
        for steps in self.shortcuts or ():
            if not 2 <= len(steps) <= MAX_STEPS:
                raise ValidationFailed(f"a shortcut has 2 to {MAX_STEPS} steps", field="shortcuts")
            for step in steps:
                _check_text(step, "shortcuts")


@dataclass(frozen=True, slots=True)
class Bounds:
    """What fits on a class of device.

    Attributes:
        densities: that a finger or a pointer can work with: WCAG 2.2, 2.5.8, asks for targets of 24 CSS pixels.
        panels: at most so many open from the start.
        tools: at most so many pinned.
        shortcuts: at most so many shown.
    """

    densities: tuple[Density, ...]
    panels: int
    tools: int
    shortcuts: int


_POINTER: Final = Bounds(tuple(Density), panels=3, tools=6, shortcuts=5)

BOUNDS: Final[Mapping[DeviceClass | None, Bounds]] = MappingProxyType(
    {
        None: _POINTER,
        DeviceClass.DESKTOP: _POINTER,
        DeviceClass.TABLET: Bounds((Density.COMFORTABLE, Density.REGULAR), panels=2, tools=5, shortcuts=4),
        DeviceClass.MOBILE: Bounds((Density.COMFORTABLE, Density.REGULAR), panels=1, tools=4, shortcuts=3),
    }
)


def _check_list(values: tuple[object, ...] | None, most: int, place: str) -> None:
    if values is not None and (len(values) > most or len(set(values)) < len(values)):
        raise ValidationFailed(f"at most {most} different ones on this device", field=place)


def _check_text(text: str, place: str) -> None:
    if not 1 <= len(text) <= MAX_STEP_LENGTH or not text.isprintable() or not text.strip():
        raise ValidationFailed(f"1 to {MAX_STEP_LENGTH} printable characters", field=place)

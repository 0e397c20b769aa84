"""What a person said themselves about their interface and its offers: it wins over everything that was learned."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final, TypeVar

from domain.adaptation.model import (
    BOUNDS,
    Density,
    DeviceClass,
    Layout,
    Onboarding,
    Panel,
    Setting,
    SettingChanges,
    SettingName,
    SettingSource,
    Theme,
    UiSettings,
)
from domain.ids import ItemId

EVERYWHERE: Final = "*"
MOST_DISMISSED: Final = 500
"""Of more, the ones that were dismissed first may be offered again."""

STATED: Final = "stated_preferences"

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class Choices:
    """Everything that one person said.

    Attributes:
        settings: setting -> class of device, or `*` for all -> value, in the form in which it is stored.
        dismissed: id of an optimization -> when it was dismissed, as ISO 8601.
    """

    settings: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    dismissed: Mapping[str, str] = field(default_factory=dict)

    def after(self, changes: SettingChanges) -> "Choices":
        """The choices once a person has changed settings; a reset also forgets what was said for other devices."""
        kept = {name: dict(said) for name, said in self.settings.items()}
        device = EVERYWHERE if changes.device is None else changes.device.value
        for name in changes.reset:
            if changes.device is None:
                kept.pop(name.value, None)
            else:
                kept.get(name.value, {}).pop(device, None)
        for setting in SettingName:
            value = getattr(changes, setting.value)
            if value is not None:
                # What is said for every device replaces what was said for one.
                before = {} if changes.device is None else kept.get(setting.value, {})
                kept[setting.value] = {**before, device: _plain(value)}
        return replace(self, settings={name: said for name, said in kept.items() if said})

    def dismissing(self, optimization_id: str, at: datetime | None) -> "Choices":
        """The choices once an optimization is not wanted, or with None as its time, is again."""
        kept = {name: said for name, said in self.dismissed.items() if name != optimization_id}
        if at is not None:
            kept[optimization_id] = at.isoformat()
        return replace(self, dismissed=dict(list(kept.items())[-MOST_DISMISSED:]))

    def applied(self, settings: UiSettings) -> UiSettings:
        """The settings with what was stated in the place of what was learned."""
        device, bounds = settings.device, BOUNDS[settings.device]
        changed: dict[str, Any] = {}
        for setting in SettingName:
            said = self._said(setting, device)
            if said is not None:
                changed[setting.value] = Setting(_value(setting, said), SettingSource.STATED, 1.0)
        settings = replace(settings, **changed)
        if settings.density.value not in bounds.densities:
            settings = replace(settings, density=replace(settings.density, value=bounds.densities[-1]))
        return replace(
            settings,
            default_panels=_cut(settings.default_panels, bounds.panels),
            pinned_tools=_cut(settings.pinned_tools, bounds.tools),
            shortcuts=_cut(settings.shortcuts, bounds.shortcuts),
        )

    def _said(self, setting: SettingName, device: DeviceClass | None) -> Any:
        said = self.settings.get(setting.value, {})
        if device is not None and device.value in said:
            return said[device.value]
        return said.get(EVERYWHERE)

    def to_json(self) -> dict[str, Any]:
        """The form that is sealed and stored."""
        return {
            "settings": {name: dict(said) for name, said in self.settings.items()},
            "dismissed": dict(self.dismissed),
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> "Choices":
        """What `to_json` wrote."""
        return cls(stored["settings"], stored["dismissed"])


def _cut(setting: Setting[tuple[Value, ...]], most: int) -> Setting[tuple[Value, ...]]:
    return setting if len(setting.value) <= most else replace(setting, value=setting.value[:most])


def _plain(value: Any) -> Any:
    return (
        [list(entry) if isinstance(entry, tuple) else entry for entry in value] if isinstance(value, tuple) else value
    )


def _value(setting: SettingName, said: Any) -> Any:
    match setting:
        case SettingName.DENSITY:
            return Density(said)
        case SettingName.THEME:
            return Theme(said)
        case SettingName.LAYOUT:
            return Layout(said)
        case SettingName.ONBOARDING:
            return Onboarding(said)
        case SettingName.DEFAULT_PANELS:
            return tuple(map(Panel, said))
        case SettingName.PINNED_TOOLS:
            return tuple(map(ItemId, said))
        case SettingName.SHORTCUTS:
            return tuple(tuple(steps) for steps in said)

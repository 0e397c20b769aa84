"""The enumerations of adaptation as GraphQL enums, registered before any type that uses them."""

from domain.adaptation.model import Density, DeviceClass, Layout, Onboarding, Panel, SettingName, SettingSource, Theme
from domain.adaptation.optimization import OptimizationKind, OptimizationSource
from graphql_api.enumeration import register

__all__ = [
    "Density",
    "DeviceClass",
    "Layout",
    "Onboarding",
    "OptimizationKind",
    "OptimizationSource",
    "Panel",
    "SettingName",
    "SettingSource",
    "Theme",
]

register(
    DeviceClass,
    "DeviceClass",
    "Devices, as far as an interface has to differ.",
    {"DESKTOP": "A pointer and a large screen.", "TABLET": "Touch and room.", "MOBILE": "Touch and little room."},
)
register(
    Density,
    "Density",
    "How much fits on a screen.",
    {"COMFORTABLE": "Large targets, much space.", "REGULAR": "Between the others.", "COMPACT": "As much as fits."},
)
register(
    Theme,
    "Theme",
    "Light or dark.",
    {"SYSTEM": "As the device is set.", "LIGHT": "Dark on light.", "DARK": "Light on dark."},
)
register(
    Layout,
    "Layout",
    "How panels are arranged.",
    {"STACKED": "One above the other.", "SIDE_BY_SIDE": "Beside each other.", "FOCUS": "One alone."},
)
register(
    Onboarding,
    "Onboarding",
    "How much is explained.",
    {"FULL": "Everything.", "HINTS": "A hint where something is new.", "NONE": "Nothing unless it is asked for."},
)
register(
    Panel,
    "Panel",
    "A part of the interface that can be open from the start.",
    {
        "PROJECTS": "The person's projects.",
        "TEMPLATES": "Templates to begin with.",
        "STYLES": "Visual styles.",
        "TOOLS": "Features.",
        "LIBRARY": "Content.",
        "EXPORT": "Exporting and publishing.",
    },
)
register(
    SettingName,
    "UiSettingName",
    "The settings of an interface.",
    {
        "DENSITY": "How much fits on a screen.",
        "THEME": "Light or dark.",
        "LAYOUT": "How panels are arranged.",
        "ONBOARDING": "How much is explained.",
        "DEFAULT_PANELS": "What is open from the start.",
        "PINNED_TOOLS": "Which features are at hand.",
        "SHORTCUTS": "Which steps can be one.",
    },
)
register(
    SettingSource,
    "UiSettingSource",
    "Where the value of a setting came from.",
    {
        "STATED": "The person said so.",
        "LEARNED": "What they did speaks for it, on several days.",
        "EXPERIMENT": "An experiment shows it to them.",
        "DEVICE": "It suits the device.",
        "DEFAULT": "Nothing speaks for another value.",
    },
)
register(
    OptimizationKind,
    "OptimizationKind",
    "What could be better.",
    {
        "SHORTCUT": "Several steps could be one.",
        "AUTOMATION": "A choice that is nearly always the same could be made for the person.",
        "FEATURE": "A feature that people who work alike use, and this person has not tried.",
    },
)
register(
    OptimizationSource,
    "OptimizationSource",
    "Whose behaviour it was found in.",
    {"OWN": "The person's own.", "COMMON": "That of at least five people."},
)

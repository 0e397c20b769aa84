"""UI settings: how the interface shall be for a person, what that rests on, and their own word on it."""

from datetime import date
from typing import Annotated, Any, Self, TypeAlias

import strawberry

from domain.adaptation import model
from domain.adaptation.model import SettingChanges, UiContext
from domain.adaptation.wording import workflow_title
from domain.ids import ItemId
from graphql_api.adaptation_enums import (
    Density,
    DeviceClass,
    Layout,
    Onboarding,
    Panel,
    SettingName,
    SettingSource,
    Theme,
)
from graphql_api.auth import Scope
from graphql_api.context import Info
from graphql_api.problems import INPUT, AnyProblem, answering_problems
from graphql_api.used_data import WITHOUT, UsedData, used_data


@strawberry.type(description="What a setting rests on; zeros where nothing that the person did speaks for it.")
class SettingEvidence:
    """Evidence."""

    events: int = strawberry.field(description="How many events speak for it.")
    days: int = strawberry.field(description="On how many distinct days they took place, in UTC.")
    last_day: date | None = strawberry.field(description="The latest of those days.")
    since: date | None = strawberry.field(description="After which day it was shown first; null from the beginning.")


@strawberry.interface(description="One setting of an interface.")
class UiSetting:
    """What all settings have."""

    source: SettingSource = strawberry.field(description="Where the value came from.")
    confidence: float = strawberry.field(
        description="0 for a default, 1 for what was stated, else how much speaks for it."
    )
    evidence: SettingEvidence = strawberry.field(description="What it rests on.")

    @classmethod
    def of(cls, setting: model.Setting[Any], **value: Any) -> Self:
        """The setting as clients see it."""
        evidence = setting.evidence
        return cls(
            source=setting.source,
            confidence=setting.confidence,
            evidence=SettingEvidence(
                events=evidence.events, days=evidence.days, last_day=evidence.last_day, since=evidence.since
            ),
            **(value or {"value": setting.value}),
        )


@strawberry.type(description="How much fits on a screen.")
class DensitySetting(UiSetting):
    """Density."""

    value: Density = strawberry.field(description="The density.")


@strawberry.type(description="Light or dark.")
class ThemeSetting(UiSetting):
    """Theme."""

    value: Theme = strawberry.field(description="The theme.")


@strawberry.type(description="How panels are arranged.")
class LayoutSetting(UiSetting):
    """Layout."""

    value: Layout = strawberry.field(description="The layout.")


@strawberry.type(description="How much is explained.")
class OnboardingSetting(UiSetting):
    """Onboarding."""

    value: Onboarding = strawberry.field(description="The level.")


@strawberry.type(description="What is open from the start.")
class PanelsSetting(UiSetting):
    """Panels."""

    value: list[Panel] = strawberry.field(description="The panels, the first in front.")


@strawberry.type(description="Which features are at hand.")
class ToolsSetting(UiSetting):
    """Tools."""

    value: list[str] = strawberry.field(description="Ids of the features, in the order in which they were pinned.")


@strawberry.type(description="Several steps that can be one.")
class UiShortcut:
    """A shortcut."""

    steps: list[str] = strawberry.field(description="Such as `template_used` or `feature_used:auto_captions`.")
    title: str = strawberry.field(description="The steps in words.")


@strawberry.type(description="Which steps can be one.")
class ShortcutsSetting(UiSetting):
    """Shortcuts."""

    value: list[UiShortcut] = strawberry.field(description="The shortcuts, in the order in which they were learned.")


@strawberry.type(description="How the interface shall be for a person on a device.")
class UiSettings:
    """The settings."""

    device: DeviceClass | None = strawberry.field(description="What they are for; null for any device.")
    density: DensitySetting = strawberry.field(description="How much fits on a screen.")
    theme: ThemeSetting = strawberry.field(description="Light or dark.")
    layout: LayoutSetting = strawberry.field(description="How panels are arranged.")
    onboarding: OnboardingSetting = strawberry.field(description="How much is explained.")
    default_panels: PanelsSetting = strawberry.field(description="What is open from the start.")
    pinned_tools: ToolsSetting = strawberry.field(description="Which features are at hand.")
    shortcuts: ShortcutsSetting = strawberry.field(description="Which steps can be one.")
    variant: str | None = strawberry.field(
        description="What an experiment of yours calls the interface to show; null for the usual one."
    )
    personalized: bool = strawberry.field(description="Whether anything of the person had a part in it.")
    used_data: UsedData = strawberry.field(description="What the answer used of the person.")

    @classmethod
    def of(cls, settings: model.UiSettings) -> Self:
        """The settings as clients see them."""
        shortcuts = [
            UiShortcut(steps=list(steps), title=workflow_title(steps, settings.title_of))
            for steps in settings.shortcuts.value
        ]
        return cls(
            device=settings.device,
            density=DensitySetting.of(settings.density),
            theme=ThemeSetting.of(settings.theme),
            layout=LayoutSetting.of(settings.layout),
            onboarding=OnboardingSetting.of(settings.onboarding),
            default_panels=PanelsSetting.of(settings.default_panels, value=list(settings.default_panels.value)),
            pinned_tools=ToolsSetting.of(settings.pinned_tools, value=list(settings.pinned_tools.value)),
            shortcuts=ShortcutsSetting.of(settings.shortcuts, value=shortcuts),
            variant=settings.variant,
            personalized=settings.personalized,
            used_data=used_data(settings.used),
        )


@strawberry.input(description="Where the interface is shown.")
class UiContextInput:
    """The context of a request."""

    device: str | None = strawberry.field(default=None, description="Such as `desktop`, `tablet` or `mobile`.")
    surface: str | None = strawberry.field(default=None, description="The part of the product, as sessions name it.")

    def meaning(self) -> UiContext:
        """The context."""
        return UiContext(self.device, self.surface)


@strawberry.input(description="Settings to keep as the person says, and settings to learn again.")
class UpdateUiSettingsInput:
    """The input of `updateUiSettings`."""

    user_id: str = strawberry.field(description="Who says so.")
    device: DeviceClass | None = strawberry.field(default=None, description="Only for this one; null for all devices.")
    density: Density | None = strawberry.field(default=None, description="How much fits on a screen.")
    theme: Theme | None = strawberry.field(default=None, description="Light or dark.")
    layout: Layout | None = strawberry.field(default=None, description="How panels are arranged.")
    onboarding: Onboarding | None = strawberry.field(default=None, description="How much is explained.")
    default_panels: list[Panel] | None = strawberry.field(default=None, description="What is open from the start.")
    pinned_tools: list[str] | None = strawberry.field(default=None, description="Ids of features to have at hand.")
    shortcuts: list[list[str]] | None = strawberry.field(default=None, description="Steps that shall be one.")
    reset: list[SettingName] = strawberry.field(
        default_factory=list, description="Forget what was stated; it is learned again."
    )

    def changes(self) -> SettingChanges:
        """The changes."""
        tools, shortcuts = self.pinned_tools, self.shortcuts
        return SettingChanges(
            device=self.device,
            density=self.density,
            theme=self.theme,
            layout=self.layout,
            onboarding=self.onboarding,
            default_panels=None if self.default_panels is None else tuple(self.default_panels),
            pinned_tools=None if tools is None else tuple(map(ItemId, tools)),
            shortcuts=None if shortcuts is None else tuple(map(tuple, shortcuts)),
            reset=frozenset(self.reset),
        )


UpdateUiSettingsPayload: TypeAlias = Annotated[
    UiSettings | AnyProblem,
    strawberry.union("UpdateUiSettingsPayload", description="The settings as they are now, or why nothing changed."),
]


@strawberry.type
class AdaptationQuery:
    """Reading settings."""

    @strawberry.field(description="How the interface shall be for a person; defaults for somebody unknown.")
    async def ui_settings(
        self,
        info: Info,
        user_id: Annotated[str, strawberry.argument(description="Whose interface.")],
        context: Annotated[UiContextInput | None, strawberry.argument(description="Where it is shown.")] = None,
        personalized: Annotated[bool, strawberry.argument(description=WITHOUT)] = True,
    ) -> UiSettings | None:
        """One person's settings."""
        tenant, user = info.context.reach(user_id, Scope.PROFILE_READ)
        where = (context or UiContextInput()).meaning()
        adaptation = info.context.services.adaptation
        return UiSettings.of(await adaptation.ui_settings(tenant, user, where, personalized=personalized))


@strawberry.type
class AdaptationMutation:
    """Saying how the interface shall be."""

    @strawberry.mutation(description="Set settings, or learn them again; what a person states wins and holds at once.")
    @answering_problems
    async def update_ui_settings(
        self,
        info: Info,
        input: Annotated[UpdateUiSettingsInput, INPUT],  # noqa: A002 - the name clients expect
    ) -> UpdateUiSettingsPayload:
        """One person's word."""
        tenant, user = info.context.reach(input.user_id, Scope.PROFILE_WRITE)
        changes = input.changes()
        return UiSettings.of(await info.context.services.adaptation.update_settings(tenant, user, changes))

"""Adaptation over REST: how the interface shall be for a person, and what would save them steps."""

from datetime import date, datetime
from typing import Any, Final, Self

from pydantic import Field

from domain.adaptation import model
from domain.adaptation.model import (
    Density,
    DeviceClass,
    Layout,
    Onboarding,
    Panel,
    SettingSource,
    Theme,
    UiContext,
    UiSettings,
)
from domain.adaptation.optimization import Optimization, OptimizationKind, OptimizationSource
from domain.adaptation.service import WorkflowOptimizations
from domain.adaptation.wording import TitleOf, explanation, headline
from graphql_api.auth import Scope
from graphql_api.rest.fields import AnswerPart, RequestPart, Text, UserIdText
from graphql_api.rest.operation import USER_ID, Call, NoBody, Operation
from graphql_api.rest.used_data import UsedDataAnswer
from graphql_api.used_data import WITHOUT


class UiContextBody(RequestPart):
    """Where the interface is shown."""

    device: Text | None = Field(None, description="Such as `desktop`, `tablet` or `mobile`.")
    surface: Text | None = Field(None, description="The part of the product, as sessions name it.")


class UiSettingsRequest(RequestPart):
    """What `ui-settings` takes."""

    user_id: UserIdText
    context: UiContextBody = UiContextBody()
    personalized: bool = Field(default=True, description=WITHOUT)


class SettingEvidenceAnswer(AnswerPart):
    """What a setting rests on; zeros where nothing that the person did speaks for it."""

    events: int = Field(description="How many events speak for it.")
    days: int = Field(description="On how many distinct days they took place, in UTC.")
    last_day: date | None = Field(description="The latest of those days.")
    since: date | None = Field(description="After which day it was shown first; null from the beginning.")


class SettingAnswer(AnswerPart):
    """What all settings have."""

    source: SettingSource = Field(description="Where the value came from.")
    confidence: float = Field(description="0 for a default, 1 for what was stated, else how much speaks for it.")
    evidence: SettingEvidenceAnswer

    @classmethod
    def of(cls, setting: model.Setting[Any]) -> Self:
        """The setting as clients see it."""
        return cls.model_validate(setting, from_attributes=True)


class DensityAnswer(SettingAnswer):
    """How much fits on a screen."""

    value: Density


class ThemeAnswer(SettingAnswer):
    """Light or dark."""

    value: Theme


class LayoutAnswer(SettingAnswer):
    """How panels are arranged."""

    value: Layout


class OnboardingAnswer(SettingAnswer):
    """How much is explained."""

    value: Onboarding


class PanelsAnswer(SettingAnswer):
    """What is open from the start, the first in front."""

    value: list[Panel]


class ToolsAnswer(SettingAnswer):
    """Ids of the features that are at hand, in the order in which they were pinned."""

    value: list[str]


class ShortcutsAnswer(SettingAnswer):
    """Steps that can be one, such as `template_used` and `feature_used:auto_captions`."""

    value: list[list[str]]


class UiSettingsBody(AnswerPart):
    """The settings."""

    density: DensityAnswer
    theme: ThemeAnswer
    layout: LayoutAnswer
    onboarding: OnboardingAnswer
    default_panels: PanelsAnswer
    pinned_tools: ToolsAnswer
    shortcuts: ShortcutsAnswer


class UiSettingsAnswer(AnswerPart):
    """How the interface shall be for a person."""

    settings: UiSettingsBody
    variant: str | None = Field(description="What an experiment calls the interface to show; null for the usual one.")
    device: DeviceClass | None = Field(description="What they are for; null for any device.")
    personalized: bool = Field(description="Whether anything of the person had a part in it.")
    used_data: UsedDataAnswer

    @classmethod
    def of(cls, settings: UiSettings) -> Self:
        """The settings as clients see them."""
        body = UiSettingsBody(
            density=DensityAnswer.of(settings.density),
            theme=ThemeAnswer.of(settings.theme),
            layout=LayoutAnswer.of(settings.layout),
            onboarding=OnboardingAnswer.of(settings.onboarding),
            default_panels=PanelsAnswer.of(settings.default_panels),
            pinned_tools=ToolsAnswer.of(settings.pinned_tools),
            shortcuts=ShortcutsAnswer.of(settings.shortcuts),
        )
        return cls(
            settings=body,
            variant=settings.variant,
            device=settings.device,
            personalized=settings.personalized,
            used_data=UsedDataAnswer.of(settings.used),
        )


class WorkflowEvidenceAnswer(AnswerPart):
    """What an optimization rests on."""

    times_seen: int = Field(description="How often it was done.")
    sessions: int = Field(description="In how many sessions; for a feature, by how many people.")
    people: int = Field(description="By how many people: 1 for the person's own, else in steps of five.")
    last_seen_at: datetime = Field(description="When it was done last; the day, where others did it.")


class OptimizationAnswer(AnswerPart):
    """Something that would save a person steps."""

    optimization_id: str = Field(description="Name it in `dismissOptimization`.")
    kind: OptimizationKind
    source: OptimizationSource = Field(description="Whose behaviour it was found in.")
    title: str = Field(description="What is offered, in a few words.")
    why: str = Field(description="A sentence that says why.")
    steps: list[str] = Field(description="What it is about, in order.")
    item_id: str | None = Field(description="The choice to repeat, or the feature to try.")
    support: float = Field(description="The share of sessions, or of people, that show it.")
    confidence: float = Field(description="How often the rest followed where it began, 0 to 1.")
    lift: float = Field(description="How many times likelier than by chance.")
    steps_saved: float = Field(description="Estimated for 30 days; for what is common, for each time.")
    evidence: WorkflowEvidenceAnswer

    @classmethod
    def of(cls, found: Optimization, title_of: TitleOf) -> Self:
        """The optimization as clients see it."""
        return cls(
            optimization_id=found.optimization_id,
            kind=found.kind,
            source=found.source,
            title=headline(found, title_of),
            why=explanation(found, title_of),
            steps=list(found.steps),
            item_id=found.item_id,
            support=found.support,
            confidence=found.confidence,
            lift=found.lift,
            steps_saved=found.steps_saved,
            evidence=WorkflowEvidenceAnswer.model_validate(found.evidence, from_attributes=True),
        )


class WorkflowOptimizationsAnswer(AnswerPart):
    """What would save a person steps."""

    optimizations: list[OptimizationAnswer] = Field(description="Kind by kind, the best first.")
    sessions: int = Field(description="How many sessions of the person there are to learn from.")
    mined_at: datetime | None = Field(description="When common ways were found; null where there are none.")
    personalized: bool = Field(description="Whether anything of the person had a part in it.")
    used_data: UsedDataAnswer

    @classmethod
    def of(cls, found: WorkflowOptimizations) -> Self:
        """The optimizations as clients see them."""
        return cls(
            optimizations=[OptimizationAnswer.of(entry, found.title_of) for entry in found.optimizations],
            sessions=found.sessions,
            mined_at=found.mined_at,
            personalized=bool(found.used),
            used_data=UsedDataAnswer.of(found.used),
        )


async def read_ui_settings(call: Call, body: UiSettingsRequest) -> UiSettingsAnswer:
    """How the interface shall be for a person."""
    tenant, user = call.reach(body.user_id)
    context = UiContext(body.context.device, body.context.surface)
    found = await call.services.adaptation.ui_settings(tenant, user, context, personalized=body.personalized)
    return UiSettingsAnswer.of(found)


async def read_workflow_optimizations(call: Call, _body: NoBody) -> WorkflowOptimizationsAnswer:
    """What would save a person steps."""
    tenant, user = call.reach(call.request.path_params["userId"])
    found = await call.services.adaptation.workflow_optimizations(tenant, user, personalized=call.personalized)
    return WorkflowOptimizationsAnswer.of(found)


OPERATIONS: Final[tuple[Operation[Any], ...]] = (
    Operation(
        name="uiSettings",
        method="POST",
        path="/ui-settings",
        summary="Get adaptive UI settings",
        description="How the interface shall be for a person on a device. What they stated wins; the rest was learned "
        "from days of use, and changes after several days that agree, never with a click.",
        body=UiSettingsRequest,
        answer=UiSettingsAnswer,
        scope=Scope.PROFILE_READ,
        successor="Query.uiSettings",
        handle=read_ui_settings,
        statuses={200: "The settings."},
        example={"userId": "user_123", "context": {"device": "desktop"}},
    ),
    Operation(
        name="workflowOptimizations",
        method="GET",
        path="/workflow-optimizations/{userId}",
        summary="Get workflow optimizations",
        description="What would save a person steps: sequences that they repeat, choices that they always make alike, "
        "features that people use who work as they do.",
        body=NoBody,
        answer=WorkflowOptimizationsAnswer,
        scope=Scope.PROFILE_READ,
        successor="Query.workflowOptimizations",
        handle=read_workflow_optimizations,
        parameters=USER_ID,
        impersonal=True,
        statuses={200: "The optimizations."},
    ),
)

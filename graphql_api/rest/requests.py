"""The documented payloads, checked, and what they mean to the services."""

from typing import Annotated
from uuid import UUID

from pydantic import Field, StringConstraints

from domain.behavior.model import (
    MAX_ATTRIBUTES,
    MAX_COMMENT,
    MAX_ENTRIES,
    Action,
    BehaviorData,
    Feedback,
    Interaction,
    InteractionAction,
    Project,
    Sentiment,
)
from domain.catalog.model import ItemKind
from domain.ids import ItemId
from domain.privacy.model import OBSERVED_PURPOSES, ConsentPurpose, PrivacyLevel
from domain.privacy.receipts import Evidence
from domain.recommendations.page import PAGE_LIMIT, RecommendationRequest
from domain.recommendations.paging import NOTHING_SHOWN, Shown
from graphql_api.rest.fields import ItemIdText, Moment, Name, Number, RequestPart, Scalar, Text, UserIdText

MAX_EXCLUDED = 500
MAX_CURSOR = 4096
LABEL_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9 ._:/+-]{0,63}$"
JURISDICTION_PATTERN = r"^([A-Z]{2}(-[A-Z0-9]{1,3})?)?$"

Label = Annotated[str, StringConstraints(pattern=LABEL_PATTERN)]
Comment = Annotated[str, StringConstraints(max_length=MAX_COMMENT, pattern=r"^[^\u0000]*$")]
Attributes = Annotated[dict[Name, Scalar], Field(max_length=MAX_ATTRIBUTES)]


def _item(item_id: str | None) -> ItemId | None:
    return None if item_id is None else ItemId(item_id)


class ActionBody(RequestPart):
    """One thing that was done."""

    type: Name = Field(description="What was done, such as `template_used`; any name is accepted.")
    feature: Text | None = Field(None, description="What it was done with; may be a catalogue id.")
    item_id: Text | None = Field(None, description="The catalogue item, where it is known.")
    value: Number | None = Field(None, description="A number that belongs to it, such as a rating.")
    device: Text | None = Field(None, description="On which device.")
    occurred_at: Moment | None = None
    event_id: UUID | None = Field(None, description="A retry with the same id adds nothing.")

    def meaning(self) -> Action:
        """The action."""
        return Action(
            type=self.type,
            feature=self.feature,
            item_id=_item(self.item_id),
            value=self.value,
            device=self.device,
            occurred_at=self.occurred_at,
            event_id=self.event_id,
        )


class ProjectBody(RequestPart):
    """A project as its maker described it."""

    visual_style: Text | None = Field(None, description="Such as `modern`.")
    category: Text | None = Field(None, description="Such as `business`.")
    duration: Number | None = Field(None, description="Length in seconds.")
    attributes: Attributes = Field(default_factory=dict, description="Named texts, numbers and booleans.")

    def meaning(self) -> Project:
        """The project."""
        return Project(self.visual_style, self.category, self.duration, self.attributes)


class FeedbackBody(RequestPart):
    """What a person said about the product or an item of it."""

    type: Name = Field(description="What it is about, such as `visual`.")
    sentiment: Sentiment
    aspect: Text | None = Field(None, description="Such as `style`.")
    item_id: Text | None = Field(None, description="The catalogue item it is about.")
    rating: Number | None = None
    comment: Comment | None = Field(None, description="The person's own words; kept sealed.")

    def meaning(self) -> Feedback:
        """The feedback."""
        return Feedback(self.type, self.sentiment, self.aspect, _item(self.item_id), self.rating, self.comment)


class BehaviorDataBody(RequestPart):
    """A report of behaviour: at least one action, project or feedback, at most 1,000 together."""

    actions: tuple[ActionBody, ...] = Field((), max_length=MAX_ENTRIES)
    projects: tuple[ProjectBody, ...] = Field((), max_length=MAX_ENTRIES)
    feedback: tuple[FeedbackBody, ...] = Field((), max_length=MAX_ENTRIES)
    session_id: Text | None = Field(None, description="The visit that it belongs to.")
    device: Text | None = Field(None, description="On which device, where an action says none.")


class LearnPreferencesRequest(RequestPart):
    """What `learn-preferences` takes."""

    user_id: UserIdText
    behavior_data: BehaviorDataBody

    def meaning(self) -> BehaviorData:
        """The report."""
        said = self.behavior_data
        return BehaviorData(
            actions=tuple(action.meaning() for action in said.actions),
            projects=tuple(project.meaning() for project in said.projects),
            feedback=tuple(feedback.meaning() for feedback in said.feedback),
            session_id=said.session_id,
            device=said.device,
        )


class RecommendationOptions(RequestPart):
    """Which list is wanted."""

    limit: int = Field(10, ge=1, le=PAGE_LIMIT, description="Page length.")
    device: Text | None = Field(None, description="What the list is shown on.")
    kind: ItemKind | None = Field(None, description="Only items of this kind.")
    exclude: tuple[ItemIdText, ...] = Field(
        (), max_length=MAX_EXCLUDED, description="Ids of items that must not appear."
    )
    after: Annotated[str, StringConstraints(min_length=1, max_length=MAX_CURSOR)] | None = Field(
        None, description="`next` of the page before."
    )
    include_seen: bool = Field(default=False, description="Items that the person used may appear again.")
    personalized: bool = Field(default=True, description="False asks for the answer without the person's data.")


class RecommendationsRequest(RequestPart):
    """What `recommendations` takes."""

    user_id: UserIdText
    context: Text | None = Field(None, description="Where the list is shown, such as `video_creation`.")
    options: RecommendationOptions = RecommendationOptions()

    def meaning(self) -> RecommendationRequest:
        """The request. Raises `ValidationFailed` if `after` is no cursor."""
        wanted = self.options
        return RecommendationRequest(
            kind=wanted.kind,
            surface=self.context,
            device=wanted.device,
            first=wanted.limit,
            after=NOTHING_SHOWN if wanted.after is None else Shown.parse(wanted.after, "options.after"),
            exclude=frozenset(map(ItemId, wanted.exclude)),
            include_seen=wanted.include_seen,
            personalized=wanted.personalized,
        )


class TrackInteractionRequest(RequestPart):
    """What `track-interaction` takes."""

    user_id: UserIdText
    item_id: ItemIdText
    action: InteractionAction = Field(description="What the person did with the item.")
    recommendation_id: UUID | None = Field(None, description="The list that it was on.")
    position: int | None = Field(None, ge=0, le=9999, description="Where on the list it stood, from 0.")
    event_id: UUID | None = Field(None, description="A retry with the same id adds nothing.")
    occurred_at: Moment | None = None

    def meaning(self) -> Interaction:
        """The interaction."""
        return Interaction(
            item_id=ItemId(self.item_id),
            action=self.action,
            recommendation_id=self.recommendation_id,
            position=self.position,
            event_id=self.event_id,
            occurred_at=self.occurred_at,
        )


class ConsentBody(RequestPart):
    """One decision of a person about the use of their data, and how it was taken."""

    granted: bool = Field(description="Agreed, or withdrawn.")
    policy_version: Label = Field(description="The privacy policy that was shown.")
    purposes: frozenset[ConsentPurpose] | None = Field(
        None,
        min_length=1,
        description="What it is about. Absent: agreeing means every purpose that observes, withdrawing means all.",
    )
    source: Label = Field("api", description="Where it was said, such as `settings-page`.")
    jurisdiction: Annotated[str, StringConstraints(pattern=JURISDICTION_PATTERN)] = Field(
        "", description="ISO 3166 code such as `DE` or `US-CA`; empty if unknown."
    )
    legal_basis: Label = Field("consent", description="What makes the processing lawful.")

    @property
    def decided(self) -> frozenset[ConsentPurpose]:
        """The purposes, where none were named those that the decision means."""
        return self.purposes or (OBSERVED_PURPOSES if self.granted else frozenset(ConsentPurpose))

    def evidence(self) -> Evidence:
        """How the decision was taken."""
        return Evidence(self.policy_version, self.source, self.jurisdiction, self.legal_basis)


class PrivacyRequest(RequestPart):
    """What `privacy` takes: a level, a decision about consent, or both; the level is applied first."""

    user_id: UserIdText
    privacy_level: PrivacyLevel | None = Field(
        None, description="`strict` withdraws every consent to being observed; the other levels grant none."
    )
    consent: ConsentBody | None = None

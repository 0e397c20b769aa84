"""Behaviour over REST: reports of what people did, and of what they did with a recommended item."""

from typing import Annotated, Any, Final, Self
from uuid import UUID

from pydantic import AwareDatetime, Field, StringConstraints

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
    Receipt,
    Sentiment,
)
from domain.ids import ItemId
from graphql_api.auth import Scope
from graphql_api.rest.fields import AnswerPart, ItemIdText, Moment, Name, Number, RequestPart, Scalar, Text, UserIdText
from graphql_api.rest.operation import Call, Operation

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


class TrackInteractionRequest(RequestPart):
    """What `track-interaction` takes."""

    user_id: UserIdText
    item_id: ItemIdText
    action: InteractionAction = Field(description="What the person did with the item.")
    recommendation_id: UUID | None = Field(None, description="The list that it was on.")
    position: int | None = Field(None, ge=0, le=9999, description="Where on the list it stood, from 0.")
    event_id: UUID | None = Field(None, description="A retry with the same id adds nothing.")
    occurred_at: Moment | None = None
    snoozed_until: AwareDatetime | None = Field(
        None, description="With `snoozed`: when it may be shown again; in a week if absent."
    )

    def meaning(self) -> Interaction:
        """The interaction."""
        return Interaction(
            item_id=ItemId(self.item_id),
            action=self.action,
            recommendation_id=self.recommendation_id,
            position=self.position,
            event_id=self.event_id,
            occurred_at=self.occurred_at,
            snoozed_until=self.snoozed_until,
        )


class ReceiptAnswer(AnswerPart):
    """Events that are stored for certain."""

    accepted: int = Field(description="Events written by this call.")
    duplicates: int = Field(description="Events that were there already.")
    version: int = Field(description="The person's version; live updates carry the same number.")
    event_ids: list[UUID] = Field(description="The id of every event of the report, in its order.")

    @classmethod
    def of(cls, receipt: Receipt) -> Self:
        """The receipt as clients see it."""
        return cls(
            accepted=receipt.accepted,
            duplicates=receipt.duplicates,
            version=receipt.version,
            event_ids=list(receipt.event_ids),
        )


async def learn_preferences(call: Call, body: LearnPreferencesRequest) -> ReceiptAnswer:
    """Store a report of behaviour."""
    tenant, user = call.reach(body.user_id)
    return ReceiptAnswer.of(
        await call.services.behavior.learn_preferences(tenant, user, body.meaning(), call.idempotency_key)
    )


async def track_interaction(call: Call, body: TrackInteractionRequest) -> ReceiptAnswer:
    """Store what a person did with a recommended item."""
    tenant, user = call.reach(body.user_id)
    return ReceiptAnswer.of(
        await call.services.behavior.track_interaction(tenant, user, body.meaning(), call.idempotency_key)
    )


OPERATIONS: Final[tuple[Operation[Any], ...]] = (
    Operation(
        name="learnPreferences",
        method="POST",
        path="/learn-preferences",
        summary="Learn from user behavior",
        description="Stores what a person did, made and said. The answer comes after the commit; the next "
        "recommendation reflects it.",
        body=LearnPreferencesRequest,
        answer=ReceiptAnswer,
        scope=Scope.EVENTS_WRITE,
        successor="Mutation.learnPreferences",
        handle=learn_preferences,
        idempotent_by_key=True,
        statuses={200: "The events are stored for certain."},
        failures=("CONSENT_REQUIRED",),
        example={
            "userId": "user_123",
            "behaviorData": {
                "actions": [
                    {"type": "project_created", "feature": "video_editor"},
                    {"type": "template_used", "feature": "modern_template"},
                ],
                "projects": [{"visualStyle": "modern", "category": "business", "duration": 30}],
                "feedback": [{"type": "visual", "sentiment": "positive", "aspect": "style"}],
                "sessionId": "session_123",
            },
        },
    ),
    Operation(
        name="trackInteraction",
        method="POST",
        path="/track-interaction",
        summary="Track recommendation interaction",
        description="Stores what a person did with a recommended item; the next list reflects it.",
        body=TrackInteractionRequest,
        answer=ReceiptAnswer,
        scope=Scope.EVENTS_WRITE,
        successor="Mutation.trackInteraction",
        handle=track_interaction,
        idempotent_by_key=True,
        statuses={200: "The interaction is stored for certain."},
        failures=("CONSENT_REQUIRED",),
        example={"userId": "user_123", "itemId": "modern_template", "action": "clicked", "position": 0},
    ),
)

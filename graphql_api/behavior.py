"""Behaviour: the documented report of what a person did, made and said."""

from datetime import datetime
from typing import Annotated, TypeAlias
from uuid import UUID

import strawberry
from strawberry.scalars import JSON

from domain.behavior.model import Action, BehaviorData, Feedback, Project, Receipt
from domain.errors import ValidationFailed
from domain.ids import ItemId
from graphql_api.auth import Scope
from graphql_api.context import Info
from graphql_api.enums import Sentiment
from graphql_api.inputs import named_values
from graphql_api.problems import INPUT, AnyProblem, answering_problems


@strawberry.input(description="One thing that was done.")
class ActionInput:
    """An action."""

    type: str = strawberry.field(description="What was done, such as `template_used`; any name is accepted.")
    feature: str | None = strawberry.field(default=None, description="What it was done with; may be a catalogue id.")
    item_id: str | None = strawberry.field(default=None, description="The catalogue item, where it is known.")
    value: float | None = strawberry.field(default=None, description="A number that belongs to it, such as a rating.")
    device: str | None = strawberry.field(default=None, description="On which device.")
    occurred_at: datetime | None = strawberry.field(default=None, description="When; now if absent.")
    event_id: strawberry.ID | None = strawberry.field(default=None, description="A UUID; a retry with it adds nothing.")


@strawberry.input(description="A project as its maker described it.")
class ProjectInput:
    """A project."""

    visual_style: str | None = strawberry.field(default=None, description="Such as `modern`.")
    category: str | None = strawberry.field(default=None, description="Such as `business`.")
    duration: float | None = strawberry.field(default=None, description="Length in seconds.")
    attributes: JSON | None = strawberry.field(default=None, description="Named texts, numbers and booleans.")


@strawberry.input(description="What a person said about the product or an item of it.")
class FeedbackInput:
    """Feedback."""

    type: str = strawberry.field(description="What it is about, such as `visual`.")
    sentiment: Sentiment = strawberry.field(description="How it was meant.")
    aspect: str | None = strawberry.field(default=None, description="Such as `style`.")
    item_id: str | None = strawberry.field(default=None, description="The catalogue item it is about.")
    rating: float | None = strawberry.field(default=None, description="A rating, if one was given.")
    comment: str | None = strawberry.field(default=None, description="The person's own words; kept sealed.")

    def meaning(self) -> Feedback:
        """The feedback."""
        return Feedback(
            type=self.type,
            sentiment=self.sentiment,
            aspect=self.aspect,
            item_id=None if self.item_id is None else ItemId(self.item_id),
            rating=self.rating,
            comment=self.comment,
        )


@strawberry.input(description="One report of behaviour.")
class LearnPreferencesInput:
    """The input of `learnPreferences`."""

    user_id: str = strawberry.field(description="Whose behaviour it is.")
    actions: list[ActionInput] = strawberry.field(default_factory=list, description="What was done.")
    projects: list[ProjectInput] = strawberry.field(default_factory=list, description="What was made.")
    feedback: list[FeedbackInput] = strawberry.field(default_factory=list, description="What was said.")
    session_id: str | None = strawberry.field(default=None, description="The visit it belongs to.")
    device: str | None = strawberry.field(default=None, description="On which device, where an action says none.")
    idempotency_key: str | None = strawberry.field(default=None, description="A retry with it adds nothing.")

    def behavior_data(self) -> BehaviorData:
        """The report. Raises `ValidationFailed`."""
        return BehaviorData(
            actions=tuple(_action(action, index) for index, action in enumerate(self.actions)),
            projects=tuple(_project(project, index) for index, project in enumerate(self.projects)),
            feedback=tuple(said.meaning() for said in self.feedback),
            session_id=self.session_id,
            device=self.device,
        )


@strawberry.type(description="Events that are stored for certain.")
class EventsRecorded:
    """The success of a report."""

    accepted: int = strawberry.field(description="Events written by this call.")
    duplicates: int = strawberry.field(description="Events that were there already.")
    version: int = strawberry.field(description="The person's version; live updates carry the same number.")
    event_ids: list[strawberry.ID] = strawberry.field(description="The id of every event of the report, in its order.")


LearnPreferencesPayload: TypeAlias = Annotated[
    EventsRecorded | AnyProblem,
    strawberry.union("LearnPreferencesPayload", description="The behaviour recorded, or why it was not."),
]


@strawberry.type
class BehaviorMutation:
    """Telling what people did."""

    @strawberry.mutation(description="Learn from what a person did; the next recommendation reflects it.")
    @answering_problems
    async def learn_preferences(
        self,
        info: Info,
        input: Annotated[LearnPreferencesInput, INPUT],  # noqa: A002 - the name clients expect
    ) -> LearnPreferencesPayload:
        """One report."""
        tenant, user = info.context.reach(input.user_id, Scope.EVENTS_WRITE)
        try:
            recorded = await info.context.services.behavior.learn_preferences(
                tenant, user, input.behavior_data(), input.idempotency_key
            )
        except ValidationFailed as error:
            # The service names fields as the documented payload nests them; this input has no such level.
            field = (error.field or "").removeprefix("behaviorData").removeprefix(".")
            raise ValidationFailed(error.message, field=field or None) from error
        return receipt(recorded)


def receipt(recorded: Receipt) -> EventsRecorded:
    """The receipt as clients see it."""
    return EventsRecorded(
        accepted=recorded.accepted,
        duplicates=recorded.duplicates,
        version=recorded.version,
        event_ids=[strawberry.ID(str(event_id)) for event_id in recorded.event_ids],
    )


def uuid_of(text: str | None, field: str) -> UUID | None:
    """The UUID in `text`. Raises `ValidationFailed`."""
    if text is None:
        return None
    try:
        return UUID(text)
    except ValueError:
        raise ValidationFailed("is not a UUID", field=field) from None


def _action(action: ActionInput, index: int) -> Action:
    return Action(
        type=action.type,
        feature=action.feature,
        item_id=None if action.item_id is None else ItemId(action.item_id),
        value=action.value,
        device=action.device,
        occurred_at=action.occurred_at,
        event_id=uuid_of(action.event_id, f"actions.{index}.eventId"),
    )


def _project(project: ProjectInput, index: int) -> Project:
    attributes = named_values(project.attributes, f"projects.{index}.attributes")
    return Project(project.visual_style, project.category, project.duration, attributes)

"""Feedback and sessions: what people say, and that a visit is alive."""

from datetime import datetime
from typing import Annotated, TypeAlias

import strawberry
from strawberry.scalars import JSON

from domain.behavior.model import BehaviorData
from domain.errors import ValidationFailed
from domain.visits.service import SessionUpdate
from graphql_api.auth import Scope
from graphql_api.behavior import EventsRecorded, FeedbackInput, receipt
from graphql_api.context import Info
from graphql_api.inputs import named_values
from graphql_api.problems import INPUT, AnyProblem, answering_problems

_PLACE = "behaviorData.feedback.0."


@strawberry.input(description="What a person said.")
class SubmitFeedbackInput:
    """The input of `submitFeedback`."""

    user_id: str = strawberry.field(description="Who said it.")
    feedback: FeedbackInput = strawberry.field(description="What.")
    session_id: str | None = strawberry.field(default=None, description="The visit it belongs to.")
    device: str | None = strawberry.field(default=None, description="On which device it was given.")
    idempotency_key: str | None = strawberry.field(default=None, description="A retry with it adds nothing.")

    def report(self) -> BehaviorData:
        """The feedback as a report of behaviour."""
        return BehaviorData(feedback=(self.feedback.meaning(),), session_id=self.session_id, device=self.device)


@strawberry.input(description="That a visit is alive, and where.")
class UpdateSessionInput:
    """The input of `updateSession`."""

    user_id: str = strawberry.field(description="Whose visit.")
    session_id: str = strawberry.field(description="The visit, as reports of behaviour name it.")
    device: str | None = strawberry.field(
        default=None, description="What it takes place on; null leaves what was said."
    )
    context: JSON | None = strawberry.field(
        default=None, description="Named texts, numbers and booleans, such as `surface`; null leaves what was said."
    )
    seen_at: datetime | None = strawberry.field(default=None, description="When; now if absent.")

    def update(self) -> SessionUpdate:
        """The update. Raises `ValidationFailed`."""
        return SessionUpdate(self.session_id, self.device, named_values(self.context, "context"), self.seen_at)


@strawberry.type(description="What is known of a visit now.")
class SessionUpdated:
    """A visit."""

    session_id: str = strawberry.field(description="The visit.")
    device: str | None = strawberry.field(description="What it takes place on.")
    started_at: datetime = strawberry.field(description="When it was heard of first.")
    last_seen_at: datetime = strawberry.field(description="When it was heard of last.")
    event_count: int = strawberry.field(description="How many events were reported with it.")


SubmitFeedbackPayload: TypeAlias = Annotated[
    EventsRecorded | AnyProblem,
    strawberry.union("SubmitFeedbackPayload", description="The feedback recorded, or why it was not."),
]
UpdateSessionPayload: TypeAlias = Annotated[
    SessionUpdated | AnyProblem,
    strawberry.union("UpdateSessionPayload", description="The visit as it is known now, or why nothing changed."),
]


@strawberry.type
class FeedbackMutation:
    """Saying something, and being there."""

    @strawberry.mutation(description="Store what a person said about the product or an item of it, and learn from it.")
    @answering_problems
    async def submit_feedback(
        self,
        info: Info,
        input: Annotated[SubmitFeedbackInput, INPUT],  # noqa: A002 - the name clients expect
    ) -> SubmitFeedbackPayload:
        """One piece of feedback."""
        tenant, user = info.context.reach(input.user_id, Scope.EVENTS_WRITE)
        try:
            recorded = await info.context.services.behavior.learn_preferences(
                tenant, user, input.report(), input.idempotency_key
            )
        except ValidationFailed as error:
            # The service names fields as the documented payload nests them.
            field = (error.field or "").replace(_PLACE, "feedback.").removeprefix("behaviorData.")
            raise ValidationFailed(error.message, field=field or None) from error
        return receipt(recorded)

    @strawberry.mutation(description="Note that a visit is alive, its device and context; its events are read by them.")
    @answering_problems
    async def update_session(
        self,
        info: Info,
        input: Annotated[UpdateSessionInput, INPUT],  # noqa: A002 - the name clients expect
    ) -> UpdateSessionPayload:
        """One visit."""
        tenant, user = info.context.reach(input.user_id, Scope.EVENTS_WRITE)
        state = await info.context.services.sessions.update_session(tenant, user, input.update())
        return SessionUpdated(
            session_id=input.session_id,
            device=state.device,
            started_at=state.started_at,
            last_seen_at=state.last_seen_at,
            event_count=state.event_count,
        )

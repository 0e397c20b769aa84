"""Feedback and sessions over REST: what people say, and that a visit is alive."""

from datetime import datetime
from typing import Annotated, Any, Final, Self

from pydantic import Field

from domain.behavior.model import MAX_ATTRIBUTES, BehaviorData
from domain.visits.service import SessionState, SessionUpdate
from graphql_api.auth import Scope
from graphql_api.rest.behavior import FeedbackBody, ReceiptAnswer
from graphql_api.rest.fields import AnswerPart, Moment, Name, RequestPart, Scalar, Text, UserIdText
from graphql_api.rest.operation import Call, Operation

Context = Annotated[dict[Name, Scalar], Field(max_length=MAX_ATTRIBUTES)]


class FeedbackRequest(RequestPart):
    """What `feedback` takes."""

    user_id: UserIdText
    feedback: FeedbackBody
    session_id: Text | None = Field(None, description="The visit that it belongs to.")
    device: Text | None = Field(None, description="On which device it was given.")

    def meaning(self) -> BehaviorData:
        """The feedback as a report of behaviour."""
        return BehaviorData(feedback=(self.feedback.meaning(),), session_id=self.session_id, device=self.device)


class SessionDataRequest(RequestPart):
    """What `session-data` takes."""

    user_id: UserIdText
    session_id: Name = Field(description="The visit, as reports of behaviour name it.")
    device: Text | None = Field(None, description="What it takes place on; absent leaves what was said.")
    context: Context = Field(
        default_factory=dict, description="Named texts, numbers and booleans, such as `surface`; empty leaves them."
    )
    seen_at: Moment | None = None

    def meaning(self) -> SessionUpdate:
        """The update."""
        return SessionUpdate(self.session_id, self.device, self.context, self.seen_at)


class SessionBody(AnswerPart):
    """What is known of a visit now."""

    session_id: str
    device: str | None
    started_at: datetime
    last_seen_at: datetime
    event_count: int = Field(description="How many events were reported with it.")


class SessionAnswer(AnswerPart):
    """A visit."""

    session: SessionBody

    @classmethod
    def of(cls, session_id: str, state: SessionState) -> Self:
        """The visit as clients see it."""
        body = SessionBody(
            session_id=session_id,
            device=state.device,
            started_at=state.started_at,
            last_seen_at=state.last_seen_at,
            event_count=state.event_count,
        )
        return cls(session=body)


async def submit_feedback(call: Call, body: FeedbackRequest) -> ReceiptAnswer:
    """Store what a person said."""
    tenant, user = call.reach(body.user_id)
    return ReceiptAnswer.of(
        await call.services.behavior.learn_preferences(tenant, user, body.meaning(), call.idempotency_key)
    )


async def update_session(call: Call, body: SessionDataRequest) -> SessionAnswer:
    """Note that a visit is alive."""
    tenant, user = call.reach(body.user_id)
    state = await call.services.sessions.update_session(tenant, user, body.meaning())
    return SessionAnswer.of(body.session_id, state)


OPERATIONS: Final[tuple[Operation[Any], ...]] = (
    Operation(
        name="feedback",
        method="POST",
        path="/feedback",
        summary="Collect user feedback",
        description="Stores what a person said about the product or an item of it, and learns from it.",
        body=FeedbackRequest,
        answer=ReceiptAnswer,
        scope=Scope.EVENTS_WRITE,
        successor="Mutation.submitFeedback",
        handle=submit_feedback,
        idempotent_by_key=True,
        statuses={200: "The feedback is stored for certain."},
        failures=("CONSENT_REQUIRED",),
        example={
            "userId": "user_123",
            "feedback": {"type": "visual", "sentiment": "positive", "aspect": "style", "itemId": "modern_template"},
        },
    ),
    Operation(
        name="sessionData",
        method="POST",
        path="/session-data",
        summary="Update session data",
        description="Notes that a visit is alive, its device and its context. Events of the visit are understood by "
        "them.",
        body=SessionDataRequest,
        answer=SessionAnswer,
        scope=Scope.EVENTS_WRITE,
        successor="Mutation.updateSession",
        handle=update_session,
        statuses={200: "The visit as it is known now."},
        failures=("CONSENT_REQUIRED",),
        example={
            "userId": "user_123",
            "sessionId": "session_123",
            "device": "desktop",
            "context": {"surface": "video_creation"},
        },
    ),
)

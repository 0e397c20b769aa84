"""Metrics over REST, in the form that GraphQL has for them."""

from datetime import datetime
from typing import Any, Final, Self

from pydantic import Field

from domain.measurement.model import PersonalMetrics
from graphql_api.auth import Scope
from graphql_api.metrics import MetricsNode
from graphql_api.rest.fields import AnswerPart
from graphql_api.rest.operation import USER_ID, Call, NoBody, Operation
from graphql_api.rest.used_data import UsedDataAnswer


class RateAnswer(AnswerPart):
    """A share, and how sure it is."""

    hits: int = Field(description="How many.")
    trials: int = Field(description="Of how many.")
    value: float | None = Field(description="0 to 1; null without trials.")
    lower: float | None = Field(description="The lower end of Wilson's 95 % interval.")
    upper: float | None = Field(description="Its upper end.")


class ClickMetricsAnswer(AnswerPart):
    """What was taken of the lists that were served."""

    lists: int = Field(description="How many lists were served.")
    open_lists: int = Field(description="Those so young that what is taken of them may yet count.")
    window_hours: int = Field(description="How long after a serving what is taken counts.")
    click_through_rate: RateAnswer = Field(description="Places clicked, used or liked, of all places served.")
    lists_taken_from: RateAnswer = Field(description="Lists of which something was taken, of all lists.")


class SatisfactionMetricsAnswer(AnswerPart):
    """What was said, and what was kept."""

    score: RateAnswer = Field(description="Positive feedback and kept videos, of all feedback and finished videos.")
    positive: int = Field(description="Positive feedback.")
    neutral: int = Field(description="Neutral feedback.")
    negative: int = Field(description="Negative feedback.")
    ratings: int = Field(description="Feedback with a rating.")
    average_rating: float | None = Field(
        description="0 to 1, each on the smallest scale of 5, 10 and 100 that holds it."
    )
    generations_kept: int = Field(description="Generated videos that were accepted or edited.")
    generations_sent_back: int = Field(description="Those that were regenerated or discarded.")


class EngagementMetricsAnswer(AnswerPart):
    """What was done."""

    events: int = Field(description="Events of all kinds.")
    active_days: int = Field(description="Distinct days with an event, in UTC.")
    sessions: int = Field(description="Distinct sessions that events name.")
    items: int = Field(description="Distinct catalogue items of the events.")
    last_active_at: datetime | None = Field(description="The latest event; null without any.")


class MetricsBody(AnswerPart):
    """The figures."""

    days: int = Field(description="They are of so many days up to now.")
    recommendations: ClickMetricsAnswer
    satisfaction: SatisfactionMetricsAnswer
    engagement: EngagementMetricsAnswer


class MetricsAnswer(AnswerPart):
    """What came of personalization for one person."""

    metrics: MetricsBody
    used_data: UsedDataAnswer

    @classmethod
    def of(cls, found: PersonalMetrics) -> Self:
        """The figures as clients see them."""
        body = MetricsBody.model_validate(MetricsNode.of(found), from_attributes=True)
        return cls(metrics=body, used_data=UsedDataAnswer.of(found.used))


async def read_metrics(call: Call, _body: NoBody) -> MetricsAnswer:
    """What came of personalization for a person."""
    tenant, user = await call.read(call.request.path_params["userId"], "metrics")
    return MetricsAnswer.of(await call.services.measurement.metrics(tenant, user, personalized=call.personalized))


OPERATIONS: Final[tuple[Operation[Any], ...]] = (
    Operation(
        name="metrics",
        method="GET",
        path="/metrics/{userId}",
        summary="Get personalization metrics",
        description="What a person took of what was shown to them, how satisfied they were and how much they did, over "
        "the latest 30 days.",
        body=NoBody,
        answer=MetricsAnswer,
        scope=Scope.PROFILE_READ,
        successor="Query.metrics",
        handle=read_metrics,
        parameters=USER_ID,
        impersonal=True,
        statuses={200: "The figures."},
    ),
)

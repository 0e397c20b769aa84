"""Metrics: what came of personalization for a person."""

from datetime import datetime
from typing import Annotated, Self

import strawberry

from domain.measurement.model import CLICK_WINDOW, DEFAULT_DAYS, PersonalMetrics, Share
from graphql_api.auth import Scope
from graphql_api.context import Info
from graphql_api.used_data import WITHOUT, UsedData, used_data

HOUR = 3600


@strawberry.type(description="A share, and how sure it is.")
class Rate:
    """How many of how many."""

    hits: int = strawberry.field(description="How many.")
    trials: int = strawberry.field(description="Of how many.")
    value: float | None = strawberry.field(description="0 to 1; null without trials.")
    lower: float | None = strawberry.field(description="The lower end of Wilson's 95 % interval.")
    upper: float | None = strawberry.field(description="Its upper end.")

    @classmethod
    def of(cls, share: Share) -> Self:
        """The share as clients see it."""
        lower, upper = share.interval or (None, None)
        return cls(hits=share.hits, trials=share.trials, value=share.rate, lower=lower, upper=upper)


@strawberry.type(description="What a person took of the lists that were served to them.")
class ClickMetrics:
    """Lists and clicks."""

    lists: int = strawberry.field(description="How many lists were served.")
    open_lists: int = strawberry.field(description="Those so young that what is taken of them may yet count.")
    window_hours: int = strawberry.field(description="How long after a serving what is taken counts.")
    click_through_rate: Rate = strawberry.field(description="Places clicked, used or liked, of all places served.")
    lists_taken_from: Rate = strawberry.field(description="Lists of which something was taken, of all lists.")


@strawberry.type(description="How satisfied a person was.")
class SatisfactionMetrics:
    """What they said, and what they kept."""

    score: Rate = strawberry.field(
        description="Positive feedback and kept videos, of all feedback and finished videos."
    )
    positive: int = strawberry.field(description="Positive feedback.")
    neutral: int = strawberry.field(description="Neutral feedback.")
    negative: int = strawberry.field(description="Negative feedback.")
    ratings: int = strawberry.field(description="Feedback with a rating.")
    average_rating: float | None = strawberry.field(
        description="0 to 1, each on the smallest scale of 5, 10 and 100 that holds it."
    )
    generations_kept: int = strawberry.field(description="Generated videos that were accepted or edited.")
    generations_sent_back: int = strawberry.field(description="Those that were regenerated or discarded.")


@strawberry.type(description="How much a person did.")
class EngagementMetrics:
    """Activity."""

    events: int = strawberry.field(description="Events of all kinds.")
    active_days: int = strawberry.field(description="Distinct days with an event, in UTC.")
    sessions: int = strawberry.field(description="Distinct sessions that events name.")
    items: int = strawberry.field(description="Distinct catalogue items of the events.")
    last_active_at: datetime | None = strawberry.field(description="The latest event; null without any.")


@strawberry.type(name="PersonalizationMetrics", description="What came of personalization for one person.")
class MetricsNode:
    """The figures of one person."""

    days: int = strawberry.field(description="The figures are of so many days up to now.")
    recommendations: ClickMetrics = strawberry.field(description="What was shown and taken.")
    satisfaction: SatisfactionMetrics = strawberry.field(description="What was said and kept.")
    engagement: EngagementMetrics = strawberry.field(description="What was done.")
    used_data: UsedData = strawberry.field(description="What the answer used of the person.")

    @classmethod
    def of(cls, found: PersonalMetrics) -> Self:
        """The figures as clients see them."""
        shown, said, done = found.shown, found.satisfaction, found.engagement
        return cls(
            days=found.days,
            recommendations=ClickMetrics(
                lists=shown.lists,
                open_lists=shown.open_lists,
                window_hours=int(CLICK_WINDOW.total_seconds()) // HOUR,
                click_through_rate=Rate.of(Share(shown.clicked, shown.places)),
                lists_taken_from=Rate.of(Share(shown.lists_taken_from, shown.lists)),
            ),
            satisfaction=SatisfactionMetrics(
                score=Rate.of(said.score),
                positive=said.positive,
                neutral=said.neutral,
                negative=said.negative,
                ratings=said.ratings,
                average_rating=said.average_rating,
                generations_kept=said.kept,
                generations_sent_back=said.sent_back,
            ),
            engagement=EngagementMetrics(
                events=done.events,
                active_days=done.active_days,
                sessions=done.sessions,
                items=done.items,
                last_active_at=done.last_active_at,
            ),
            used_data=used_data(found.used),
        )


@strawberry.type
class MetricsQuery:
    """Reading metrics."""

    @strawberry.field(description="What came of personalization for a person; zeros for somebody unknown.")
    async def metrics(
        self,
        info: Info,
        user_id: Annotated[str, strawberry.argument(description="Whose figures.")],
        days: Annotated[int, strawberry.argument(description="Over how many days up to now, 1 to 365.")] = DEFAULT_DAYS,
        personalized: Annotated[bool, strawberry.argument(description=WITHOUT)] = True,
    ) -> MetricsNode | None:
        """One person's figures."""
        tenant, user = await info.context.read(user_id, Scope.PROFILE_READ, "metrics")
        measurement = info.context.services.measurement
        return MetricsNode.of(await measurement.metrics(tenant, user, days=days, personalized=personalized))

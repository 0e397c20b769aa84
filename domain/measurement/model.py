"""The figures of one person, and the interval of a share."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from domain.wilson import score_interval

DEFAULT_DAYS: Final = 30
MAX_DAYS: Final = 365

CLICK_WINDOW: Final = timedelta(days=1)
"""What is taken of a list later than this after it was shown does not count as taken of it."""

SCALES: Final = (5.0, 10.0, 100.0)
"""Scales of ratings; a rating is taken to be on the smallest that holds it."""


def scaled_rating(rating: float) -> float:
    """A rating of at least 0 as a part of its scale, 0 to 1."""
    return rating / next((scale for scale in SCALES if rating <= scale), rating)


@dataclass(frozen=True, slots=True)
class Share:
    """How many of how many.

    Attributes:
        hits: 0 to `trials`.
        trials: at least 0.
    """

    hits: int = 0
    trials: int = 0

    @property
    def rate(self) -> float | None:
        """0 to 1; None without trials."""
        return self.hits / self.trials if self.trials else None

    @property
    def interval(self) -> tuple[float, float] | None:
        """The ends of Wilson's 95 % score interval of the rate; None without trials.

        It takes trials for independent of each other, which places of one list are not quite.
        """
        return score_interval(self.hits, self.trials) if self.trials else None


@dataclass(frozen=True, slots=True)
class Shown:
    """What was shown, and what was taken of it.

    Attributes:
        lists: how many lists were served.
        open_lists: those among them that were served less than `CLICK_WINDOW` ago, of which more may yet be taken.
        lists_taken_from: those of which something was clicked, used or liked within `CLICK_WINDOW`.
        places: items of those lists, each list's for itself.
        clicked: those among them that were clicked, used or liked within `CLICK_WINDOW`.
    """

    lists: int = 0
    open_lists: int = 0
    lists_taken_from: int = 0
    places: int = 0
    clicked: int = 0


@dataclass(frozen=True, slots=True)
class Satisfaction:
    """What the person said, and what they did with what was generated for them.

    Attributes:
        positive, neutral, negative: feedback, by how it was meant.
        ratings: feedback with a rating.
        average_rating: of those, 0 to 1, each on the smallest scale of 5, 10 and 100 that holds it; None without any.
        kept: generated videos that were accepted or edited.
        sent_back: those that were regenerated or discarded.
    """

    positive: int = 0
    neutral: int = 0
    negative: int = 0
    ratings: int = 0
    average_rating: float | None = None
    kept: int = 0
    sent_back: int = 0

    @property
    def score(self) -> Share:
        """Positive feedback and kept videos among all feedback and all videos that something came of."""
        said = self.positive + self.neutral + self.negative
        return Share(self.positive + self.kept, said + self.kept + self.sent_back)


@dataclass(frozen=True, slots=True)
class Engagement:
    """How much the person did.

    Attributes:
        active_days: distinct days with an event, in UTC.
        items: distinct catalogue items of the events.
    """

    events: int = 0
    active_days: int = 0
    sessions: int = 0
    items: int = 0
    last_active_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class PersonalMetrics:
    """The figures of one person over the latest `days` days.

    Attributes:
        used: categories of the person's data behind the answer.
    """

    days: int
    shown: Shown = field(default_factory=Shown)
    satisfaction: Satisfaction = field(default_factory=Satisfaction)
    engagement: Engagement = field(default_factory=Engagement)
    used: frozenset[str] = frozenset()

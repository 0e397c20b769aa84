"""When a demo user's sessions take place: by weekday and hour, in order, without overlap and never in the future."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

import numpy as np

from cli.demo.personas import Schedule
from cli.demo.taste import Dice

HORIZON_DAYS: Final = 180
BUSY_HOUR_WEIGHT: Final = 10.0
BREAK_SECONDS: Final = 600
LATEST_SECONDS: Final = 60
"""The last event lies at least this long before now."""


def session_starts(
    dice: Dice, schedule: Schedule, now: datetime, days: tuple[float, float], durations: Sequence[int]
) -> list[int]:
    """The start of each session in seconds since 1970, in order.

    Args:
        dice: the user's numbers.
        schedule: which weekdays and hours are busy.
        now: nothing happens after it.
        days: the user is active from `days[0]` to `days[1]` days before `now`.
        durations: the seconds that each session takes.
    """
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    first, last = (midnight - timedelta(days=int(back)) for back in days)
    dates = [first + timedelta(days=offset) for offset in range((last - first).days + 1)]
    by_day = np.cumsum([schedule.weekdays[date.weekday()] for date in dates])
    by_hour = np.cumsum(
        [BUSY_HOUR_WEIGHT if schedule.busy_from <= hour < schedule.busy_until else 1.0 for hour in range(24)]
    )
    drawn = sorted(
        int(dates[dice.index(by_day)].timestamp()) + dice.index(by_hour) * 3600 + dice.below(3600) for _ in durations
    )
    return _without_overlap(drawn, durations, int(now.timestamp()) - LATEST_SECONDS)


def _without_overlap(starts: list[int], durations: Sequence[int], latest: int) -> list[int]:
    """Move sessions back in time, from the last one on, until each ends before the next begins."""
    moved = list(starts)
    limit = latest
    for index in range(len(moved) - 1, -1, -1):
        moved[index] = min(moved[index], limit - durations[index])
        limit = moved[index] - BREAK_SECONDS
    return moved

"""Rates as settings name them, and windows as the clock opens them."""

from datetime import UTC, datetime, timedelta

import pytest
from prometheus_client import CollectorRegistry

from domain.clock import FixedClock
from domain.errors import RateLimited, Unavailable
from domain.ids import TenantId, UserId
from domain.limiting.metrics import LimitMetrics
from domain.limiting.model import CallLimits, Rate, Window
from domain.limiting.service import RateLimiter

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
TENANT, ANNA = TenantId("demo"), UserId("anna@example.com")


class Counted:
    """Totals as Redis would keep them, and what it was told."""

    def __init__(self) -> None:
        self.told: list[tuple[Window, int]] = []

    async def add(self, window: Window, amount: int) -> int:
        self.told.append((window, amount))
        return sum(told for where, told in self.told if where == window)


class Gone:
    """A Redis that does not answer."""

    def __init__(self) -> None:
        self.asked = 0

    async def add(self, window: Window, amount: int) -> int:
        self.asked += 1
        raise Unavailable("away")


def limiter(rate: str, counters: Counted | Gone, clock: FixedClock) -> RateLimiter:
    limits = CallLimits.parse(rate, "off", "", "off")
    return RateLimiter(limits, counters, LimitMetrics(CollectorRegistry()), b"s" * 32, clock)


def call(rates: RateLimiter, times: int = 1, operation: str = "profile") -> None:
    for _ in range(times):
        rates.admit(TENANT, ANNA, operation, acts_for_others=False)


@pytest.mark.parametrize(
    ("text", "rate"),
    [
        ("600/minute", Rate(600, 60)),
        ("20 per 10 seconds", Rate(20, 10)),
        ("1/day", Rate(1, 86_400)),
        ("off", None),
    ],
)
def test_a_rate_is_read_as_the_library_writes_it(text: str, rate: Rate | None) -> None:
    assert Rate.parse(text) == rate


@pytest.mark.parametrize("text", ["", "many", "600", "0/minute", "1/month", "-1/minute"])
def test_what_is_no_rate_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        Rate.parse(text)


async def test_a_window_ends_and_another_begins() -> None:
    clock = FixedClock(NOW + timedelta(seconds=45))
    rates = limiter("2/minute", Counted(), clock)
    call(rates, 2)
    with pytest.raises(RateLimited) as refused:
        call(rates)
    assert refused.value.retry_after_seconds == 15
    call(rates, operation="metrics")
    clock.set(NOW + timedelta(seconds=60))
    call(rates, 2)


async def test_redis_hears_of_busy_callers_only_and_never_their_name() -> None:
    counted = Counted()
    rates = limiter("100/minute", counted, FixedClock(NOW))
    call(rates, 4)
    await rates.close()
    assert counted.told == []
    rates = limiter("100/minute", counted, FixedClock(NOW))
    for _ in range(12):
        call(rates)
        await rates_settled(rates)
    assert [amount for _, amount in counted.told] == [5, 5]
    assert all("anna" not in window.caller for window, _ in counted.told)
    assert len({window for window, _ in counted.told}) == 1


async def test_a_redis_that_is_away_is_left_alone_for_a_while() -> None:
    gone, clock = Gone(), FixedClock(NOW)
    rates = limiter("20/minute", gone, clock)
    for _ in range(5):
        call(rates)
        await rates_settled(rates)
    assert gone.asked == 1
    clock.set(NOW + timedelta(seconds=2))
    call(rates)
    await rates_settled(rates)
    assert gone.asked == 2


async def rates_settled(rates: RateLimiter) -> None:
    while rates._settling:
        for task in tuple(rates._settling):
            await task

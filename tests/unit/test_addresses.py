"""How addresses are counted: one for IPv4, a /64 for IPv6, and never without a bound."""

from datetime import UTC, datetime

import pytest
from prometheus_client import CollectorRegistry

from domain.clock import FixedClock
from domain.errors import RateLimited
from domain.ids import TenantId, UserId
from domain.limiting.addresses import counted_as
from domain.limiting.metrics import LimitMetrics
from domain.limiting.model import CallLimits, Rate, Window
from domain.limiting.service import REFUSED_TOKENS, REMEMBERED_ADDRESSES, RateLimiter


@pytest.mark.parametrize(
    ("address", "counted"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:DB8:1:2::", "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("fe80::1%eth0", "fe80::/64"),
        ("::1", "::/64"),
        ("testclient", "testclient"),
    ],
)
def test_what_stands_for_an_address(address: str, counted: str) -> None:
    assert counted_as(address) == counted


class Alone:
    """Totals of the only process."""

    async def add(self, window: Window, amount: int) -> int:
        assert window.tenant is None
        return amount


def limiter_of(limits: CallLimits, clock: FixedClock) -> RateLimiter:
    return RateLimiter(limits, Alone(), LimitMetrics(CollectorRegistry()), b"secret", clock)


async def test_a_flood_from_many_addresses_is_bounded_and_forgets_no_caller(clock: FixedClock) -> None:
    rate = Rate(100, 3600)
    limiter = limiter_of(CallLimits(users=rate, addresses=rate), clock)
    limiter.admit(TenantId("demo"), UserId("anna"), "profile", acts_for_others=False)
    for n in range(REMEMBERED_ADDRESSES + 1_000):
        limiter.admit_address(f"10.{n >> 16}.{n >> 8 & 255}.{n & 255}", REFUSED_TOKENS)
    assert len(limiter._addresses) == REMEMBERED_ADDRESSES
    assert len(limiter._tallies) == 1


async def test_looking_counts_nothing_and_a_new_window_begins_anew(clock: FixedClock) -> None:
    limiter = limiter_of(CallLimits(addresses=Rate(1, 3600)), clock)
    for _ in range(3):
        limiter.require_untired("192.0.2.7")
    limiter.admit_address("192.0.2.7", REFUSED_TOKENS)
    with pytest.raises(RateLimited) as refused:
        limiter.require_untired("192.0.2.7")
    assert refused.value.retry_after_seconds == 3600
    limiter.require_untired("192.0.2.8")
    limiter.require_untired(None)
    clock.set(datetime(2026, 3, 10, 13, tzinfo=UTC))
    limiter.require_untired("192.0.2.7")
    await limiter.close()

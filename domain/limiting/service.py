"""Decides in memory whether a call is one too many, and tells the other processes in the background.

A call costs no round trip. Each process counts for itself and adds what it counted to the shared total in Redis as
soon as it is a twentieth of the limit; the answer is the total of all. So Redis hears of busy callers only, and `n`
processes together let through at most `n` twentieths more than the limit, and what is under way. Without Redis nothing
is refused on its account: each process goes on with its own count, and a metric says so.
"""

import asyncio
import hashlib
import hmac
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, NamedTuple, Protocol

import structlog

from domain.clock import Clock
from domain.errors import RateLimited, Unavailable
from domain.ids import SubjectId, TenantId, UserId
from domain.limiting.addresses import counted_as
from domain.limiting.metrics import LimitMetrics
from domain.limiting.model import CallLimits, Rate, Window
from domain.privacy.lru import LruCache

SHARE_TOLD: Final = 20
"""A caller's calls are told to the other processes whenever this part of the limit has gathered."""

REMEMBERED: Final = 100_000
PAUSE: Final = timedelta(seconds=1)
CLOSE_SECONDS: Final = 0.5
REMEMBERED_ADDRESSES: Final = 50_000
EVENTS: Final = "events"
ANONYMOUS, REFUSED_TOKENS = "anonymous", "refused_tokens"
"""What calls from an address are counted as: without a token, and with one that is not trusted."""

_log = structlog.get_logger(__name__)


class Counters(Protocol):
    """Totals of all processes."""

    async def add(self, window: Window, amount: int) -> int:
        """Count `amount` more and give the total. Raises `Unavailable`."""
        ...


class Spender(NamedTuple):
    """Whose calls of what are counted together; `tenant` is None for an address."""

    tenant: TenantId | None
    caller: str
    operation: str


@dataclass(slots=True)
class _Tally:
    window: int
    shared: int = 0
    own: int = 0
    settling: bool = False
    told: bool = False


class RateLimiter:
    """Counts calls and events of one process.

    Args:
        limits: how many there may be.
        counters: the totals of all processes.
        metrics: what it tells Prometheus.
        secret: makes the pseudonyms under which callers are counted in Redis.
        clock: begins and ends windows.
    """

    def __init__(
        self, limits: CallLimits, counters: Counters, metrics: LimitMetrics, secret: bytes, clock: Clock
    ) -> None:
        self._limits = limits
        self._counters = counters
        self._metrics = metrics
        self._secret = secret
        self._clock = clock
        self._tallies: LruCache[Spender, _Tally] = LruCache(REMEMBERED)
        # Apart, so that a flood from many addresses makes no caller's count be forgotten.
        self._addresses: LruCache[Spender, _Tally] = LruCache(REMEMBERED_ADDRESSES)
        self._settling: set[asyncio.Task[None]] = set()
        self._silent_until: datetime | None = None

    def admit(self, tenant: TenantId, caller: UserId, operation: str, *, acts_for_others: bool) -> None:
        """Count one call of `operation`.

        Raises:
            RateLimited: it is one too many; nothing was counted.
        """
        rate = self._limits.of(operation, acts_for_others=acts_for_others)
        if rate is not None:
            self._spend(Spender(tenant, caller, operation), rate, 1)

    def admit_events(self, tenant: TenantId, subject: SubjectId, amount: int) -> None:
        """Count events about one person, whoever sends them.

        Raises:
            RateLimited: they are too many; none was counted.
        """
        if self._limits.events is not None:
            self._spend(Spender(tenant, str(subject), EVENTS), self._limits.events, amount)

    def admit_address(self, address: str | None, kind: str) -> None:
        """Count one call from an address; where that is not known, as behind a Unix socket, nothing is.

        Args:
            address: of the caller, as the server or a trusted proxy tells it.
            kind: `ANONYMOUS` or `REFUSED_TOKENS`.

        Raises:
            RateLimited: it is one too many; nothing was counted.
        """
        if self._limits.addresses is not None and address is not None:
            self._spend(Spender(None, counted_as(address), kind), self._limits.addresses, 1)

    def require_untired(self, address: str | None) -> None:
        """Raise `RateLimited` if an address has sent too many tokens that were refused; nothing is counted."""
        rate = self._limits.addresses
        if rate is None or address is None:
            return
        spender, now = Spender(None, counted_as(address), REFUSED_TOKENS), self._clock.now().timestamp()
        tally = self._addresses.get(spender)
        if tally is not None and tally.window == int(now // rate.seconds):
            self._require_room(spender, rate, tally, 1, now)

    async def close(self) -> None:
        """Tell what is being told, within a moment, and give up the rest."""
        if self._settling:
            # A command that is cut short leaves its connection behind half open.
            await asyncio.wait(self._settling, timeout=CLOSE_SECONDS)
        for task in self._settling:
            task.cancel()
        await asyncio.gather(*self._settling, return_exceptions=True)

    def _spend(self, spender: Spender, rate: Rate, amount: int) -> None:
        now = self._clock.now().timestamp()
        window = int(now // rate.seconds)
        tallies = self._addresses if spender.tenant is None else self._tallies
        tally = tallies.get(spender)
        if tally is None or tally.window != window:
            tally = _Tally(window)
            tallies.put(spender, tally)
        self._require_room(spender, rate, tally, amount, now)
        tally.own += amount
        if not tally.settling and self._has_gathered(tally, rate) and self._may_ask():
            tally.settling = True
            task = asyncio.get_running_loop().create_task(self._settle(spender, rate, tally))
            self._settling.add(task)
            task.add_done_callback(self._settling.discard)

    def _require_room(self, spender: Spender, rate: Rate, tally: _Tally, amount: int, now: float) -> None:
        if tally.shared + tally.own + amount <= rate.amount:
            return
        self._metrics.refused.labels(spender.operation).inc()
        if spender.tenant is None and not tally.told:
            tally.told = True
            _log.warning("address_limited", address=self._pseudonym(spender), kind=spender.operation)
        wait = (tally.window + 1) * rate.seconds - now
        raise RateLimited("There were too many of these calls.", retry_after_seconds=round(wait, 3))

    async def _settle(self, spender: Spender, rate: Rate, tally: _Tally) -> None:
        caller = self._pseudonym(spender)
        window = Window(spender.tenant, caller, spender.operation, rate.seconds, tally.window)
        try:
            while self._has_gathered(tally, rate):
                told = tally.own
                total = await self._counters.add(window, told)
                tally.own -= told
                tally.shared = total
        except Unavailable:
            self._metrics.unsettled.inc()
            self._silent_until = self._clock.now() + PAUSE
        finally:
            tally.settling = False

    def _has_gathered(self, tally: _Tally, rate: Rate) -> bool:
        return tally.own > 0 and tally.own * SHARE_TOLD >= rate.amount

    def _may_ask(self) -> bool:
        return self._silent_until is None or self._clock.now() >= self._silent_until

    def _pseudonym(self, spender: Spender) -> str:
        named = f"{spender.tenant or ''}/{spender.caller}".encode()
        return hmac.digest(self._secret, named, hashlib.sha256)[:16].hex()

"""Writing the audit log and reading it; ids of people enter it as pseudonyms that only the service can make.

An act is noted before it is done, and what came of it afterwards: without the first entry nothing is done, and an act
whose process died between the two is seen to have no outcome.
"""

import hashlib
import hmac
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Final, Protocol

import structlog

from domain.auditing.model import ATTEMPTED, BEGINNING, OK, Act, Entry, follows, is_sealed, sealed
from domain.clock import Clock
from domain.errors import DomainError
from domain.ids import TenantId, UserId
from domain.privacy.lru import LruCache

PSEUDONYM_BYTES: Final = 16
WHOLE_PAGE: Final = 500
NOTED_AGAIN_AFTER: Final = timedelta(hours=1)
READS_REMEMBERED: Final = 10_000

_log = structlog.get_logger(__name__)


class AuditStore(Protocol):
    """The table."""

    async def append(self, tenant: TenantId, place: Callable[[int, bytes], Entry]) -> Entry:
        """Write the entry that `place` makes of its number and the digest before it; one writer of a tenant at a time.

        Raises:
            NotFound: there is no such tenant.
            Unavailable: the database cannot be reached, or refuses the entry.
        """
        ...

    async def read(self, tenant: TenantId, before: int | None, person: bytes | None, limit: int) -> list[Entry]:
        """Entries below a number, the newest first; with `person`, only those that name this pseudonym."""
        ...


@dataclass(frozen=True, slots=True)
class Page:
    """A part of the log, the newest first.

    Attributes:
        intact: every entry is as it was written, and none is missing between two that follow each other.
        more: there are older ones.
    """

    entries: Sequence[Entry]
    intact: bool
    more: bool


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a look at a whole log found.

    Attributes:
        entries: how many there are.
        broken: the number of the newest entry that was changed, or that does not follow the one before; None for none.
        newest: number and digest of the newest entry, `7 4f0c...`; empty without any.
        unfinished: numbers of attempts without an outcome, the newest first: under way, or cut short.
    """

    entries: int
    broken: int | None
    newest: str
    unfinished: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Deed:
    """What somebody is about to do.

    Attributes:
        action: the operation's name.
        door: `graphql`, `rest`, `command` or `worker`.
        subject: the external id of the person whom it is about.
        concerned: what it is about otherwise.
        correlation: under which the request is logged.
    """

    action: str
    door: str
    subject: str | None = None
    concerned: str | None = None
    correlation: str = ""


class Doing:
    """An act under way; `concerned` may be set to what it turns out to be about."""

    def __init__(self, number: int, act: Act) -> None:
        self.number: Final = number
        self.act: Final = act
        self.concerned = act.object


class AuditLog:
    """The audit log of every tenant.

    Args:
        store: the table.
        key: 32-byte secret that seals entries.
        pseudonyms: 32-byte secret that makes pseudonyms.
        clock: dates the entries.
    """

    def __init__(self, store: AuditStore, key: bytes, pseudonyms: bytes, clock: Clock) -> None:
        self._store = store
        self._key = key
        self._pseudonyms = pseudonyms
        self._clock = clock
        self._seen: LruCache[tuple[TenantId, str, bytes, bytes | None], datetime] = LruCache(READS_REMEMBERED)

    @asynccontextmanager
    async def doing(self, tenant: TenantId, actor: UserId, deed: Deed) -> AsyncIterator[Doing]:
        """Note an act before the block does it, and its outcome after; what the block raises is the outcome, too.

        Where the block is cancelled, nothing more is noted: whether the act was done is not known.

        Raises:
            NotFound: there is no such tenant; nothing was done.
            Unavailable: the log cannot be written; nothing was done.
        """
        about = None if deed.subject is None else self.pseudonym(tenant, deed.subject)
        who, now = self.pseudonym(tenant, actor), self._clock.now()
        act = Act(deed.action, who, about, deed.concerned, ATTEMPTED, deed.door, deed.correlation, now)
        under_way = Doing((await self._write(tenant, act)).number, act)
        try:
            yield under_way
        except DomainError as error:
            await self._conclude(tenant, under_way, error.code)
            raise
        except Exception:
            await self._conclude(tenant, under_way, DomainError.code)
            raise
        await self._conclude(tenant, under_way, OK)

    async def saw(self, tenant: TenantId, actor: UserId, deed: Deed) -> None:
        """Note that somebody is about to be shown what is kept of another person.

        The same read of the same person by the same caller is noted once an hour, by each process.

        Raises:
            NotFound: there is no such tenant.
            Unavailable: the log cannot be written; nothing may be shown.
        """
        about = None if deed.subject is None else self.pseudonym(tenant, deed.subject)
        who, now = self.pseudonym(tenant, actor), self._clock.now()
        read = (tenant, deed.action, who, about)
        if (last := self._seen.get(read)) is not None and now - last < NOTED_AGAIN_AFTER:
            return
        await self._write(tenant, Act(deed.action, who, about, deed.concerned, OK, deed.door, deed.correlation, now))
        self._seen.put(read, now)

    async def _conclude(self, tenant: TenantId, under_way: Doing, outcome: str) -> None:
        number, now = under_way.number, self._clock.now()
        act = replace(under_way.act, outcome=outcome, object=under_way.concerned, done_at=now, concludes=number)
        try:
            await self._write(tenant, act)
        except DomainError as error:
            # The act is done already; that its attempt has no outcome is seen in the log itself.
            _log.exception("audit_outcome_lost", action=act.action, number=number, outcome=outcome, code=error.code)

    async def _write(self, tenant: TenantId, act: Act) -> Entry:
        entry = await self._store.append(tenant, lambda n, before: sealed(self._key, tenant, n, act, before))
        # Whoever keeps the log's lines elsewhere can tell whether the newest entries were cut off.
        _log.info("audit", tenant=tenant, number=entry.number, action=act.action, digest=entry.digest.hex())
        return entry

    async def page(
        self, tenant: TenantId, *, first: int, before: int | None = None, user_id: UserId | None = None
    ) -> Page:
        """The `first` newest entries below the number `before`, of one person if `user_id` is given."""
        person = None if user_id is None else self.pseudonym(tenant, user_id)
        found = await self._store.read(tenant, before, person, first + 1)
        linked = person is not None or all(follows(newer, older) for newer, older in pairwise(found))
        intact = linked and all(is_sealed(self._key, tenant, entry) for entry in found)
        return Page(found[:first], intact, len(found) > first)

    async def verify(self, tenant: TenantId) -> Verdict:
        """Look at every entry of a tenant, from the newest back to the first."""
        count, newest = 0, ""
        newer: Entry | None = None
        concluded, unfinished = set[int](), list[int]()
        while entries := await self._store.read(tenant, None if newer is None else newer.number, None, WHOLE_PAGE):
            for entry in entries:
                newest = newest or f"{entry.number} {entry.digest.hex()}"
                if newer is not None and not follows(newer, entry):
                    return Verdict(count, newer.number, newest)
                if not is_sealed(self._key, tenant, entry):
                    return Verdict(count, entry.number, newest)
                _match(entry, concluded, unfinished)
                count, newer = count + 1, entry
        begins = newer is None or (newer.number == 1 and newer.previous == BEGINNING)
        return Verdict(count, None if begins or newer is None else newer.number, newest, tuple(unfinished))

    def pseudonym(self, tenant: TenantId, user_id: str) -> bytes:
        """What stands for an external id in the log of a tenant, 16 bytes."""
        return hmac.digest(self._pseudonyms, f"{tenant}/{user_id}".encode(), hashlib.sha256)[:PSEUDONYM_BYTES]


def _match(entry: Entry, concluded: set[int], unfinished: list[int]) -> None:
    """Keep in mind what an entry concludes; entries come the newest first, so an outcome before its attempt."""
    if entry.act.concludes is not None:
        concluded.add(entry.act.concludes)
    elif entry.number in concluded:
        concluded.remove(entry.number)
    elif entry.act.outcome == ATTEMPTED:
        unfinished.append(entry.number)

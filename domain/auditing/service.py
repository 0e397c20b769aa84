"""Writing the audit log and reading it; ids of people enter it as pseudonyms that only the service can make."""

import hashlib
import hmac
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, Protocol

import structlog

from domain.auditing.model import BEGINNING, Act, Entry, follows, is_sealed, sealed
from domain.clock import Clock
from domain.errors import DomainError
from domain.ids import TenantId, UserId

PSEUDONYM_BYTES: Final = 16
WHOLE_PAGE: Final = 500
OK: Final = "OK"

_log = structlog.get_logger(__name__)


class AuditStore(Protocol):
    """The table."""

    async def append(self, tenant: TenantId, place: Callable[[int, bytes], Entry]) -> Entry:
        """Write the entry that `place` makes of its number and the digest before it; one writer of a tenant at a time.

        Raises:
            NotFound: there is no such tenant.
            Unavailable: the database cannot be reached.
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
    """

    entries: int
    broken: int | None
    newest: str


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

    async def note(
        self,
        tenant: TenantId,
        actor: UserId,
        action: str,
        *,
        door: str,
        outcome: str = OK,
        subject: str | None = None,
        concerned: str | None = None,
        correlation: str = "",
    ) -> None:
        """Write that something was done, or refused; what cannot be written is logged, as the act is done already.

        Args:
            tenant: where it was done.
            actor: who asked.
            action: the operation's name.
            door: `graphql`, `rest` or `command`.
            outcome: `OK` or the code of the refusal.
            subject: the external id of the person whom it was about.
            concerned: what it was about otherwise.
            correlation: under which the request was logged.
        """
        about = None if subject is None else self.pseudonym(tenant, subject)
        who, now = self.pseudonym(tenant, actor), self._clock.now()
        act = Act(action, who, about, concerned, outcome, door, correlation, now)
        try:
            entry = await self._store.append(tenant, lambda n, before: sealed(self._key, tenant, n, act, before))
        except DomainError as error:
            _log.exception("audit_entry_lost", action=action, outcome=outcome, code=error.code)
            return
        # Whoever keeps the log's lines elsewhere can tell whether the newest entries were cut off.
        _log.info("audit", tenant=tenant, number=entry.number, action=action, digest=entry.digest.hex())

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
        while entries := await self._store.read(tenant, None if newer is None else newer.number, None, WHOLE_PAGE):
            for entry in entries:
                newest = newest or f"{entry.number} {entry.digest.hex()}"
                if newer is not None and not follows(newer, entry):
                    return Verdict(count, newer.number, newest)
                if not is_sealed(self._key, tenant, entry):
                    return Verdict(count, entry.number, newest)
                count, newer = count + 1, entry
        begins = newer is None or (newer.number == 1 and newer.previous == BEGINNING)
        return Verdict(count, None if begins or newer is None else newer.number, newest)

    def pseudonym(self, tenant: TenantId, user_id: str) -> bytes:
        """What stands for an external id in the log of a tenant, 16 bytes."""
        return hmac.digest(self._pseudonyms, f"{tenant}/{user_id}".encode(), hashlib.sha256)[:PSEUDONYM_BYTES]

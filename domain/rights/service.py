"""Use cases of rights: asking for an erasure, following it, and finishing what a dead process left.

A request is a row with a checkpoint; workers, the command line and the deletion of an account all finish requests by
the same steps. Two that work on one request take each step once between them.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Final, Protocol
from uuid import UUID, uuid4

import structlog

from domain.clock import Clock
from domain.erasure.model import Reached
from domain.errors import DomainError, NotFound
from domain.ids import TenantId, UserId
from domain.receipts.signing import FORMAT, ReceiptSigner
from domain.rights.erasure import Overtaken, Report
from domain.rights.model import PrivacyRequest, RequestKind, RequestState

MOST_REQUESTS: Final = 100
AT_A_TIME: Final = 20

log = structlog.get_logger(__name__)


class RequestStore(Protocol):
    """The rows of requests and receipts."""

    async def add(self, request: PrivacyRequest) -> PrivacyRequest:
        """Keep a request; one of the same kind and id that is not finished is answered instead."""
        ...

    async def get(self, tenant: TenantId, request_id: UUID) -> PrivacyRequest | None:
        """One request."""
        ...

    async def listed(self, tenant: TenantId, identity_hash: bytes | None, limit: int) -> list[PrivacyRequest]:
        """The latest requests, of one id or of all."""
        ...

    async def waiting(self, tenant: TenantId, now: datetime, limit: int) -> list[UUID]:
        """Requests that should be worked on now, the oldest first."""
        ...

    async def tenants_waiting(self, now: datetime) -> list[TenantId]:
        """Tenants with such requests."""
        ...

    async def begin(self, tenant: TenantId, request_id: UUID, now: datetime) -> PrivacyRequest | None:
        """Count an attempt; None if the request is finished or unknown."""
        ...

    async def note_failure(self, tenant: TenantId, request_id: UUID, error: str) -> None:
        """Say why an attempt did not finish."""
        ...

    async def receipt(self, tenant: TenantId, request_id: UUID) -> str | None:
        """The signed receipt of a request."""
        ...

    async def receipts(self, tenant: TenantId) -> list[str]:
        """Every signed receipt, in the order of their numbers."""
        ...

    async def add_receipt(self, tenant: TenantId, request_id: UUID, written: Callable[[int, str | None], str]) -> str:
        """Keep the receipt that `written` makes of its number and the hash of the one before."""
        ...


class Runner(Protocol):
    """Who finishes requests of a kind."""

    async def run(self, request: PrivacyRequest, report: Report) -> PrivacyRequest:
        """Take the steps that are not behind. Raises `Unavailable` or `Overtaken`."""
        ...


class Directory(Protocol):
    """The part of the directory that rights need."""

    def identity_hash(self, tenant: TenantId, user_id: UserId) -> bytes:
        """What stands for an external id."""
        ...


class Work(Protocol):
    """Where work for a worker is handed in."""

    async def wake(self, tenant: TenantId) -> None:
        """Have a worker look at the tenant's requests."""
        ...


class RightsService:
    """Requests of people."""

    def __init__(
        self,
        store: RequestStore,
        runners: Mapping[RequestKind, Runner],
        directory: Directory,
        work: Work,
        signer: ReceiptSigner,
        clock: Clock,
    ) -> None:
        self._store = store
        self._runners = runners
        self._directory = directory
        self._work = work
        self._clock = clock
        self._signer = signer
        self.public_key: Final = signer.public_key

    async def request_erasure(self, tenant: TenantId, user_id: UserId) -> PrivacyRequest:
        """Ask for everything about a person to be erased; asking twice is asking once.

        Raises:
            ValidationFailed: `user_id` cannot be a user id.
            NotFound: there is no such tenant.
        """
        request = await self._asked(tenant, user_id, RequestKind.ERASURE)
        await self._work.wake(tenant)
        return request

    async def request_export(self, tenant: TenantId, user_id: UserId) -> PrivacyRequest:
        """Ask for everything that is kept of a person; asks and raises as `request_erasure` does."""
        request = await self._asked(tenant, user_id, RequestKind.EXPORT)
        await self._work.wake(tenant)
        return request

    async def erase(self, tenant: TenantId, user_id: UserId, report: Report | None = None) -> PrivacyRequest:
        """Ask and wait: the finished request. Raises as `request_erasure`, and `Unavailable` if a part is down."""
        request = await self._asked(tenant, user_id, RequestKind.ERASURE)
        return await self.finish(tenant, request.request_id, report)

    async def finish(self, tenant: TenantId, request_id: UUID, report: Report | None = None) -> PrivacyRequest:
        """Take the steps that are left, each unless somebody else took it; the request as it is then.

        Raises:
            NotFound: there is no such request.
            Unavailable: a part is down; the request stays, and is tried again.
        """
        request = await self._store.begin(tenant, request_id, self._clock.now())
        while request is not None and not request.finished:
            try:
                request = await self._runners[request.kind].run(request, report or _silent)
            except Overtaken:
                # Somebody else took the step: what is behind is seen by looking again.
                request = await self.request(tenant, request_id)
            except DomainError as error:
                await self._store.note_failure(tenant, request_id, f"{error.code}: {error.message}")
                raise
        return request or await self.request(tenant, request_id)

    async def finish_for(self, tenant: TenantId, user_id: UserId) -> None:
        """Finish every request of an id that is not finished."""
        for request in await self.requests(tenant, user_id):
            if not request.finished:
                await self.finish(tenant, request.request_id)

    async def run_waiting(self, tenant: TenantId, report: Report | None = None) -> int:
        """Finish what waits for a worker; one that fails keeps it from no other. How many were finished."""
        done = 0
        while waiting := await self._store.waiting(tenant, self._clock.now(), AT_A_TIME):
            for request_id in waiting:
                try:
                    request = await self.finish(tenant, request_id, report)
                except DomainError as error:
                    log.warning("privacy_request_delayed", request_id=str(request_id), reason=error.message)
                else:
                    done += request.state is RequestState.DONE
        return done

    async def wake_waiting(self) -> None:
        """Have workers look at every request that was left or not woken for."""
        for tenant in await self._store.tenants_waiting(self._clock.now()):
            await self._work.wake(tenant)

    async def request(self, tenant: TenantId, request_id: UUID, user_id: UserId | None = None) -> PrivacyRequest:
        """A request as it is.

        Args:
            tenant: whose.
            request_id: which.
            user_id: only if it was made for this id.

        Raises:
            NotFound: there is no such request, or it is of another id.
        """
        request = await self._store.get(tenant, request_id)
        owner = None if user_id is None else self._directory.identity_hash(tenant, user_id)
        if request is None or owner not in {None, request.identity_hash}:
            raise NotFound("There is no such request.", field="id")
        return request

    async def requests(self, tenant: TenantId, user_id: UserId | None) -> list[PrivacyRequest]:
        """The latest hundred requests of an id, or of everybody."""
        owner = None if user_id is None else self._directory.identity_hash(tenant, user_id)
        return await self._store.listed(tenant, owner, MOST_REQUESTS)

    async def receipt(self, tenant: TenantId, request_id: UUID) -> str:
        """The signed receipt of a finished erasure, one line. Raises `NotFound`."""
        receipt = await self._store.receipt(tenant, request_id)
        if receipt is None:
            raise NotFound("There is no receipt of such a request.", field="id")
        return receipt

    async def receipts(self, tenant: TenantId) -> list[str]:
        """Every receipt of a tenant, in order: each names the one before it."""
        return await self._store.receipts(tenant)

    async def note_physical(self, tenant: TenantId, reached: Sequence[Reached]) -> str:
        """Add a receipt of what a physical step reached for every erasure before it; the receipt."""
        now = self._clock.now()

        def written(number: int, previous: str | None) -> str:
            told = {"kind": "physical", "number": number, "previous": previous, "finishedAt": now.isoformat()}
            return self._signer.signed(
                {"format": FORMAT, "tenant": tenant, **told, "reached": [entry.as_json() for entry in reached]}
            )

        return await self._store.add_receipt(tenant, uuid4(), written)

    async def _asked(self, tenant: TenantId, user_id: UserId, kind: RequestKind) -> PrivacyRequest:
        digest = self._directory.identity_hash(tenant, user_id)
        now = self._clock.now()
        return await self._store.add(PrivacyRequest(tenant, uuid4(), kind, RequestState.WAITING, digest, now))


def _silent(_done: float, _step: str) -> None:
    """Report to nobody."""

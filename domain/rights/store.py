"""Requests and receipts in Postgres."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import asyncpg
import orjson

from domain.erasure.model import Reached
from domain.erasure.store import people_behind, rows_erased, taught_since
from domain.errors import NotFound
from domain.identities.model import Busy
from domain.ids import ModelVersion, SubjectId, TenantId
from domain.privacy.store import locked_subjects
from domain.realtime.store import Outbox
from domain.receipts.book import ReceiptBook
from domain.receipts.store import RECEIPT, Written, added, caught_up
from domain.rights.erasure import Overtaken
from domain.rights.model import Checkpoint, PrivacyRequest, RequestKind, RequestState, Tombstone, retry_at
from domain.storage.postgres import Database, Transaction

_OPEN: Final = "tenant_id = $1 AND identity_hash = $2 AND kind = $3 AND state IN ('waiting', 'running')"

_ADD = """
    INSERT INTO privacy_requests (tenant_id, identity_hash, kind, request_id, state, retry_at, requested_at)
    VALUES ($1, $2, $3, $4, 'waiting', $5, $5)
    ON CONFLICT (tenant_id, identity_hash, kind) WHERE state IN ('waiting', 'running') DO NOTHING"""

_RESTORE = """
    INSERT INTO privacy_requests
        (tenant_id, identity_hash, kind, request_id, state, retry_at, requested_at, subjects, checkpoint)
    SELECT $1, $2, 'erasure', $3, 'waiting', $4, $5, $6, 'found' FROM tenants WHERE tenant_id = $1
    ON CONFLICT (tenant_id, request_id) DO NOTHING"""

_GET = "SELECT * FROM privacy_requests WHERE tenant_id = $1 AND request_id = $2"

# A backup from the midst of an erasure holds its request under way; the journal's takes its place.
_OVERTAKE = """
    UPDATE privacy_requests SET state = 'failed', error = 'done again from the journal', finished_at = $4
    WHERE tenant_id = $1 AND identity_hash = $2 AND request_id <> $3 AND kind = 'erasure'
      AND state IN ('waiting', 'running')"""

_COUNT_ATTEMPT = """
    UPDATE privacy_requests SET attempts = attempts + 1
    WHERE tenant_id = $1 AND request_id = $2 AND state IN ('waiting', 'running') RETURNING attempts"""

_RUNNING = """
    UPDATE privacy_requests SET state = 'running', error = NULL, retry_at = $3
    WHERE tenant_id = $1 AND request_id = $2 RETURNING *"""

_FAILED = """
    UPDATE privacy_requests SET state = 'waiting', error = $3
    WHERE tenant_id = $1 AND request_id = $2 AND state = 'running'"""

_REACH = """
    UPDATE privacy_requests SET checkpoint = $3, evidence = evidence || jsonb_build_object($3::text, $4::jsonb),
        subjects = $5, taught_since = $6, erased_at = $7
    WHERE tenant_id = $1 AND request_id = $2 AND state <> 'done' AND checkpoint IS NOT DISTINCT FROM $8::text
    RETURNING *"""

_TRAINED = """
    SELECT version FROM ml_models
    WHERE tenant_id = $1 AND trained_at >= $2 AND trained_at <= $3 AND artifact IS NOT NULL ORDER BY trained_at"""

_ERASED = """
    SELECT request_id FROM privacy_requests
    WHERE tenant_id = $1 AND request_id = ANY($2::uuid[]) AND erased_at IS NOT NULL"""

_WAITING = """
    SELECT request_id FROM privacy_requests
    WHERE tenant_id = $1 AND state IN ('waiting', 'running') AND retry_at <= $2 ORDER BY requested_at LIMIT $3"""

_DONE = """
    UPDATE privacy_requests SET state = 'done', finished_at = $3, error = NULL,
        checkpoint = CASE kind WHEN 'erasure' THEN 'signed' END
    WHERE tenant_id = $1 AND request_id = $2 AND state <> 'done' RETURNING *"""


class PostgresRights:
    """Requests, receipts and the rows of people, as a `RequestStore` and an `ErasureStore`."""

    def __init__(self, database: Database, outbox: Outbox, book: ReceiptBook) -> None:
        self._database = database
        self._outbox = outbox
        self._book = book

    async def add(self, request: PrivacyRequest) -> PrivacyRequest:
        """Keep a request; one of the same kind and id that is not finished is answered instead."""
        async with self._database.transaction(request.tenant) as tx:
            try:
                return await _opened(tx, request)
            except asyncpg.ForeignKeyViolationError as error:
                raise NotFound("There is no such tenant.", field="tenant") from error

    async def get(self, tenant: TenantId, request_id: UUID) -> PrivacyRequest | None:
        """One request."""
        async with self._database.transaction(tenant) as tx:
            row = await tx.row(_GET, tenant, request_id)
        return None if row is None else _request(row)

    async def listed(self, tenant: TenantId, identity_hash: bytes | None, limit: int) -> list[PrivacyRequest]:
        """The latest requests, of one id or of all."""
        async with self._database.transaction(tenant) as tx:
            rows = await tx.rows(
                "SELECT * FROM privacy_requests WHERE tenant_id = $1 AND ($2::bytea IS NULL OR identity_hash = $2) "
                "ORDER BY requested_at DESC, request_id LIMIT $3",
                tenant,
                identity_hash,
                limit,
            )
        return [_request(row) for row in rows]

    async def waiting(self, tenant: TenantId, now: datetime, limit: int) -> list[UUID]:
        """Requests that should be worked on now, the oldest first."""
        async with self._database.transaction(tenant) as tx:
            rows = await tx.rows(_WAITING, tenant, now, limit)
        return [row["request_id"] for row in rows]

    async def tenants_waiting(self, now: datetime) -> list[TenantId]:
        """Tenants with such requests."""
        async with self._database.dispatch() as tx:
            rows = await tx.rows("SELECT tenant_id FROM tenants_with_requests($1)", now)
        return [TenantId(row["tenant_id"]) for row in rows]

    async def begin(self, tenant: TenantId, request_id: UUID, now: datetime) -> PrivacyRequest | None:
        """Count an attempt; None if the request is finished or unknown."""
        async with self._database.transaction(tenant) as tx:
            attempts = await tx.value(_COUNT_ATTEMPT, tenant, request_id)
            if attempts is None:
                return None
            row = await tx.row(_RUNNING, tenant, request_id, retry_at(attempts, now))
        return None if row is None else _request(row)

    async def note_failure(self, tenant: TenantId, request_id: UUID, error: str) -> None:
        """Say why an attempt did not finish."""
        async with self._database.transaction(tenant) as tx:
            await tx.execute(_FAILED, tenant, request_id, error)

    async def find(self, request: PrivacyRequest) -> PrivacyRequest:
        """Note whose data it is about."""
        async with self._database.transaction(request.tenant) as tx:
            subjects = await people_behind(tx, request.tenant, request.identity_hash, request.subjects)
            return await _reach(tx, request, Checkpoint.FOUND, (), subjects=subjects)

    async def erase_rows(self, request: PrivacyRequest, at: datetime) -> PrivacyRequest:
        """Delete the rows in one transaction that also notes it."""
        tenant = request.tenant
        try:
            async with self._database.transaction(tenant, request.subjects) as tx:
                await locked_subjects(tx, tenant, request.subjects)
                # Whoever was merged since they were found is looked for again, under the locks that a merge takes.
                subjects = await people_behind(tx, tenant, request.identity_hash, request.subjects)
                if set(subjects) - set(request.subjects):
                    await locked_subjects(tx, tenant, subjects)
                return await _rows(tx, self._outbox, request, subjects, at)
        except (asyncpg.LockNotAvailableError, asyncpg.DeadlockDetectedError) as error:
            raise Busy("This user is being learned from at this moment.", retry_after_seconds=1) from error

    async def reach(self, request: PrivacyRequest, step: Checkpoint, reached: Sequence[Reached]) -> PrivacyRequest:
        """Note that a step is behind."""
        async with self._database.transaction(request.tenant) as tx:
            return await _reach(tx, request, step, reached)

    async def versions_trained(self, tenant: TenantId, since: datetime, until: datetime) -> list[ModelVersion]:
        """The model versions with bytes that were trained within a time."""
        async with self._database.transaction(tenant) as tx:
            rows = await tx.rows(_TRAINED, tenant, since, until)
        return [ModelVersion(row["version"]) for row in rows]

    async def sign(self, tenant: TenantId, request_id: UUID, at: datetime, written: Written) -> PrivacyRequest:
        """Keep the receipt that `written` makes of its number and the hash of the one before; the request is done."""
        async with self._database.transaction(tenant) as tx:
            await added(tx, tenant, request_id, written, self._book)
            return await done(tx, tenant, request_id, at)

    async def add_receipt(self, tenant: TenantId, request_id: UUID, written: Written) -> str:
        """Keep the receipt that `written` makes of its number and the hash of the one before."""
        async with self._database.transaction(tenant) as tx:
            return await added(tx, tenant, request_id, written, self._book)

    async def restore_receipts(self, tenant: TenantId) -> int:
        """Put back the receipts that only the book has; how many they were."""
        async with self._database.transaction(tenant) as tx:
            return await caught_up(tx, tenant, self._book)

    async def receipt(self, tenant: TenantId, request_id: UUID) -> str | None:
        """The signed receipt of a request."""
        async with self._database.transaction(tenant) as tx:
            found = await tx.value(RECEIPT, tenant, request_id)
        return None if found is None else str(found)

    async def receipts(self, tenant: TenantId) -> list[str]:
        """Every signed receipt, in the order of their numbers."""
        async with self._database.transaction(tenant) as tx:
            rows = await tx.rows("SELECT document FROM privacy_receipts WHERE tenant_id = $1 ORDER BY number", tenant)
        return [row["document"] for row in rows]

    async def known(self, tenant: TenantId, request_ids: Sequence[UUID]) -> set[UUID]:
        """Those of these requests whose rows have been deleted."""
        async with self._database.transaction(tenant) as tx:
            rows = await tx.rows(_ERASED, tenant, list(request_ids))
        return {row["request_id"] for row in rows}

    async def restore(self, tombstone: Tombstone, now: datetime) -> bool:
        """Keep the request of a tombstone again, as one whose people are found; False if the tenant is unknown."""
        asked = (tombstone.tenant, tombstone.identity_hash, tombstone.request_id)
        async with self._database.transaction(tombstone.tenant) as tx:
            await tx.execute(_OVERTAKE, *asked, now)
            await tx.execute(_RESTORE, *asked, now, tombstone.erased_at, list(tombstone.subjects))
            return await tx.value(_GET, tombstone.tenant, tombstone.request_id) is not None


async def done(tx: Transaction, tenant: TenantId, request_id: UUID, at: datetime) -> PrivacyRequest:
    """Note in the caller's transaction that a request is finished. Raises `Overtaken`."""
    row = await tx.row(_DONE, tenant, request_id, at)
    if row is None:
        raise Overtaken
    return _request(row)


async def erased_in(
    tx: Transaction, outbox: Outbox, request: PrivacyRequest, at: datetime, account: Iterable[SubjectId]
) -> PrivacyRequest:
    """Ask for an erasure and delete the rows, all in the caller's transaction that has locked the `account`'s people.

    An erasure of the same id that is under way takes them in.
    """
    opened = await _opened(tx, request)
    subjects = await people_behind(tx, request.tenant, request.identity_hash, [*opened.subjects, *account])
    return await _rows(tx, outbox, opened, subjects, at)


async def _opened(tx: Transaction, request: PrivacyRequest) -> PrivacyRequest:
    asked = (request.tenant, request.identity_hash, request.kind.value)
    await tx.execute(_ADD, *asked, request.request_id, request.requested_at)
    row = await tx.row(f"SELECT * FROM privacy_requests WHERE {_OPEN}", *asked)  # noqa: S608  # a constant
    return request if row is None else _request(row)


async def _rows(
    tx: Transaction, outbox: Outbox, request: PrivacyRequest, subjects: Sequence[SubjectId], at: datetime
) -> PrivacyRequest:
    since = await taught_since(tx, request.tenant, subjects)
    reached = await rows_erased(tx, outbox, request.tenant, subjects, at)
    return await _reach(tx, request, Checkpoint.ROWS, reached, subjects=subjects, taught_since=since, erased_at=at)


async def _reach(
    tx: Transaction, request: PrivacyRequest, step: Checkpoint, reached: Sequence[Reached], **noted: Any
) -> PrivacyRequest:
    evidence = orjson.dumps([entry.as_json() for entry in reached]).decode()
    row = await tx.row(
        _REACH,
        request.tenant,
        request.request_id,
        step.value,
        evidence,
        list(noted.get("subjects", request.subjects)),
        noted.get("taught_since", request.taught_since),
        noted.get("erased_at", request.erased_at),
        request.checkpoint,
    )
    if row is None:
        raise Overtaken
    return _request(row)


_AS_STORED: Final = ("request_id", "requested_at", "attempts", "taught_since", "erased_at", "finished_at", "error")


def _request(row: asyncpg.Record) -> PrivacyRequest:
    return PrivacyRequest(
        tenant=TenantId(row["tenant_id"]),
        kind=RequestKind(row["kind"]),
        state=RequestState(row["state"]),
        identity_hash=bytes(row["identity_hash"]),
        subjects=tuple(SubjectId(subject) for subject in row["subjects"]),
        checkpoint=None if row["checkpoint"] is None else Checkpoint(row["checkpoint"]),
        evidence=orjson.loads(row["evidence"]),
        **{name: row[name] for name in _AS_STORED},
    )

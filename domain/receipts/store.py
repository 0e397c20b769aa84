"""The chain of a tenant's receipts in Postgres, continued from the newest receipt that the database or the book has."""

import asyncio
from collections.abc import Callable
from typing import Final
from uuid import UUID, uuid4

import structlog

from domain.ids import TenantId
from domain.receipts.book import ReceiptBook, numbered
from domain.receipts.signing import digest
from domain.storage.postgres import Transaction

Written = Callable[[int, str | None], str]
"""Makes a receipt of its number and the hash of the one before."""

RECEIPT: Final = "SELECT document FROM privacy_receipts WHERE tenant_id = $1 AND request_id = $2"

_TAKE_TURNS = "SELECT pg_advisory_xact_lock(hashtextextended('privacy receipts ' || $1::text, 0))"

_LAST = "SELECT number, document FROM privacy_receipts WHERE tenant_id = $1 ORDER BY number DESC LIMIT 1"

_ADD = """
    INSERT INTO privacy_receipts (tenant_id, number, request_id, document)
    SELECT tenant_id, $2, $3, $4 FROM tenants WHERE tenant_id = $1 ON CONFLICT DO NOTHING RETURNING number"""

log = structlog.get_logger(__name__)


async def added(tx: Transaction, tenant: TenantId, request_id: UUID, written: Written, book: ReceiptBook) -> str:
    """Keep the next receipt of a tenant in the caller's transaction; the one that the request has already, if any."""
    await caught_up(tx, tenant, book)
    last = await tx.row(_LAST, tenant)
    number, previous = (1, None) if last is None else (last["number"] + 1, digest(last["document"]))
    document = written(number, previous)
    if await tx.value(_ADD, tenant, number, request_id, document) is None:
        return str(await tx.value(RECEIPT, tenant, request_id))
    # Written before the commit: a receipt that was shown to anybody is in the book.
    await asyncio.to_thread(book.add, tenant, document)
    return document


async def caught_up(tx: Transaction, tenant: TenantId, book: ReceiptBook) -> int:
    """Put back what only the book has, one process at a time; how many receipts that were."""
    await tx.rows(_TAKE_TURNS, tenant)
    last, again = await tx.row(_LAST, tenant), 0
    pages = book.after(tenant, 0 if last is None else last["number"])
    expected = None if last is None else digest(last["document"])
    while page := await asyncio.to_thread(next, pages, None):
        for document in page:
            said = numbered(document)
            if again == 0 and said["previous"] != expected:
                log.error("receipts_forked", tenant=tenant, number=said["number"])
            request_id = UUID(said["requestId"]) if "requestId" in said else uuid4()
            again += await tx.value(_ADD, tenant, said["number"], request_id, document) is not None
    return again

"""Who serves the rights of people, put together."""

from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import timedelta

from domain.bootstrap.ground import Ground
from domain.bootstrap.secrets import derived
from domain.erasure.store import RedisTraces
from domain.exports.service import ExportService
from domain.exports.store import PostgresArchives, PostgresExports
from domain.ids import TenantId
from domain.jobs.model import JobKind
from domain.jobs.service import JobQueue
from domain.keyring.service import KeyRotation
from domain.privacy.inventory import DATA_MAP
from domain.profiles.service import Learn
from domain.receipts.book import ReceiptBook
from domain.receipts.signing import ReceiptSigner
from domain.retention.service import RetentionService
from domain.retention.store import PostgresRetention
from domain.rights.erasure import Eraser
from domain.rights.journal import Journal
from domain.rights.model import RequestKind
from domain.rights.replay import Replay
from domain.rights.service import RightsService, Runner
from domain.rights.store import PostgresRights

JOURNAL_FILE = "erasures.jsonl"
BOOK_FOLDER = "receipts"


class _PrivacyWork:
    """Wakes a worker for a tenant's requests."""

    def __init__(self, jobs: JobQueue) -> None:
        self._jobs = jobs

    async def wake(self, tenant: TenantId) -> None:
        await self._jobs.enqueue(tenant, JobKind.PRIVACY)


@dataclass(frozen=True, kw_only=True)
class Righting:
    """The use cases of rights."""

    rights: RightsService
    replay: Replay
    exports: ExportService
    retention: RetentionService
    rotation: KeyRotation


def make_rights(stack: AsyncExitStack, ground: Ground, jobs: JobQueue, learn_from: Learn) -> Righting:
    """The rights of one process, ended with `stack`."""
    exports = ExportService(
        PostgresExports(ground.exporter, DATA_MAP),
        PostgresArchives(ground.database),
        ground.directory,
        ground.keys,
        DATA_MAP,
        ground.clock,
        timedelta(minutes=ground.settings.export_sign_in_minutes),
    )
    settings = ground.settings
    beside = settings.journal_dir or settings.data_dir / "journal"
    journal, book = Journal(beside / JOURNAL_FILE), ReceiptBook(beside / BOOK_FOLDER)
    store = PostgresRights(ground.database, ground.outbox, book)
    signer = ReceiptSigner(derived(settings, "receipts"))
    caches = RedisTraces(ground.redis, DATA_MAP)
    kept = timedelta(days=settings.vault_backup_days)
    eraser = Eraser(store, journal, ground.keys, caches, ground.publisher, signer, DATA_MAP, kept, ground.clock)
    work = _PrivacyWork(jobs)
    runners: dict[RequestKind, Runner] = {RequestKind.ERASURE: eraser, RequestKind.EXPORT: exports}
    rights = RightsService(store, runners, ground.directory, work, signer, ground.clock)
    replay = Replay(store, journal, book, ground.keys, rights.finish, ground.clock)
    stack.push_async_callback(replay.close)
    aging = PostgresRetention(ground.database, ground.outbox, DATA_MAP, ground.clock)
    retention = RetentionService(aging, learn_from, jobs, ground.publisher, ground.clock)
    return Righting(rights=rights, replay=replay, exports=exports, retention=retention, rotation=ground.rotation)

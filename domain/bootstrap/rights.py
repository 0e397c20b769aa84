"""Who serves the rights of people, put together."""

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
from domain.retention.service import RetentionService
from domain.retention.store import PostgresRetention
from domain.rights.erasure import Eraser
from domain.rights.journal import Journal
from domain.rights.model import RequestKind
from domain.rights.service import RightsService, Runner
from domain.rights.signing import ReceiptSigner
from domain.rights.store import PostgresRights

JOURNAL_FILE = "erasures.jsonl"


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
    exports: ExportService
    retention: RetentionService
    rotation: KeyRotation


def make_rights(ground: Ground, jobs: JobQueue, learn_from: Learn) -> Righting:
    """The rights of one process."""
    exports = ExportService(
        PostgresExports(ground.exporter, DATA_MAP),
        PostgresArchives(ground.database),
        ground.directory,
        ground.keys,
        DATA_MAP,
        ground.clock,
        timedelta(minutes=ground.settings.export_sign_in_minutes),
    )
    settings, store = ground.settings, PostgresRights(ground.database, ground.outbox)
    journal = Journal((settings.journal_dir or settings.data_dir / "journal") / JOURNAL_FILE)
    signer = ReceiptSigner(derived(settings, "receipts"))
    caches = RedisTraces(ground.redis, DATA_MAP)
    kept = timedelta(days=settings.vault_backup_days)
    eraser = Eraser(store, journal, ground.keys, caches, ground.publisher, signer, DATA_MAP, kept, ground.clock)
    work = _PrivacyWork(jobs)
    runners: dict[RequestKind, Runner] = {RequestKind.ERASURE: eraser, RequestKind.EXPORT: exports}
    rights = RightsService(store, runners, journal, ground.directory, ground.keys, work, signer, ground.clock)
    aging = PostgresRetention(ground.database, ground.outbox, DATA_MAP, ground.clock)
    retention = RetentionService(aging, learn_from, jobs, ground.publisher, ground.clock)
    return Righting(rights=rights, exports=exports, retention=retention, rotation=ground.rotation)

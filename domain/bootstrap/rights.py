"""Who serves the rights of people, put together."""

from domain.bootstrap.ground import Ground
from domain.bootstrap.secrets import derived
from domain.erasure.store import RedisTraces
from domain.ids import TenantId
from domain.jobs.model import JobKind
from domain.jobs.service import JobQueue
from domain.privacy.inventory import DATA_MAP
from domain.rights.erasure import Eraser
from domain.rights.journal import Journal
from domain.rights.service import RightsService
from domain.rights.signing import ReceiptSigner
from domain.rights.store import PostgresRights

JOURNAL_FILE = "erasures.jsonl"


class _PrivacyWork:
    """Wakes a worker for a tenant's requests."""

    def __init__(self, jobs: JobQueue) -> None:
        self._jobs = jobs

    async def wake(self, tenant: TenantId) -> None:
        await self._jobs.enqueue(tenant, JobKind.PRIVACY)


def make_rights(ground: Ground, jobs: JobQueue) -> RightsService:
    """The rights of one process."""
    settings, store = ground.settings, PostgresRights(ground.database, ground.outbox)
    journal = Journal((settings.journal_dir or settings.data_dir / "journal") / JOURNAL_FILE)
    signer = ReceiptSigner(derived(settings, "receipts"))
    caches = RedisTraces(ground.redis, DATA_MAP)
    eraser = Eraser(store, journal, ground.keys, caches, ground.publisher, signer, DATA_MAP, ground.clock)
    work = _PrivacyWork(jobs)
    return RightsService(store, eraser, journal, ground.directory, work, signer.public_key, ground.clock)

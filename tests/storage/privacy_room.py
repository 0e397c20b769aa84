"""The privacy room wired to the real stores, as one process has it."""

from collections.abc import Iterable

from domain.clock import FixedClock
from domain.ids import SubjectId, TenantId, UserId
from domain.keyring.store import PostgresVault
from domain.privacy.data_keys import DataKeys
from domain.privacy.directory import SubjectDirectory
from domain.privacy.inventory import DATA_MAP
from domain.privacy.key_file import new_key_line
from domain.privacy.keys import LocalKeyManagement
from domain.privacy.model import OBSERVED_PURPOSES, ConsentPurpose, Subject
from domain.privacy.receipts import Evidence, PrivacyPolicy
from domain.privacy.service import PrivacyService
from domain.privacy.store import PostgresDirectory, PostgresPrivacyStore
from domain.realtime.store import Outbox
from domain.retention.store import ObservedRows
from domain.storage.postgres import Database, Databases
from domain.storage.roles import Role

ANNA, BERT = UserId("anna@example.com"), UserId("bert")
SAID = Evidence("2026-01", "settings-page", "DE")
IMPORTED = Evidence("2026-01", "import", "", "research licence")
KEKS = LocalKeyManagement.from_text(new_key_line())


class Unpublished:
    """A publisher that leaves every update in the outbox, where tests look at it."""

    async def publish(self, tenant: TenantId, subjects: Iterable[SubjectId]) -> int:
        return 0


class Room:
    """The privacy room wired to the real stores, as one process has it."""

    def __init__(self, databases: Databases, clock: FixedClock, policy: PrivacyPolicy | None = None) -> None:
        chosen = policy or PrivacyPolicy()
        self.database: Database = databases[Role.SERVICE]
        self.vault = PostgresVault(databases[Role.KEYS])
        self.data_keys = DataKeys(self.vault, KEKS, clock)
        self.store = PostgresDirectory(self.database)
        self.directory = SubjectDirectory(self.store, self.data_keys, b"i" * 32, clock, chosen.beginning)
        decisions = PostgresPrivacyStore(self.database, Outbox(self.database, clock), ObservedRows(DATA_MAP, clock))
        self.service = PrivacyService(decisions, self.directory, self.data_keys, Unpublished(), clock, chosen)

    async def agree(self, tenant: TenantId, user_id: UserId, *purposes: ConsentPurpose) -> Subject:
        return await self.service.record_consent(
            tenant, user_id, purposes or OBSERVED_PURPOSES, granted=True, evidence=SAID
        )

    async def row(self, tenant: TenantId, subject: SubjectId) -> tuple[str, bool, bool]:
        async with self.database.transaction(tenant, (subject,)) as tx:
            row = await tx.row("SELECT privacy_level, collects, trains FROM subjects")
        assert row is not None
        return row["privacy_level"], row["collects"], row["trains"]

    async def updates(self, tenant: TenantId, subject: Subject) -> list[tuple[int, str, object]]:
        key = await self.data_keys.key_for(tenant, subject.subject_id)
        async with self.database.transaction(tenant, (subject.subject_id,)) as tx:
            rows = await tx.rows("SELECT version, kind, body_sealed FROM outbox ORDER BY version")
        return [
            (r["version"], r["kind"], key.open_json("outbox", "body_sealed", bytes(r["body_sealed"]))) for r in rows
        ]

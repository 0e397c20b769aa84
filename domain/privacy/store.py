"""SQL of the privacy room: the directory and the decisions."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Final, Protocol

import asyncpg

from domain.errors import NotFound, Unavailable
from domain.ids import SubjectId, TenantId
from domain.privacy.decisions import Decision, Standing
from domain.privacy.directory import Lookup, Newcomer
from domain.privacy.model import ConsentPurpose, Consents, PrivacyLevel, Subject, ends_observation
from domain.privacy.receipts import ConsentReceipt
from domain.realtime.model import UpdateKind
from domain.realtime.store import Outbox
from domain.storage.postgres import Database, Transaction

ATTEMPTS: Final = 5
"""How often a decision is tried anew because its people are being learned from."""

_FIND_IDS = """
    SELECT identity_hash, subject_id FROM subject_identities WHERE tenant_id = $1 AND identity_hash = ANY($2::bytea[])
"""

_FIND_PEOPLE = "SELECT * FROM find_people($1, $2, $3)"

_FIND_SUBJECTS = "SELECT * FROM standing_of($1, $2::uuid[])"

# Hashes are sorted by the caller: two imports that claim the same people wait for each other instead of deadlocking.
_CLAIM_IDS = """
    INSERT INTO subject_identities (tenant_id, identity_hash, subject_id)
    SELECT $1, * FROM unnest($2::bytea[], $3::uuid[])
    ON CONFLICT (tenant_id, identity_hash) DO NOTHING
"""

_ADD_SUBJECTS = """
    INSERT INTO subjects (tenant_id, subject_id, external_id_sealed, privacy_level, collects, trains, created_at)
    SELECT $1, *, $7::timestamptz FROM unnest($2::uuid[], $3::bytea[], $4::text[], $5::boolean[], $6::boolean[])
    ON CONFLICT (subject_id) DO NOTHING
    RETURNING subject_id
"""

_FIND_EXTERNAL_IDS = """
    SELECT subject_id, external_id_sealed FROM subjects
    WHERE tenant_id = $1 AND subject_id = ANY($2::uuid[]) AND erased_at IS NULL
"""

_FIND_RECEIPTS = """
    SELECT * FROM consents WHERE tenant_id = $1 AND subject_id = $2 ORDER BY recorded_at DESC, purpose
"""

_ADD_RECEIPTS = """
    INSERT INTO consents (tenant_id, subject_id, consent_id, purpose, granted, policy_version, source, jurisdiction,
                          legal_basis, recorded_at)
    SELECT $1, * FROM unnest($2::uuid[], $3::uuid[], $4::text[], $5::boolean[], $6::text[], $7::text[], $8::text[],
                             $9::text[], $10::timestamptz[])
"""

_LOCK_SUBJECTS = """
    SELECT subject_id FROM subjects WHERE tenant_id = $1 AND subject_id = ANY($2::uuid[]) AND erased_at IS NULL
    ORDER BY subject_id FOR UPDATE
"""

_UPDATE_SUBJECTS = """
    UPDATE subjects s SET privacy_level = n.privacy_level, collects = n.collects, trains = n.trains, gpc = n.gpc
    FROM unnest($2::uuid[], $3::text[], $4::boolean[], $5::boolean[], $6::boolean[])
         AS n (subject_id, privacy_level, collects, trains, gpc)
    WHERE s.tenant_id = $1 AND s.subject_id = n.subject_id
"""


class PostgresDirectory:
    """The directory's tables, as a `DirectoryStore`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def look_up(self, tenant: TenantId, hashes: Sequence[bytes], known: Mapping[bytes, SubjectId]) -> Lookup:
        """Find people by identity hash in one round trip; the ids in `known` are not looked up again."""
        unknown = [digest for digest in hashes if digest not in known]
        rows = await self._database.call(_FIND_PEOPLE, tenant, unknown, list(known.values()))
        led = {bytes(row["identity_hash"]): SubjectId(row["subject_id"]) for row in rows if row["identity_hash"]}
        return Lookup({**known, **led}, {SubjectId(row["subject_id"]): _standing(tenant, row).subject for row in rows})

    async def claim(self, tenant: TenantId, candidates: Mapping[bytes, SubjectId]) -> dict[bytes, SubjectId]:
        """Give each hash its candidate id unless it has one, and answer with the ids they now have."""
        hashes = sorted(candidates)
        async with self._database.transaction(tenant) as tx:
            try:
                await tx.execute(_CLAIM_IDS, tenant, hashes, [candidates[digest] for digest in hashes])
            except asyncpg.ForeignKeyViolationError as error:
                raise NotFound("There is no such tenant.", field="tenant") from error
            rows = await tx.rows(_FIND_IDS, tenant, hashes)
        return {bytes(row["identity_hash"]): SubjectId(row["subject_id"]) for row in rows}

    async def add(
        self, tenant: TenantId, newcomers: Sequence[Newcomer], created_at: datetime
    ) -> dict[SubjectId, Subject]:
        """Write people with their receipts in one transaction, and answer with them as they are."""
        people = {n.subject.subject_id: n for n in sorted(newcomers, key=lambda n: n.subject.subject_id)}
        async with self._database.transaction(tenant, people) as tx:
            rows = await tx.rows(
                _ADD_SUBJECTS,
                tenant,
                list(people),
                [n.external_id_sealed for n in people.values()],
                [n.subject.privacy_level.value for n in people.values()],
                [n.subject.collects for n in people.values()],
                [n.subject.trains for n in people.values()],
                created_at,
            )
            await add_receipts(tx, tenant, {SubjectId(row[0]): people[SubjectId(row[0])].receipts for row in rows})
            standings = await _subjects(tx, tenant, list(people))
        return {subject: standing.subject for subject, standing in standings.items()}

    async def external_ids(self, tenant: TenantId, subjects: Sequence[SubjectId]) -> dict[SubjectId, bytes]:
        """The sealed external ids of the people who exist."""
        async with self._database.transaction(tenant, subjects) as tx:
            rows = await tx.rows(_FIND_EXTERNAL_IDS, tenant, list(subjects))
        return {SubjectId(row["subject_id"]): bytes(row["external_id_sealed"]) for row in rows}


class Forgetting(Protocol):
    """Who deletes what was observed of people, within the transaction of their decision."""

    async def hold(self, tx: Transaction, tenant: TenantId, subjects: Sequence[SubjectId]) -> None:
        """Wait for whoever learns from these people at this moment; to be called before they are locked."""
        ...

    async def forget(self, tx: Transaction, tenant: TenantId, subjects: Sequence[SubjectId]) -> None:
        """Delete what was observed of these people. Raises the database's errors if somebody learns from them."""
        ...

    async def uncount(self, tx: Transaction, tenant: TenantId, subjects: Sequence[SubjectId]) -> None:
        """Take these people out of what others are told."""
        ...


class PostgresPrivacyStore:
    """The tables of decisions, as a `PrivacyStore`.

    Args:
        database: logged in as the service or the worker.
        outbox: tells people of changes.
        forgetting: deletes what was observed of whoever ends that.
    """

    def __init__(self, database: Database, outbox: Outbox, forgetting: Forgetting) -> None:
        self._database = database
        self._outbox = outbox
        self._forgetting = forgetting

    async def decide(
        self, tenant: TenantId, subjects: Sequence[SubjectId], decision: Callable[[Standing], Decision]
    ) -> dict[SubjectId, Subject]:
        """Lock people, let `decision` look at each, write what it says; one transaction. Raises `Unavailable`."""
        for attempt in range(ATTEMPTS):
            try:
                return await self._decide(tenant, subjects, decision, hold=attempt > 0)
            except (asyncpg.DeadlockDetectedError, asyncpg.LockNotAvailableError):
                continue
        raise Unavailable("This user is being learned from at this moment.", retry_after_seconds=1)

    async def _decide(
        self, tenant: TenantId, subjects: Sequence[SubjectId], decision: Callable[[Standing], Decision], *, hold: bool
    ) -> dict[SubjectId, Subject]:
        async with self._database.transaction(tenant, subjects) as tx:
            if hold:
                await self._forgetting.hold(tx, tenant, subjects)
            standings = await locked_subjects(tx, tenant, subjects)
            decisions = {subject: decision(standing) for subject, standing in standings.items()}
            changed = [(standings[s].subject, d.subject) for s, d in decisions.items()]
            await write_decided(tx, tenant, [after for before, after in changed if after != before])
            await follow(tx, tenant, self._forgetting, changed)
            await add_receipts(tx, tenant, {subject: d.receipts for subject, d in decisions.items()})
            told = [(s, d.announcement) for s, d in decisions.items() if d.announcement is not None]
            updates = [(subject, UpdateKind.CONSENT_CHANGED, body) for subject, body in told]
            await self._outbox.announce_many(tx, tenant, updates)
            return {s: standing.subject for s, standing in (await _subjects(tx, tenant, subjects)).items()}

    async def receipts(self, tenant: TenantId, subject: SubjectId) -> list[ConsentReceipt]:
        """Every receipt of a person, latest first."""
        async with self._database.transaction(tenant, (subject,)) as tx:
            rows = await tx.rows(_FIND_RECEIPTS, tenant, subject)
        return [_receipt(row) for row in rows]


async def locked_subjects(
    tx: Transaction, tenant: TenantId, subjects: Sequence[SubjectId]
) -> dict[SubjectId, Standing]:
    """People as they are, locked until the transaction ends; whoever is gone is left out."""
    # The lock comes in a statement of its own: only the next one sees what its holder wrote before us.
    await tx.rows(_LOCK_SUBJECTS, tenant, list(subjects))
    return await _subjects(tx, tenant, subjects)


async def _subjects(tx: Transaction, tenant: TenantId, subjects: Sequence[SubjectId]) -> dict[SubjectId, Standing]:
    rows = await tx.rows(_FIND_SUBJECTS, tenant, list(subjects))
    return {SubjectId(row["subject_id"]): _standing(tenant, row) for row in rows}


def _standing(tenant: TenantId, row: asyncpg.Record) -> Standing:
    subject = Subject(
        tenant=tenant,
        subject_id=SubjectId(row["subject_id"]),
        privacy_level=PrivacyLevel(row["privacy_level"]),
        collects=row["collects"],
        version=row["version"],
        unannounced=row["unannounced"],
        gpc=row["gpc"],
        trains=row["trains"],
        consents=Consents(_purposes(row["granted"]), _purposes(row["withdrawn"])),
    )
    return Standing(subject, row["last_recorded_at"])


def _purposes(names: Sequence[str] | None) -> frozenset[ConsentPurpose]:
    return frozenset(map(ConsentPurpose, names or ()))


def _receipt(row: asyncpg.Record) -> ConsentReceipt:
    return ConsentReceipt(
        consent_id=row["consent_id"],
        purpose=ConsentPurpose(row["purpose"]),
        granted=row["granted"],
        policy_version=row["policy_version"],
        source=row["source"],
        jurisdiction=row["jurisdiction"],
        legal_basis=row["legal_basis"],
        recorded_at=row["recorded_at"],
    )


async def follow(
    tx: Transaction, tenant: TenantId, forgetting: Forgetting, changed: Sequence[tuple[Subject, Subject]]
) -> None:
    """Do what decisions ask for: forget who ends observation, uncount who ends training. Pairs of before and after."""
    if forgotten := {after.subject_id for before, after in changed if ends_observation(before, after)}:
        await forgetting.forget(tx, tenant, sorted(forgotten))
    silent = {after.subject_id for before, after in changed if before.trains and not after.trains}
    if uncounted := sorted(silent - forgotten):
        await forgetting.uncount(tx, tenant, uncounted)


async def write_decided(tx: Transaction, tenant: TenantId, subjects: Sequence[Subject]) -> None:
    """Write what may be done with these people."""
    if subjects:
        await tx.execute(
            _UPDATE_SUBJECTS,
            tenant,
            [s.subject_id for s in subjects],
            [s.privacy_level.value for s in subjects],
            [s.collects for s in subjects],
            [s.trains for s in subjects],
            [s.gpc for s in subjects],
        )


async def add_receipts(
    tx: Transaction, tenant: TenantId, receipts: Mapping[SubjectId, Sequence[ConsentReceipt]]
) -> None:
    """Add to people's records of decisions."""
    written = [(subject, receipt) for subject, of_subject in receipts.items() for receipt in of_subject]
    if written:
        await tx.execute(
            _ADD_RECEIPTS,
            tenant,
            [subject for subject, _ in written],
            [receipt.consent_id for _, receipt in written],
            [receipt.purpose.value for _, receipt in written],
            [receipt.granted for _, receipt in written],
            [receipt.policy_version for _, receipt in written],
            [receipt.source for _, receipt in written],
            [receipt.jurisdiction for _, receipt in written],
            [receipt.legal_basis for _, receipt in written],
            [receipt.recorded_at for _, receipt in written],
        )

"""The deletion of everything that is kept of people in Postgres, and of what Redis holds of them."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final

from domain.erasure.model import Level, Reached
from domain.ids import SubjectId, TenantId
from domain.interest.store import InterestCounter
from domain.privacy.data_map import DataMap, Store
from domain.privacy.inventory import DATA_MAP
from domain.realtime.model import UpdateKind
from domain.realtime.store import Outbox
from domain.storage.postgres import Transaction
from domain.storage.redis import RedisStore

_LEADS_TO = "SELECT subject_id FROM subject_identities WHERE tenant_id = $1 AND identity_hash = $2"

_MERGED = "SELECT merged_subject_id FROM identity_merges WHERE tenant_id = $1 AND subject_id = ANY($2::uuid[])"

_HOLD_EVENTS = """
    SELECT 1 FROM user_behavior_events WHERE tenant_id = $1 AND subject_id = ANY($2::uuid[]) FOR UPDATE NOWAIT"""

# A newcomer who is being written at this moment has an id and no row yet; with this in its place, theirs never comes.
_TAKE_PLACES = """
    INSERT INTO subjects
        (tenant_id, subject_id, external_id_sealed, privacy_level, collects, trains, created_at, erased_at)
    SELECT $1, person, '', 'strict', false, false, $3, $3 FROM unnest($2::uuid[]) AS person ORDER BY person
    ON CONFLICT (subject_id) DO NOTHING"""

_LOCK_PLACES = """
    SELECT 1 FROM subjects WHERE tenant_id = $1 AND subject_id = ANY($2::uuid[]) ORDER BY subject_id FOR UPDATE"""

# Whoever keeps an archive holds the request for it until it is there, and looks for the person after that.
_HOLD_EXPORTS = """
    SELECT 1 FROM privacy_requests
    WHERE tenant_id = $1 AND kind = 'export' AND state IN ('waiting', 'running') AND identity_hash IN (
        SELECT identity_hash FROM subject_identities WHERE tenant_id = $1 AND subject_id = ANY($2::uuid[]))
    FOR UPDATE"""

# The consents of whoever was merged into somebody stand with that person, so one of any of them counts for all.
_TAUGHT_SINCE = """
    SELECT min(created_at) FROM subjects
    WHERE tenant_id = $1 AND subject_id = ANY($2::uuid[]) AND EXISTS (
        SELECT 1 FROM consents c
        WHERE c.tenant_id = $1 AND c.subject_id = ANY($2::uuid[]) AND c.granted
            AND c.purpose = 'behaviour_collection')"""

_BURY = """
    UPDATE subjects SET erased_at = coalesce(erased_at, $3), collects = false, trains = false, external_id_sealed = ''
    WHERE tenant_id = $1 AND subject_id = ANY($2::uuid[])"""


# Labels of receipts are written by callers. Those stay that can name nobody: versions that are numbers or dates, the
# bases of Article 6, and what this service calls itself.
_STRIP_RECEIPTS = """
    UPDATE consents SET
        policy_version = CASE
            WHEN policy_version ~ '^v?[0-9]{1,4}([.-][0-9]{1,2}){0,2}$' THEN policy_version ELSE '' END,
        legal_basis = CASE WHEN lower(legal_basis) = ANY($3::text[]) THEN legal_basis ELSE '' END,
        source = CASE WHEN source = ANY($4::text[]) THEN source ELSE '' END
    WHERE tenant_id = $1 AND subject_id = ANY($2::uuid[])"""

BASES: Final = ("consent", "contract", "legal obligation", "vital interests", "public task", "legitimate interests")
OWN_SOURCES: Final = ("operator-default", "identity-merge", "import")


async def rows_erased(
    tx: Transaction, outbox: Outbox, tenant: TenantId, subjects: Sequence[SubjectId], at: datetime
) -> list[Reached]:
    """Delete what is kept of people, in the caller's transaction about them; what was deleted from each table.

    The people must be locked. Whoever writes about them waits for the commit and then finds nobody.
    """
    await tx.execute(_TAKE_PLACES, tenant, list(subjects), at)
    await tx.rows(_LOCK_PLACES, tenant, list(subjects))
    await tx.rows(_HOLD_EXPORTS, tenant, list(subjects))
    await tx.rows(_HOLD_EVENTS, tenant, list(subjects))
    for subject in subjects:
        await InterestCounter().forget(tx, tenant, subject)
    reached = [await _deleted(tx, tenant, subjects, entry.name) for entry in DATA_MAP.deleted()]
    await tx.execute(
        "UPDATE outbox SET body_sealed = '' WHERE tenant_id = $1 AND subject_id = ANY($2::uuid[])",
        tenant,
        list(subjects),
    )
    await outbox.announce_many(tx, tenant, [(subject, UpdateKind.ERASED, b"") for subject in subjects])
    await tx.execute(_BURY, tenant, list(subjects), at)
    await tx.execute(_STRIP_RECEIPTS, tenant, list(subjects), list(BASES), list(OWN_SOURCES))
    kept = "no way to the person is left: their id and its hash are gone"
    return [
        *reached,
        Reached(
            "postgres",
            "subjects",
            Level.LOGICAL,
            f"a random id with dates stays, so that nothing brings it back; {kept}",
        ),
        Reached(
            "postgres",
            "consents",
            Level.OUT_OF_SCOPE,
            f"receipts stay as evidence under a random id, without labels that could name somebody; {kept}",
        ),
        Reached("postgres", "outbox", Level.LOGICAL, "emptied; what is left says only that the person is gone"),
    ]


async def _deleted(tx: Transaction, tenant: TenantId, subjects: Sequence[SubjectId], table: str) -> Reached:
    count = await tx.value(
        f"WITH gone AS (DELETE FROM {table} WHERE tenant_id = $1 AND subject_id = ANY($2::uuid[]) RETURNING 1) "  # noqa: S608  # a constant
        "SELECT count(*) FROM gone",
        tenant,
        list(subjects),
    )
    return Reached("postgres", table, Level.LOGICAL, count=int(count))


async def people_behind(
    tx: Transaction, tenant: TenantId, identity_hash: bytes, known: Iterable[SubjectId]
) -> list[SubjectId]:
    """The people that a hash leads to, those known already and all who were merged into them.

    The transaction is about all of them then.
    """
    rows = await tx.rows(_LEADS_TO, tenant, identity_hash)
    people = dict.fromkeys([*known, *(SubjectId(row["subject_id"]) for row in rows)])
    await tx.see(tenant, people)
    merged = [SubjectId(row[0]) for row in await tx.rows(_MERGED, tenant, list(people))]
    await tx.see(tenant, people | dict.fromkeys(merged))
    return sorted(people | dict.fromkeys(merged))


async def taught_since(tx: Transaction, tenant: TenantId, subjects: Sequence[SubjectId]) -> datetime | None:
    """From when on models may have learned from these people; None if they never agreed to being observed."""
    found: datetime | None = await tx.value(_TAUGHT_SINCE, tenant, list(subjects))
    return found


class RedisTraces:
    """What Redis holds of people: every kind of key that the data map calls personal.

    Such a key is named by its prefix and its person alone, so nothing has to be looked for: a scan would read every key
    of everybody for each person.
    """

    def __init__(self, redis: RedisStore, data_map: DataMap) -> None:
        self._redis = redis
        self._prefixes = sorted({entry.prefix for entry in data_map.of(Store.REDIS) if entry.personal})

    async def drop(self, tenant: TenantId, subjects: Iterable[SubjectId]) -> int:
        """Delete every key of these people; how many there were."""
        names = [f"{prefix}{{{tenant}/{subject}}}" for subject in subjects for prefix in self._prefixes]
        return await self._redis.forget(names)

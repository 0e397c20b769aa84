"""Keeps accounts in step with the system that owns them: idempotent, and safe whatever order changes arrive in.

A change counts only above the revision that is held. A deletion stays as a revision without a person, under the keyed
hash of their id, so that a change from before it cannot bring anybody back; a later one begins anew.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from operator import attrgetter
from typing import Final, Protocol
from uuid import uuid4

from domain.accounts.model import Account, AccountChange, Synced, SyncOutcome
from domain.clock import Clock
from domain.errors import DomainError, ValidationFailed
from domain.ids import SubjectId, TenantId, UserId
from domain.privacy.encryption import SubjectKey
from domain.privacy.model import Subject
from domain.rights.model import PrivacyRequest, RequestKind, RequestState

MOST_CHANGES: Final = 200
TABLE: Final = "user_accounts"
COLUMN: Final = "attributes_sealed"


class AccountStore(Protocol):
    """The tables of accounts."""

    async def tombstones(self, tenant: TenantId, hashes: Sequence[bytes]) -> dict[bytes, int]:
        """The revision of the deletion behind each identity hash, where there was one."""
        ...

    async def keep(
        self,
        tenant: TenantId,
        sealed: Mapping[SubjectId, tuple[int, bytes]],
        hashes: Mapping[SubjectId, bytes],
        at: datetime,
    ) -> dict[SubjectId, int]:
        """Keep what is above the held revision, deletions included; what was held before, -1 for nothing."""
        ...

    async def read(
        self, tenant: TenantId, subjects: Sequence[SubjectId]
    ) -> dict[SubjectId, tuple[int, bytes, datetime]]:
        """Revision, sealed account and when it was applied, of those who have one."""
        ...

    async def bury(self, request: PrivacyRequest, subject: SubjectId | None, revision: int, at: datetime) -> int | None:
        """Ask for the erasure of a person and delete their rows, unless their account is at that revision or above.

        One transaction, which also keeps the revision of the deletion.

        Returns:
            The revision that was held and stands in the way; None where every row is gone.

        Raises:
            Busy: a worker is learning from the person; nothing was written.
        """
        ...


class Directory(Protocol):
    """The part of the directory that accounts need."""

    def identity_hash(self, tenant: TenantId, user_id: UserId) -> bytes:
        """What stands for an external id."""
        ...

    async def resolve(self, tenant: TenantId, user_id: UserId) -> Subject | None:
        """The person, or None."""
        ...

    async def resolve_many(self, tenant: TenantId, user_ids: Sequence[UserId]) -> dict[UserId, Subject]:
        """The people among `user_ids` of whom something is kept."""
        ...

    def forget(self, tenant: TenantId, user_id: UserId) -> None:
        """Drop what is remembered of a person's place in the directory."""
        ...


class Privacy(Protocol):
    """Who knows what people agreed to."""

    async def stating_subject(self, tenant: TenantId, user_id: UserId) -> Subject:
        """The person, if what is said of them may be kept; raises `ConsentRequired`."""
        ...


class Keys(Protocol):
    """Where people's keys come from."""

    async def keys_for(self, tenant: TenantId, subjects: Sequence[SubjectId]) -> dict[SubjectId, SubjectKey]:
        """The sealers of these people."""
        ...


class Rights(Protocol):
    """Who finishes erasures."""

    async def finish_for(self, tenant: TenantId, user_id: UserId) -> None:
        """Finish every request of an id that is not finished."""
        ...


class AccountService:
    """Accounts of another system."""

    def __init__(
        self,
        store: AccountStore,
        directory: Directory,
        privacy: Privacy,
        keys: Keys,
        rights: Rights,
        clock: Clock,
    ) -> None:
        self._store = store
        self._directory = directory
        self._privacy = privacy
        self._keys = keys
        self._rights = rights
        self._clock = clock

    async def sync(self, tenant: TenantId, changes: Sequence[AccountChange]) -> list[Synced]:
        """Apply changes, each for itself: one that is refused costs no other. What came of each, in their order.

        Raises:
            ValidationFailed: there are none or too many, or a user is named twice.
            Unavailable: the database cannot be reached.
        """
        if not 1 <= len(changes) <= MOST_CHANGES:
            raise ValidationFailed(f"1 to {MOST_CHANGES} users", field="users")
        if len({change.user_id for change in changes}) < len(changes):
            raise ValidationFailed("a user is named twice", field="users")
        hashes = {change.user_id: self._directory.identity_hash(tenant, change.user_id) for change in changes}
        buried = await self._store.tombstones(tenant, list(hashes.values()))
        found = {user_id: buried[digest] for user_id, digest in hashes.items() if digest in buried}
        done: dict[UserId, Synced] = {}
        kept: dict[UserId, AccountChange] = {}
        for change in changes:
            held = found.get(change.user_id, -1)
            if change.revision <= held:
                done[change.user_id] = await self._overtaken(tenant, change, held)
            elif change.deleted:
                done[change.user_id] = await self._deleted(tenant, change, hashes[change.user_id])
            else:
                kept[change.user_id] = change
        done |= await self._kept(tenant, list(kept.values()))
        return [done[change.user_id] for change in changes]

    async def accounts(self, tenant: TenantId, user_ids: Sequence[UserId]) -> dict[UserId, Account]:
        """What is kept of these users; those of whom nothing is are left out."""
        people = await self._directory.resolve_many(tenant, user_ids)
        rows = await self._store.read(tenant, [subject.subject_id for subject in people.values()])
        keys = await self._keys.keys_for(tenant, list(rows))
        found: dict[UserId, Account] = {}
        for user_id, subject in people.items():
            if subject.subject_id in rows and subject.subject_id in keys:
                revision, sealed, synced_at = rows[subject.subject_id]
                said = keys[subject.subject_id].open_json(TABLE, COLUMN, sealed)
                found[user_id] = Account(said["attributes"], tuple(said["roles"]), revision, synced_at)
        return found

    async def _kept(self, tenant: TenantId, changes: Sequence[AccountChange]) -> dict[UserId, Synced]:
        people: dict[UserId, SubjectId] = {}
        done: dict[UserId, Synced] = {}
        for change in changes:
            try:
                people[change.user_id] = (await self._privacy.stating_subject(tenant, change.user_id)).subject_id
            except DomainError as error:
                done[change.user_id] = Synced(change.user_id, SyncOutcome.REFUSED, error)
        keys = await self._keys.keys_for(tenant, list(people.values()))
        # Several ids may lead to one person, of whom the latest change counts.
        told = sorted((change for change in changes if change.user_id in people), key=attrgetter("revision"))
        latest = {people[change.user_id]: change for change in told if people[change.user_id] in keys}
        sealed = {subject: (change.revision, _sealed(keys[subject], change)) for subject, change in latest.items()}
        hashes = {s: self._directory.identity_hash(tenant, change.user_id) for s, change in latest.items()}
        held = await self._store.keep(tenant, sealed, hashes, self._clock.now()) if sealed else {}
        for change in told:
            subject = people[change.user_id]
            if subject not in latest:
                # They were erased since they were looked up, and their key is gone.
                done[change.user_id] = Synced(change.user_id, SyncOutcome.STALE)
                continue
            before = held[subject] if latest[subject] is change else max(held[subject], latest[subject].revision)
            done[change.user_id] = Synced(change.user_id, _outcome(change.revision, before))
        return done

    async def _deleted(self, tenant: TenantId, change: AccountChange, digest: bytes) -> Synced:
        subject = await self._directory.resolve(tenant, change.user_id)
        found = None if subject is None else subject.subject_id
        now = self._clock.now()
        request = PrivacyRequest(tenant, uuid4(), RequestKind.ERASURE, RequestState.WAITING, digest, now)
        try:
            held = await self._store.bury(request, found, change.revision, now)
        except DomainError as error:
            return Synced(change.user_id, SyncOutcome.REFUSED, error)
        if held is not None:
            return Synced(change.user_id, _outcome(change.revision, held))
        await self._finished(tenant, change.user_id)
        return Synced(change.user_id, SyncOutcome.DELETED)

    async def _overtaken(self, tenant: TenantId, change: AccountChange, held: int) -> Synced:
        if change.deleted and change.revision == held:
            # What a process left that died after the commit is finished by the one that asks again.
            await self._finished(tenant, change.user_id)
            return Synced(change.user_id, SyncOutcome.UNCHANGED)
        return Synced(change.user_id, SyncOutcome.STALE)

    async def _finished(self, tenant: TenantId, user_id: UserId) -> None:
        self._directory.forget(tenant, user_id)
        await self._rights.finish_for(tenant, user_id)


def _sealed(key: SubjectKey, change: AccountChange) -> bytes:
    return key.seal_json(TABLE, COLUMN, {"attributes": dict(change.attributes), "roles": list(change.roles)})


def _outcome(revision: int, held: int) -> SyncOutcome:
    if revision > held:
        return SyncOutcome.APPLIED
    return SyncOutcome.UNCHANGED if revision == held else SyncOutcome.STALE

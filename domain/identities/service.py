"""Use case of merging ids: what was done under an anonymous id becomes part of a user's history, whole or not at all.

The data move in one transaction. Later calls under the anonymous id lead to the user, since the directory does. The
anonymous person's key is destroyed after the commit; a process that dies in between leaves that to the next call, and
nothing that the key could open.
"""

import asyncio
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final, Protocol
from uuid import UUID

from domain.behavior.sealing import sealed_session
from domain.clock import Clock
from domain.errors import Conflict, NotFound, Unavailable, ValidationFailed
from domain.identities.model import Busy, Joined, Merge, Merging
from domain.ids import SubjectId, TenantId, UserId
from domain.privacy.decisions import Standing
from domain.privacy.encryption import SubjectKey
from domain.privacy.joining import joined, joining_receipts
from domain.privacy.model import Subject
from domain.privacy.receipts import Evidence
from domain.profiles.sealing import open_stated, seal_stated
from domain.profiles.service import Learn

ATTEMPTS: Final = 50
PAUSE_SECONDS: Final = 0.05
SOURCE: Final = "identity-merge"


class IdentityStore(Protocol):
    """The tables that merging touches."""

    async def merge(self, tenant: TenantId, merging: Merging, learn_from: Learn) -> int | None:
        """Make two people one in one transaction, and announce it to the subscribers of both.

        Returns:
            How many events moved; None if one of the two is gone.

        Raises:
            Busy: a worker is learning from the other person; nothing was written.
        """
        ...

    async def unfinished(self, tenant: TenantId, account: SubjectId) -> Sequence[SubjectId]:
        """The people that became part of `account` and whose key may still be there."""
        ...

    async def finish(self, tenant: TenantId, account: SubjectId, others: Sequence[SubjectId], at: datetime) -> None:
        """Note that the keys of `others` are destroyed."""
        ...


class Directory(Protocol):
    """The part of the directory that merging needs."""

    async def ensure_many(self, tenant: TenantId, user_ids: Iterable[UserId]) -> dict[UserId, Subject]:
        """The people behind `user_ids`, founded if new."""
        ...

    async def external_id(self, tenant: TenantId, subject: SubjectId) -> UserId:
        """The id by which the product knows a person."""
        ...

    def forget(self, tenant: TenantId, user_id: UserId) -> None:
        """Drop what is remembered of a person's place in the directory."""
        ...


class Keys(Protocol):
    """Where people's keys come from, and end."""

    async def keys_for(self, tenant: TenantId, subjects: Iterable[SubjectId]) -> dict[SubjectId, SubjectKey]:
        """The sealers of these people; those without a key are left out."""
        ...

    async def destroy(self, tenant: TenantId, subject: SubjectId) -> None:
        """Make whatever is sealed for `subject` unreadable."""
        ...


class Publisher(Protocol):
    """Who tells live updates once they are committed."""

    async def publish(self, tenant: TenantId, subjects: Iterable[SubjectId]) -> int:
        """Publish what waits for these people; how many updates."""
        ...


class Segmenter(Protocol):
    """Who puts people into segments."""

    async def refresh(self, tenant: TenantId, subjects: Collection[SubjectId]) -> None:
        """Compute the segments of these people anew and keep them."""
        ...


class IdentityService:
    """Merging of ids.

    Args:
        store: the tables.
        directory: finds and founds people.
        keys: seal what moves anew.
        learn_from: learns the account's profile.
        publisher: tells both.
        segmenter: assigns the account's segment.
        session_key: 32-byte secret that turns a client's session id into ours.
        policy_version: named in the receipts.
        clock: dates the merge.
    """

    def __init__(
        self,
        store: IdentityStore,
        directory: Directory,
        keys: Keys,
        learn_from: Learn,
        publisher: Publisher,
        segmenter: Segmenter,
        session_key: bytes,
        policy_version: str,
        clock: Clock,
    ) -> None:
        self._store = store
        self._directory = directory
        self._keys = keys
        self._learn_from = learn_from
        self._publisher = publisher
        self._segmenter = segmenter
        self._session_key = session_key
        self._evidence = Evidence(policy_version, SOURCE)
        self._clock = clock

    async def merge(self, tenant: TenantId, anonymous_id: UserId, user_id: UserId) -> Merge:
        """Make what was done under `anonymous_id` part of `user_id`; merging twice is merging once.

        Raises:
            ValidationFailed: the two are the same, or one of them cannot be a user id.
            Conflict: the anonymous id is another user's already.
            NotFound: there is no such tenant.
            Unavailable: one of the two was busy all the time.
        """
        if anonymous_id == user_id:
            raise ValidationFailed("An id cannot be merged into itself.", field="anonymousId")
        for _ in range(ATTEMPTS):
            people = await self._directory.ensure_many(tenant, (anonymous_id, user_id))
            other, account = people[anonymous_id].subject_id, people[user_id].subject_id
            moved = 0
            if merged_now := other != account:
                try:
                    found = await self._merged(tenant, anonymous_id, account, other)
                except (Busy, NotFound):
                    # A worker has them, or another call is merging them: look again.
                    found = None
                if found is None:
                    await asyncio.sleep(PAUSE_SECONDS)
                    continue
                moved = found
                self._directory.forget(tenant, anonymous_id)
            await self._finished(tenant, account)
            now = (await self._directory.ensure_many(tenant, (user_id,)))[user_id]
            return Merge(user_id, anonymous_id, merged_now, moved, now.version)
        raise Unavailable("One of the two users is busy at this moment.", retry_after_seconds=1)

    async def _merged(self, tenant: TenantId, anonymous_id: UserId, account: SubjectId, other: SubjectId) -> int | None:
        if await self._directory.external_id(tenant, other) != anonymous_id:
            raise Conflict("This anonymous id belongs to another user.", field="anonymousId")
        keys = await self._keys.keys_for(tenant, (account, other))
        if len(keys) < len({account, other}):
            return None
        merging = _merging(keys[account], keys[other], self._session_key, self._evidence, self._clock.now())
        moved = await self._store.merge(tenant, merging, self._learn_from)
        if moved is not None:
            await self._publisher.publish(tenant, (account, other))
            await self._segmenter.refresh(tenant, (account,))
        return moved

    async def _finished(self, tenant: TenantId, account: SubjectId) -> None:
        others = await self._store.unfinished(tenant, account)
        for other in others:
            await self._keys.destroy(tenant, other)
        if others:
            await self._store.finish(tenant, account, others, self._clock.now())


def _merging(account: SubjectKey, other: SubjectKey, session_key: bytes, evidence: Evidence, now: datetime) -> Merging:
    keys = {account.subject: account, other.subject: other}

    def join(standings: Mapping[SubjectId, Standing], stated: Mapping[SubjectId, bytes]) -> Joined:
        mine, theirs = standings[account.subject], standings[other.subject]
        person = joined(mine.subject, theirs.subject)
        last = (mine.last_recorded_at, theirs.last_recorded_at)
        receipts = joining_receipts(person, evidence, now, last) if theirs.subject.consents.spoken else []
        said = {subject: open_stated(keys[subject], sealed) for subject, sealed in stated.items()}
        held = said.get(account.subject)
        if other.subject in said and person.keeps_stated:
            held = said[other.subject] if held is None else held.joined(said[other.subject])
        return Joined(person, tuple(receipts), None if held is None else seal_stated(account, held))

    def reseal(table: str, column: str, sealed: bytes) -> bytes:
        return account.seal(table, column, other.open(table, column, sealed))

    def session(sealed: bytes) -> tuple[UUID, bytes]:
        name = other.open("user_sessions", "client_session_sealed", sealed).decode()
        visit = sealed_session(session_key, name, None, account)
        return visit.session_id, visit.client_session_sealed

    return Merging(account.subject, other.subject, join, reseal, session, now)

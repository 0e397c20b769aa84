"""The directory: from the id by which the product knows a person to the random id under which we keep their data.

The external id is found by a keyed hash and kept only sealed, so neither table nor backup names anybody. A newcomer is
written in three steps (identity, data key, subject), each of which may be repeated and may race: the first identity
wins, the first key wins, and a subject row exists only once its key does. What a crash leaves is completed by the next
call for the same person.
"""

import hashlib
import hmac
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID, uuid4

from domain.clock import Clock
from domain.errors import NotFound, Unavailable
from domain.ids import SubjectId, TenantId, UserId
from domain.privacy.data_keys import DataKeys
from domain.privacy.lru import LruCache
from domain.privacy.model import Subject, valid_user_id
from domain.privacy.receipts import ConsentReceipt, StartingPoint
from domain.recent import Recent
from domain.together import Together

DEFAULT_CAPACITY = 50_000
SEEN_CAPACITY = 10_000
CHUNK = 1000

_TABLE, _COLUMN = "subjects", "external_id_sealed"


@dataclass(frozen=True, slots=True)
class Lookup:
    """What the directory's tables answered.

    Attributes:
        ids: subject ids by identity hash.
        subjects: the people among them who exist and are not erased.
    """

    ids: Mapping[bytes, SubjectId]
    subjects: Mapping[SubjectId, Subject]


@dataclass(frozen=True, slots=True)
class Newcomer:
    """A person to be written for the first time."""

    subject: Subject
    external_id_sealed: bytes
    receipts: Sequence[ConsentReceipt]


class DirectoryStore(Protocol):
    """The tables behind the directory."""

    async def look_up(self, tenant: TenantId, hashes: Sequence[bytes], known: Mapping[bytes, SubjectId]) -> Lookup:
        """Find people by identity hash in one round trip; the ids in `known` are not looked up again."""
        ...

    async def claim(self, tenant: TenantId, candidates: Mapping[bytes, SubjectId]) -> dict[bytes, SubjectId]:
        """Give each hash its candidate id unless it has one, and answer with the ids they now have.

        Raises:
            NotFound: there is no such tenant.
        """
        ...

    async def add(
        self, tenant: TenantId, newcomers: Sequence[Newcomer], created_at: datetime
    ) -> dict[SubjectId, Subject]:
        """Write people with their receipts in one transaction, and answer with them as they are.

        Those who are there already stay as they are; those who are being erased are left out.
        """
        ...

    async def external_ids(self, tenant: TenantId, subjects: Sequence[SubjectId]) -> dict[SubjectId, bytes]:
        """The sealed external ids of the people who exist."""
        ...


class SubjectDirectory:
    """Finds and founds people.

    Args:
        store: the directory's tables.
        data_keys: the people's keys.
        identity_key: 32-byte secret of the identity hash.
        clock: dates newcomers.
        beginning: what holds for a newcomer.
        capacity: how many hash-to-id pairs are remembered; the pair never changes until erasure, and the person's
            own row is read afresh every time.
    """

    def __init__(
        self,
        store: DirectoryStore,
        data_keys: DataKeys,
        identity_key: bytes,
        clock: Clock,
        beginning: StartingPoint,
        *,
        capacity: int = DEFAULT_CAPACITY,
    ) -> None:
        self._store = store
        self._data_keys = data_keys
        self._identity_key = identity_key
        self._clock = clock
        self._beginning = beginning
        self._known: LruCache[bytes, SubjectId] = LruCache(capacity)
        self._looks = Together(self._look_up_each, limit=CHUNK)
        self._seen: Recent[bytes, Subject] = Recent(SEEN_CAPACITY)

    def identity_hash(self, tenant: TenantId, user_id: UserId) -> bytes:
        """HMAC-SHA256 of tenant and external id: 32 bytes.

        Raises:
            ValidationFailed: `user_id` cannot be a user id.
        """
        # A tenant is a slug and holds no NUL, so the pair reads one way only.
        message = tenant.encode() + b"\x00" + valid_user_id(user_id).encode()
        return hmac.digest(self._identity_key, message, hashlib.sha256)

    def identity(self, tenant: TenantId, user_id: UserId) -> UUID:
        """What stands for an external id, whoever it leads to; raises `ValidationFailed`."""
        return UUID(bytes=self.identity_hash(tenant, user_id)[:16])

    async def resolve(self, tenant: TenantId, user_id: UserId) -> Subject | None:
        """The person, read afresh; None if nothing is kept of them. Raises `ValidationFailed`.

        Those who are looked for at the same moment are found in one transaction, which begins after all were asked for.
        """
        digest = self.identity_hash(tenant, user_id)
        subject = await self._looks.ask(tenant, digest)
        if subject is None:
            self._seen.drop(digest)
        else:
            self._seen.put(digest, subject)
        return subject

    def seen(self, tenant: TenantId, user_id: UserId) -> Subject | None:
        """The person as they were when they were resolved last, within a minute; None if they were not.

        It says nothing of what holds now: whatever rests on it must be checked against the tables. Raises
        `ValidationFailed`.
        """
        return self._seen.get(self.identity_hash(tenant, user_id))

    async def resolve_many(self, tenant: TenantId, user_ids: Iterable[UserId]) -> dict[UserId, Subject]:
        """The people among `user_ids` of whom something is kept, by external id. Raises `ValidationFailed`."""
        hashes = {user_id: self.identity_hash(tenant, user_id) for user_id in user_ids}
        found = await self._look_up(tenant, list(hashes.values()))
        return {user_id: found[digest] for user_id, digest in hashes.items() if digest in found}

    async def ensure(self, tenant: TenantId, user_id: UserId) -> Subject:
        """The person, founded by the policy's defaults if new. Raises as `ensure_many` does."""
        return (await self.ensure_many(tenant, (user_id,)))[user_id]

    async def ensure_many(
        self, tenant: TenantId, user_ids: Iterable[UserId], beginning: StartingPoint | None = None
    ) -> dict[UserId, Subject]:
        """The people behind `user_ids`, by external id, in a fixed number of queries for every thousand of them.

        Args:
            tenant: whose people.
            user_ids: their external ids.
            beginning: what holds for the newcomers among them, if not what the directory was made with.

        Raises:
            NotFound: there is no such tenant.
            ValidationFailed: one of them cannot be a user id; nobody was written.
            Unavailable: a person is being erased at this moment.
        """
        hashes = {user_id: self.identity_hash(tenant, user_id) for user_id in user_ids}
        users = list(hashes)
        subjects: dict[UserId, Subject] = {}
        for start in range(0, len(users), CHUNK):
            chunk = {hashes[user_id]: user_id for user_id in users[start : start + CHUNK]}
            found = await self._look_up(tenant, list(chunk))
            absent = {digest: user_id for digest, user_id in chunk.items() if digest not in found}
            found |= await self._found(tenant, absent, beginning or self._beginning)
            subjects |= {user_id: found[digest] for digest, user_id in chunk.items()}
        return subjects

    async def external_id(self, tenant: TenantId, subject: SubjectId) -> UserId:
        """The id by which the product knows a person.

        Raises:
            NotFound: nothing is kept of them.
        """
        user_id = (await self.external_ids(tenant, (subject,))).get(subject)
        if user_id is None:
            raise NotFound("There is no such user.")
        return user_id

    async def external_ids(self, tenant: TenantId, subjects: Iterable[SubjectId]) -> dict[SubjectId, UserId]:
        """The external ids of the people who exist and have a key, by subject id."""
        wanted = list(dict.fromkeys(subjects))
        sealed = await self._store.external_ids(tenant, wanted)
        keys = await self._data_keys.keys_for(tenant, sealed)
        return {s: UserId(key.open(_TABLE, _COLUMN, sealed[s]).decode()) for s, key in keys.items()}

    def forget(self, tenant: TenantId, user_id: UserId) -> None:
        """Drop what is remembered of a person's place in the directory."""
        digest = self.identity_hash(tenant, user_id)
        self._known.drop(digest)
        self._seen.drop(digest)

    async def _look_up_each(self, tenant: TenantId, hashes: Sequence[bytes]) -> list[Subject | None]:
        found = await self._look_up(tenant, list(dict.fromkeys(hashes)))
        return [found.get(digest) for digest in hashes]

    async def _look_up(self, tenant: TenantId, hashes: Sequence[bytes]) -> dict[bytes, Subject]:
        known = {digest: subject for digest in hashes if (subject := self._known.get(digest)) is not None}
        answer = await self._store.look_up(tenant, hashes, known)
        stale = [digest for digest, subject in known.items() if subject not in answer.subjects]
        found = self._remember(answer)
        if stale:
            # The person behind a remembered id was erased; whoever comes back under the same name is someone new.
            for digest in stale:
                self._known.drop(digest)
            found |= self._remember(await self._store.look_up(tenant, stale, {}))
        return found

    def _remember(self, answer: Lookup) -> dict[bytes, Subject]:
        found: dict[bytes, Subject] = {}
        for digest, subject_id in answer.ids.items():
            if subject_id in answer.subjects:
                self._known.put(digest, subject_id)
                found[digest] = answer.subjects[subject_id]
        return found

    async def _found(
        self, tenant: TenantId, absent: Mapping[bytes, UserId], beginning: StartingPoint
    ) -> dict[bytes, Subject]:
        if not absent:
            return {}
        ids = await self._store.claim(tenant, {digest: SubjectId(uuid4()) for digest in absent})
        keys = await self._data_keys.ensure(tenant, ids.values())
        now = self._clock.now()
        newcomers: list[Newcomer] = []
        for digest, user_id in absent.items():
            subject = beginning.newcomer(tenant, ids[digest])
            sealed = keys[subject.subject_id].seal(_TABLE, _COLUMN, user_id.encode())
            newcomers.append(Newcomer(subject, sealed, beginning.receipts(now)))
        found = self._remember(Lookup(ids, await self._store.add(tenant, newcomers, now)))
        if len(found) < len(absent):
            # Whoever became part of another person meanwhile is found there.
            missing = [digest for digest in absent if digest not in found]
            found |= self._remember(await self._store.look_up(tenant, missing, {}))
        if len(found) < len(absent):
            raise Unavailable("A user is being erased at this moment.", retry_after_seconds=5)
        return found

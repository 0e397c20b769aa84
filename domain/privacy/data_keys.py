"""Data keys: one per person, wrapped in the vault, unwrapped and remembered here for a while.

Destroying a person's row in the vault makes their sealed fields unreadable wherever copies lie; how long a process may
still read them is the lifetime of its memory here.
"""

import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from domain.clock import Clock
from domain.errors import DomainError, NotFound
from domain.ids import SubjectId, TenantId
from domain.privacy.encryption import KEY_BYTES, SealBroken, SubjectKey
from domain.privacy.key_management import KeyManagement, KeysUnusable, WrappedKey
from domain.privacy.lru import LruCache

DEFAULT_CAPACITY = 20_000
DEFAULT_TTL_SECONDS = 60.0


class KeyMissing(NotFound):
    """The person has no data key: they never came, or it was destroyed."""

    def __init__(self) -> None:
        super().__init__("There is no such user.")


class KeyVault(Protocol):
    """Where wrapped data keys are kept, apart from the data."""

    async def fetch(self, tenant: TenantId, subjects: Sequence[SubjectId]) -> dict[SubjectId, WrappedKey]:
        """The wrapped keys that exist, in one query."""
        ...

    async def add(
        self, tenant: TenantId, keys: Mapping[SubjectId, WrappedKey], created_at: datetime
    ) -> dict[SubjectId, WrappedKey]:
        """Keep these keys, and answer with the kept ones: a person who has a key already keeps that one."""
        ...

    async def remove(self, tenant: TenantId, subject: SubjectId) -> None:
        """Destroy a person's wrapped key; destroying twice is destroying once."""
        ...


@dataclass(frozen=True, slots=True)
class _Held:
    tenant: TenantId
    key: SubjectKey
    until: datetime


class DataKeys:
    """Data keys by person.

    Args:
        vault: where the wrapped keys are.
        key_management: what unwraps them.
        clock: tells when a remembered key must be fetched again.
        capacity: how many keys are remembered.
        ttl_seconds: how long each is remembered.
    """

    def __init__(
        self,
        vault: KeyVault,
        key_management: KeyManagement,
        clock: Clock,
        *,
        capacity: int = DEFAULT_CAPACITY,
        ttl_seconds: float = DEFAULT_TTL_SECONDS,
    ) -> None:
        self._vault = vault
        self._key_management = key_management
        self._clock = clock
        self._ttl = timedelta(seconds=ttl_seconds)
        self._held: LruCache[SubjectId, _Held] = LruCache(capacity)

    async def key_for(self, tenant: TenantId, subject: SubjectId) -> SubjectKey:
        """The sealer of one person's fields.

        Raises:
            KeyMissing: there is no key for this person in this tenant.
        """
        keys = await self.keys_for(tenant, (subject,))
        if subject not in keys:
            raise KeyMissing
        return keys[subject]

    async def keys_for(self, tenant: TenantId, subjects: Iterable[SubjectId]) -> dict[SubjectId, SubjectKey]:
        """The sealers of many people, with one query at most; people without a key are left out."""
        keys, missing = self._remembered(tenant, subjects)
        if missing:
            keys |= await self._unwrapped(tenant, await self._vault.fetch(tenant, missing))
        return keys

    async def usable_keys(
        self, tenant: TenantId, subjects: Iterable[SubjectId]
    ) -> tuple[dict[SubjectId, SubjectKey], dict[SubjectId, str]]:
        """As `keys_for`, but a key that cannot be unwrapped costs its own person alone, whose reason comes second.

        Raises:
            KeysUnusable: nobody's key-encryption key is configured: the fault is the service's, and passes.
        """
        keys, missing = self._remembered(tenant, subjects)
        broken: dict[SubjectId, DomainError] = {}
        for subject, wrapped in (await self._vault.fetch(tenant, missing) if missing else {}).items():
            try:
                keys |= await self._unwrapped(tenant, {subject: wrapped})
            except (SealBroken, KeysUnusable) as error:
                broken[subject] = error
        faults = list(broken.values())
        if not keys and faults and all(isinstance(fault, KeysUnusable) for fault in faults):
            raise faults[0]
        return keys, {subject: type(fault).__name__ for subject, fault in broken.items()}

    async def ensure(self, tenant: TenantId, subjects: Iterable[SubjectId]) -> dict[SubjectId, SubjectKey]:
        """The sealers of many people, after making a key for each who has none.

        Safe to race and to repeat: the first key in the vault stays the person's key.
        """
        keys, missing = self._remembered(tenant, subjects)
        if missing:
            # No look first: those who are asked for here are new, and the vault lets an older key win.
            fresh = {s: await self._key_management.wrap(s, secrets.token_bytes(KEY_BYTES)) for s in missing}
            keys |= await self._unwrapped(tenant, await self._vault.add(tenant, fresh, self._clock.now()))
        return keys

    async def destroy(self, tenant: TenantId, subject: SubjectId) -> None:
        """Make whatever is sealed for `subject` unreadable, here at once, elsewhere when it is forgotten there."""
        await self._vault.remove(tenant, subject)
        self.forget(subject)

    async def destroy_left(self, tenant: TenantId, subjects: Sequence[SubjectId]) -> int:
        """Destroy the keys of those who still, or again, have one; how many they were."""
        left = await self._vault.fetch(tenant, subjects)
        for subject in left:
            await self.destroy(tenant, subject)
        return len(left)

    def forget(self, subject: SubjectId) -> None:
        """Drop the remembered key of `subject`, as must happen when it is destroyed."""
        self._held.drop(subject)

    def _remembered(
        self, tenant: TenantId, subjects: Iterable[SubjectId]
    ) -> tuple[dict[SubjectId, SubjectKey], list[SubjectId]]:
        now = self._clock.now()
        keys: dict[SubjectId, SubjectKey] = {}
        missing: list[SubjectId] = []
        for subject in dict.fromkeys(subjects):
            held = self._held.get(subject)
            if held is not None and held.tenant == tenant and now < held.until:
                keys[subject] = held.key
            else:
                missing.append(subject)
        return keys, missing

    async def _unwrapped(
        self, tenant: TenantId, wrapped: Mapping[SubjectId, WrappedKey]
    ) -> dict[SubjectId, SubjectKey]:
        until = self._clock.now() + self._ttl
        keys = {s: SubjectKey(s, await self._key_management.unwrap(s, key)) for s, key in wrapped.items()}
        for subject, key in keys.items():
            self._held.put(subject, _Held(tenant, key, until))
        return keys

"""Rotation of the key-encryption key, while everybody reads and writes.

A new key is put in place first; every process learns of it, so from then on new data keys are wrapped by it and old
ones still open. Then each data key is wrapped anew in its place. A person's fields are not touched. Where only the
operator can put keys in place, the newest that they configured is the new one.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

from domain.errors import Conflict
from domain.ids import SubjectId, TenantId
from domain.privacy.encryption import SealBroken
from domain.privacy.key_management import KeyManagement, KeysUnusable, WrappedKey

AT_A_TIME: Final = 500
MOST_STUCK: Final = 5000
"""So many data keys that cannot be unwrapped are counted; more of them end the run."""

SETTLING_SECONDS: Final = 2.0
"""A data key that was being wrapped when the newest key came has arrived in the vault by then."""

Person = tuple[TenantId, SubjectId]


class RotatingVault(Protocol):
    """Where wrapped data keys are kept."""

    async def wrapped_otherwise(self, kek_id: str, limit: int) -> list[Person]:
        """People of all tenants whose keys another key-encryption key wrapped."""
        ...

    async def fetch(self, tenant: TenantId, subjects: Sequence[SubjectId]) -> dict[SubjectId, WrappedKey]:
        """The wrapped keys that exist."""
        ...

    async def rewrap(
        self, tenant: TenantId, before: Mapping[SubjectId, WrappedKey], after: Mapping[SubjectId, WrappedKey]
    ) -> int:
        """Put wrapped keys in the place of earlier ones, where those are still as they were; how many."""
        ...


@dataclass(slots=True)
class Rotated:
    """What a rotation did.

    Attributes:
        newest: the id of the key that wraps now.
        wrapped: how many data keys were wrapped anew.
        remaining: how many are wrapped by other keys, by their id, as they could not be unwrapped.
        removable: ids of older keys that no data key in the vault needs.
    """

    newest: str
    wrapped: int = 0
    remaining: Counter[str] = field(default_factory=Counter)
    removable: Sequence[str] = ()


class KeyRotation:
    """Rotates.

    Args:
        vault: the wrapped keys.
        keys: what wraps them.
    """

    def __init__(self, vault: RotatingVault, keys: KeyManagement) -> None:
        self._vault = vault
        self._keys = keys

    async def rotate(self, report: Callable[[int], None], *, retire: bool = False) -> Rotated:
        """Put a new key in place if that can be done from here, and wrap every data key with the newest one.

        Args:
            report: told how many more are done.
            retire: make the older keys unusable afterwards.

        Raises:
            KeysFixed: the keys are the operator's to change, and there is none to rotate to, or some to retire.
            KeysUnusable: the keys cannot be read, or thousands of data keys cannot be unwrapped.
            Conflict: data keys are still wrapped by an older key, which therefore is not retired.
        """
        await self._renewed(retire=retire)
        done = Rotated((await self._keys.key_ids())[-1])
        stuck: dict[Person, str] = {}
        await self._rewrap(done, stuck, report)
        if retire or not self._keys.renewable:
            await asyncio.sleep(SETTLING_SECONDS)
            await self._rewrap(done, stuck, report)
        done.remaining = Counter(stuck.values())
        if retire:
            if stuck:
                raise Conflict(f"{len(stuck)} data keys are still wrapped by an older key; it stays.")
            await self._keys.retire_older(done.newest)
        older = list(await self._keys.key_ids())[:-1]
        done.removable = [kek_id for kek_id in older if not done.remaining[kek_id]]
        return done

    async def _renewed(self, *, retire: bool) -> None:
        if self._keys.renewable:
            await self._keys.renew()
            return
        ids = await self._keys.key_ids()
        if retire:
            await self._keys.retire_older(ids[-1])
        if len(ids) == 1 and not await self._vault.wrapped_otherwise(ids[0], 1):
            await self._keys.renew()

    async def _rewrap(self, done: Rotated, stuck: dict[Person, str], report: Callable[[int], None]) -> None:
        while True:
            # Who rotates at the same time may have put a newer key in place, which wraps from then on.
            done.newest = (await self._keys.key_ids())[-1]
            found = await self._vault.wrapped_otherwise(done.newest, AT_A_TIME + len(stuck))
            people = [person for person in found if person not in stuck]
            if not people:
                return
            changed = 0
            for tenant in sorted({tenant for tenant, _ in people}):
                changed += await self._of_tenant(
                    tenant, [subject for owner, subject in people if owner == tenant], stuck
                )
            if len(stuck) > MOST_STUCK:
                raise KeysUnusable(
                    "Thousands of data keys were wrapped by a key-encryption key that is not configured."
                )
            report(changed)
            done.wrapped += changed

    async def _of_tenant(self, tenant: TenantId, subjects: Sequence[SubjectId], stuck: dict[Person, str]) -> int:
        before, after = await self._vault.fetch(tenant, subjects), {}
        for subject, key in list(before.items()):
            try:
                after[subject] = await self._keys.wrap(subject, await self._keys.unwrap(subject, key))
            except (KeysUnusable, SealBroken):
                stuck[tenant, subject] = before.pop(subject).kek_id
        return await self._vault.rewrap(tenant, before, after)

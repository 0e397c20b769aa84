"""Rotation of the key-encryption key, while everybody reads and writes.

A new key is added to the key file first; every process follows that file, so from then on new data keys are wrapped by
it and old ones still open. Then each data key is wrapped anew in its place. A person's fields are not touched.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Final, Protocol

from domain.errors import Conflict
from domain.ids import SubjectId, TenantId
from domain.privacy.keys import KeysUnusable, LocalKeyManagement, WrappedKey, add_key, keep_newest

AT_A_TIME: Final = 500
SETTLING_SECONDS: Final = 2.0
"""A data key that was being wrapped when the file was replaced has arrived in the vault by then."""


class RotatingVault(Protocol):
    """Where wrapped data keys are kept."""

    async def wrapped_otherwise(self, kek_id: str, limit: int) -> list[tuple[TenantId, SubjectId]]:
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


class KeyRotation:
    """Rotates.

    Args:
        vault: the wrapped keys.
        keys: what wraps them.
    """

    def __init__(self, vault: RotatingVault, keys: LocalKeyManagement) -> None:
        self._vault = vault
        self._keys = keys

    async def rotate(self, report: Callable[[int], None], *, retire: bool = False) -> int:
        """Add a key and wrap every data key with it; how many were wrapped anew.

        Args:
            report: told how many more are done.
            retire: take the older keys out of the file afterwards.

        Raises:
            KeysUnusable: the keys come from no file, or a data key cannot be unwrapped; the older keys stay.
            Conflict: data keys are still wrapped by an older key, which therefore stays.
        """
        path = self._keys.path
        if path is None:
            raise KeysUnusable("Only keys that come from a file can be rotated.")
        await asyncio.to_thread(add_key, path)
        self._keys.follow()
        done = await self._rewrapped(report)
        if retire:
            await asyncio.sleep(SETTLING_SECONDS)
            done += await self._rewrapped(report)
            if await self._vault.wrapped_otherwise(self._keys.newest_id, 1):
                raise Conflict("Data keys are still wrapped by an older key; it stays.")
            await asyncio.to_thread(keep_newest, path)
        return done

    async def _rewrapped(self, report: Callable[[int], None]) -> int:
        done = 0
        while people := await self._vault.wrapped_otherwise(self._keys.newest_id, AT_A_TIME):
            changed = 0
            for tenant in sorted({tenant for tenant, _ in people}):
                changed += await self._of_tenant(tenant, [subject for owner, subject in people if owner == tenant])
            if not changed:
                raise Conflict("Some data keys could not be wrapped anew; the older keys stay.")
            report(changed)
            done += changed
        return done

    async def _of_tenant(self, tenant: TenantId, subjects: Sequence[SubjectId]) -> int:
        before = await self._vault.fetch(tenant, subjects)
        after = {s: await self._keys.wrap(s, await self._keys.unwrap(s, key)) for s, key in before.items()}
        return await self._vault.rewrap(tenant, before, after)

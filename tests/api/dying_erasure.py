"""A process that erases somebody and is killed at a checkpoint, as `kill -9` kills: python -m tests.api.dying_erasure.

Arguments: tenant, user, checkpoint, and `before` or `after`: within the transaction that notes the checkpoint, or once
it is committed. Settings come from the environment.
"""

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from typing import Any

from domain.bootstrap import open_services
from domain.ids import TenantId, UserId
from domain.rights import store
from domain.rights.model import Checkpoint, PrivacyRequest
from domain.settings import load_settings


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def before(wanted: Checkpoint) -> None:
    """Die within the transaction, once everything else in it was sent."""
    reach, sign = store._reach, store.PostgresRights.sign

    async def reached(tx: Any, request: PrivacyRequest, step: Checkpoint, *rest: Any, **noted: Any) -> PrivacyRequest:
        found = await reach(tx, request, step, *rest, **noted)
        if step is wanted:
            die()
        return found

    async def signed(self: Any, tenant: Any, request_id: Any, at: Any, written: Callable[..., str]) -> PrivacyRequest:
        def dying(*arguments: Any) -> str:
            written(*arguments)
            die()
            return ""

        return await sign(self, tenant, request_id, at, dying if wanted is Checkpoint.SIGNED else written)

    store._reach, store.PostgresRights.sign = reached, signed  # type: ignore[method-assign]


def after(wanted: Checkpoint) -> None:
    """Die once the checkpoint is committed."""
    for name in ("find", "erase_rows", "reach", "sign"):
        setattr(store.PostgresRights, name, dying(getattr(store.PostgresRights, name), wanted))


def dying(original: Any, wanted: Checkpoint) -> Any:
    async def method(*arguments: Any) -> PrivacyRequest:
        found: PrivacyRequest = await original(*arguments)
        if found.checkpoint is wanted:
            die()
        return found

    return method


async def main(tenant: str, user: str, step: str, moment: str) -> None:
    {"before": before, "after": after}[moment](Checkpoint(step))
    async with open_services(load_settings()) as services:
        await services.rights.erase(TenantId(tenant), UserId(user))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))

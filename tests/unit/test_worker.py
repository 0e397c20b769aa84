"""What a worker does again and again: a failure of one tenant, or of one try, keeps it from nothing else."""

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pytest

from domain.errors import Unavailable
from domain.ids import TenantId
from workers import main

BROKEN, WHOLE = TenantId("broken"), TenantId("whole")


class Work:
    """Fails for one tenant and notes the others."""

    def __init__(self) -> None:
        self.done: list[TenantId] = []

    async def __call__(self, tenant: TenantId) -> None:
        """Do it."""
        if tenant == BROKEN:
            raise Unavailable("the database cannot be reached")
        self.done.append(tenant)


async def tenants() -> list[TenantId]:
    return [BROKEN, WHOLE]


@pytest.mark.parametrize("swept", [main.sweep_interest, main.count_generations])
async def test_a_tenant_that_fails_keeps_the_others_from_nothing(swept: Any) -> None:
    work = Work()
    services = SimpleNamespace(job_store=SimpleNamespace(tenants=tenants), interest=SimpleNamespace(sweep=work))
    await swept({"parts": SimpleNamespace(services=services, census=SimpleNamespace(count=work))})
    assert work.done == [WHOLE]


async def test_learning_begins_once_erasures_are_replayed_whatever_kept_them_from_it() -> None:
    failures = [KeyError("tenant")]
    begun = asyncio.Event()

    async def replay() -> int:
        if failures:
            raise failures.pop()
        return 0

    async def run() -> None:
        begun.set()

    async with asyncio.timeout(30):
        await main._learn(cast("Any", SimpleNamespace(run=replay)), cast("Any", SimpleNamespace(run=run)))
    assert begun.is_set()

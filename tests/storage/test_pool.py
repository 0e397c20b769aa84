"""The pool of database connections: as many as configured, shared by however many ask."""

import asyncio

from domain.ids import TenantId
from domain.storage.postgres import Databases
from domain.storage.roles import Role


async def test_many_callers_share_the_configured_number_of_connections(
    role_urls: dict[Role, str], tenant: TenantId
) -> None:
    pools = Databases({Role.SERVICE: role_urls[Role.SERVICE]}, pool_size=2)
    await pools.open()
    try:

        async def connection_of_a_transaction() -> int:
            async with pools[Role.SERVICE].transaction(tenant) as tx:
                await tx.execute("SELECT pg_sleep(0.01)")
                return int(await tx.value("SELECT pg_backend_pid()"))

        used = await asyncio.gather(*(connection_of_a_transaction() for _ in range(20)))
    finally:
        await pools.close()
    assert (len(used), len(set(used))) == (20, 2)

"""The pool of database connections: as many as configured, shared by however many ask."""

import asyncio

from domain.ids import TenantId
from domain.storage.postgres import Database, Databases
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


async def test_a_role_may_have_fewer_connections_and_none_before_it_works(
    role_urls: dict[Role, str], tenant: TenantId
) -> None:
    urls = {role: role_urls[role] for role in (Role.SERVICE, Role.EXPORTER)}
    pools = Databases(urls, pool_size=3, pool_sizes={Role.EXPORTER: 1})
    await pools.open()
    try:
        assert {role: pool.get_size() for role, pool in pools._pools.items()} == dict.fromkeys(urls, 0)
        await asyncio.gather(*(named(pools[role], tenant) for role in urls for _ in range(6)))
        sizes = {role: pool.get_size() for role, pool in pools._pools.items()}
        assert sizes[Role.EXPORTER] == 1
        assert 1 <= sizes[Role.SERVICE] <= 3
    finally:
        await pools.close()


async def named(database: Database, tenant: TenantId) -> None:
    async with database.transaction(tenant) as tx:
        assert await tx.value("SELECT app_tenant()") == tenant

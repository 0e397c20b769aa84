"""A merge that is cut short leaves all or nothing, and what is left of it is finished by the next call."""

from typing import Any

import asyncpg
import pytest

from domain.errors import Unavailable
from domain.identities.model import KEPT, MOVED
from domain.identities.service import IdentityService
from domain.ids import SubjectId, UserId
from domain.storage.postgres import Databases
from domain.storage.roles import Role
from tests.api.graphql_room import LEARN, Graph
from tests.api.rest_room import RestRoom
from tests.api.test_identities import ANNA, MERGE, VISITOR, acting, anna, merging, subject_of, visitor
from tests.api.test_profiles import STATE, stating

__all__ = ["anna", "visitor"]


class Died(Exception):
    """Stands for a process that ends."""


async def everything(room: RestRoom, databases: Databases, *subjects: SubjectId) -> dict[str, list[Any]]:
    """All rows of these people, in every table."""
    rows: dict[str, list[Any]] = {}
    for name in sorted(KEPT | {table.name for table in MOVED}):
        vault = name == "data_keys"
        async with databases[Role.KEYS if vault else Role.SERVICE].transaction(room.tenant, subjects) as tx:
            found = await tx.rows(f"SELECT * FROM {'vault.' if vault else ''}{name}")
        rows[name] = sorted((tuple(row) for row in found if row["subject_id"] in subjects), key=str)
    return rows


@pytest.mark.parametrize("place", ["while learning", "connection"])
async def test_a_merge_that_is_cut_short_leaves_nothing_behind(
    place: str, room: RestRoom, anna: Graph, visitor: Graph, databases: Databases, role_urls: dict[Role, str]
) -> None:
    await visitor.ask(LEARN, input=acting(VISITOR, "template_1", sessionId="visit"))
    await anna.ask(STATE, input=stating(pace={"fast": 1.0}))
    subjects = [await subject_of(room, user) for user in (VISITOR, ANNA)]
    before = await everything(room, databases, *subjects)

    async def dying(tenant: Any, logs: Any) -> Any:
        if place == "connection":
            service = await asyncpg.connect(role_urls[Role.SERVICE])
            await service.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE state = 'idle in transaction' AND datname = current_database()"
            )
            await service.close()
            return await room.services.profiles.lessons(tenant, logs)
        raise Died

    services = replaced(room, learn_from=dying)
    with pytest.raises((Died, Unavailable, asyncpg.PostgresError, asyncpg.InternalClientError)):
        await services.merge(room.tenant, UserId(VISITOR), UserId(ANNA))
    assert await everything(room, databases, *subjects) == before
    assert (await anna.ask(MERGE, input=merging(room)))["events"] == 1


async def test_a_key_that_outlived_its_merge_is_destroyed_by_the_next_call(
    room: RestRoom, anna: Graph, visitor: Graph, databases: Databases
) -> None:
    class Dying:
        async def keys_for(self, tenant: Any, subjects: Any) -> Any:
            return await room.services.identities._keys.keys_for(tenant, subjects)

        async def destroy(self, tenant: Any, subject: Any) -> None:
            raise Died

    theirs = await subject_of(room, VISITOR)
    with pytest.raises(Died):
        await replaced(room, keys=Dying()).merge(room.tenant, UserId(VISITOR), UserId(ANNA))
    async with databases[Role.KEYS].transaction(room.tenant, (theirs,)) as tx:
        assert await tx.value("SELECT count(*) FROM vault.data_keys") == 1
    assert not (await anna.ask(MERGE, input=merging(room)))["mergedNow"]
    async with databases[Role.KEYS].transaction(room.tenant, (theirs,)) as tx:
        assert await tx.value("SELECT count(*) FROM vault.data_keys") == 0


def replaced(room: RestRoom, **ports: Any) -> IdentityService:
    """The service with another port."""
    whole = room.services.identities
    given = {
        name: ports.get(name, getattr(whole, f"_{name}"))
        for name in ("store", "directory", "keys", "learn_from", "publisher", "segmenter", "session_key", "clock")
    }
    return IdentityService(**given, policy_version="1")

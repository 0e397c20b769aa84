"""Who listens under either of two ids that are merged is told so, and goes on listening to the one that remains."""

from contextlib import AsyncExitStack

from domain.ids import UserId
from domain.realtime.model import Cursor
from tests.api.graphql_room import LEARN, OWN, Graph, begun, served
from tests.api.rest_room import RestRoom, token
from tests.api.test_identities import ANNA, MERGE, VISITOR, acting, anna, merging, visitor
from tests.api.test_live import FOLLOW, LIVE

__all__ = ["anna", "visitor"]


async def test_both_subscribers_are_told_and_go_on(room: RestRoom, anna: Graph, visitor: Graph) -> None:
    for _ in range(3):
        await visitor.ask(LEARN, input=acting(VISITOR, "template_1"))
    async with served(room.app) as address, AsyncExitStack() as stack:
        sockets = {}
        for user in (ANNA, VISITOR):
            opened = await stack.enter_async_context(begun(address, f"Bearer {token(room.tenant, user, OWN)}"))
            subject = await room.services.directory.resolve(room.tenant, UserId(user))
            assert subject is not None
            await opened.subscribe(FOLLOW, user=user, after=str(Cursor(subject.version)))
            sockets[user] = opened
        merged = await anna.ask(MERGE, input=merging(room))
        await anna.ask(LEARN, input=acting(ANNA, "template_2"))
        for opened in sockets.values():
            seen = [await opened.next()]
            while seen[-1].get("version") != merged["version"] + 1:
                seen.append(await opened.next())
            assert "MERGED" in [update.get("reason") for update in seen]
            assert seen[-1]["kind"] == "INTERACTION_TRACKED"


async def test_a_cursor_of_the_visitor_meets_the_merge(room: RestRoom, anna: Graph, visitor: Graph) -> None:
    for _ in range(5):
        await visitor.ask(LEARN, input=acting(VISITOR, "template_1"))
    last = await room.services.directory.resolve(room.tenant, UserId(VISITOR))
    assert last is not None
    merged = await anna.ask(MERGE, input=merging(room))
    assert merged["version"] > last.version
    async with served(room.app) as address, begun(address, f"Bearer {token(room.tenant, VISITOR, OWN)}") as opened:
        await opened.subscribe(FOLLOW, user=VISITOR, after=str(Cursor(last.version)))
        assert (await opened.next())["__typename"] == "ResyncRequired"


async def test_a_live_list_follows_the_user(room: RestRoom, anna: Graph, visitor: Graph) -> None:
    await anna.ask(LEARN, input=acting(ANNA, "modern_template"))
    async with served(room.app) as address, begun(address, f"Bearer {token(room.tenant, VISITOR, OWN)}") as opened:
        await opened.subscribe(LIVE, user=VISITOR)
        assert not (await opened.next())["recommendations"]["personalized"]
        await anna.ask(MERGE, input=merging(room))
        shown = await opened.next()
        assert shown["recommendations"]["personalized"]
        used = shown["recommendations"]["edges"][0]["node"]["itemId"]
        await anna.ask(LEARN, input=acting(ANNA, used))
        while used in [edge["node"]["itemId"] for edge in shown["recommendations"]["edges"]]:
            shown = await opened.next()

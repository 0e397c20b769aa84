"""Keys are rotated and people withdraw while everybody reads by GraphQL, REST and sockets: no read fails or is late."""

import asyncio
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from domain.ids import TenantId
from tests.api.command import personalization
from tests.api.graphql_room import CONSENT, LEARN, LIST, Graph, Socket, begun, caller, consent, served
from tests.api.rest_room import RestRoom, application, settings_of, token
from tests.api.test_live import FOLLOW
from tests.conftest import TEST_SECRET, copied_database

STAYING, LEAVING = (tuple(f"{kind}_{n}" for n in range(5)) for kind in ("staying", "leaving"))
REFUSED = 4403
KEYS_WHILE_ROTATING = 2
REST_LIST = "/recommendations"


@pytest.fixture
def own_url() -> Iterator[str]:
    """A database whose vault no other test uses."""
    with copied_database() as url:
        yield url


class Reader:
    """Reads the lists of one person again and again, by GraphQL and REST in turns.

    Attributes:
        reads: how many were answered as they should be.
        left: the person's withdrawal has been answered.
    """

    def __init__(self, room: RestRoom, user: str) -> None:
        self._graph, self._rest, self._user = caller(room.app, room.tenant, user), room.caller(user), user
        self.reads: Counter[str] = Counter()
        self.left = asyncio.Event()

    async def read_until(self, finished: asyncio.Event) -> None:
        """Read; what is asked for after the withdrawal was answered must rest on nobody."""
        async with self._rest as rest:
            while not finished.is_set() or (self.left.is_set() and not self.reads["after"]):
                for door in ("graphql", "rest"):
                    left = self.left.is_set()
                    personalized = await (self._by_graphql() if door == "graphql" else self._by_rest(rest))
                    assert personalized or self._user in LEAVING, (self._user, door)
                    assert not (left and personalized), (self._user, door)
                    self.reads["after" if left else door] += 1

    async def _by_graphql(self) -> bool:
        return bool((await self._graph.ask(LIST, user=self._user))["personalized"])

    async def _by_rest(self, rest: object) -> bool:
        answer = await rest.post(REST_LIST, json={"userId": self._user})  # type: ignore[attr-defined]
        assert answer.status_code == 200, answer.text
        return bool(answer.json()["personalized"])


async def withdrawn(graph: Graph, reader: Reader, opened: Socket, user: str) -> int | None:
    """Withdraw; the code that the person's socket is closed with."""
    answer = await graph.ask(CONSENT, input=consent(user, granted=False))
    assert (answer["__typename"], answer["personalizes"]) == ("PrivacySettings", False)
    reader.left.set()
    return await opened.closed()


async def told_of_everything(graph: Graph, opened: Socket, user: str) -> None:
    """What is done after the rotation reaches the socket of somebody who stayed."""
    await graph.ask(LEARN, input={"userId": user, "actions": [{"type": "template_used", "feature": "modern_template"}]})
    while (await opened.next())["kind"] != "INTERACTION_TRACKED":
        pass


@pytest.mark.slow
async def test_no_read_fails_and_no_answer_after_a_withdrawal_is_personal(
    own_url: str, redis_url: str, tmp_path: Path
) -> None:
    settings = settings_of(own_url, redis_url, tmp_path, TEST_SECRET)
    variables = {
        f"PERSONALIZATION_{name.upper()}": str(getattr(settings, name))
        for name in ("database_url", "redis_url", "data_dir", "kek_file")
    } | {"PERSONALIZATION_SECRET": TEST_SECRET}
    async with application(settings) as app, served(app) as address:
        room = RestRoom(app, settings, TenantId("leaving"))
        await room.services.catalog.ensure_tenant(room.tenant, "Leaving")
        await room.furnish()
        graphs = {user: caller(app, room.tenant, user) for user in (*STAYING, *LEAVING)}
        for user, graph in graphs.items():
            await room.agree(user)
            actions = [{"type": "template_used", "feature": f"template_{n}"} for n in range(3)]
            await graph.ask(LEARN, input={"userId": user, "actions": actions})
        await room.learn()
        async with asyncio.TaskGroup() as tasks:
            finished, readers = asyncio.Event(), {user: Reader(room, user) for user in graphs}
            reading = [tasks.create_task(reader.read_until(finished)) for reader in readers.values()]
            closing = asyncio.Event()
            codes = [
                tasks.create_task(_lived(address, room, user, graphs[user], readers[user], closing)) for user in graphs
            ]
            rotation = asyncio.to_thread(personalization, "keys", "rotate", "--retire", "--json", **variables)
            rotating = tasks.create_task(rotation)
            while len((tmp_path / "kek.txt").read_text().splitlines()) < KEYS_WHILE_ROTATING:  # noqa: ASYNC110
                await asyncio.sleep(0.02)
            # The older key is there until every data key is wrapped by the newer one.
            closing.set()
            ran = await rotating
            assert ran.returncode == 0, ran.stderr
            closed = await asyncio.gather(*codes)
            finished.set()
            await asyncio.gather(*reading)
        assert Counter(closed) == {REFUSED: len(LEAVING), None: len(STAYING)}
        assert all(reader.reads["graphql"] and reader.reads["rest"] for reader in readers.values())
        assert all(readers[user].reads["after"] for user in LEAVING)
        assert len((tmp_path / "kek.txt").read_text().splitlines()) == 1


async def _lived(
    address: str, room: RestRoom, user: str, graph: Graph, reader: Reader, closing: asyncio.Event
) -> int | None:
    """Listen; who leaves withdraws, who stays goes on: the code that the socket was closed with, if it was."""
    async with begun(address, f"Bearer {token(room.tenant, user)}") as opened:
        await opened.subscribe(FOLLOW, user=user)
        await closing.wait()
        if user in LEAVING:
            return await withdrawn(graph, reader, opened, user)
        await told_of_everything(graph, opened, user)
        return None

"""The privacy guide: its examples are answered."""

import re
from pathlib import Path

from domain.ids import UserId
from graphql_api.auth import Scope
from tests.api.graphql_room import Graph, begun, caller, served
from tests.api.rest_room import RestRoom, token

GUIDE = (Path(__file__).resolve().parents[2] / "docs" / "privacy.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```graphql\n(.*?)```", GUIDE, re.DOTALL)
USER = "user_123"


async def asked(graph: Graph) -> str:
    [mutation] = [example for example in EXAMPLES if "requestErasure" in example]
    return str((await graph.ask(mutation))["requestId"])


async def exported(room: RestRoom) -> str:
    """An export that is finished."""
    request = await room.services.rights.request_export(room.tenant, UserId(USER))
    return str((await room.services.rights.finish(room.tenant, request.request_id)).request_id)


async def test_every_question_is_answered(room: RestRoom) -> None:
    await room.agree(USER)
    graph = caller(room.app, room.tenant, USER, list(Scope))
    request = await asked(graph)
    for example in EXAMPLES:
        if "issueExportLink" in example:
            assert (await graph.ask(example.replace("REQUEST", await exported(room))))["path"]
        elif not example.startswith("subscription"):
            answer = await graph.ask(example.replace("REQUEST", request))
            assert answer, example
            assert "code" not in answer, example


async def test_the_request_is_followed(room: RestRoom) -> None:
    await room.agree(USER)
    request = await asked(caller(room.app, room.tenant, USER))
    [subscription] = [example for example in EXAMPLES if example.startswith("subscription")]
    async with served(room.app) as address, begun(address, f"Bearer {token(room.tenant, USER)}") as opened:
        await opened.subscribe(subscription.replace("REQUEST", request))
        assert (await opened.next())["state"] == "WAITING"

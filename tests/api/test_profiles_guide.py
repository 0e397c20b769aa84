"""The examples of docs/profiles.md do what the text around them says."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from graphql_api.rest.paths import PREFIX
from tests.api.graphql_room import LEARN, OWN, Graph, caller
from tests.api.rest_room import RestRoom, token

GUIDE = Path(__file__).resolve().parents[2] / "docs" / "profiles.md"
USER, VISITOR = "user_123", "visitor-1"


def examples() -> Iterator[tuple[str, str]]:
    yield from re.findall(r"```(graphql|http)\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)


async def asked(graph: Graph, document: str, room: RestRoom) -> dict[str, Any]:
    variables = {"proof": token(room.tenant, VISITOR, OWN)} if "$proof" in document else {}
    answer: dict[str, Any] = await graph.ask(document, **variables)
    assert answer.get("__typename") in {None, "Profile", "IdentityMerged"}, answer
    return answer


async def requested(room: RestRoom, text: str) -> dict[str, Any]:
    head, _, body = text.partition("\n\n")
    line, *headers = head.strip().splitlines()
    method, path = line.split()
    async with room.caller(USER) as client:
        answer = await client.request(
            method,
            path.removeprefix(PREFIX),
            json=json.loads(body) if body else None,
            headers=dict(header.split(": ") for header in headers),
        )
    assert answer.status_code == 200, answer.text
    profile: dict[str, Any] = answer.json()["profile"]
    return profile


async def test_the_examples_of_the_guide_run_in_their_order(room: RestRoom) -> None:
    for user in (USER, VISITOR):
        await room.agree(user)
        graph = caller(room.app, room.tenant, user)
        await graph.ask(LEARN, input={"userId": user, "projects": [{"visualStyle": "retro"}]})
    await room.learn()
    graph = caller(room.app, room.tenant, USER)
    answers = [await (asked(graph, t, room) if kind == "graphql" else requested(room, t)) for kind, t in examples()]
    read, _, stated, restated, corrected, merged = answers
    assert [facet["name"] for facet in read["facets"]] == ["visual_style"]
    assert stated["statedRevision"] == 1
    assert {"aspect_ratio", "category", "duration", "mood", "pace"} <= {facet["name"] for facet in stated["facets"]}
    assert "mood" not in {facet["name"] for facet in restated["facets"]}
    assert corrected["corrections"] == [{"facet": "visual_style", "value": "retro", "verdict": "WRONG"}]
    assert (merged["mergedNow"], merged["events"]) == (True, 1)

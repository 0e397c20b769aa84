"""A person with unmistakable strings in every field of every door, and where something of them is left."""

from collections.abc import Iterable
from typing import Any

from redis.asyncio import Redis

from domain.ids import SubjectId, TenantId, UserId
from domain.privacy.inventory import DATA_MAP
from domain.storage.postgres import Databases
from domain.storage.roles import Role
from graphql_api.auth import Scope
from tests.api.graphql_room import LIST, caller
from tests.api.rest_room import RestRoom

MARK = "zq7canary"
CANARY = f"{MARK}@example.com"
VISITOR = f"{MARK}-visitor"

DOORS = {
    "learnPreferences": f"""userId: "{CANARY}", sessionId: "{MARK} visit", device: "desktop"
        actions: [{{ type: "template_used", feature: "modern_template" }}
            {{ type: "viewed", feature: "{MARK} thing" }}]
        projects: [{{ visualStyle: "{MARK} style", category: "{MARK} category", duration: 30 }}]""",
    "submitFeedback": f"""userId: "{CANARY}", feedback: {{ type: "visual", sentiment: POSITIVE, aspect: "{MARK} aspect"
        comment: "{MARK} comment", itemId: "modern" }}""",
    "updateSession": f"""userId: "{CANARY}", sessionId: "{MARK} visit", device: "desktop"
        context: {{ surface: "{MARK} place" }}""",
    "updateProfile": f'userId: "{CANARY}", preferences: [{{ facet: "pace", values: [{{ value: "{MARK} pace" }}] }}]',
    "correctPreference": f'userId: "{CANARY}", facet: "visual_style", value: "{MARK} style", verdict: LESS',
    "trackInteraction": f'userId: "{CANARY}", itemId: "modern", action: CLICKED',
    "updateUiSettings": f'userId: "{CANARY}", density: COMPACT, pinnedTools: ["{MARK} tool"]',
    "integrateVideoGeneration": f"""userId: "{CANARY}", generationId: "{MARK} video", outcome: ACCEPTED
        template: "modern" """,
    "syncUsers": f"""users: [{{ userId: "{CANARY}", revision: 1, attributes: {{ city: "{MARK} city" }}
        roles: ["{MARK}"] }}]""",
    "mergeIdentity": f'userId: "{CANARY}", anonymousId: "{VISITOR}"',
}


async def through_every_door(room: RestRoom) -> list[SubjectId]:
    """Do everything that leaves something, and learn from it; the people that it was left under."""
    await room.agree(CANARY)
    await room.agree(VISITOR)
    visitor = caller(room.app, room.tenant, VISITOR)
    graph = caller(room.app, room.tenant, CANARY, list(Scope))
    await say(visitor, "learnPreferences", DOORS["learnPreferences"].replace(CANARY, VISITOR))
    people = [await room.services.directory.resolve(room.tenant, UserId(user)) for user in (CANARY, VISITOR)]
    for field, given in DOORS.items():
        await say(graph, field, given)
    await room.learn()
    await graph.ask(LIST, user=CANARY)
    await graph.ask("query P($user: String!) { profile(userId: $user) { facets { name } } }", user=CANARY)
    return [person.subject_id for person in people if person is not None]


async def say(graph: Any, field: str, given: str) -> None:
    answer = await graph.whole(
        f"mutation {{ {field}(input: {{ {given} }}) {{ __typename ... on Problem {{ message }} }} }}"
    )
    assert "errors" not in answer, answer
    assert not answer["data"][field]["__typename"].endswith("Problem"), answer


async def rows_left(databases: Databases, tenant: TenantId, subjects: Iterable[SubjectId]) -> dict[str, int]:
    """How many rows these people have in each table about people; tables without any are left out."""
    found: dict[str, int] = {}
    for entry in DATA_MAP.about_people:
        database = databases[Role.KEYS if entry.schema == "vault" else Role.SERVICE]
        async with database.transaction(tenant, subjects) as tx:
            found[entry.name] = await tx.value(f"SELECT count(*) FROM {entry.name}")
    return {name: count for name, count in found.items() if count}


async def bytes_of_rows(databases: Databases, tenant: TenantId, subjects: Iterable[SubjectId]) -> bytes:
    """Everything that is readable in the tables about these people, as text."""
    texts: list[str] = []
    for entry in DATA_MAP.about_people:
        database = databases[Role.KEYS if entry.schema == "vault" else Role.SERVICE]
        async with database.transaction(tenant, subjects) as tx:
            texts += [row[0] for row in await tx.rows(f"SELECT to_jsonb(t)::text FROM {entry.name} t")]
    return "\n".join(texts).encode()


async def keys_left(redis_url: str, words: Iterable[str]) -> list[bytes]:
    """Keys in Redis that have one of the words in their name or in what they hold."""
    wanted = [word.encode() for word in words]
    left: list[bytes] = []
    async with Redis.from_url(redis_url) as redis:
        async for key in redis.scan_iter():
            held = b"" if key.startswith(b"arq:") else await redis.dump(key) or b""
            left += [key] if any(word in key + held for word in wanted) else []
    return left

"""What the tests of video generation send and ask."""

from typing import Any

import httpx

from domain.bootstrap import open_worker
from domain.ids import UserId
from domain.storage.postgres import Database
from tests.api.rest_room import RestRoom

USER = "user_123"
SPEC_BODY = {"userId": USER, "context": {"purpose": "social_media", "device": "mobile"}}
"""The body that the specification sends."""

PARAMETERS = """query P($user: String!, $context: GenerationContextInput, $personalized: Boolean! = true) {
  generationParameters(userId: $user, context: $context, personalized: $personalized) {
    personalized usedData { categories purposes }
    parameters { name value unit source confidence evidence } } }"""
REPORT = """mutation R($input: IntegrateVideoGenerationInput!) {
  integrateVideoGeneration(input: $input) { __typename
    ... on GenerationRecorded { generationId outcome duplicate accepted version }
    ... on Problem { code message field } } }"""
MOBILE = {"purpose": "social_media", "device": "mobile"}


def made(number: int = 1, **changes: Any) -> dict[str, Any]:
    """A report of a video that was kept."""
    kept = {"userId": USER, "generationId": f"gen_{number}", **MOBILE, "outcome": "accepted"}
    return {**kept, "parameters": {"durationSeconds": 45, "pace": "slow"}, **changes}


async def asked(client: httpx.AsyncClient, body: dict[str, Any] | None = None) -> dict[str, Any]:
    answer = await client.post("/generation-params", json=body or SPEC_BODY)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def told(client: httpx.AsyncClient, **changes: Any) -> dict[str, Any]:
    answer = await client.post("/integrate-video-generation", json=made(**changes))
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def counted(room: RestRoom, database: Database, sql: str) -> Any:
    subject = await room.services.directory.resolve(room.tenant, UserId(USER))
    assert subject is not None
    async with database.transaction(room.tenant, (subject.subject_id,)) as tx:
        return await tx.value(sql)


async def count(room: RestRoom) -> int:
    """Do what a worker does every hour."""
    async with open_worker(room.settings) as worker:
        return await worker.census.count(room.tenant)


async def keep(room: RestRoom, user: str, **changes: Any) -> None:
    await room.agree(user)
    async with room.caller(user) as client:
        for number in range(4):
            await told(client, userId=user, number=number, **changes)

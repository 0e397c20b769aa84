"""The ten documented tables: all are there, and what people do arrives in those that this version fills."""

import pytest

from domain.ids import UserId
from domain.storage.postgres import Database
from tests.api.rest_room import LEARNT, RestRoom
from tests.storage.user_rows import tables

DOCUMENTED = (
    "user_behavior_events",
    "ml_models",
    "user_segments",
    "recommendations",
    "recommendation_interactions",
    "ab_tests",
    "user_ab_tests",
    "ab_test_results",
    "user_feedback",
    "video_generation_tracking",
)
USER = "anna"


@pytest.mark.parametrize("name", DOCUMENTED)
async def test_a_documented_table_is_there(name: str, owner_url: str) -> None:
    columns = {column.name for column in (await tables(owner_url))[f"public.{name}"]}
    assert "tenant_id" in columns


async def counted(room: RestRoom, database: Database, name: str) -> int:
    """Anna's rows in a table."""
    subject = await room.services.directory.resolve(room.tenant, UserId(USER))
    assert subject is not None
    async with database.transaction(room.tenant, (subject.subject_id,)) as tx:
        return int(await tx.value(f"SELECT count(*) FROM {name}"))


async def test_behaviour_and_feedback_are_stored(room: RestRoom, database: Database) -> None:
    await room.agree(USER)
    async with room.caller(USER) as anna:
        await anna.post("/learn-preferences", json={"userId": USER, "behaviorData": LEARNT})
    assert await counted(room, database, "user_behavior_events") == 4
    assert await counted(room, database, "user_feedback") == 1
    assert await counted(room, database, "user_sessions") == 1


async def test_a_served_list_and_what_came_of_it_are_stored(room: RestRoom, database: Database) -> None:
    await room.agree(USER)
    async with room.caller(USER) as anna:
        page = (await anna.post("/recommendations", json={"userId": USER})).json()
        interaction = {
            "userId": USER,
            "itemId": page["recommendations"][0]["itemId"],
            "action": "clicked",
            "recommendationId": page["recommendationId"],
            "position": 0,
        }
        await anna.post("/track-interaction", json=interaction)
    assert await counted(room, database, "recommendations") == 1
    assert await counted(room, database, "recommendation_interactions") == 1

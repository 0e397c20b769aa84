"""Segments of people with like taste: trained, kept for each person who agrees, shown to analytics and in profiles."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from domain.disclosure import in_steps
from domain.ids import UserId
from domain.privacy.model import ConsentPurpose
from domain.storage.postgres import Database
from tests.api.graphql_room import Graph, caller
from tests.api.rest_room import AGREED, RestRoom
from tests.api.training_room import PEOPLE, TASTES, TWO_SEGMENTS, act, behave, taste_of, train, working

SEGMENTS = "{ segments { modelVersion silhouette segments { segment label people itemIds tags } } }"
PROFILE = "query P($user: String!) { profile(userId: $user) { segment { segment confidence modelVersion } } }"


@pytest.fixture
async def worker(room: RestRoom) -> AsyncIterator[dict[str, Any]]:
    async with working(room) as context:
        yield context


@pytest.fixture
async def version(room: RestRoom, worker: dict[str, Any]) -> str:
    """The version of a model with two segments."""
    await behave(room)
    job = await train(worker, room, TWO_SEGMENTS)
    assert job.result is not None, job.error
    return str(job.result["version"])


def graph(room: RestRoom, user: str) -> Graph:
    return caller(room.app, room.tenant, user)


async def stored(room: RestRoom, database: Database, user: str) -> list[tuple[str, int]]:
    """A person's rows of `user_segments`."""
    subject = await room.services.directory.resolve(room.tenant, UserId(user))
    assert subject is not None
    async with database.transaction(room.tenant, (subject.subject_id,)) as tx:
        rows = await tx.rows("SELECT model_version, segment, confidence FROM user_segments")
    assert all(0 < row["confidence"] <= 1 for row in rows)
    return [(row["model_version"], row["segment"]) for row in rows]


async def test_each_taste_is_a_segment_with_what_is_typical_of_it(room: RestRoom, version: str) -> None:
    found = await graph(room, "olga").ask(SEGMENTS)
    assert found["modelVersion"] == version
    assert 0 < found["silhouette"] <= 1
    assert [segment["people"] for segment in found["segments"]] == [in_steps(PEOPLE // 2)] * 2
    assert {segment["label"] for segment in found["segments"]} == set(TASTES)
    for segment in found["segments"]:
        assert segment["tags"] == [segment["label"]]
        assert segment["itemIds"]
        assert all(item.startswith(segment["label"]) for item in segment["itemIds"])


async def test_before_a_training_there_are_no_segments(room: RestRoom) -> None:
    assert await graph(room, "olga").ask(SEGMENTS) is None


async def test_everybody_is_put_into_the_segment_of_their_taste(
    room: RestRoom, version: str, database: Database
) -> None:
    labels = {s["segment"]: s["label"] for s in (await graph(room, "olga").ask(SEGMENTS))["segments"]}
    for person in range(4):
        [(model, segment)] = await stored(room, database, f"user{person}")
        assert (model, labels[segment]) == (version, taste_of(person))
        shown = (await graph(room, f"user{person}").ask(PROFILE, user=f"user{person}"))["segment"]
        assert (shown["modelVersion"], shown["segment"]) == (version, segment)


async def test_a_newcomer_gets_a_segment_when_their_actions_are_learned(
    room: RestRoom, version: str, database: Database
) -> None:
    await room.agree("nora")
    nora = graph(room, "nora")
    assert (await nora.ask(PROFILE, user="nora"))["segment"] is None
    await act(room, "nora", "retro_1", "retro_2")
    await room.learn()
    [(_, segment)] = await stored(room, database, "nora")
    assert segment == (await nora.ask(PROFILE, user="nora"))["segment"]["segment"]
    await act(room, "nora", *(f"calm_{n}" for n in range(7)))
    await room.learn()
    [(_, moved)] = await stored(room, database, "nora")
    assert moved != segment


async def test_who_does_not_agree_to_personalization_is_shown_no_segment(room: RestRoom, version: str) -> None:
    await room.services.privacy.record_consent(
        room.tenant, UserId("user0"), [ConsentPurpose.PERSONALIZATION], granted=False, evidence=AGREED
    )
    assert (await graph(room, "user0").ask(PROFILE, user="user0"))["segment"] is None


async def test_segments_of_fewer_than_five_people_are_not_told(room: RestRoom, worker: dict[str, Any]) -> None:
    await behave(room)
    job = await train(worker, room, {"userSegmentation": {"clusters": 8}})
    assert job.error is None
    segments = (await graph(room, "olga").ask(SEGMENTS))["segments"]
    hidden = [segment for segment in segments if segment["people"] is None]
    assert hidden
    assert all((s["label"], s["itemIds"], s["tags"]) == ("", [], []) for s in hidden)
    assert all(s["people"] is None or s["people"] >= 5 for s in segments)

"""A canary says unmistakable things in every field of every door; once it is erased, nothing readable is left."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest
from graphql import GraphQLObjectType, build_schema

from domain.ids import UserId
from domain.privacy.inventory import DATA_MAP
from domain.rights.model import RequestState
from domain.storage.postgres import Databases
from tests.api.byte_search import forms, is_in, keys_with
from tests.api.canary import bytes_of_rows, rows_left
from tests.api.canary_filling import CANARY, MARK, fields_of, of_field
from tests.api.canary_visit import Visit, everything
from tests.api.canary_words import VISITOR
from tests.api.graphql_room import served
from tests.api.rest_room import JWT_SECRET, RestRoom

TEXTLESS = {"user_segments", "outbox", "user_interest", "recommendation_interactions"}
"""What is made of figures alone, of a model, or of what waits to be told; `test_erasure` fills those."""


@asynccontextmanager
async def visiting(room: RestRoom) -> AsyncIterator[Visit]:
    """A visit to the application of these tests."""
    transport = httpx.ASGITransport(room.app, raise_app_exceptions=True)
    async with served(room.app) as address, httpx.AsyncClient(transport=transport, base_url="http://test") as http:
        yield Visit(http, address, room.tenant, JWT_SECRET)


async def test_of_what_is_said_in_every_field_nothing_is_left(
    room: RestRoom, databases: Databases, redis_url: str, capfd: pytest.CaptureFixture[str]
) -> None:
    async def work() -> None:
        await room.learn()
        await room.services.rights.run_waiting(room.tenant)

    async with visiting(room) as visit:
        await visit.prepared()
        await visit.through_everything(work)
        people = [await room.services.directory.resolve(room.tenant, UserId(user)) for user in (CANARY, VISITOR)]
        before = await rows_left(databases, room.tenant, [person.subject_id for person in people if person is not None])
        assert {entry.name for entry in DATA_MAP.about_people} - set(before) <= TEXTLESS
        await visit.requested("requestErasure")
        await work()
        assert everything() - visit.said == set()
    [erasure, *_] = await room.services.rights.requests(room.tenant, UserId(CANARY))
    assert erasure.state is RequestState.DONE
    assert {person.subject_id for person in people if person is not None} <= set(erasure.subjects)
    assert set(await rows_left(databases, room.tenant, erasure.subjects)) == {"subjects", "consents"}
    assert not is_in(await bytes_of_rows(databases, room.tenant, erasure.subjects), forms())
    assert await keys_with(redis_url, forms()) == []
    assert not is_in(capfd.readouterr().err.encode(), forms())


SOON = """
type Query { health: String }
input NoteInput { text: String!, about: AboutInput, kinds: [Kind!], at: DateTime }
input AboutInput { name: [String!], weight: Float }
enum Kind { A B }
scalar DateTime
type Mutation { takeNote(input: NoteInput!, by: ID): String }
"""


def test_a_new_field_is_filled_or_missed() -> None:
    root = build_schema(SOON).mutation_type
    assert isinstance(root, GraphQLObjectType)
    filled = of_field("takeNote", root.fields["takeNote"], {"AboutInput.weight": 0.5})
    needed = {"NoteInput.text", "AboutInput.name", "AboutInput.weight", "takeNote(by)"}
    assert fields_of(root, iter(["takeNote"])) == needed
    assert filled.value["input"]["text"] == f"{MARK}_text"
    assert needed - filled.marked == {name for name, _, _ in filled.variants()} == {"AboutInput.weight"}
